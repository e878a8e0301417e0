//! The gateway as a whole: a configuration becomes an [`App`], and the app runs.

use std::error::Error;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use countersign_queue::{OpenError, Options, Queue, StoreFailure};
use countersign_tower::MemoryReplayGuard;
use tokio::net::TcpListener;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::admin::{self, Desk};
use crate::config::{self, Config};
use crate::deliver::{Client, ClientError};
use crate::dispatch::Dispatcher;
use crate::ingress::Ingress;
use crate::ingress::endpoint::Backends;
use crate::listener::{self, Limits, Responder};
use crate::live::{Current, Live};
use crate::tasks::Tasks;

/// A gateway whose sockets are bound and whose queue is open, not serving yet.
#[derive(Debug)]
pub struct App {
    admin: TcpListener,
    admin_address: SocketAddr,
    client: Client,
    current: Current,
    ingress: TcpListener,
    ingress_address: SocketAddr,
    queue: Queue,
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
        let queue = Queue::open(&config.store.path, queue_options(&config.store))?;
        let client = Client::new(&config.delivery.addresses, &[admin_address])?;
        let backends = Backends {
            client: client.clone(),
            guard: MemoryReplayGuard::new(REPLAY_KEYS),
            queue: queue.clone(),
        };
        let live = Live::new(config, &backends);
        Ok(Self {
            admin,
            admin_address,
            client,
            current: Arc::new(ArcSwap::from_pointee(live)),
            ingress,
            ingress_address,
            queue,
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

    /// Serves until `stop`, then stops in order: accepting, answering, claiming, delivering, the queue.
    ///
    /// # Errors
    ///
    /// The store failed: nothing is acknowledged any more, and only a restart helps.
    pub async fn run(self, stop: CancellationToken) -> Result<(), RunError> {
        let live = self.current.load_full();
        let grace = live.config.ingress.grace;
        let (ingress, dispatch, admin) = (Tasks::new(), Tasks::new(), Tasks::new());

        self.log_start(&live.config);
        self.spawn_dispatch(&dispatch);
        let desk = Desk::new(admin::State {
            current: Arc::clone(&self.current),
            queue: self.queue.clone(),
            stopping: ingress.stopping(),
        });
        let door = Ingress::new(self.current);
        let limits = Limits::senders(&live.config.ingress);
        open(&admin, self.admin, desk, Limits::operators());
        open(&ingress, self.ingress, door, limits);
        drop(live);

        let failure = tokio::select! {
            () = stop.cancelled() => None,
            failure = self.queue.failed() => Some(failure),
        };
        if let Some(failure) = &failure {
            tracing::error!(
                error = failure as &dyn Error,
                "nothing more is acknowledged"
            );
        }
        let deadline = Instant::now() + grace;
        end("ingress", ingress, deadline).await;
        end("deliveries", dispatch, deadline).await;
        end("admin", admin, deadline.max(Instant::now() + ADMIN_GRACE)).await;
        self.queue.close().await;
        tracing::info!("stopped");
        failure.map_or(Ok(()), |failure| Err(RunError::Store(failure)))
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

    fn spawn_dispatch(&self, tasks: &Tasks) {
        let dispatcher = Dispatcher::new(
            self.client.clone(),
            Arc::clone(&self.current),
            self.queue.clone(),
            tasks.clone(),
        );
        tasks.spawn(|stop| dispatcher.run(stop));
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

fn queue_options(store: &config::Store) -> Options {
    let mut options = Options::default();
    options.retention = store.retention;
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
/// The admin listener outlives the deliveries by this, so that probes see the end.
const ADMIN_GRACE: Duration = Duration::from_secs(1);
