//! `countersign sign`: what a genuine sender would add to a request.

use std::io::Write as _;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::SystemTime;

use anyhow::Context as _;
use countersign::{PublicUrl, Signer, ToSign};
use http::header::CONTENT_TYPE;
use http::{HeaderMap, HeaderName, HeaderValue, Method};

use super::keys::{KeyArgs, SchemeArgs, random_hex};
use super::message::split_url;
use super::out::Out;
use super::shell::{CurlBody, curl};
use super::{Usage, input, usage};
use crate::moment;

/// Sign a request as a sender would: print the headers, or a ready `curl` line.
#[derive(Clone, Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Args {
    #[command(flatten)]
    scheme: SchemeArgs,

    #[command(flatten)]
    keys: KeyArgs,

    #[command(flatten)]
    request: RequestArgs,

    /// The public URL, as the sender knows it.
    #[arg(long, value_name = "URL")]
    url: Option<String>,

    /// Print a `curl` line that sends the signed request.
    #[arg(long, requires = "url")]
    curl: bool,
}

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

    /// A header of the request, `Name: value`; may be repeated.
    #[arg(long, short = 'H', value_name = "HEADER", value_parser = header)]
    pub(crate) header: Vec<(HeaderName, HeaderValue)>,

    /// The message id, where the scheme signs one [default: a new one].
    #[arg(long, value_name = "ID")]
    pub(crate) id: Option<String>,

    /// The time to sign with, in UNIX seconds or RFC 3339 [default: now].
    #[arg(long, value_name = "TIME", value_parser = moment::parse)]
    pub(crate) timestamp: Option<SystemTime>,
}

impl RequestArgs {
    /// The body's bytes.
    pub(crate) fn body(&self) -> anyhow::Result<Vec<u8>> {
        match (&self.data, &self.data_file) {
            (Some(text), _) => Ok(text.as_bytes().to_vec()),
            (None, Some(path)) => input::read(path),
            (None, None) => Ok(Vec::new()),
        }
    }

    /// The request's own headers and what the scheme adds.
    pub(crate) fn signed(
        &self,
        scheme: &SchemeArgs,
        keys: &KeyArgs,
        url: Option<&str>,
        body: &[u8],
    ) -> anyhow::Result<Vec<(HeaderName, HeaderValue)>> {
        let scheme = scheme.scheme()?;
        if scheme.signs_url(&self.method) && url.is_none() {
            return Err(usage(format!(
                "`{}` signs the URL of a {}: give it with `--url`, as the sender knows it",
                scheme.name(),
                self.method
            )));
        }
        if scheme.signs_url(&self.method) && !body.is_empty() {
            return Err(usage(format!(
                "`{}` signs no body on a {}: leave it out",
                scheme.name(),
                self.method
            )));
        }
        let (base, target) = public_url(url.unwrap_or_default())?;
        let id = match &self.id {
            None if scheme.signs_id() => Some(format!("msg_{}", random_hex::<12>()?)),
            id => id.clone(),
        };
        let mut headers = self.header.clone();
        let own: HeaderMap = headers.iter().cloned().collect();
        let signer = Signer::new(&scheme, &keys.keyring()?)
            .context(Usage("the scheme and the secret do not fit".to_owned()))?;
        let signed = signer
            .headers(&ToSign {
                method: &self.method,
                url: PublicUrl { base, target },
                headers: &own,
                body,
                id: id.as_deref(),
                now: self.timestamp.unwrap_or_else(SystemTime::now),
            })
            .context(Usage("the request cannot be signed".to_owned()))?;
        headers.extend(signed);
        Ok(headers)
    }
}

/// Runs `countersign sign`.
pub(crate) fn run(args: &Args, out: &mut Out) -> anyhow::Result<ExitCode> {
    let body = args.request.body()?;
    let url = args.url.as_deref();
    let headers = args.request.signed(&args.scheme, &args.keys, url, &body)?;
    match url {
        Some(url) if args.curl => {
            let headers = with_media_type(headers, &body);
            let body = curl_body(&args.request)?;
            writeln!(out, "{}", curl(&args.request.method, url, &headers, &body))?;
        }
        _ => {
            for (name, value) in &headers {
                writeln!(out, "{name}: {}", String::from_utf8_lossy(value.as_bytes()))?;
            }
        }
    }
    Ok(ExitCode::SUCCESS)
}

fn curl_body(request: &RequestArgs) -> anyhow::Result<CurlBody<'_>> {
    Ok(match (&request.data, &request.data_file) {
        (Some(text), _) => CurlBody::Text(text),
        (None, Some(path)) => CurlBody::File(
            path.to_str()
                .ok_or_else(|| usage("`--curl` needs a file name in UTF-8"))?,
        ),
        (None, None) => CurlBody::None,
    })
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

