//! The configuration: what the file says, checked once, as the rest of the gateway uses it.
//!
//! Plain data that can be replaced as a whole while the gateway runs. [`Config::REFERENCE`] is
//! the commented reference; `docs/configuration.md` says the same at more length.

mod auth;
mod check;
mod credential;
mod delivery;
mod error;
mod feedback;
mod file;
mod flow;
mod handshake;
mod key;
mod listen;
mod name;
mod network;
mod parse;
mod path;
mod redact;
mod replay;
mod scheme;
mod secret;
mod several;
mod shape;
mod source;
mod step;
#[cfg(test)]
mod tests;
mod units;
mod url;

use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use countersign::{Keyring, Scheme, Signer};
use countersign_tower::Policy;
use http::{HeaderMap, HeaderValue, StatusCode};
use ipnet::IpNet;

pub use self::error::{ConfigError, Problem, Severity};
pub(crate) use self::handshake::Registration;
pub use self::name::{FlowId, InvalidName, Organization, StepName};
pub use self::path::PathPattern;
pub(crate) use self::scheme::OwnSchemes;
pub use self::secret::Surroundings;
pub use self::url::StepUrl;
pub(crate) use crate::log::Format;
pub(crate) use crate::schedule::Schedule;

/// Everything the operator's file says, checked.
#[derive(Debug)]
pub struct Config {
    /// The listener for operators.
    pub admin: Admin,
    /// How steps are reached.
    pub delivery: Delivery,
    /// Where webhooks are addressed, in the order of the file.
    pub flows: Vec<Arc<Flow>>,
    /// The listener for senders.
    pub ingress: Ingress,
    /// What the gateway says about itself.
    pub log: Log,
    /// Who owns what belongs to no flow.
    pub organization: Organization,
    /// Pairs of flows that have a secret in common: what is signed for one is genuine for the other.
    pub(crate) shared_secrets: Vec<[String; 2]>,
    /// Where events are kept.
    pub store: Store,
    /// What is allowed but deserves a look; to be logged at start.
    pub warnings: Vec<Problem>,
}

impl Config {
    /// The commented reference: every key, with its default.
    pub const REFERENCE: &'static str = include_str!("config/default.toml");
}

/// The listener for senders.
#[derive(Clone, Debug)]
pub struct Ingress {
    /// The largest body a flow takes unless it says otherwise, in bytes.
    pub body_limit: usize,
    /// How long a whole body may take to arrive.
    pub body_timeout: Duration,
    /// How long requests in flight are waited for when the gateway stops.
    pub grace: Duration,
    /// How long a request's head may take to arrive, and a connection may wait for its next request.
    pub header_timeout: Duration,
    /// Where to listen; port 0 takes any free one.
    pub listen: SocketAddr,
    /// How many connections are served at once; `serve` lowers it to what the limit of open files allows.
    pub max_connections: usize,
    /// The folder of flows that have no path of their own: a leading slash and no trailing one, or empty.
    pub prefix: String,
    /// The address that senders know the gateway by, without the request's target.
    pub public_url: Option<Arc<str>>,
    /// Peers whose word about the client's address is taken.
    pub trusted_proxies: Vec<IpNet>,
}

impl Ingress {
    /// Whether this is the address of a proxy of ours.
    pub(crate) fn trusts(&self, address: IpAddr) -> bool {
        let address = address.to_canonical();
        let mut networks = self.trusted_proxies.iter();
        networks.any(|network| network.contains(&address))
    }
}

/// The listener for operators.
#[derive(Clone, Debug)]
pub struct Admin {
    /// Names it answers to, beside its addresses and `localhost`.
    pub hosts: Vec<String>,
    /// Where to listen; port 0 takes any free one.
    pub listen: SocketAddr,
    /// Who may ask, and about which organization.
    pub tokens: Vec<AdminToken>,
}

/// Somebody who may use the admin API.
#[derive(Clone)]
pub struct AdminToken {
    /// Who it is, for logs.
    pub name: String,
    /// Whose events it opens.
    pub organization: Organization,
    /// The SHA-256 of the token.
    pub sha256: [u8; 32],
}

impl fmt::Debug for AdminToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AdminToken")
            .field("name", &self.name)
            .field("organization", &self.organization)
            .finish_non_exhaustive()
    }
}

/// Where events are kept.
#[derive(Clone, Debug)]
pub struct Store {
    /// The SQLite database.
    pub path: PathBuf,
    /// How long an event is kept once all its deliveries have ended.
    pub retention: Duration,
}

