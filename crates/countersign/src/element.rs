//! Elements of a request: where a scheme's texts stand, and what has to stand there.

use std::borrow::Cow;

use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use http::header::CONTENT_TYPE;
use http::{HeaderMap, HeaderName, Method};

use crate::form;
use crate::json::{Json, Pointer, Value};
use crate::mac;
use crate::message::only_line;
use crate::plan::Token;
use crate::scheme::{Demand, DigestText, Place, When};
use crate::{PublicUrl, Reason};

/// What elements are read from.
#[derive(Clone, Copy)]
pub(crate) struct Source<'a> {
    pub(crate) method: &'a Method,
    pub(crate) url: PublicUrl<'a>,
    pub(crate) headers: &'a HeaderMap,
    pub(crate) body: &'a [u8],
    /// What has been found in the body.
    pub(crate) json: Json<'a>,
    /// The token that the signature is part of, where it is.
    pub(crate) token: Option<&'a Token<'a>>,
    /// The headers that a list of signed headers has to name.
    pub(crate) listed: &'a [HeaderName],
}

impl Place {
    /// Whether anything stands here, an array or an object too.
    fn is_there(&self, source: &Source<'_>) -> Result<bool, Reason> {
        match self {
            Self::Json(pointer) => Ok(source.find(pointer)?.is_some()),
            place => Ok(place.read(source)?.is_some()),
        }
    }

    /// What stands here; a header stands here at most once.
    pub(crate) fn read<'a>(&self, source: &Source<'a>) -> Result<Option<Cow<'a, [u8]>>, Reason> {
        let found = match self {
            Self::Header(name) => match only_line(source.headers, name) {
                Ok(line) => Some(Cow::Borrowed(line)),
                Err(Reason::MissingHeader) => None,
                Err(other) => return Err(other),
            },
            Self::Json(pointer) => scalar(source.find(pointer)?, Reason::MalformedBody)?,
            Self::Claim(pointer) => {
                const MALFORMED: Reason = Reason::MalformedHeader;
                let claims = source.token.map_or(&b""[..], Token::claims);
                let found = Json::default().find(claims, pointer);
                scalar(found.map_err(|_| MALFORMED)?, MALFORMED)?
            }
            Self::Form(name) => {
                form::field(source.body, name).map_err(|_| Reason::MalformedBody)?
            }
            Self::Query(name) => {
                let query = source
                    .url
                    .target
                    .split_once('?')
                    .map_or("", |(_, query)| query);
                form::field(query.as_bytes(), name).map_err(|_| Reason::MalformedUrl)?
            }
            Self::First | Self::Numbered(_) | Self::Pair(_) => None,
        };
        Ok(found)
    }
}

impl<'a> Source<'a> {
    /// What stands at this place of the body, if anything does.
    pub(crate) fn find(&self, place: &Pointer) -> Result<Option<Value<'a>>, Reason> {
        let found = self.json.find(self.body, place);
        found.map_err(|_| Reason::MalformedBody)
    }
}

fn scalar(value: Option<Value<'_>>, malformed: Reason) -> Result<Option<Cow<'_, [u8]>>, Reason> {
    match value {
        Some(value) => value.text().map(Some).ok_or(malformed),
        None => Ok(None),
    }
}

impl When {
    /// Whether a request is of this kind; unknown without a body that has to be looked at.
    pub(crate) fn applies(&self, source: &Source<'_>) -> Result<bool, Reason> {
        let method = self.methods.is_empty() || self.methods.iter().any(|m| m.0 == *source.method);
        let media = self.content_type.is_empty() || self.has_media_type(source.headers);
        if !method || !media {
            return Ok(false);
        }
        if let Some(place) = &self.without
            && place.read(source)?.is_some()
        {
            return Ok(false);
        }
        let Some(place) = &self.from else {
            return Ok(true);
        };
        let found = place.read(source)?;
        Ok(found.is_some_and(|text| {
            self.is.is_empty() || self.is.iter().any(|wanted| *wanted.as_bytes() == *text)
        }))
    }

    /// Whether it depends on the head of a request only.
    pub(crate) fn is_of_the_head(&self) -> bool {
        let mut places = self.places();
        places.all(Place::is_of_the_head)
    }

    /// Where it looks.
    pub(crate) fn places(&self) -> impl Iterator<Item = &Place> {
        self.from.iter().chain(&self.without)
    }

    fn has_media_type(&self, headers: &HeaderMap) -> bool {
        let Ok(line) = only_line(headers, &CONTENT_TYPE) else {
            return false;
        };
        let essence = line.split(|byte| *byte == b';').next().unwrap_or_default();
        let essence = essence.trim_ascii();
        self.content_type
            .iter()
            .any(|wanted| essence.eq_ignore_ascii_case(wanted.as_bytes()))
    }
}

impl Demand {
    /// Whether nothing is said of it but that it is there.
    fn asks_for_presence(&self) -> bool {
        self.is.is_empty() && !self.base64 && self.https.is_none() && self.body.is_none()
    }

    /// Refuses a request that does not have what is demanded.
    pub(crate) fn check(&self, source: &Source<'_>) -> Result<(), Reason> {
        if self.parameter.is_some() && self.is.is_empty() {
            return Ok(());
        }
        if self.asks_for_presence() {
            return match self.from.is_there(source)? {
                true => Ok(()),
                false => Err(Reason::MissingElement),
            };
        }
        let found = self.from.read(source)?.ok_or(Reason::MissingElement)?;
        if !self.is.is_empty() && !self.is.iter().any(|wanted| *wanted.as_bytes() == *found) {
            return Err(Reason::UnmetDemand);
        }
        let is_digit = |byte: &u8| byte.is_ascii_alphanumeric() || b"+/=\n".contains(byte);
        if self.base64 && !found.iter().all(is_digit) {
            return Err(Reason::UnmetDemand);
        }
        if let Some(https) = &self.https
            && !https.allows(&found)
        {
            return Err(Reason::UnmetDemand);
        }
        match self.body {
            Some(digest) if !digest.spells(&found, source.body) => Err(Reason::BodyChanged),
            _ => Ok(()),
        }
    }
}

impl DigestText {
    fn spells(self, text: &[u8], body: &[u8]) -> bool {
        self.text(body).as_bytes() == text
    }

    pub(crate) fn text(self, body: &[u8]) -> String {
        let digest = mac::sha256([body]);
        match self {
            Self::Sha256Base64 => STANDARD.encode(digest),
            Self::Sha256Base64Url => URL_SAFE_NO_PAD.encode(digest),
            Self::Sha256Hex => hex::encode(digest),
        }
    }
}
