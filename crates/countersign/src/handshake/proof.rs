//! Handshakes whose answer is known, kept with the scheme that they prove.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::{HandshakeAnswer, Handshakes};
use crate::{Auth, Signed};

/// What a handshake has to be answered.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Expected {
    status: u16,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    headers: BTreeMap<String, String>,
    body: String,
}

impl Default for Expected {
    fn default() -> Self {
        Self {
            status: 200,
            headers: BTreeMap::new(),
            body: String::new(),
        }
    }
}

impl Expected {
    /// Tries the handshake; the text says how it is answered instead.
    pub(crate) fn check(
        &self,
        handshakes: &Handshakes,
        auth: &Auth,
        request: &Signed<'_>,
    ) -> Result<(), String> {
        let answer = match handshakes.greet(auth, None, request) {
            Ok(Some(answer)) => Some(answer),
            Err(wrong) => return Err(wrong.to_string()),
            Ok(None) => {
                let verified = auth.verify(request).map_err(|error| error.to_string());
                let offered = || {
                    handshakes
                        .offer(auth, None, request)
                        .map(|(_, answer)| answer)
                };
                match verified {
                    Ok(verified) => handshakes.confirm(auth, request, &verified),
                    Err(why) => Some(offered().ok_or(why)?),
                }
            }
        };
        let answer = answer.ok_or("the request is no handshake")?;
        match self.is(&answer) {
            true => Ok(()),
            false => Err(format!(
                "it is answered {} `{}`",
                answer.status().as_u16(),
                answer.body()
            )),
        }
    }

    fn is(&self, answer: &HandshakeAnswer) -> bool {
        let has = |(name, value): (&String, &String)| {
            let found = answer.headers().get(name);
            found.is_some_and(|found| found.as_bytes() == value.as_bytes())
        };
        answer.status().as_u16() == self.status
            && answer.body() == self.body
            && self.headers.iter().all(has)
    }
}
