//! Parts of a message that are made from the request rather than found in it.

use std::fmt;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use http::HeaderName;

use super::only_line;
use crate::element::Source;
use crate::form;
use crate::json::{Pointer, Value};
use crate::plan::Token;
use crate::scheme::SchemeError;
use crate::{MAX_HEADER, Reason};

#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) enum Derived {
    /// `{body:base64url}`: the body in URL-safe base64 without padding.
    BodyBase64Url,
    /// `{body:crc32}`: the body's CRC-32 as a decimal number.
    BodyCrc32,
    /// `{form:NAME}`: the decoded value of a field of the body.
    FormField(String),
    /// `{form-sorted}`: every field of the body, names and values in order.
    FormSorted,
    /// `{json:/a/b}`, `{json?:/a/b}`: a scalar of the body, as text.
    Json(Pointer, Need),
    /// `{json-raw:/a}`: a value of the body as it is written.
    JsonRaw(Pointer),
    /// `{line:NAME}`, `{line?:NAME}`: a member of the body as its name and its value, a line each.
    Line(String, Need),
    /// `{listed:NAME}`: `name:value` of each header that this header lists, with `;` between.
    Listed(HeaderName),
    /// `{parameter:NAME}`: a text that the receiver's configuration gives.
    Parameter(String),
    /// `{target:escaped}`: the target, escaped once and its query twice.
    TargetEscaped,
    /// `{token:claims}`: the middle part of a JSON Web Token, as it is written.
    TokenClaims,
    /// `{token:head}`: the first part of a JSON Web Token, as it is written.
    TokenHead,
    /// `{url:port}`, `{url:no-port}`: the URL with its port written out, or without any.
    Url(Port),
}

/// Whether an element may be missing.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Need {
    Optional,
    Required,
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Port {
    Left,
    Written,
}

impl Derived {
    /// The part that a word of a template stands for, if it is one of these.
    pub(super) fn parse(word: &str) -> Result<Option<Self>, SchemeError> {
        let name = |name: &str| {
            let fits = !name.is_empty() && !name.contains(['{', '}']);
            fits.then(|| name.to_owned())
                .ok_or_else(|| SchemeError::UnknownWord(word.to_owned()))
        };
        Ok(Some(match word.split_once(':') {
            None if word == "form-sorted" => Self::FormSorted,
            Some(("body", "base64url")) => Self::BodyBase64Url,
            Some(("body", "crc32")) => Self::BodyCrc32,
            Some(("form", field)) => Self::FormField(name(field)?),
            Some(("json", pointer)) => Self::Json(pointer.parse()?, Need::Required),
            Some(("json?", pointer)) => Self::Json(pointer.parse()?, Need::Optional),
            Some(("json-raw", pointer)) => Self::JsonRaw(pointer.parse()?),
            Some(("line", member)) => Self::Line(name(member)?, Need::Required),
            Some(("line?", member)) => Self::Line(name(member)?, Need::Optional),
            Some(("listed", header)) => HeaderName::from_bytes(header.as_bytes())
                .map(Self::Listed)
                .map_err(|_| SchemeError::HeaderName(header.to_owned()))?,
            Some(("parameter", parameter)) => Self::Parameter(name(parameter)?),
            Some(("target", "escaped")) => Self::TargetEscaped,
            Some(("token", "claims")) => Self::TokenClaims,
            Some(("token", "head")) => Self::TokenHead,
            Some(("url", "no-port")) => Self::Url(Port::Left),
            Some(("url", "port")) => Self::Url(Port::Written),
            _ => return Ok(None),
        }))
    }

    /// Whether every byte of the body is in it.
    pub(super) fn covers_body(&self) -> bool {
        matches!(self, Self::BodyBase64Url | Self::FormSorted)
    }

    /// Whether the whole URL is in it.
    pub(super) fn covers_url(&self) -> bool {
        matches!(self, Self::Url(_))
    }

    /// The place of the body whose value it is.
    pub(super) fn json_place(&self) -> Option<Pointer> {
        match self {
            Self::Json(pointer, _) | Self::JsonRaw(pointer) => Some(pointer.clone()),
            Self::Line(name, _) => Some(Pointer::of(name)),
            _ => None,
        }
    }