/// How steps are reached.
#[derive(Clone, Debug)]
pub struct Delivery {
    /// Which addresses may be reached beyond, or not even within, the built-in rules.
    pub addresses: AddressRules,
    /// How many deliveries are under way at once.
    pub concurrency: usize,
    /// How many of them go to one step.
    pub concurrency_per_step: usize,
    /// Whether deliveries are made at all; events are accepted either way.
    pub enabled: bool,
    /// How long one attempt may take, for steps that do not say.
    pub timeout: Duration,
}

/// The operator's additions to the built-in address rules.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct AddressRules {
    /// Opened on purpose.
    pub allowed: Vec<IpNet>,
    /// Closed in addition.
    pub denied: Vec<IpNet>,
}

/// Where webhooks are addressed: who may send, what they are told, what happens next.
#[derive(Debug)]
pub struct Flow {
    /// Whether refused requests are kept for a while and looked at more closely.
    pub diagnose: bool,
    /// Its name in URLs, logs and headers.
    pub id: FlowId,
    /// Whose it is.
    pub organization: Organization,
    /// A place of its own, instead of `prefix/id`.
    pub path: Option<PathPattern>,
    /// What a request has to be to pass.
    pub policy: Arc<Policy>,
    /// What it needs to take a secret that its sender brings, where senders do so.
    pub(crate) registration: Option<Registration>,
    /// What happens to repeats.
    pub replay: Replay,
    /// What the sender is told once the event is durable.
    pub response: Feedback,
    /// What other ways of signing are tried with, one for each signature, where refused requests are looked at.
    pub(crate) spare: Box<[Spare]>,
    /// What happens to a genuine request.
    pub then: Then,
}

impl Flow {
    /// The path it is found at, where flows without one of their own are below `prefix`.
    pub fn place(&self, prefix: &str) -> String {
        match &self.path {
            Some(path) => path.to_string(),
            None => format!("{prefix}/{}", self.id),
        }
    }
}

/// How a flow's senders sign, with the secrets themselves.
#[derive(Debug)]
pub(crate) struct Spare {
    pub(crate) keys: Keyring,
    pub(crate) scheme: Scheme,
}

/// What the sender is told once the event is durable.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Feedback {
    /// The body; `None` for the event's id as JSON.
    pub body: Option<Bytes>,
    /// The body's media type, where `body` is given.
    pub content_type: Option<HeaderValue>,
    /// A success, always.
    pub status: StatusCode,
}

/// What happens to repeats of a request.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Replay {
    /// How long a request is remembered; zero when the policy is [`ReplayPolicy::Off`].
    pub keep: Duration,
    /// What a repeat is told.
    pub policy: ReplayPolicy,
}

/// What a repeat is told.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum ReplayPolicy {
    /// The same success again; it is not appended twice.
    Acknowledge,
    /// Repeats are not recognised.
    Off,
    /// A conflict.
    Refuse,
}

/// What happens to a genuine request.
#[derive(Clone, Debug)]
pub enum Then {
    /// It is passed on at once and the upstream's answer returned.
    Forward(Upstream),
    /// It is made durable, acknowledged and delivered to every step.
    Queue {
        /// Its destinations, in the order of the file; without any, events are stored and complete.
        steps: Vec<Arc<Step>>,
    },
}

/// What stands behind a forwarding flow.
#[derive(Clone, Debug)]
pub struct Upstream {
    /// Scheme, authority and, if there is one, the path to put before the request's own.
    pub base: http::Uri,
    /// How long it may take to begin its answer.
    pub timeout: Duration,
}

/// One destination of a flow.
#[derive(Debug)]
pub struct Step {
    /// Headers to set on every request, in place of the sender's of the same name.
    pub headers: HeaderMap,
    /// Its name, unique in the flow.
    pub name: StepName,
    /// When to try again.
    pub(crate) schedule: Schedule,
    /// Signs what is sent, in our name.
    pub signer: Option<Signer>,
    /// How long one attempt may take.
    pub timeout: Duration,
    /// Where it is.
    pub url: StepUrl,
    /// Whether its certificate is checked.
    pub verify_tls: bool,
}

/// What the gateway says about itself.
#[derive(Clone, Debug)]
pub struct Log {
    /// What is logged, as `tracing` filters are written.
    pub filter: String,
    /// How it looks.
    pub(crate) format: Format,
}
