//! JSON Web Tokens: the head, which must be as the scheme says, and the claims.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use super::Plan;
use crate::Reason;
use crate::grammar::Found;
use crate::json::{Document, Pointer, Value};
use crate::message::Template;
use crate::scheme::Grammar;

/// A JSON Web Token: its parts as they are written, and what they say.
pub(crate) struct Token<'a> {
    head: &'a [u8],
    body: &'a [u8],
    claims: Vec<u8>,
    /// The name of the key that made it.
    key: Option<Vec<u8>>,
}

impl Plan {
    /// The token that the signature is part of, where the scheme has tokens.
    #[inline]
    pub(crate) fn token<'a>(&self, found: &Found<'a>) -> Result<Option<Token<'a>>, Reason> {
        match (&self.form.signature.grammar, found.token) {
            (Grammar::Token(algorithm), Some((head, body))) => {
                // Whoever reads a token takes what stands in its middle for signed.
                if !body.is_empty() && !self.form.messages().any(Template::has_claims) {
                    return Err(Reason::MalformedHeader);
                }
                Token::read(algorithm, head, body).map(Some)
            }
            _ => Ok(None),
        }
    }
}

impl<'a> Token<'a> {
    /// Decodes head and claims: the algorithm is the scheme's, never the token's.
    fn read(algorithm: &str, written: &'a [u8], body: &'a [u8]) -> Result<Self, Reason> {
        const MALFORMED: Reason = Reason::MalformedHeader;
        let decode = |part: &[u8]| URL_SAFE_NO_PAD.decode(part).map_err(|_| MALFORMED);
        let head = decode(written)?;
        let head = Document::read(&head).map_err(|_| MALFORMED)?;
        let member = |name: &str| head.find(&Pointer::of(name)).map_err(|_| MALFORMED);
        let text = |name: &str| Ok(member(name)?.and_then(|value| value.text()));
        let algorithm_fits = text("alg")?.is_some_and(|text| *text == *algorithm.as_bytes());
        let key = match member("kid")? {
            None => None,
            Some(Value::Text(_)) => text("kid")?,
            Some(_) => return Err(MALFORMED),
        };
        // An extension that must be understood is one that is not understood here.
        if !algorithm_fits || member("crit")?.is_some() {
            return Err(MALFORMED);
        }
        Ok(Self {
            head: written,
            body,
            claims: decode(body)?,
            key: key.map(|text| text.into_owned()),
        })
    }

    /// The name of the key that made it.
    pub(crate) fn key(&self) -> Option<&[u8]> {
        self.key.as_deref()
    }

    /// What it says, in JSON.
    pub(crate) fn claims(&self) -> &[u8] {
        &self.claims
    }

    /// Its first part, as it is written.
    pub(crate) fn written_head(&self) -> &'a [u8] {
        self.head
    }

    /// Its middle part, as it is written.
    pub(crate) fn written_claims(&self) -> &'a [u8] {
        self.body
    }
}