    /// The bytes for one request.
    pub(crate) fn bytes(&self, source: &Source<'_>) -> Result<Vec<u8>, Reason> {
        match self {
            Self::BodyBase64Url => Ok(URL_SAFE_NO_PAD.encode(source.body).into_bytes()),
            Self::BodyCrc32 => Ok(crc32(source.body).to_string().into_bytes()),
            Self::FormField(name) => form::only_field(source.body, name)
                .map_err(|_| Reason::MalformedBody)?
                .map(|value| value.into_owned())
                .ok_or(Reason::MissingElement),
            Self::FormSorted => form::sorted(source.body).map_err(|_| Reason::MalformedBody),
            Self::Json(pointer, need) => scalar(source, pointer, *need),
            Self::JsonRaw(pointer) => match source.find(pointer)? {
                Some(Value::Nested(text) | Value::Plain(text)) => Ok(text.to_vec()),
                Some(_) => Err(Reason::MalformedBody),
                None => Err(Reason::MissingElement),
            },
            Self::Line(name, need) => line(source, name, *need),
            Self::Listed(name) => listed(source, name),
            // A template is not filled in before its parameters are.
            Self::Parameter(_) => Err(Reason::MissingElement),
            Self::TargetEscaped => escaped(source.url.target).map(String::into_bytes),
            Self::TokenClaims => Ok(token(source)?.written_claims().to_vec()),
            Self::TokenHead => Ok(token(source)?.written_head().to_vec()),
            Self::Url(port) => Ok(with_port(source.url.base, *port, source.url.target)),
        }
    }
}

impl fmt::Display for Derived {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::BodyBase64Url => f.write_str("{body:base64url}"),
            Self::BodyCrc32 => f.write_str("{body:crc32}"),
            Self::FormField(name) => write!(f, "{{form:{name}}}"),
            Self::FormSorted => f.write_str("{form-sorted}"),
            Self::Json(pointer, Need::Required) => write!(f, "{{json:{pointer}}}"),
            Self::Json(pointer, Need::Optional) => write!(f, "{{json?:{pointer}}}"),
            Self::JsonRaw(pointer) => write!(f, "{{json-raw:{pointer}}}"),
            Self::Line(name, Need::Required) => write!(f, "{{line:{name}}}"),
            Self::Line(name, Need::Optional) => write!(f, "{{line?:{name}}}"),
            Self::Listed(name) => write!(f, "{{listed:{name}}}"),
            Self::Parameter(name) => write!(f, "{{parameter:{name}}}"),
            Self::TargetEscaped => f.write_str("{target:escaped}"),
            Self::TokenClaims => f.write_str("{token:claims}"),
            Self::TokenHead => f.write_str("{token:head}"),
            Self::Url(Port::Left) => f.write_str("{url:no-port}"),
            Self::Url(Port::Written) => f.write_str("{url:port}"),
        }
    }
}

fn token<'a>(source: &Source<'a>) -> Result<&'a Token<'a>, Reason> {
    source.token.ok_or(Reason::MissingElement)
}

/// Null is nothing: it cannot stand in for an element that has to be there.
fn scalar(source: &Source<'_>, pointer: &Pointer, need: Need) -> Result<Vec<u8>, Reason> {
    match (source.find(pointer)?, need) {
        (None | Some(Value::Null), Need::Optional) => Ok(Vec::new()),
        (None | Some(Value::Null), Need::Required) => Err(Reason::MissingElement),
        (Some(value), _) => {
            let text = value.text().ok_or(Reason::MalformedBody)?;
            Ok(text.into_owned())
        }
    }
}

fn line(source: &Source<'_>, name: &str, need: Need) -> Result<Vec<u8>, Reason> {
    let pointer = Pointer::of(name);
    let nothing = matches!(source.find(&pointer)?, None | Some(Value::Null));
    if nothing && need == Need::Optional {
        return Ok(Vec::new());
    }
    let value = scalar(source, &pointer, Need::Required)?;
    Ok([name.as_bytes(), b"\n", &value, b"\n"].concat())
}

