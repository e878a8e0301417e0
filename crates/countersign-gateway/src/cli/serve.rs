//! `countersign serve`: runs the gateway until it is told to stop.

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Context as _;
use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;

use crate::app::App;
use crate::config::Config;
use crate::log;

/// Run the gateway.
#[derive(Clone, Debug, clap::Args)]
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
/// The configuration is refused, a socket or the queue cannot be opened, or the store failed.
pub(super) fn run(args: &Args) -> anyhow::Result<ExitCode> {
    let config = Config::load(&args.config)?;
    log::init(&config.log)?;
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .context("cannot start the async runtime")?;
    let ended = runtime.block_on(async {
        let app = App::build(config).await?;
        let stop = CancellationToken::new();
        let signals = watch_signals(stop.clone())?;
        tokio::select! {
            ended = app.run(stop) => ended.map_err(anyhow::Error::from),
            impatient = signals => impatient,
        }
    });
    // Whatever is left is not waited for: the grace period is over.
    runtime.shutdown_background();
    ended.map(|()| ExitCode::SUCCESS)
}

/// Cancels `stop` at the first signal; returns an error at the second.
fn watch_signals(
    stop: CancellationToken,
) -> anyhow::Result<impl Future<Output = anyhow::Result<()>>> {
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
        let again = next().await;
        anyhow::bail!("a second signal ({again}) came while stopping: stopped at once")
    })
}
