//! `countersign send`: signs a request and sends it.

use std::io::Write as _;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::Context as _;
use bytes::Bytes;
use http::{Request, Uri};

use super::client::{self, Answer};
use super::keys::{KeyArgs, SchemeArgs};
use super::out::{Out, printable};
use super::sign::{RequestArgs, public_url};
use super::{Usage, usage, verdict};

/// Sign a request and send it; the status is 0 for an answer of 2xx.
#[derive(Clone, Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Args {
    /// Where to send it.
    url: String,

    #[command(flatten)]
    scheme: SchemeArgs,

    #[command(flatten)]
    keys: KeyArgs,

    #[command(flatten)]
    request: RequestArgs,

    /// The URL as the sender knows it, where a proxy makes it another one than the one to send to.
    #[arg(long, value_name = "URL")]
    public_url: Option<String>,

    /// How long to wait for the answer, in seconds.
    #[arg(long, value_name = "SECONDS", default_value_t = 30, value_parser = clap::value_parser!(u64).range(1..=3600))]
    timeout: u64,

    /// Print the answer as JSON.
    #[arg(long)]
    json: bool,
}

/// Runs `countersign send`.
pub(crate) fn run(args: &Args, out: &mut Out) -> anyhow::Result<ExitCode> {
    let request = request(args)?;
    let timeout = Duration::from_secs(args.timeout);
    let answer = client::block_on(client::exchange(request, LONGEST, timeout))?;
    if args.json {
        writeln!(out, "{}", json(&answer))?;
    } else {
        print(&answer, out)?;
    }
    Ok(verdict(answer.status.is_success()))
}

fn request(args: &Args) -> anyhow::Result<Request<Bytes>> {
    let public = args.public_url.as_deref().unwrap_or(&args.url);
    let signed = args
        .request
        .signed(&args.scheme, &args.keys, Some(public))?;
    let (base, target) = public_url(&args.url)?;
    let query = signed.target.split_once('?').map(|(_, query)| query);
    let target = match (&args.public_url, query) {
        _ if !signed.target_is_new => target.to_owned(),
        (None, _) => signed.target.clone(),
        // A proxy passes the query on as it is.
        (Some(_), query) => {
            let path = target.split('?').next().unwrap_or_default();
            format!("{path}?{}", query.unwrap_or_default())
        }
    };
    let uri: Uri = format!("{base}{target}")
        .parse()
        .context(Usage(format!("`{}` is no URL", args.url)))?;
    if !matches!(uri.scheme_str(), Some("http" | "https")) {
        return Err(usage(format!(
            "`{}` begins neither with http:// nor with https://",
            args.url
        )));
    }
    let mut request = Request::new(Bytes::from(signed.body));
    *request.method_mut() = args.request.method.clone();
    *request.uri_mut() = uri;
    for (name, value) in signed.headers {
        request.headers_mut().append(name, value);
    }
    Ok(request)
}

fn print(answer: &Answer, out: &mut Out) -> anyhow::Result<()> {
    let status = match answer.status.is_success() {
        true => out.good(answer.status),
        false => out.bad(answer.status),
    };
    writeln!(out, "{status}")?;
    for (name, value) in &answer.headers {
        let value = String::from_utf8_lossy(value.as_bytes());
        writeln!(out, "{name}: {}", printable(&value))?;
    }
    if !answer.body.is_empty() {
        writeln!(
            out,
            "\n{}",
            printable(String::from_utf8_lossy(&answer.body).trim_end())
        )?;
    }
    if answer.cut {
        writeln!(out, "[cut after {LONGEST} bytes]")?;
    }
    Ok(())
}

fn json(answer: &Answer) -> serde_json::Value {
    let headers: Vec<_> = answer
        .headers
        .iter()
        .map(|(name, value)| {
            [
                name.as_str().into(),
                String::from_utf8_lossy(value.as_bytes()),
            ]
        })
        .collect();
    serde_json::json!({
        "status": answer.status.as_u16(),
        "headers": headers,
        "body": String::from_utf8_lossy(&answer.body),
        "cut": answer.cut,
    })
}

const LONGEST: usize = 64 << 10;

const EXAMPLES: &str = "\
Examples:
  A genuine webhook to a local gateway:
    countersign send --secret-env ORDERS_SECRET --data '{\"order\":7}' \\
      http://localhost:8080/hooks/orders

  A GET to a gateway that stands behind a proxy, signed for the name that the sender knows:
    countersign send --secret-env ORDERS_SECRET -X GET \\
      http://localhost:8080/hooks/orders \\
      --public-url https://hooks.example.com/hooks/orders

  One that is too old, to see it refused:
    countersign send --secret-env ORDERS_SECRET --timestamp 1700000000 \\
      http://localhost:8080/hooks/orders

  As Slack would, a command in a form:
    countersign send --scheme slack --secret-env SLACK_SECRET \\
      --data 'command=%2Fweather&text=94070' http://localhost:8080/hooks/slack";

#[cfg(test)]
mod tests {
    use super::super::testing::parsed;
    use super::*;

    fn built(line: &[&str]) -> anyhow::Result<Request<Bytes>> {
        let words = [
            "send",
            "--secret",
            "0123456789abcdef",
            "--timestamp",
            "1700000000",
        ];
        request(&parsed::<Args>(words.iter().chain(line))?)
    }

    #[test]
    fn what_is_sent_is_what_was_signed() {
        let request = built(&["http://h:1/hooks/a?b=%2f", "-d", "{}", "-H", "X-A: b"]).unwrap();

        assert_eq!(request.uri(), "http://h:1/hooks/a?b=%2f");
        assert_eq!(request.body(), "{}");
        assert_eq!(request.headers()["x-a"], "b");
        assert_eq!(request.headers()["content-type"], "application/json");
        assert!(request.headers().contains_key("x-webhook-signature"));
    }

    #[test]
    fn the_public_url_is_signed_where_it_is_another() {
        let signature = |more: &[&str]| {
            let line = [&["-X", "GET", "http://h:1/a"], more].concat();
            built(&line).unwrap().headers()["x-webhook-signature"].clone()
        };

        let other = signature(&["--public-url", "https://hooks.example.com/a"]);

        assert_ne!(signature(&[]), other);
        assert_eq!(signature(&["--public-url", "http://h:1/a"]), signature(&[]));
    }

    #[test]
    fn what_the_scheme_writes_into_body_and_url_is_sent() {
        let linear = built(&["--scheme", "linear", "http://h:1/a", "-d", "{}"]).unwrap();
        assert_eq!(linear.body(), r#"{"webhookTimestamp":1700000000000}"#);

        let twilio = ["--scheme", "twilio", "http://h:1/a", "-d", "{}"];
        let query = "bodySHA256=44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a";
        let direct = built(&twilio).unwrap();
        assert_eq!(direct.uri().to_string(), format!("http://h:1/a?{query}"));
        let public = ["--public-url", "https://p.example/b/a?c=1"];
        let proxied = built(&[&twilio[..], &public].concat()).unwrap();
        assert_eq!(
            proxied.uri().to_string(),
            format!("http://h:1/a?c=1&{query}")
        );
    }

    #[test]
    fn a_url_of_another_kind_is_a_usage_error() {
        for url in ["ftp://h/a", "h:1/a", "http://h/a#b", "http:// /"] {
            assert!(built(&[url]).unwrap_err().is::<Usage>(), "{url}");
        }
    }
}
