//! What the tests share: the binary, a gateway, a receiver, a sender, and signatures made without our code.

use std::time::{Duration, Instant};

mod binary;
mod gateway;
mod http;
mod process;
mod receiver;
mod signature;

pub(crate) use binary::{binary, countersign, example, tool};
pub(crate) use gateway::{
    ADMIN_TOKEN, FLOW_SECRET, Gateway, Setup, ask, id, listening, signed, step, wait_until_ready,
};
pub(crate) use http::{Reply, Request, connect, read_reply};
pub(crate) use process::Process;
pub(crate) use receiver::{Answer, Receiver, refused_address};
pub(crate) use signature::{base64, hmac_hex, native, native_at, native_mac, now_ms, signed_by};

/// How long anything may take before a test gives up on it.
pub(crate) const PATIENCE: Duration = Duration::from_secs(30);

/// Asks `look` again and again until it finds something; panics with `what` when patience ends.
pub(crate) fn wait_for<T>(what: &str, mut look: impl FnMut() -> Option<T>) -> T {
    let deadline = Instant::now() + PATIENCE;
    loop {
        if let Some(found) = look() {
            return found;
        }
        assert!(Instant::now() < deadline, "waited {PATIENCE:?} for {what}");
        std::thread::park_timeout(Duration::from_millis(5));
    }
}
