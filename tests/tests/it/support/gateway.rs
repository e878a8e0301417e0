//! The real binary, serving on ports of its own.

use std::fs;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus};
use std::sync::Arc;

use serde_json::Value;
use sha2::{Digest, Sha256};
use tempfile::TempDir;

use super::http::{Reply, Request};
use super::process::Process;
use super::{binary, native, wait_for};

/// The bearer token of the admin listener.
pub(crate) const ADMIN_TOKEN: &str = "end-to-end-admin-token";
/// The secret of the flow that [`Setup::flow`] writes.
pub(crate) const FLOW_SECRET: &str = "end-to-end-secret-of-a-good-length";

/// A configuration in a folder of its own, which lives as long as anybody uses it.
#[derive(Clone)]
pub(crate) struct Setup {
    folder: Arc<TempDir>,
    admin: String,
    listen: String,
    ingress: String,
    delivery: String,
    flows: String,
}

/// A gateway that is ready; killed when dropped.
pub(crate) struct Gateway {
    // Before the folder, so that the process is gone when its files are removed.
    process: Process,
    _setup: Setup,
    pub(crate) ingress: SocketAddr,
    pub(crate) admin: SocketAddr,
}

impl Setup {
    pub(crate) fn new() -> Self {
        Self {
            folder: Arc::new(tempfile::tempdir().expect("a temporary folder")),
            admin: "127.0.0.1:0".to_owned(),
            listen: "127.0.0.1:0".to_owned(),
            ingress: String::new(),
            delivery: "retry_delay = \"100ms\"\nmax_retries = 20\n".to_owned(),
            flows: String::new(),
        }
    }

    /// Another address for the ingress than any free one.
    pub(crate) fn listen(mut self, address: SocketAddr) -> Self {
        self.listen = address.to_string();
        self
    }

    /// More lines for the `[ingress]` table.
    pub(crate) fn ingress(mut self, lines: &str) -> Self {
        self.ingress.push_str(lines);
        self.ingress.push('\n');
        self
    }

    /// Another address for the admin listener than any free one.
    pub(crate) fn admin(mut self, address: SocketAddr) -> Self {
        self.admin = address.to_string();
        self
    }

    /// Other lines for the `[delivery]` table.
    pub(crate) fn delivery(mut self, lines: &str) -> Self {
        self.delivery = format!("{lines}\n");
        self
    }

    /// A flow with the native signature and [`FLOW_SECRET`]; `more` says the rest, such as its steps.
    pub(crate) fn flow(self, id: &str, more: &str) -> Self {
        self.table(&format!(
            "[[flows]]\nid = \"{id}\"\nauth = {{ mode = \"signature\", scheme = \"designer-cloud\", \
             keys = [{{ id = \"first\", secret = \"{FLOW_SECRET}\" }}] }}\n{more}\n"
        ))
    }

    /// A table as it is.
    pub(crate) fn table(mut self, text: &str) -> Self {
        self.flows.push_str(text);
        self
    }

    /// The same, in the same folder, with these tables only.
    pub(crate) fn with_flows(&self, text: &str) -> Self {
        Self {
            flows: text.to_owned(),
            ..self.clone()
        }
    }

    pub(crate) fn folder(&self) -> &Path {
        self.folder.path()
    }

    pub(crate) fn store(&self) -> PathBuf {
        self.folder().join("countersign.db")
    }

    /// Writes the configuration and returns where.
    pub(crate) fn write(&self) -> PathBuf {
        let token = hex::encode(Sha256::digest(ADMIN_TOKEN));
        let text = format!(
            "[ingress]\nlisten = \"{}\"\npublic_url = \"https://hooks.example.com\"\n{}\n\
             [admin]\nlisten = \"{}\"\n\
             tokens = [{{ name = \"ops\", sha256 = \"{token}\", organization = \"default\" }}]\n\n\
             [store]\nurl = \"sqlite:{}\"\n\n[delivery]\n{}\n{}",
            self.listen,
            self.ingress,
            self.admin,
            self.store().display(),
            self.delivery,
            self.flows,
        );
        let path = self.folder().join("countersign.toml");
        fs::write(&path, text).expect("a configuration file");
        path
    }

