//! `countersign demo`: the whole path of a webhook on one machine, in a few seconds.

mod receiver;
mod story;

use std::env;
use std::io::Write as _;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::path::Path;
use std::process::ExitCode;
use std::time::{Duration, SystemTime};

use anyhow::Context as _;
use sha2::{Digest, Sha256};
use tokio::signal::unix::{SignalKind, signal};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::admin::Admin;
use super::events::api::Event;
use super::keys::random_hex;
use super::out::Out;
use super::shell::{CurlBody, curl, quote};
use super::table::table;
use super::verdict;
use crate::app::{App, StartError};
use crate::config::{Config, Format, Log};
use crate::log;
use crate::tasks::Tasks;
use receiver::Receiver;
use story::{Line, ORDERS, Sender, Sent};

/// See it work: a gateway and a receiver, five webhooks, and what became of each.
#[derive(Clone, Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Args {
    /// End after the table; the status is 0 only if everything went as it should.
    #[arg(long)]
    exit: bool,
}

/// Everything that was made up for this run.
struct Secrets {
    flow: String,
    step: String,
    token: String,
}

/// Where to find the gateway.
struct Stage {
    base: String,
    admin_url: String,
    secrets: Secrets,
}

/// Runs `countersign demo`.
pub(crate) fn run(args: &Args, out: &mut Out) -> anyhow::Result<ExitCode> {
    let _flushed = log::init(&Log {
        filter: "error".to_owned(),
        format: Format::Auto,
    })?;
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .context("cannot start the async runtime")?;
    runtime.block_on(demonstrate(args.exit, out))
}

async fn demonstrate(exit: bool, out: &mut Out) -> anyhow::Result<ExitCode> {
    let folder = tempfile::tempdir().context("no temporary folder")?;
    let secrets = Secrets {
        flow: random_hex::<24>()?,
        step: random_hex::<24>()?,
        token: random_hex::<24>()?,
    };
    let tasks = Tasks::new();
    let receiver = Receiver::start(&secrets.step, &tasks).await?;
    let (app, base) = gateway(folder.path(), receiver.address(), &secrets).await?;
    let stage = Stage {
        base,
        admin_url: format!("http://{}", app.admin_address()),
        secrets,
    };
    let stop = CancellationToken::new();
    let mut running = std::pin::pin!(app.run(stop.clone()));

    let told = tokio::select! {
        told = tell(&stage, &receiver) => told,
        ended = &mut running => return Err(early(ended)),
    };
    let lines = told?;
    let good = lines.iter().all(|line| line.as_wanted);
    print(&lines, out)?;
    if !exit {
        stage.invite(receiver.address(), out)?;
        let mut terminated = signal(SignalKind::terminate())?;
        tokio::select! {
            interrupted = tokio::signal::ctrl_c() => interrupted?,
            _ = terminated.recv() => {}
            ended = &mut running => return Err(early(ended)),
        }
    }
    stop.cancel();
    running.await.context("the gateway did not end well")?;
    tasks
        .drain(PATIENCE)
        .await
        .context("the receiver did not end")?;
    Ok(verdict(good))
}

/// Builds the gateway on a port that was free a moment ago; tries another when somebody was quicker.
async fn gateway(
    folder: &Path,
    receiver: SocketAddr,
    secrets: &Secrets,
) -> anyhow::Result<(App, String)> {
    let mut tries = 5;
    loop {
        let ingress = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))
            .and_then(|socket| socket.local_addr())
            .context("no port for the gateway")?;
        let config = Config::parse(
            &configuration(ingress, receiver, secrets),
            &folder.join("demo.toml"),
        )?;
        tries -= 1;
        match App::build(config).await {
            Ok(app) => return Ok((app, format!("http://{ingress}"))),
            Err(StartError::Bind { .. }) if tries > 0 => {}
            Err(error) => return Err(error.into()),
        }
    }
}

/// What an operator would write.
fn configuration(ingress: SocketAddr, receiver: SocketAddr, secrets: &Secrets) -> String {
    let Secrets { flow, step, token } = secrets;
    let token = hex::encode(Sha256::digest(token.as_bytes()));
    format!(
        r#"
[ingress]
listen = "{ingress}"
public_url = "http://{ingress}"
grace = "2s"

[admin]
listen = "127.0.0.1:0"
tokens = [{{ name = "demo", sha256 = "{token}" }}]

[store]
url = "sqlite:demo.db"

[[flows]]
id = "orders"
methods = ["POST", "GET"]
auth = {{ mode = "signature", scheme = "designer-cloud", keys = [{{ id = "demo", secret = "{flow}" }}] }}
replay = "acknowledge"
steps = [{{ name = "receiver", url = "http://{receiver}/in", secret = "{step}", retry_delay = "200ms", max_retries = 5 }}]
"#
    )
}

