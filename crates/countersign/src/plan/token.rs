//! JSON Web Tokens: the head, which must be as the scheme says, and the claims.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use super::Plan;
use crate::Reason;
use crate::element::Token;
use crate::grammar::Found;
use crate::json::{Document, Pointer};
use crate::scheme::Grammar;

/// What a token says beside its signature; nothing where the scheme has no tokens.
#[derive(Default)]
pub(crate) struct Claims {
    decoded: Vec<u8>,
    /// The name of the key that made it.
    key: Option<Vec<u8>>,
}

impl Plan {
    /// Decodes a token's head and claims: the algorithm is the scheme's, never the token's.
    pub(crate) fn claims(&self, found: &Found<'_>) -> Result<Claims, Reason> {
        let (Grammar::Token(algorithm), Some((head, claims))) =
            (&self.form.signature.grammar, found.token)
        else {
            return Ok(Claims::default());
        };
        const MALFORMED: Reason = Reason::MalformedHeader;
        let decode = |part: &[u8]| URL_SAFE_NO_PAD.decode(part).map_err(|_| MALFORMED);
        let head = decode(head)?;
        let head = Document::read(&head).map_err(|_| MALFORMED)?;
        let member = |name: &str| head.find(&Pointer::of(name)).map_err(|_| MALFORMED);
        let text = |name: &str| Ok(member(name)?.and_then(|value| value.text()));
        let algorithm_fits = text("alg")?.is_some_and(|text| *text == *algorithm.as_bytes());
        // An extension that must be understood is one that is not understood here.
        if !algorithm_fits || member("crit")?.is_some() {
            return Err(MALFORMED);
        }
        Ok(Claims {
            decoded: decode(claims)?,
            key: text("kid")?.map(|text| text.into_owned()),
        })
    }
}

impl Claims {
    pub(crate) fn key(&self) -> Option<&[u8]> {
        self.key.as_deref()
    }

    /// The token, for reading elements from it.
    pub(crate) fn token<'a>(&'a self, found: &Found<'a>) -> Token<'a> {
        let (head, claims) = found.token.unwrap_or_default();
        Token {
            head,
            claims,
            decoded: &self.decoded,
        }
    }
}
