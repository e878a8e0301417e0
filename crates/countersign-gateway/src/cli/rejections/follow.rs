//! `countersign rejections --follow`: asks again and again, outlives the gateway it asks and waits for hints.

use std::collections::BTreeMap;
use std::io::Write as _;
use std::process::ExitCode;
use std::time::Duration;

use serde_json::Value;
use tokio::time::sleep;

use super::{Args, LARGEST_PAGE, Page, show};
use crate::cli::admin::{Admin, ok, read};
use crate::cli::out::Out;

/// Prints what is refused until nobody reads any more.
pub(super) async fn follow(admin: &Admin, args: &Args, out: &mut Out) -> anyhow::Result<ExitCode> {
    let (mut last, mut since) = (0, String::new());
    let mut held = Held::default();
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
                (last, held) = (0, Held::default());
                continue;
            }
        }
        let mut found = page.rejections;
        found.reverse();
        let ready = held.ready(&found);
        let waits = ready < found.len();
        for rejection in found.into_iter().take(ready) {
            last = rejection["number"].as_u64().unwrap_or(last).max(last);
            match args.json {
                true => writeln!(out, "{rejection}")?,
                false => show(&serde_json::from_value(rejection)?, out)?,
            }
        }
        out.flush()?;
        if out.is_gone() {
            return Ok(ExitCode::SUCCESS);
        }
        if !is_full || waits {
            sleep(EVERY).await;
        }
    }
}

/// What is held back because hints for it may come yet: by number, how often it was seen.
#[derive(Debug, Default)]
struct Held(BTreeMap<u64, u32>);

impl Held {
    /// How many of these, the oldest first, are told now; the others keep their place behind the first that waits.
    fn ready(&mut self, found: &[Value]) -> usize {
        let mut seen = BTreeMap::new();
        for one in found.iter().filter(|one| one["looking"] == true) {
            let number = one["number"].as_u64().unwrap_or_default();
            seen.insert(number, self.0.get(&number).map_or(1, |times| times + 1));
        }
        self.0 = seen;
        let waits = |one: &Value| {
            let number = one["number"].as_u64().unwrap_or_default();
            self.0
                .get(&number)
                .is_some_and(|times| *times <= MOST_WAITS)
        };
        found.iter().position(waits).unwrap_or(found.len())
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
/// How often one is held back.
const MOST_WAITS: u32 = 5;

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn one_that_is_looked_at_keeps_its_place_until_its_hints_come_but_not_for_ever() {
        let plain = |number: u64| json!({ "number": number, "hints": null });
        let looked_at = |number: u64| json!({ "number": number, "looking": true, "hints": null });
        let mut held = Held::default();

        assert_eq!(held.ready(&[plain(1), looked_at(2), plain(3)]), 1);
        assert_eq!(held.ready(&[plain(2), plain(3)]), 2);

        let two = [looked_at(4), looked_at(5)];
        for _ in 0..MOST_WAITS {
            assert_eq!(held.ready(&two), 0);
        }
        assert_eq!(held.ready(&[looked_at(4), looked_at(5), looked_at(6)]), 2);
    }
}
