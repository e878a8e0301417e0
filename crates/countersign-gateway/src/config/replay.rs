//! Checks of what happens to repeats of a request.

use std::time::Duration;

use toml::Spanned;

use super::auth::Signature;
use super::check::Checker;
use super::error::Fault;
use super::file::FlowFile;
use super::{Replay, ReplayPolicy, units};

impl Checker<'_> {
    pub(super) fn replay(&mut self, file: &FlowFile, signatures: &[Signature]) -> Replay {
        let policy = self.text("replay", file.replay.as_ref(), |policy| match policy {
            "acknowledge" => Ok(ReplayPolicy::Acknowledge),
            "off" => Ok(ReplayPolicy::Off),
            "refuse" => Ok(ReplayPolicy::Refuse),
            _ => Err(Fault::new(
                "is not a way to treat repeats",
                "write \"acknowledge\", \"refuse\" or \"off\"",
            )),
        });
        let wanted = self.duration("replay_for", file.replay_for.as_ref());
        let span = file
            .replay_for
            .as_ref()
            .map(Spanned::span)
            .or(file.replay.as_ref().map(Spanned::span))
            .unwrap_or_default();
        let asked = wanted.is_some() || policy.is_some_and(|policy| policy != ReplayPolicy::Off);
        let naming = || {
            signatures
                .iter()
                .filter(|signature| signature.names_repeats)
        };
        if naming().next().is_none() {
            if asked {
                let help = "remove it: without a signature, equal requests may be two events";
                self.refuse(
                    span,
                    "repeats are recognised by their signature, and this flow has none",
                    help,
                );
            }
            return OFF;
        }
        let needed = naming().filter_map(needed).max();
        let unnamed = naming().find(|signature| self::needed(signature).is_none());
        if policy == Some(ReplayPolicy::Off) {
            if wanted.is_some() {
                self.refuse(
                    span,
                    "`replay_for` has no meaning with `replay = \"off\"`",
                    "remove one of them",
                );
            }
            return OFF;
        }
        match (wanted, needed, unnamed) {
            (Some(keep), Some(least), _) if keep < least => {
                let help = format!(
                    "write \"{}\" or more, twice the window, or leave it out",
                    units::show(least)
                );
                self.refuse(
                    span,
                    "`replay_for` is shorter than a signature counts",
                    help,
                );
                OFF
            }
            (Some(keep), ..) | (None, Some(keep), None) => Replay {
                keep,
                policy: policy.unwrap_or(ReplayPolicy::Acknowledge),
            },
            // One of several that has no answer of its own must not get another's unsaid.
            (None, _, Some(signature)) if asked || needed.is_some() => {
                let message = format!(
                    "`replay` needs `replay_for`: `{}` signs neither a time nor an id",
                    signature.scheme.name()
                );
                let place = match asked {
                    true => span,
                    false => file.auth.as_ref().map_or(span, Spanned::span),
                };
                self.refuse(
                    place,
                    message,
                    "say how long equal bodies are taken for repeats: `replay_for = \"10m\"`; or write `replay = \"off\"`",
                );
                OFF
            }
            (None, None, _) | (None, _, Some(_)) => OFF,
        }
    }
}

/// How long repeats can come that would verify; `None` where equal requests may be two events.
fn needed(signature: &Signature) -> Option<Duration> {
    match signature.window {
        Some(window) => Some(window.past().max(window.future()).saturating_mul(2)),
        None => {
            (signature.scheme.signs_time() || signature.scheme.signs_id()).then_some(WITHOUT_WINDOW)
        }
    }
}

/// Repeats are not recognised.
pub(super) const OFF: Replay = Replay {
    keep: Duration::ZERO,
    policy: ReplayPolicy::Off,
};
/// How long a request is remembered where a signature counts for ever.
const WITHOUT_WINDOW: Duration = Duration::from_secs(86_400);
