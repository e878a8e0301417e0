//! What a handshake is answered with.

use std::collections::BTreeMap;
use std::fmt::{self, Write as _};

use http::header::{CONTENT_TYPE, X_CONTENT_TYPE_OPTIONS};
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode};

use super::description::{AnswerForm, MemberForm};
use super::echo::Words;

/// The answer to a handshake: the sender's own words, or a proof that the receiver has the key.
///
/// It carries no markup, is never to be taken for any, and holds nothing of the request but short texts
/// of harmless characters.
#[derive(Clone)]
pub struct HandshakeAnswer {
    status: StatusCode,
    headers: HeaderMap,
    body: String,
    visit: Option<String>,
}

impl HandshakeAnswer {
    /// Fills an answer in, unless something it needs is missing or unfit.
    pub(super) fn new(form: &AnswerForm, words: Words<'_>, visit: Option<String>) -> Option<Self> {
        let mut headers = HeaderMap::new();
        let (media, body) = match (&form.text, &form.json) {
            (_, Some(members)) => ("application/json", object(members, words)?),
            (Some(text), None) => (TEXT, text.fill(words)?),
            (None, None) => (TEXT, String::new()),
        };
        headers.insert(CONTENT_TYPE, HeaderValue::from_static(media));
        headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
        for (name, echo) in &form.headers {
            let name = HeaderName::from_bytes(name.as_bytes()).ok()?;
            headers.insert(name, HeaderValue::try_from(echo.fill(words)?).ok()?);
        }
        Some(Self {
            status: StatusCode::from_u16(form.status).ok()?,
            headers,
            body,
            visit,
        })
    }

    /// The status.
    pub fn status(&self) -> StatusCode {
        self.status
    }

    /// The headers.
    pub fn headers(&self) -> &HeaderMap {
        &self.headers
    }

    /// The body.
    pub fn body(&self) -> &str {
        &self.body
    }

    /// The URL that the receiver has to visit, on a host that the scheme names.
    pub fn visit(&self) -> Option<&str> {
        self.visit.as_deref()
    }

    /// Status, headers and body.
    pub fn into_parts(self) -> (StatusCode, HeaderMap, String) {
        (self.status, self.headers, self.body)
    }
}

/// Body and headers may hold a MAC: only the status is shown.
impl fmt::Debug for HandshakeAnswer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HandshakeAnswer")
            .field("status", &self.status)
            .finish_non_exhaustive()
    }
}

fn object(members: &BTreeMap<String, MemberForm>, words: Words<'_>) -> Option<String> {
    let mut text = String::from("{");
    for (name, member) in members {
        if text.len() > 1 {
            text.push(',');
        }
        string(&mut text, name);
        text.push(':');
        match member {
            MemberForm::Number(number) => write!(text, "{number}").ok()?,
            MemberForm::Text(echo) => string(&mut text, &echo.fill(words)?),
        }
    }
    text.push('}');
    Some(text)
}

/// A text as JSON has it.
fn string(out: &mut String, text: &str) {
    out.push('"');
    for character in text.chars() {
        match character {
            '"' | '\\' => out.extend(['\\', character]),
            '<' | '>' | '&' | '\0'..='\x1f' | '\x7f' => {
                // A text in memory takes what is written to it.
                let _ = write!(out, "\\u{:04x}", u32::from(character));
            }
            _ => out.push(character),
        }
    }
    out.push('"');
}

const TEXT: &str = "text/plain; charset=utf-8";
