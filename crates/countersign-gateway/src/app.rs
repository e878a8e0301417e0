//! The gateway as a whole: a configuration becomes an [`App`], and the app runs.

use std::error::Error;
use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use arc_swap::ArcSwap;
use countersign_queue::{OpenError, Options, Queue, StoreFailure};
use countersign_tower::MemoryReplayGuard;
use tokio::net::TcpListener;
use tokio::time::{Instant, timeout};
use tokio_util::sync::CancellationToken;

use crate::admin::{self, Desk};
use crate::config::Config;
use crate::deliver::{Client, ClientError, Trust};
use crate::dispatch::Deliveries;
use crate::handshake::{KeptError, Registrations, Visits};
use crate::ingress::Ingress;
use crate::ingress::endpoint::Backends;
use crate::keysource::Keys;
use crate::listener::{self, Limits, Responder};
use crate::live::{Current, Live};
use crate::rejections::Rejections;
use crate::rejections::diagnose;
use crate::rejections::waiting::Waiting;
use crate::tally::kept;
use crate::tasks::Tasks;
use crate::warnings;

/// A gateway whose sockets are bound and whose queue is open, not serving yet.
#[derive(Debug)]
pub struct App {
    admin: TcpListener,
    admin_address: SocketAddr,
    current: Current,
    ingress: TcpListener,
    ingress_address: SocketAddr,
    queue: Queue,
    registrations: Registrations,
    rejections: Arc<Rejections>,
    /// The file that says when keys were last seen.
    uses: PathBuf,
    /// Reaches what senders ask to be visited.
    visitor: Client,
    waiting: Waiting,
}

impl App {
    /// Binds the sockets, opens the queue and builds every flow.
    ///
    /// # Errors
    ///
    /// A socket cannot be bound, the queue cannot be opened, or TLS cannot be set up.
    pub async fn build(config: Config) -> Result<Self, StartError> {
        let (ingress, ingress_address) = bind("ingress", config.ingress.listen).await?;
        let (admin, admin_address) = bind("admin", config.admin.listen).await?;
        let queue = Queue::open(&config.store.path, queue_options(&config))?;
        let registrations = Registrations::load(&config.store.path)?;
        let visitor = Client::for_strangers(&config.delivery.addresses, &[admin_address])?;
        let waiting = Waiting::default();
        let rejections = Arc::new(Rejections::new(SystemTime::now(), waiting.clone()));
        let backends = Backends {
            client: Client::new(&config.delivery.addresses, &[admin_address])?,
            guard: MemoryReplayGuard::new(REPLAY_KEYS),
            keys: Keys::new(visitor.clone(), Trust::of_this_machine()),
            queue: queue.clone(),
            registrations: registrations.clone(),
            rejections: Arc::clone(&rejections),
        };
        registrations.tell_left_over(&config.flows);
        let uses = kept::place(&config.store.path);
        let live = Live::new(config, &backends, None);
        kept::recall(&uses, &live, SystemTime::now());
        Ok(Self {
            admin,
            admin_address,
            current: Arc::new(ArcSwap::from_pointee(live)),
            ingress,
            ingress_address,
            queue,
            registrations,
            rejections,
            uses,
            visitor,
            waiting,
        })
    }

    /// Where the admin listener is bound.
    #[must_use]
    pub fn admin_address(&self) -> SocketAddr {
        self.admin_address
    }

    /// Where webhooks come in.
    #[must_use]
    pub fn ingress_address(&self) -> SocketAddr {
        self.ingress_address
    }

    /// Serves until `stop`, then ends in order: nothing more is accepted or claimed, what is being answered and
    /// delivered finishes within the grace period, what is left of the deliveries is due again, the queue is closed.
    ///
    /// The sockets and their limits are those of the first configuration; everything else follows the current one.
    ///
    /// # Errors
    ///
    /// The store failed: nothing is acknowledged any more, and only a restart helps.
    pub async fn run(self, stop: CancellationToken) -> Result<(), RunError> {
        let (ingress, admin) = (Tasks::new(), Tasks::new());
        let deliveries = Deliveries::new(Arc::clone(&self.current), self.queue.clone());
        let live = self.current.load_full();

        self.log_start(&live.config);
        deliveries.start();
        let desk = Desk::new(admin::State {
            current: Arc::clone(&self.current),
            queue: self.queue.clone(),
            registrations: self.registrations,
            rejections: Arc::clone(&self.rejections),
            stopping: ingress.stopping(),
        });
        let visits = Visits::new(self.visitor, ingress.clone());
        let door = Ingress::new(Arc::clone(&self.current), self.rejections, visits);
        let (current, waiting) = (Arc::clone(&self.current), self.waiting);
        admin.spawn(move |stop| diagnose::run(waiting, current, stop));
        let current = Arc::clone(&self.current);
        admin.spawn(move |stop| warnings::tell(current, stop));
        // Ends after the requests, so that it has them all.
        let (current, uses) = (Arc::clone(&self.current), self.uses);
        admin.spawn(move |stop| kept::keep(uses, current, stop));
        let limits = Limits::senders(&live.config.ingress);
        open(&admin, self.admin, desk, Limits::operators());
        open(&ingress, self.ingress, door, limits);
        drop(live);

        tokio::select! {
            () = stop.cancelled() => {}
            failure = self.queue.failed() => tracing::error!(
                error = &failure as &dyn Error,
                "nothing more is acknowledged"
            ),
        }
        let deadline = Instant::now() + self.current.load().config.ingress.grace;
        tokio::join!(end("ingress", ingress, deadline), deliveries.end(deadline),);
        end("admin", admin, Instant::now() + ADMIN_GRACE).await;
        close(self.queue.clone().close()).await;
        // Asked at the very end: what was done meanwhile may be what failed.
        match failure(&self.queue).await {
            None => {
                tracing::info!("stopped");
                Ok(())
            }
            Some(failure) => Err(RunError::Store(failure)),
        }
    }

