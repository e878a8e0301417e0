//! `/livez` and `/readyz`: for whoever starts, stops and routes to this process.

use std::sync::Arc;

use axum::Json;
use axum::extract::State as Shared;
use http::StatusCode;
use serde::Serialize;

use super::State;

/// The answer of both.
#[derive(Debug, Serialize)]
pub(super) struct Health {
    status: &'static str,
    missing: Vec<&'static str>,
}

/// The process answers: that is all.
pub(super) async fn live() -> Json<Health> {
    Json(Health {
        status: "ok",
        missing: Vec::new(),
    })
}

/// Whether webhooks may be sent here, and what is missing if not.
pub(super) async fn ready(Shared(state): Shared<Arc<State>>) -> (StatusCode, Json<Health>) {
    let failed = tokio::select! {
        biased;
        _ = state.queue.failed() => true,
        () = std::future::ready(()) => false,
    };
    let health = judge(
        state.queue.is_ready(),
        failed,
        state.stopping.is_cancelled(),
    );
    let status = if health.missing.is_empty() {
        StatusCode::OK
    } else {
        StatusCode::SERVICE_UNAVAILABLE
    };
    (status, Json(health))
}

fn judge(warm: bool, failed: bool, stopping: bool) -> Health {
    let mut missing = Vec::new();
    if failed {
        missing.push("store_failed");
    } else if !warm {
        missing.push("queue_not_ready");
    }
    if stopping {
        missing.push("shutting_down");
    }
    let status = if missing.is_empty() {
        "ok"
    } else {
        "unavailable"
    };
    Health { status, missing }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn readiness_names_what_is_missing() {
        assert_eq!(judge(true, false, false).missing, [] as [&str; 0]);
        assert_eq!(judge(false, false, false).missing, ["queue_not_ready"]);
        assert_eq!(judge(false, true, false).missing, ["store_failed"]);
        assert_eq!(judge(true, false, true).missing, ["shutting_down"]);
        assert_eq!(judge(true, false, true).status, "unavailable");
    }
}