/// Sends the webhooks, waits until the gateway owes nothing, and compares.
async fn tell(stage: &Stage, receiver: &Receiver) -> anyhow::Result<Vec<Line>> {
    let sender = Sender::new(stage.base.clone(), &stage.secrets.flow)?;
    let admin = Admin::new(&stage.admin_url, &stage.secrets.token)?;
    let sent = sender.tell().await?;
    let events = settled(&admin).await?;
    let seen = receiver.seen();

    let first = sent.first().and_then(Sent::owed);
    let mut lines = Vec::with_capacity(sent.len());
    for sent in &sent {
        let event = events
            .iter()
            .find(|event| Some(event.id.as_str()) == sent.owed());
        let attempts: Vec<_> = event
            .map(|event| {
                event
                    .attempts
                    .iter()
                    .map(|attempt| attempt.status)
                    .collect()
            })
            .unwrap_or_default();
        lines.push(sent.line(first, &attempts, &seen));
    }
    let known = |event: &str| sent.iter().any(|sent| sent.owed() == Some(event));
    let stray = Line::stray(
        seen.iter().filter(|seen| !known(&seen.event)).count(),
        events.iter().filter(|event| !known(&event.id)).count(),
    );
    if !stray.as_wanted {
        lines.push(stray);
    }
    Ok(lines)
}

/// Every event with its attempts, once none is pending any more; as they are when time is up.
async fn settled(admin: &Admin) -> anyhow::Result<Vec<Event>> {
    let deadline = Instant::now() + PATIENCE;
    loop {
        let page = admin.page().await?;
        let pending = page.events.iter().any(|event| event.state == "pending");
        if !pending || Instant::now() >= deadline {
            let mut events = Vec::with_capacity(page.events.len());
            for event in page.events {
                events.push(admin.event(&event.id).await?);
            }
            return Ok(events);
        }
        tokio::time::sleep(BETWEEN_LOOKS).await;
    }
}

fn print(lines: &[Line], out: &mut Out) -> std::io::Result<()> {
    let mut rows = table([
        "sent",
        "what should happen",
        "the sender got",
        "the receiver answered",
        "",
    ]);
    if !rows.is_tty() {
        rows.set_width(WIDTH);
    }
    for line in lines {
        let mark = if line.as_wanted { "ok" } else { "WRONG" };
        rows.add_row([line.what, &line.wanted, &line.got, &line.delivered, mark]);
    }
    writeln!(out, "{rows}")?;
    match lines.iter().filter(|line| !line.as_wanted).count() {
        0 => writeln!(out, "{}", out.good("Everything went as it should.")),
        wrong => writeln!(
            out,
            "{}",
            out.bad(format!("{wrong} of {} went wrong.", lines.len()))
        ),
    }
}

impl Stage {
    /// How to go on by hand.
    fn invite(&self, receiver: SocketAddr, out: &mut Out) -> anyhow::Result<()> {
        const BODY: &str = r#"{"order":1002}"#;
        let sender = Sender::new(self.base.clone(), &self.secrets.flow)?;
        let url = format!("{}{ORDERS}", self.base);
        let line = curl(
            &http::Method::POST,
            &url,
            &sender.headers(BODY, SystemTime::now())?,
            &CurlBody::Text(BODY),
        );
        let program = env::args()
            .next()
            .unwrap_or_else(|| "countersign".to_owned());
        let program = quote(&program);
        let Secrets { flow, token, .. } = &self.secrets;
        writeln!(
            out,
            "
The gateway stays up until you press Ctrl-C:
  webhooks     {url}
  receiver     http://{receiver}/in
  admin        {admin}
  admin token  {token}

Send it a webhook; this one is good for five minutes, and a repeat after the first time:
  {line}

Make a new one:
  {program} sign --secret {flow} --data '{BODY}' --url {url} --curl

See what became of it:
  COUNTERSIGN_TOKEN={token} {program} events --admin {admin}",
            admin = self.admin_url,
        )?;
        out.flush()?;
        Ok(())
    }
}

fn early(ended: Result<(), crate::app::RunError>) -> anyhow::Error {
    match ended {
        Ok(()) => anyhow::anyhow!("the gateway ended before the demonstration did"),
        Err(error) => error.into(),
    }
}

/// How long deliveries and the end may take.
const PATIENCE: Duration = Duration::from_secs(10);
/// How wide the table is where there is no terminal.
const WIDTH: u16 = 120;
const BETWEEN_LOOKS: Duration = Duration::from_millis(20);

const EXAMPLES: &str = "\
Examples:
  Look, then try it by hand:
    countersign demo

  As a check that this machine can run it:
    countersign demo --exit

Everything lives in a temporary folder and listens on 127.0.0.1 only.";

#[cfg(test)]
mod tests {
    use super::super::out::testing::Printed;
    use super::*;

    #[tokio::test(flavor = "multi_thread")]
    async fn everything_goes_as_it_should() {
        let printed = Printed::default();

        let status = demonstrate(true, &mut printed.out()).await.unwrap();

        let text = printed.text();
        assert_eq!(status, ExitCode::SUCCESS, "{text}");
        assert!(text.ends_with("Everything went as it should.\n"), "{text}");
    }
}