/// `name:value;name:value` in the order of the list, which has to name itself.
fn listed(source: &Source<'_>, name: &HeaderName) -> Result<Vec<u8>, Reason> {
    let list = only_line(source.headers, name)?;
    let mut out = Vec::new();
    let mut seen = Vec::new();
    for item in list.split(|byte| *byte == b',') {
        let item =
            HeaderName::from_bytes(item.trim_ascii()).map_err(|_| Reason::MalformedHeader)?;
        if seen.contains(&item) || seen.len() == MAX_LISTED {
            return Err(Reason::MalformedHeader);
        }
        let value = only_line(source.headers, &item)?;
        if out.len().saturating_add(value.len()) > MAX_HEADER.saturating_mul(2) {
            return Err(Reason::HeaderTooLong);
        }
        if !seen.is_empty() {
            out.push(b';');
        }
        out.extend_from_slice(item.as_str().as_bytes());
        out.push(b':');
        out.extend_from_slice(value);
        seen.push(item);
    }
    match seen.contains(name) && source.listed.iter().all(|read| seen.contains(read)) {
        true => Ok(out),
        false => Err(Reason::UnsignedHeader),
    }
}

/// The target as `encodeURI(path + "?" + escape(query))` of JavaScript writes it.
///
/// What JavaScript would drop is refused: it would not be signed.
fn escaped(target: &str) -> Result<String, Reason> {
    let mut out = String::with_capacity(target.len());
    let mut halves = target.split('?');
    for byte in halves.next().unwrap_or_default().bytes() {
        match byte {
            _ if byte.is_ascii_alphanumeric() || b";,/?:@&=+$-_.!~*'()#".contains(&byte) => {
                out.push(byte.into());
            }
            _ => out.push_str(&format!("%{byte:02X}")),
        }
    }
    let query = match (halves.next(), halves.next()) {
        (Some(""), _) | (_, Some(_)) => return Err(Reason::MalformedUrl),
        (query, None) => query.unwrap_or_default(),
    };
    if !query.is_empty() {
        out.push('?');
    }
    for byte in query.bytes() {
        match byte {
            _ if byte.is_ascii_alphanumeric() || b"-_.!~*'()".contains(&byte) => {
                out.push(byte.into());
            }
            _ => out.push_str(&format!("%25{byte:02X}")),
        }
    }
    Ok(out)
}

/// The same address in every way in which its port may be written.
pub(crate) fn spellings(base: &str) -> impl Iterator<Item = String> {
    let ports = [Port::Left, Port::Written].into_iter();
    let others = ports.filter_map(|port| String::from_utf8(with_port(base, port, "")).ok());
    std::iter::once(base.to_owned()).chain(others)
}

fn with_port(base: &str, port: Port, target: &str) -> Vec<u8> {
    let (scheme, rest) = base.split_once("://").unwrap_or(("", base));
    let end = rest.find('/').unwrap_or(rest.len());
    let (authority, path) = rest.split_at_checked(end).unwrap_or((rest, ""));
    let host = authority.rsplit_once(':').filter(|(before, number)| {
        !before.is_empty() && number.bytes().all(|digit| digit.is_ascii_digit())
    });
    let authority = match (port, host) {
        (Port::Left, Some((host, _))) => host.to_owned(),
        (Port::Written, None) if scheme == "http" => format!("{authority}:80"),
        (Port::Written, None) => format!("{authority}:443"),
        _ => authority.to_owned(),
    };
    format!("{scheme}://{authority}{path}{target}").into_bytes()
}

/// The CRC-32 of IEEE 802.3.
fn crc32(bytes: &[u8]) -> u32 {
    const STEPS: [u32; 256] = {
        let mut steps = [0; 256];
        let mut byte: u32 = 0;
        let mut rest: &mut [u32] = &mut steps;
        while let Some((step, after)) = rest.split_first_mut() {
            *step = byte;
            let mut bit = 0;
            while bit < 8 {
                *step = (*step >> 1) ^ (0xEDB8_8320 & (*step & 1).wrapping_neg());
                bit += 1;
            }
            byte += 1;
            rest = after;
        }
        steps
    };
    let step = |crc: u32, byte: &u8| {
        let [low, ..] = crc.to_le_bytes();
        let step = STEPS.get(usize::from(low ^ byte));
        (crc >> 8) ^ step.copied().unwrap_or_default()
    };
    !bytes.iter().fold(!0, step)
}

/// More headers than any sender lists.
const MAX_LISTED: usize = 32;

#[cfg(test)]
mod tests;
