//! The words of the description language, as they stand in a file.

use http::{HeaderName, Method};
use serde::{Deserialize, Serialize};

use super::notation::List;
use crate::encoding::Encoding;
use crate::mac::Digest;
use crate::message::Template;
use crate::{Unit, Window};

/// A scheme as its author writes it, not yet checked as a whole.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Description {
    pub(crate) name: String,
    /// The default window, in seconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) window: Option<WindowForm>,
    pub(crate) sign: Sign,
    pub(crate) signature: SignatureForm,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) timestamp: Option<TimestampForm>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) id: Option<IdForm>,
    pub(crate) rules: Vec<Rule>,
}

/// The signed message: one for all methods, or one for some.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) enum Sign {
    Always(Template),
    ByMethod(Vec<MethodForm>),
}

impl Sign {
    pub(crate) fn for_method(&self, method: &Method) -> Option<&Template> {
        match self {
            Self::Always(message) => Some(message),
            Self::ByMethod(forms) => forms
                .iter()
                .find(|form| form.methods.iter().any(|name| name.0 == *method))
                .map(|form| &form.message),
        }
    }

    pub(crate) fn messages(&self) -> impl Iterator<Item = &Template> {
        let (one, many) = match self {
            Self::Always(message) => (Some(message), [].as_slice()),
            Self::ByMethod(forms) => (None, forms.as_slice()),
        };
        one.into_iter().chain(many.iter().map(|form| &form.message))
    }
}

#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct MethodForm {
    pub(crate) methods: Vec<MethodName>,
    pub(crate) message: Template,
}

#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct MethodName(pub(crate) Method);

/// Where signatures are and how they are written.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct SignatureForm {
    pub(crate) from: List<Place>,
    #[serde(default)]
    pub(crate) grammar: Grammar,
    pub(crate) encoding: Encoding,
    /// Whether the header may come in several lines, each with signatures of its own.
    #[serde(default, skip_serializing_if = "is_false")]
    pub(crate) repeated: bool,
}

/// Where an element stands. Of several headers, those at the same position of every list belong
/// together, and the first position that has anything in the request is the one that is read.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) enum Place {
    /// `first`: before the signatures of a positional list.
    First,
    /// `header:NAME`: a header of its own.
    Header(HeaderName),
    /// `pair:NAME`: a pair of the signature header.
    Pair(String),
}

/// What the signature header looks like.
#[derive(Clone, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Grammar {
    /// The signature and nothing else.
    #[default]
    Bare,
    /// `v1,SIG v1,SIG v2,SIG`.
    Labels,
    /// The signature, after a text that may be missing.
    OptionalPrefix(String),
    /// `t=17,v1=SIG,v1=SIG`, with this between the pairs and blanks around them.
    Pairs(char),
    /// `17,SIG,SIG`, with this between the items.
    Positions(char),
    /// The signature, after a text.
    Prefix(String),
}

#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct TimestampForm {
    pub(crate) from: List<Place>,
    pub(crate) unit: Unit,
}

#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct IdForm {
    pub(crate) from: List<Place>,
}

/// One kind of signature. A key belongs to the first rule whose form of key it has.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Rule {
    /// The names under which such signatures stand in the header.
    #[serde(default, skip_serializing_if = "List::is_empty")]
    pub(crate) label: List<String>,
    pub(crate) digest: Digest,
    #[serde(default, skip_serializing_if = "KeyForm::is_plain")]
    pub(crate) key: KeyForm,
}

/// How a secret is written.
#[derive(Clone, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct KeyForm {
    #[serde(default)]
    pub(crate) encoding: KeyEncoding,
    /// What such keys begin with; it is no part of the key.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) prefix: Option<String>,
    /// Whether the prefix may be missing.
    #[serde(default, skip_serializing_if = "is_false")]
    pub(crate) optional: bool,
}

impl KeyForm {
    fn is_plain(&self) -> bool {
        *self == Self::default()
    }
}

#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum KeyEncoding {
    Base64,
    Hex,
    /// The text itself is the key.
    #[default]
    Text,
}

/// `300`, or `{ past = 300, future = 60 }`.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum WindowForm {
    Sides(WindowSides),
    Symmetric(u64),
}

#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct WindowSides {
    pub(crate) past: u64,
    pub(crate) future: u64,
}

impl From<WindowForm> for Window {
    fn from(form: WindowForm) -> Self {
        let seconds = std::time::Duration::from_secs;
        match form {
            WindowForm::Sides(sides) => Self::new(seconds(sides.past), seconds(sides.future)),
            WindowForm::Symmetric(side) => Self::symmetric(seconds(side)),
        }
    }
}

fn is_false(value: &bool) -> bool {
    !value
}