    fn log_start(&self, config: &Config) {
        for warning in &config.warnings {
            tracing::warn!(
                config.file = %warning.file().display(),
                config.line = warning.line(),
                flow.id = warning.flow(),
                help = warning.help(),
                "{}",
                warning.message()
            );
        }
        let flows = config.flows.len();
        for (listener, address) in [
            ("ingress", self.ingress_address),
            ("admin", self.admin_address),
        ] {
            tracing::info!(listener, %address, flows, "listening");
        }
    }
}

/// Answers on `listener` in tasks of `tasks`.
fn open(tasks: &Tasks, listener: TcpListener, answer: impl Responder + Sync, limits: Limits) {
    let connections = tasks.clone();
    tasks.spawn(move |stop| listener::serve(listener, answer, limits, connections, stop));
}

/// Drains one group and logs how it went.
async fn end(name: &'static str, tasks: Tasks, deadline: Instant) {
    let grace = deadline.saturating_duration_since(Instant::now());
    match tasks.drain(grace).await {
        Ok(()) => tracing::debug!(tasks = name, "ended"),
        Err(abandoned) => tracing::warn!(tasks = name, left = abandoned.tasks, "grace period over"),
    }
}

/// Waits until the queue is closed, but not for ever: a full disk or one that hangs must not keep the process.
async fn close(closing: impl Future<Output = ()>) -> bool {
    let closed = timeout(CLOSING, closing).await.is_ok();
    if !closed {
        tracing::warn!(
            waited_ms = CLOSING.as_millis(),
            "the store did not close in time (is the disk full?): nothing acknowledged is lost, but attempts that \
             could not be recorded are made again"
        );
    }
    closed
}

/// Why the queue has failed, if it has.
async fn failure(queue: &Queue) -> Option<StoreFailure> {
    tokio::select! {
        biased;
        failure = queue.failed() => Some(failure),
        () = std::future::ready(()) => None,
    }
}

/// A store that takes every event that the flows let in.
fn queue_options(config: &Config) -> Options {
    let mut options = Options::default();
    options.retention = config.store.retention;
    let bodies = config.flows.iter().map(|flow| flow.policy.body_limit());
    let largest = bodies.max().unwrap_or(0).saturating_add(HEAD_ROOM);
    options.max_event_bytes = options.max_event_bytes.max(largest);
    options.waiting_bytes = options.waiting_bytes.max(options.max_event_bytes);
    options
}

async fn bind(
    listener: &'static str,
    address: SocketAddr,
) -> Result<(TcpListener, SocketAddr), StartError> {
    let bound = async {
        let socket = TcpListener::bind(address).await?;
        let bound = socket.local_addr()?;
        Ok((socket, bound))
    };
    bound.await.map_err(|source| StartError::Bind {
        listener,
        address,
        source,
    })
}

/// Why the gateway did not start.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StartError {
    /// A listener's address is taken, or not ours.
    #[error("cannot listen on {address}; free it, or change `{listener}.listen`")]
    Bind {
        /// The address asked for.
        address: SocketAddr,
        /// The configuration's table.
        listener: &'static str,
        /// What the system said.
        source: io::Error,
    },
    /// Outgoing connections cannot be set up.
    #[error("cannot set up outgoing connections")]
    Client(#[from] ClientError),
    /// The secrets that senders brought cannot be read.
    #[error("cannot read the secrets that senders brought")]
    Kept(#[from] KeptError),
    /// The queue cannot be opened.
    #[error("cannot open the queue")]
    Queue(#[from] OpenError),
}

/// Why the gateway ended otherwise than by being told to.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RunError {
    /// A commit failed: what was acknowledged is safe, nothing more was.
    #[error("the store failed; check the disk, then start again")]
    Store(#[source] StoreFailure),
}

/// How many forwarded requests are remembered, so that repeats of them are recognised.
const REPLAY_KEYS: usize = 1_000_000;
/// What an event may have beside its body: more than the listener lets a head have.
const HEAD_ROOM: usize = 1 << 20;
/// How long answers of the admin listener that are under way at the end are waited for.
const ADMIN_GRACE: Duration = Duration::from_secs(1);
/// How long the queue may take to close.
const CLOSING: Duration = Duration::from_secs(2);

#[cfg(test)]
mod tests;
