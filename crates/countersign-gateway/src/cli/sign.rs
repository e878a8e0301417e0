//! `countersign sign`: what a genuine sender would add to a request.

use std::io::Write as _;
use std::process::ExitCode;

use http::Method;

use super::keys::{KeyArgs, SchemeArgs};
use super::out::Out;
use super::shell::{CurlBody, curl};
use super::usage;

mod request;

pub(crate) use request::{RequestArgs, SignedRequest, public_url};

/// Sign a request as a sender would: print the headers, a ready `curl` line, or the whole request.
///
/// Schemes of MACs, shared tokens and Ed25519 can be signed; those of RSA, ECDSA and JSON Web Tokens
/// are their senders' own. Under Ed25519 the secret is the private key: 64 bytes, the seed and then
/// the public key, written as the public key is (`whsk_…` under Standard Webhooks).
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
    #[arg(long, requires = "url", conflicts_with = "http")]
    curl: bool,

    /// Print the signed request as HTTP, as `verify` and `explain` read it.
    #[arg(long)]
    http: bool,
}

/// Runs `countersign sign`.
pub(crate) fn run(args: &Args, out: &mut Out) -> anyhow::Result<ExitCode> {
    let url = args.url.as_deref();
    let signed = args.request.signed(&args.scheme, &args.keys, url)?;
    if args.http {
        print_http(&args.request.method, &signed, out)?;
    } else if args.curl {
        let body = curl_body(&args.request, &signed)?;
        let url = match signed.target_is_new {
            true => format!("{}{}", signed.base, signed.target),
            false => url.unwrap_or_default().to_owned(),
        };
        let line = curl(&args.request.method, &url, &signed.headers, &body);
        writeln!(out, "{line}")?;
    } else if signed.body_is_new || signed.target_is_new {
        let place = match signed.body_is_new {
            true => "body",
            false => "URL",
        };
        return Err(usage(format!(
            "`{}` signs inside the {place}, so that headers are not enough: print all of it with \
             `--http`, or with `--url URL --curl`",
            args.scheme.scheme.name()
        )));
    } else {
        print_headers(&signed, out)?;
    }
    Ok(ExitCode::SUCCESS)
}

fn print_headers(signed: &SignedRequest, out: &mut Out) -> anyhow::Result<()> {
    for (name, value) in &signed.headers {
        writeln!(out, "{name}: {}", String::from_utf8_lossy(value.as_bytes()))?;
    }
    Ok(())
}

fn print_http(method: &Method, signed: &SignedRequest, out: &mut Out) -> anyhow::Result<()> {
    writeln!(out, "{method} {}{} HTTP/1.1", signed.base, signed.target)?;
    print_headers(signed, out)?;
    writeln!(out, "content-length: {}\n", signed.body.len())?;
    out.write_all(&signed.body)?;
    Ok(())
}

fn curl_body<'a>(
    request: &'a RequestArgs,
    signed: &'a SignedRequest,
) -> anyhow::Result<CurlBody<'a>> {
    Ok(match (&request.data, &request.data_file) {
        _ if signed.body_is_new => CurlBody::Text(
            str::from_utf8(&signed.body)
                .map_err(|_| usage("`--curl` needs a body in UTF-8; use `--http`"))?,
        ),
        (Some(text), _) => CurlBody::Text(text),
        (None, Some(path)) => CurlBody::File(
            path.to_str()
                .ok_or_else(|| usage("`--curl` needs a file name in UTF-8"))?,
        ),
        (None, None) => CurlBody::None,
    })
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
      --data-file push.json

  As Twilio would, whose JSON bodies are hashed into the URL:
    countersign sign --scheme twilio --secret-env TWILIO_TOKEN \\
      --data '{\"to\":\"+1\"}' --url https://hooks.example.com/hooks/sms --curl

  As Mailgun would, inside the body, and whether we would accept it:
    countersign sign --scheme mailgun --secret-env MAILGUN_KEY --http \\
      --data '{\"signature\":{\"timestamp\":\"\",\"token\":\"a1\",\"signature\":\"\"}}' |
      countersign verify --scheme mailgun --secret-env MAILGUN_KEY";

#[cfg(test)]
mod tests {
    use super::super::Usage;
    use super::super::out::testing::Printed;
    use super::super::testing::parsed;
    use super::*;

    fn sign(line: &[&str]) -> anyhow::Result<String> {
        let words = ["sign", "--secret", "mySecret"].iter().chain(line);
        let args = parsed::<Args>(words)?;
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
        run(&parsed::<Args>(words).unwrap(), &mut printed.out()).unwrap();
        assert!(
            printed.text().contains("webhook-id: msg_"),
            "{}",
            printed.text()
        );
    }

    #[test]
    fn what_is_written_inside_is_printed_whole_or_not_at_all() {
        let mailgun = [
            "--scheme",
            "mailgun",
            "--allow-weak-secret",
            "--timestamp",
            "1700000000",
            "-d",
            r#"{"signature":{"token":"a"}}"#,
        ];
        let with = |more: &[&str]| sign(&[&mailgun, more].concat());

        let refused = with(&[]).unwrap_err();
        let http = with(&["--http"]).unwrap();
        let curl = with(&["--url", "http://h/a", "--curl"]).unwrap();

        assert!(
            refused.is::<Usage>() && refused.to_string().contains("--http"),
            "{refused}"
        );
        let body = r#"{"signature":{"token":"a","timestamp":"1700000000","signature":""#;
        assert!(
            http.starts_with("POST / HTTP/1.1\ncontent-type: application/json\n"),
            "{http}"
        );
        assert!(
            http.contains(&format!("\ncontent-length: 131\n\n{body}")),
            "{http}"
        );
        assert!(curl.contains(&format!(" --data-binary '{body}")), "{curl}");
    }

    #[test]
    fn what_is_written_into_the_url_is_in_the_line() {
        let line = ["--scheme", "twilio", "--allow-weak-secret", "-d", "{}"];
        let url = ["--url", "https://h/a?b=1", "--curl"];

        let curl = sign(&[&line[..], &url].concat()).unwrap();
        let refused = sign(&[&line[..], &url[..2]].concat()).unwrap_err();

        let hash = "44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a";
        assert!(
            curl.ends_with(&format!("'https://h/a?b=1&bodySHA256={hash}'\n")),
            "{curl}"
        );
        assert!(refused.to_string().contains("inside the URL"), "{refused}");
    }

    #[test]
    fn what_only_its_sender_signs_says_so() {
        let error = sign(&["--scheme", "wise", "-d", "{}"]).unwrap_err();

        assert!(format!("{error:#}").contains("its sender"), "{error:#}");
    }
}
