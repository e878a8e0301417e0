//! The words in which handshakes are described; places, conditions and templates are those of schemes.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::Echo;
use crate::encoding::Encoding;
use crate::scheme::{Conditions, Https, Place, is_false};

/// A handshake as its author writes it.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct HandshakeForm {
    /// Which requests are this handshake: all conditions hold.
    pub(crate) when: Conditions,
    /// Whether a request has to be genuine before it is looked at.
    #[serde(default, skip_serializing_if = "is_false")]
    pub(crate) signed: bool,
    /// What has to be a text that only sender and receiver know.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) token: Option<TokenForm>,
    /// What the receiver proves its key with.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) mac: Option<MacForm>,
    /// Where the secret stands that the receiver is to keep as a key.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) takes: Option<Place>,
    /// What the receiver is to visit.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) visit: Option<VisitForm>,
    #[serde(default)]
    pub(crate) answer: AnswerForm,
}

/// A text that is the receiver's own.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct TokenForm {
    pub(crate) from: Place,
    /// The parameter that it has to be.
    pub(crate) parameter: String,
}

/// A challenge, and how its MAC under the flow's key is written.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct MacForm {
    pub(crate) of: Place,
    pub(crate) encoding: Encoding,
    /// Whether challenges are hex digits.
    #[serde(default, skip_serializing_if = "is_false")]
    pub(crate) hex: bool,
    /// Whether they are UUIDs: hex digits and hyphens.
    #[serde(default, skip_serializing_if = "is_false")]
    pub(crate) uuid: bool,
    /// The length of the longest challenge.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) most: Option<usize>,
}

/// A URL to be visited.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct VisitForm {
    pub(crate) from: Place,
    pub(crate) https: Https,
}

/// What is answered.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct AnswerForm {
    pub(crate) status: u16,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub(crate) headers: BTreeMap<String, Echo>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) text: Option<Echo>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) json: Option<BTreeMap<String, MemberForm>>,
}

/// A member of an object that is answered.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(untagged)]
pub(crate) enum MemberForm {
    Number(i64),
    Text(Echo),
}

impl HandshakeForm {
    /// Every text that it answers.
    pub(crate) fn echoes(&self) -> impl Iterator<Item = &Echo> {
        let members = self.answer.json.iter().flat_map(BTreeMap::values);
        let members = members.filter_map(|member| match member {
            MemberForm::Text(echo) => Some(echo),
            MemberForm::Number(_) => None,
        });
        let headers = self.answer.headers.values();
        headers.chain(&self.answer.text).chain(members)
    }

    /// Every place that it reads, and whether the request may be what it is without it.
    pub(crate) fn places(&self) -> impl Iterator<Item = &Place> {
        let conditions = self.when.0.iter().flat_map(crate::scheme::When::places);
        let token = self.token.iter().map(|token| &token.from);
        let mac = self.mac.iter().map(|mac| &mac.of);
        let visit = self.visit.iter().map(|visit| &visit.from);
        conditions
            .chain(token)
            .chain(mac)
            .chain(&self.takes)
            .chain(visit)
            .chain(self.echoes().flat_map(Echo::places))
    }

    /// The parameters that it needs.
    pub(crate) fn parameters(&self) -> impl Iterator<Item = &str> {
        let token = self.token.iter().map(|token| token.parameter.as_str());
        token.chain(self.echoes().flat_map(Echo::parameters))
    }
}

impl Default for AnswerForm {
    fn default() -> Self {
        Self {
            status: 200,
            headers: BTreeMap::new(),
            text: None,
            json: None,
        }
    }
}
