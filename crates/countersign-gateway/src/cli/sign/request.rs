//! The request that is to be signed, and what it is afterwards.

use std::path::PathBuf;
use std::time::SystemTime;

use anyhow::Context as _;
use countersign::{PublicUrl, Signer, ToSign};
use http::header::CONTENT_TYPE;
use http::{HeaderMap, HeaderName, HeaderValue, Method};

use crate::cli::keys::{KeyArgs, SchemeArgs, random_hex};
use crate::cli::message::split_url;
use crate::cli::{Usage, input, usage};
use crate::moment;

/// The request to be signed.
#[derive(Clone, Debug, clap::Args)]
pub(crate) struct RequestArgs {
    /// The method.
    #[arg(long, short = 'X', default_value = "POST")]
    pub(crate) method: Method,

    /// The body, in place.
    #[arg(long, short, value_name = "TEXT", conflicts_with = "data_file")]
    pub(crate) data: Option<String>,

    /// The file whose bytes are the body; `-` is the standard input.
    #[arg(long, value_name = "FILE")]
    pub(crate) data_file: Option<PathBuf>,

    /// A header of the request, `Name: value`; may be repeated. Without a Content-Type the body is
    /// taken for JSON if it is that, else for a form if it is that, else for bytes.
    #[arg(long, short = 'H', value_name = "HEADER", value_parser = header)]
    pub(crate) header: Vec<(HeaderName, HeaderValue)>,

    /// The message id, where the scheme signs one [default: the request's own, else a new one].
    #[arg(long, value_name = "ID")]
    pub(crate) id: Option<String>,

    /// The time to sign with, in UNIX seconds or RFC 3339 [default: now].
    #[arg(long, value_name = "TIME", value_parser = moment::parse)]
    pub(crate) timestamp: Option<SystemTime>,
}

/// A request with all that its sender would have put into it.
pub(crate) struct SignedRequest {
    pub(crate) headers: Vec<(HeaderName, HeaderValue)>,
    pub(crate) body: Vec<u8>,
    /// Scheme and authority, where the URL is known.
    pub(crate) base: String,
    pub(crate) target: String,
    /// Whether the scheme wrote into the body.
    pub(crate) body_is_new: bool,
    /// Whether the scheme wrote into the URL.
    pub(crate) target_is_new: bool,
}

impl RequestArgs {
    /// Signs the request as a sender would that calls `url`.
    pub(crate) fn signed(
        &self,
        scheme: &SchemeArgs,
        keys: &KeyArgs,
        url: Option<&str>,
    ) -> anyhow::Result<SignedRequest> {
        let body = self.body()?;
        let scheme = scheme.scheme()?;
        let method = &self.method;
        if scheme.needs_public_url(std::slice::from_ref(method)) && url.is_none() {
            return Err(usage(format!(
                "`{}` signs the URL of a {method}: give it with `--url`, as the sender knows it",
                scheme.name()
            )));
        }
        if scheme.signs_url(method) && !body.is_empty() {
            return Err(usage(format!(
                "`{}` signs no body on a {method}: leave it out",
                scheme.name()
            )));
        }
        let (base, target) = match public_url(url.unwrap_or_default())? {
            (base, "") => (base, "/"),
            known => known,
        };
        let headers = with_media_type(self.header.clone(), &body);
        let mut own = HeaderMap::new();
        for (name, value) in &headers {
            own.append(name, value.clone());
        }
        let signer = Signer::new(&scheme, &keys.keyring()?)
            .context(Usage("the scheme and the secret do not fit".to_owned()))?;
        let mut message = ToSign {
            method,
            url: PublicUrl { base, target },
            headers: &own,
            body: &body,
            id: self.id.as_deref(),
            now: self.timestamp.unwrap_or_else(SystemTime::now),
        };
        let new_id = format!("msg_{}", random_hex::<12>()?);
        let written = match signer.write(&message) {
            Err(countersign::SignError::MissingId) => {
                message.id = Some(&new_id);
                signer.write(&message)
            }
            written => written,
        };
        let written = written.context(Usage(format!(
            "the request cannot be signed as `{}` does",
            scheme.name()
        )))?;
        let is_old = |name: &HeaderName| !written.headers.iter().any(|(new, _)| new == name);
        let mut headers: Vec<_> = headers
            .into_iter()
            .filter(|(name, _)| is_old(name))
            .collect();
        headers.extend(written.headers);
        Ok(SignedRequest {
            headers,
            body_is_new: written.body.is_some(),
            target_is_new: written.target.is_some(),
            base: base.to_owned(),
            target: written.target.unwrap_or_else(|| target.to_owned()),
            body: written.body.unwrap_or(body),
        })
    }

