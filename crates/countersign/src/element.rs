//! Elements of a request: where a scheme's texts stand, and what has to stand there.

use std::borrow::Cow;

use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use http::header::CONTENT_TYPE;
use http::{HeaderMap, HeaderName, Method};

use crate::form;
use crate::json::Document;
use crate::mac;
use crate::message::only_line;
use crate::scheme::{Demand, DigestText, Https, Place, When};
use crate::{PublicUrl, Reason};

/// What elements are read from.
#[derive(Clone, Copy)]
pub(crate) struct Source<'a> {
    pub(crate) method: &'a Method,
    pub(crate) url: PublicUrl<'a>,
    pub(crate) headers: &'a HeaderMap,
    pub(crate) body: &'a [u8],
    pub(crate) token: Token<'a>,
    /// The headers that a list of signed headers has to name.
    pub(crate) listed: &'a [HeaderName],
}

/// The parts of a JSON Web Token, as they are written, and what its claims say.
#[derive(Clone, Copy, Default)]
pub(crate) struct Token<'a> {
    pub(crate) head: &'a [u8],
    pub(crate) claims: &'a [u8],
    pub(crate) decoded: &'a [u8],
}

impl Place {
    /// What stands here; a header stands here at most once.
    pub(crate) fn read<'a>(&self, source: &Source<'a>) -> Result<Option<Cow<'a, [u8]>>, Reason> {
        let found = match self {
            Self::Header(name) => match only_line(source.headers, name) {
                Ok(line) => Some(Cow::Borrowed(line)),
                Err(Reason::MissingHeader) => None,
                Err(other) => return Err(other),
            },
            Self::Json(pointer) => in_json(source.body, pointer, Reason::MalformedBody)?,
            Self::Claim(pointer) => {
                in_json(source.token.decoded, pointer, Reason::MalformedHeader)?
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

fn in_json<'a>(
    text: &'a [u8],
    pointer: &crate::json::Pointer,
    malformed: Reason,
) -> Result<Option<Cow<'a, [u8]>>, Reason> {
    let document = Document::read(text).map_err(|_| malformed)?;
    match document.find(pointer).map_err(|_| malformed)? {
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
        self.from.as_ref().is_none_or(Place::is_of_the_head)
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
    /// Refuses a request that does not have what is demanded.
    pub(crate) fn check(&self, source: &Source<'_>) -> Result<(), Reason> {
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

impl Https {
    /// Whether a URL is on one of the hosts, without user, port, query or fragment.
    fn allows(&self, url: &[u8]) -> bool {
        let Some(rest) = str::from_utf8(url)
            .ok()
            .and_then(|url| url.strip_prefix("https://"))
        else {
            return false;
        };
        let Some((host, path)) = rest.split_once('/') else {
            return false;
        };
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._/".contains(&byte);
        path.bytes().all(plain)
            && path.ends_with(self.path_ends.as_str())
            && self.hosts.iter().any(|pattern| is_host(host, pattern))
    }
}

/// Whether the labels of a host are those of the pattern, where `*` stands for any one of them.
fn is_host(host: &str, pattern: &str) -> bool {
    let fits = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-';
    let is_label = |label: &str| !label.is_empty() && label.bytes().all(fits);
    host.split('.').count() == pattern.split('.').count()
        && host
            .split('.')
            .zip(pattern.split('.'))
            .all(|(label, wanted)| {
                is_label(label) && (wanted == "*" || label.eq_ignore_ascii_case(wanted))
            })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_certificate_comes_from_a_known_host_or_not_at_all() {
        let https = Https {
            hosts: vec!["sns.*.amazonaws.com".into()],
            path_ends: ".pem".into(),
        };
        for url in [
            "https://sns.us-west-2.amazonaws.com/a.pem",
            "https://SNS.eu-1.amazonaws.com/a/b.pem",
        ] {
            assert!(https.allows(url.as_bytes()), "{url}");
        }
        for url in [
            "http://sns.us-west-2.amazonaws.com/a.pem",
            "https://sns.us-west-2.amazonaws.com.evil.example/x.pem",
            "https://sns.us-west-2.amazonaws.com/a.pem?x=1",
            "https://sns.us-west-2.amazonaws.com/a.pem#x",
            "https://sns.us-west-2.amazonaws.com:444/a.pem",
            "https://user@sns.us-west-2.amazonaws.com/a.pem",
            "https://evil.example\\@sns.us-west-2.amazonaws.com/a.pem",
            "https://evil.example#.sns.us-west-2.amazonaws.com/a.pem",
            "https://sns.a.b.amazonaws.com/a.pem",
            "https://sns..amazonaws.com/a.pem",
            "https://s3.us-west-2.amazonaws.com/a.pem",
            "https://sns.us-west-2.amazonaws.com",
            "https://sns.us-west-2.amazonaws.com/a.cer",
        ] {
            assert!(!https.allows(url.as_bytes()), "{url}");
        }
    }
}
