//! What has to hold beside the signature: that the body is signed and could be nothing else, and that it is of this time.

use std::time::SystemTime;

use super::Verifier;
use crate::message::{Template, spellings};
use crate::plan::{Elements, Plan};
use crate::window::Place;
use crate::{Hint, PublicUrl, Reason, Rejection, Unit, Window};

impl Verifier {
    /// Refuses a body that is not signed, or that could be genuine as something else.
    #[inline]
    pub(super) fn check_body(
        &self,
        plan: &Plan,
        message: &Template,
        url: PublicUrl<'_>,
        body: &[u8],
    ) -> Result<(), Reason> {
        if !message.covers_body() {
            return match plan.is_signed_by(message, body) {
                true => Ok(()),
                false => Err(Reason::UnsignedBody),
            };
        }
        if body.is_empty() && plan.form().needs_body {
            return Err(Reason::EmptyBody);
        }
        if message.may_be_lengthened(body) {
            return Err(Reason::MalformedBody);
        }
        if self.refuses_target_bodies && body.starts_with(b"/") {
            return Err(Reason::AmbiguousBody);
        }
        match (self.refuses_url_bodies, url.base) {
            (true, "") => Err(Reason::UnknownUrl),
            (true, base) if reads_like_url(body, base) => Err(Reason::AmbiguousBody),
            _ => Ok(()),
        }
    }

    /// Refuses what is genuine and not of this time.
    #[inline]
    pub(super) fn check_time(
        &self,
        plan: &Plan,
        elements: &Elements<'_>,
        body: &[u8],
        now: SystemTime,
    ) -> Result<(), Rejection> {
        let Some(window) = self.window else {
            return Ok(plan.keeps_time_apart(elements.timestamp, body)?);
        };
        // Leaving out what the time stands in must not make a request timeless.
        let time = elements.time.ok_or(Reason::MissingTimestamp)?;
        let reason = match self.scheme.place(window, time, now) {
            Place::Inside => return Ok(()),
            Place::Before => Reason::StaleTimestamp,
            Place::After => Reason::FutureTimestamp,
        };
        Err(untimely(reason, plan.unit(), elements, window, now))
    }
}

/// The refusal of a request that is genuine and not of this time.
#[cold]
fn untimely(
    reason: Reason,
    unit: Option<Unit>,
    elements: &Elements<'_>,
    window: Window,
    now: SystemTime,
) -> Rejection {
    let hint = unit.and_then(|unit| hint(unit, elements.timestamp, window, now));
    Rejection::from(reason)
        .with_hint(hint)
        .signed_at(elements.time, now)
}

/// Whether a body begins with the public address, however its port is written, or with a method and that.
fn reads_like_url(body: &[u8], base: &str) -> bool {
    let method = body.iter().take_while(|byte| byte.is_ascii_uppercase());
    let rest = body.get(method.count()..).unwrap_or_default();
    rest.starts_with(b"http") && spellings(base).any(|base| rest.starts_with(base.as_bytes()))
}

/// Whether the time would be fine in another unit; it is refused all the same.
fn hint(unit: Unit, timestamp: &[u8], window: Window, now: SystemTime) -> Option<Hint> {
    let (other, hint) = match unit {
        Unit::Milliseconds => (Unit::Seconds, Hint::LooksLikeSeconds),
        Unit::Seconds => (Unit::Milliseconds, Hint::LooksLikeMilliseconds),
        Unit::Rfc3339 => return None,
    };
    let time = other.read(timestamp)?;
    (window.place(time, now) == Place::Inside).then_some(hint)
}