/// Says what the body is, where the caller did not: JSON if it is that, else bytes.
pub(crate) fn with_media_type(
    mut headers: Vec<(HeaderName, HeaderValue)>,
    body: &[u8],
) -> Vec<(HeaderName, HeaderValue)> {
    if body.is_empty() || headers.iter().any(|(name, _)| name == CONTENT_TYPE) {
        return headers;
    }
    let json = serde_json::from_slice::<serde::de::IgnoredAny>(body).is_ok();
    let media_type = if json {
        "application/json"
    } else {
        "application/octet-stream"
    };
    headers.push((CONTENT_TYPE, HeaderValue::from_static(media_type)));
    headers
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

const EXAMPLES: &str = "\
Examples:
  The headers of a POST:
    countersign sign --secret-env ORDERS_SECRET --data '{\"order\":7}'

  A curl line for it; the signature is good for the next few minutes:
    countersign sign --secret-env ORDERS_SECRET --data '{\"order\":7}' \\
      --url http://localhost:8080/hooks/orders --curl

  A GET, whose public URL is what is signed:
    countersign sign --secret-env ORDERS_SECRET -X GET \\
      --url 'https://hooks.example.com/hooks/orders?job=7'

  As GitHub would, over a file:
    countersign sign --scheme github --secret-file github.secret \\
      --data-file push.json";

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::super::out::testing::Printed;
    use super::*;

    #[derive(Parser)]
    struct Line {
        #[command(flatten)]
        args: Args,
    }

    fn sign(line: &[&str]) -> anyhow::Result<String> {
        let words = ["sign", "--secret", "mySecret"].iter().chain(line);
        let args = Line::try_parse_from(words)?.args;
        let printed = Printed::default();
        run(&args, &mut printed.out())?;
        Ok(printed.text())
    }

    #[test]
    fn the_known_example_is_reproduced() {
        let text = sign(&[
            "--allow-weak-secret",
            "--data",
            "test",
            "--timestamp",
            "1568818215.724",
        ])
        .unwrap();

        assert!(
            text.contains(
                "x-webhook-signature: t=1568818215724,sha256=ae9c9f18381e423059604b64469099165a343deef595013525703e50e84d19f9"
            ),
            "{text}"
        );
    }

    #[test]
    fn a_curl_line_carries_the_body_and_the_signature() {
        let text = sign(&[
            "--allow-weak-secret",
            "-d",
            "it's",
            "--url",
            "http://h/hooks/a",
            "--curl",
        ])
        .unwrap();

        assert!(text.starts_with("curl -sS -i -X POST "), "{text}");
        assert!(text.contains("-H 'x-webhook-signature: t="), "{text}");
        assert!(
            text.ends_with("--data-binary 'it'\\''s' http://h/hooks/a\n"),
            "{text}"
        );
    }

    #[test]
    fn a_short_secret_is_refused_unless_it_is_allowed() {
        let error = sign(&["--data", "test"]).unwrap_err();

        assert!(error.is::<Usage>(), "{error:?}");
    }

    #[test]
    fn a_get_needs_its_url_and_takes_no_body() {
        let no_url = sign(&["--allow-weak-secret", "-X", "GET"]).unwrap_err();
        let body = sign(&[
            "--allow-weak-secret",
            "-X",
            "GET",
            "--url",
            "http://h/",
            "-d",
            "x",
        ])
        .unwrap_err();

        assert!(no_url.to_string().contains("--url"));
        assert!(body.to_string().contains("no body"));
    }

    #[test]
    fn an_id_is_made_up_where_the_scheme_signs_one() {
        let text = sign(&["--scheme", "slack", "--allow-weak-secret"]).unwrap();
        assert!(!text.contains("msg_"));

        let words = [
            "sign",
            "--scheme",
            "standard-webhooks",
            "--secret",
            "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
        ];
        let printed = Printed::default();
        run(
            &Line::try_parse_from(words).unwrap().args,
            &mut printed.out(),
        )
        .unwrap();
        assert!(
            printed.text().contains("webhook-id: msg_"),
            "{}",
            printed.text()
        );
    }

    #[test]
    fn a_url_is_absolute_and_has_no_fragment() {
        assert!(public_url("https://h/a#b").is_err());
        assert!(public_url("/a").is_err());
        assert_eq!(public_url("https://h").unwrap(), ("https://h", "/"));
        assert_eq!(public_url("https://h/a?b").unwrap(), ("https://h", "/a?b"));
    }
}
