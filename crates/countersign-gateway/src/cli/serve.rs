//! `countersign serve`: runs the gateway until it is told to stop.

use std::error::Error;
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Context as _;
use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;

use crate::app::App;
use crate::config::{Config, Then};
use crate::listener::{Limits, descriptors};
use crate::log;

/// Run the gateway.
#[derive(Clone, Debug, clap::Args)]
#[command(after_help = HELP)]
pub(super) struct Args {
    /// The configuration file.
    #[arg(
        long,
        short,
        value_name = "FILE",
        env = "COUNTERSIGN_CONFIG",
        default_value = "countersign.toml"
    )]
    config: PathBuf,
}

/// Serves until SIGTERM or SIGINT, then stops gracefully; a second signal stops at once.
///
/// # Errors
///
/// The configuration is refused, or a socket or the queue cannot be opened. What goes wrong later is
/// told in the log, and by the status: the standard error may have nobody who reads it by then.
pub(super) fn run(args: &Args) -> anyhow::Result<ExitCode> {
    let mut config = Config::load(&args.config)?;
    let _flushed = log::init(&config.log)?;
    fit(&mut config);
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .context("cannot start the async runtime")?;
    let status = runtime.block_on(async {
        let app = App::build(config).await?;
        let stop = CancellationToken::new();
        let signals = watch_signals(stop.clone())?;
        let status = tokio::select! {
            ended = app.run(stop) => match ended {
                Ok(()) => ExitCode::SUCCESS,
                Err(error) => {
                    tracing::error!(error = &error as &dyn Error, "ended");
                    ExitCode::FAILURE
                }
            },
            again = signals => {
                tracing::error!(signal = again, "a second signal came while stopping: stopped at once");
                ExitCode::FAILURE
            }
        };
        anyhow::Ok(status)
    });
    // Whatever is left is not waited for: the grace period is over.
    runtime.shutdown_background();
    status
}

/// Makes room for the connections that `config` asks for, or asks for fewer.
fn fit(config: &mut Config) {
    let limit = descriptors::raise();
    let reserve = Limits::operators().connections() + config.delivery.concurrency + OTHER_FILES;
    let mut flows = config.flows.iter();
    // A request that is passed on has a connection on either side.
    let each = 1 + usize::from(flows.any(|flow| matches!(flow.then, Then::Forward(_))));
    let wanted = config.ingress.max_connections;
    let fits = descriptors::connections(wanted, limit, reserve, each);
    if fits < wanted {
        tracing::warn!(
            max_connections = fits,
            wanted,
            open_files = limit,
            "fewer connections than `ingress.max_connections`: the limit of open files is too low; \
             raise it (`ulimit -Hn`, LimitNOFILE= of systemd)"
        );
        config.ingress.max_connections = fits;
    }
}

/// Cancels `stop` at the first signal; returns the name of the second.
fn watch_signals(stop: CancellationToken) -> anyhow::Result<impl Future<Output = &'static str>> {
    let mut terminate = signal(SignalKind::terminate()).context("cannot watch for SIGTERM")?;
    let mut interrupt = signal(SignalKind::interrupt()).context("cannot watch for SIGINT")?;
    Ok(async move {
        let mut next = async || {
            tokio::select! {
                _ = terminate.recv() => "SIGTERM",
                _ = interrupt.recv() => "SIGINT",
            }
        };
        tracing::info!(signal = next().await, "stopping");
        stop.cancel();
        next().await
    })
}

/// Files besides connections: the store, the listeners, the runtime, and some to spare.
const OTHER_FILES: usize = 64;

const HELP: &str = "\
It runs until SIGTERM or SIGINT (Ctrl-C): then nothing new is taken, and what is being
answered or delivered may end within `ingress.grace`. A second signal stops at once; what
was acknowledged is in the store either way.

The log goes to the standard error: for people on a terminal, as JSON elsewhere. The
variable COUNTERSIGN_LOG wins over `log.filter`: a level, or `target=level` with commas.

Examples:
  Check a configuration, then run it:
    countersign config check countersign.toml
    countersign serve --config countersign.toml

  See more of what happens:
    COUNTERSIGN_LOG=debug countersign serve

Exit status: 0 stopped as asked, 1 it cannot start, failed or was stopped at once, 2 the
configuration is wrong.";