    /// The body's bytes.
    fn body(&self) -> anyhow::Result<Vec<u8>> {
        match (&self.data, &self.data_file) {
            (Some(text), _) => Ok(text.as_bytes().to_vec()),
            (None, Some(path)) => input::read(path),
            (None, None) => Ok(Vec::new()),
        }
    }
}

/// The two parts of a public URL, as they are signed; a URL without a path is asked for as `/`.
pub(crate) fn public_url(url: &str) -> anyhow::Result<(&str, &str)> {
    if url.contains('#') {
        return Err(usage(
            "a URL is signed without its fragment: leave out what follows `#`",
        ));
    }
    match split_url(url) {
        ("", "") => Ok(("", "")),
        ("", _) => Err(usage(format!(
            "`{url}` is no absolute URL; write it with https:// or http://"
        ))),
        (base, "") => Ok((base, "/")),
        (base, target) => Ok((base, target)),
    }
}

/// Says what the body is, where the caller did not.
fn with_media_type(
    mut headers: Vec<(HeaderName, HeaderValue)>,
    body: &[u8],
) -> Vec<(HeaderName, HeaderValue)> {
    if body.is_empty() || headers.iter().any(|(name, _)| name == CONTENT_TYPE) {
        return headers;
    }
    let media_type = if serde_json::from_slice::<serde::de::IgnoredAny>(body).is_ok() {
        "application/json"
    } else if is_form(body) {
        "application/x-www-form-urlencoded"
    } else {
        "application/octet-stream"
    };
    headers.push((CONTENT_TYPE, HeaderValue::from_static(media_type)));
    headers
}

/// Whether every piece between `&` is a name, `=` and a value, with nothing that a form would escape.
fn is_form(body: &[u8]) -> bool {
    let fits = |byte: &u8| byte.is_ascii_alphanumeric() || b"-_.~+%*!'(),:;@/?$=".contains(byte);
    body.split(|byte| *byte == b'&').all(|pair| {
        let name = pair.split(|byte| *byte == b'=').next().unwrap_or_default();
        !name.is_empty() && name.len() < pair.len() && pair.iter().all(fits)
    })
}

fn header(text: &str) -> Result<(HeaderName, HeaderValue), String> {
    let (name, value) = text.split_once(':').ok_or("write it as `Name: value`")?;
    let name = name
        .parse()
        .map_err(|_| format!("`{name}` is no header name"))?;
    let value = HeaderValue::from_bytes(value.trim().as_bytes())
        .map_err(|_| "the value has a byte that no header may hold".to_owned())?;
    Ok((name, value))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_is_absolute_and_has_no_fragment() {
        assert!(public_url("https://h/a#b").is_err());
        assert!(public_url("/a").is_err());
        assert_eq!(public_url("https://h").unwrap(), ("https://h", "/"));
        assert_eq!(public_url("https://h/a?b").unwrap(), ("https://h", "/a?b"));
    }

    #[test]
    fn a_body_is_taken_for_what_it_looks_like() {
        let taken = |body: &str| {
            let headers = with_media_type(Vec::new(), body.as_bytes());
            headers
                .first()
                .map(|(_, value)| value.to_str().unwrap().to_owned())
        };

        assert_eq!(taken(""), None);
        assert_eq!(taken(r#"{"a":1}"#).as_deref(), Some("application/json"));
        let form = Some("application/x-www-form-urlencoded");
        assert_eq!(taken("a=1&b=%20+x&c=").as_deref(), form);
        for bytes in ["test", "a=1&b", "=1", "a=ü", "a=1 2", "<a b=\"c\"/>"] {
            assert_eq!(
                taken(bytes).as_deref(),
                Some("application/octet-stream"),
                "{bytes}"
            );
        }
    }
}
