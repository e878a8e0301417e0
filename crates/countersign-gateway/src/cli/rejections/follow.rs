//! `countersign rejections --follow`: asks again and again, and outlives the gateway it asks.

use std::io::Write as _;
use std::time::Duration;

use tokio::time::sleep;

use super::{Admin, Args, LARGEST_PAGE, Page, ok, read, show};
use crate::cli::out::Out;

/// Prints what is refused until nobody reads any more.
pub(super) async fn follow(admin: &Admin, args: &Args, out: &mut Out) -> anyhow::Result<()> {
    let (mut last, mut since) = (0, String::new());
    let mut away = false;
    loop {
        let page = match ask(admin, &args.which.path(Some(last))).await {
            Ok(page) => page,
            // It was there: it starts again, or will.
            Err(Failed::Away(error)) if !since.is_empty() => {
                if !away {
                    away = true;
                    eprintln!("{error:#}; asking on");
                }
                sleep(EVERY).await;
                continue;
            }
            Err(Failed::Away(error) | Failed::Wrong(error)) => return Err(error),
        };
        away = false;
        let is_full = page.rejections.len() >= usize::from(LARGEST_PAGE);
        if page.since != since {
            // Another process counts from one again.
            let first = since.is_empty();
            since = page.since;
            if !first && last > 0 {
                last = 0;
                continue;
            }
        }
        for rejection in page.rejections.into_iter().rev() {
            last = rejection["number"].as_u64().unwrap_or(last).max(last);
            match args.json {
                true => writeln!(out, "{rejection}")?,
                false => show(&serde_json::from_value(rejection)?, out)?,
            }
        }
        out.flush()?;
        if out.is_gone() {
            return Ok(());
        }
        if !is_full {
            sleep(EVERY).await;
        }
    }
}

/// Why there is no page.
enum Failed {
    /// Nobody answers, or nobody who can: that passes.
    Away(anyhow::Error),
    /// The question is wrong, or the one asked is no gateway.
    Wrong(anyhow::Error),
}

async fn ask(admin: &Admin, path: &str) -> Result<Page, Failed> {
    let answer = admin.get(path).await.map_err(Failed::Away)?;
    match ok(&answer) {
        Ok(body) => read(body).map_err(Failed::Wrong),
        Err(error) if answer.status.is_server_error() => Err(Failed::Away(error)),
        Err(error) => Err(Failed::Wrong(error)),
    }
}

/// How often a gateway is asked for more.
const EVERY: Duration = Duration::from_secs(1);