    /// What starts the binary.
    pub(crate) fn command(&self) -> Command {
        let mut command = Command::new(binary());
        command
            .arg("serve")
            .arg("--config")
            .arg(self.write())
            .current_dir(self.folder());
        command
    }

    /// Starts the binary without waiting for anything.
    pub(crate) fn spawn(&self) -> Process {
        Process::start(&mut self.command())
    }

    /// Starts the binary and waits until it is ready.
    pub(crate) fn start(&self) -> Gateway {
        let process = self.spawn();
        let (ingress, admin) = process.ready();
        Gateway {
            process,
            _setup: self.clone(),
            ingress,
            admin,
        }
    }
}

impl Process {
    /// Where it listens for senders and for operators, once it is ready.
    pub(crate) fn ready(&self) -> (SocketAddr, SocketAddr) {
        let address = |listener| self.line(listener, |line| listening(line, listener));
        let (ingress, admin) = (address("ingress"), address("admin"));
        wait_until_ready(admin);
        (ingress, admin)
    }
}

impl Gateway {
    /// Posts `body` to `/hooks/{flow}` with a good signature.
    pub(crate) fn post(&self, flow: &str, body: &[u8]) -> Reply {
        signed(flow, body).send(self.ingress)
    }

    /// Posts `body` and returns the id it was acknowledged with.
    pub(crate) fn accepted(&self, flow: &str, body: &[u8]) -> String {
        id(&self.post(flow, body))
    }

    /// Asks the admin listener with the token.
    pub(crate) fn admin(&self, target: &str) -> Reply {
        ask(self.admin, target)
    }

    /// The event with `id`, its deliveries and attempts.
    pub(crate) fn event(&self, id: &str) -> Value {
        let reply = self.admin(&format!("/events/{id}"));
        assert_eq!(reply.status, 200, "{}", reply.text());
        reply.json()
    }

    pub(crate) fn process(&mut self) -> &mut Process {
        &mut self.process
    }

    /// Asks it to stop and waits until it has.
    pub(crate) fn stop(&mut self) -> ExitStatus {
        self.process.signal("TERM");
        self.process.ended()
    }
}

/// What [`Setup::flow`] is told of a flow's only step.
pub(crate) fn step(name: &str, url: &str) -> String {
    format!("steps = [{{ name = \"{name}\", url = \"{url}\" }}]")
}

/// Asks the admin listener at `admin` with the token.
pub(crate) fn ask(admin: SocketAddr, target: &str) -> Reply {
    Request::get(target)
        .host("localhost")
        .header("Authorization", format!("Bearer {ADMIN_TOKEN}"))
        .send(admin)
}

pub(crate) fn wait_until_ready(admin: SocketAddr) {
    wait_for("/readyz to say 200", || {
        Request::get("/readyz")
            .host("localhost")
            .try_send(admin)
            .ok()
            .filter(|reply| reply.status == 200)
    });
}

/// A request to `/hooks/{flow}` with a good signature over `body`.
pub(crate) fn signed(flow: &str, body: &[u8]) -> Request {
    Request::post(&format!("/hooks/{flow}"))
        .header("X-Webhook-Signature", native(FLOW_SECRET, body))
        .body(body)
}

/// The id in an acknowledgement.
pub(crate) fn id(reply: &Reply) -> String {
    assert_eq!(reply.status, 202, "{}", reply.text());
    reply.json()["id"]
        .as_str()
        .expect("an acknowledgement has an id")
        .to_owned()
}

/// The address in a log line that says `listener` listens.
pub(crate) fn listening(line: &str, listener: &str) -> Option<SocketAddr> {
    let line: Value = serde_json::from_str(line).ok()?;
    let fields = line.get("fields").unwrap_or(&line);
    (fields["listener"] == listener).then_some(())?;
    fields["address"].as_str()?.parse().ok()
}
