//! From a verified request to an acknowledged event: 2xx means on disk.

use std::convert::Infallible;
use std::error::Error;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::{Duration, SystemTime};

use countersign::Verified;
use countersign_queue::{AppendError, NewEvent, Queue, Replay};
use countersign_tower::{Refusal, VerifiedBody};
use http::{Request, Response, Uri};
use tower_service::Service;

use crate::config::{Flow, ReplayPolicy};
use crate::ingress::ledger::Ledger;
use crate::ingress::reply::{self, Answer};
use crate::rejections::{NotStored, Outline};
use crate::tally::UNPROCESSABLE;

/// The inner service of a flow with steps: stores, then acknowledges.
///
/// An append that the queue has begun is finished whether or not the sender is still there. One that still waits for
/// room is given up with its connection: nothing was acknowledged.
#[derive(Clone, Debug)]
pub(crate) struct Accept {
    flow: Arc<Flow>,
    ledger: Arc<Ledger>,
    names: Arc<Names>,
    queue: Queue,
}

/// What every event of a flow carries, made once.
#[derive(Debug)]
struct Names {
    flow: Arc<str>,
    organization: Arc<str>,
    steps: Arc<[Arc<str>]>,
}

impl Accept {
    /// Accepts events of `flow`, each owed to every one of `steps`.
    pub(crate) fn new<'a>(
        flow: Arc<Flow>,
        steps: impl Iterator<Item = &'a str>,
        queue: Queue,
        ledger: Arc<Ledger>,
    ) -> Self {
        let names = Names {
            flow: flow.id.to_shared(),
            organization: flow.organization.to_shared(),
            steps: steps.map(Arc::from).collect(),
        };
        Self {
            flow,
            ledger,
            names: Arc::new(names),
            queue,
        }
    }

    async fn store(self, request: Request<VerifiedBody>) -> Response<Answer> {
        let (event, target) = self.event(request);
        let (key, bytes) = (event.key.clone(), event.body.len());
        // For whoever lists what is refused here: the rest goes into the queue.
        let method = event.method.clone();
        let headers = self.refuses_repeats().then(|| event.headers.clone());
        let headers = headers.unwrap_or_default();
        match self.queue.append(event).await {
            Ok(appended) if appended.duplicate && self.refuses_repeats() => {
                tracing::debug!(flow.id = %self.flow.id, event.id = %appended.id, "a repeat");
                let mut reply = reply::repeated();
                // As the Layer leaves it: whoever stands in front tells of both alike.
                reply.extensions_mut().insert(Refusal::Repeated);
                reply
                    .extensions_mut()
                    .insert(Outline::new(method, target, headers, bytes));
                reply
            }
            Ok(appended) => {
                match appended.duplicate {
                    true => self.ledger.tally().repeated(),
                    false => self.ledger.tally().accepted(),
                }
                tracing::debug!(
                    flow.id = %self.flow.id,
                    event.id = %appended.id,
                    key.id = key.as_deref(),
                    duplicate = appended.duplicate,
                    "accepted"
                );
                reply::accepted(&self.flow.response, appended.id, appended.duplicate)
            }
            Err(error) => {
                let mut reply = self.refused(&error, bytes);
                reply
                    .extensions_mut()
                    .insert(Outline::new(method, target, headers, bytes));
                reply
            }
        }
    }

    /// What the sender is told when the event is not durable: to come again, unless that would not help.
    fn refused(&self, error: &AppendError, bytes: usize) -> Response<Answer> {
        let (message, reason, mut reply) = match error {
            AppendError::TooLarge { .. } => (
                "the event is too large for the store; it is refused for good",
                Refusal::BodyTooLarge.as_str(),
                reply::too_large(),
            ),
            AppendError::Rejected(_) => (
                "the store cannot hold this event; it is refused for good",
                UNPROCESSABLE,
                reply::unprocessable(),
            ),
            _ => (
                "cannot make the event durable; the sender is asked to come again",
                Refusal::Unavailable.as_str(),
                reply::unavailable(RETRY_AFTER),
            ),
        };
        tracing::error!(
            flow.id = %self.flow.id,
            status = reply.status().as_u16(),
            error = error as &dyn Error,
            "{message}"
        );
        reply.extensions_mut().insert(NotStored {
            bytes,
            message,
            reason,
        });
        reply
    }

    /// The event, and its target once more.
    fn event(&self, request: Request<VerifiedBody>) -> (NewEvent, Uri) {
        let (parts, body) = request.into_parts();
        let received = SystemTime::now();
        let verified = body.verdict().verified();
        self.ledger.genuine(verified, received);
        let key = verified.and_then(Verified::key);
        let replay = match self.flow.replay.policy {
            ReplayPolicy::Off => None,
            ReplayPolicy::Acknowledge | ReplayPolicy::Refuse => body.replay_key(),
        };
        let event = NewEvent {
            organization: Arc::clone(&self.names.organization),
            flow: Arc::clone(&self.names.flow),
            received,
            key: key.map(|key| key.as_str().into()),
            method: parts.method,
            target: parts.uri.to_string().into(),
            headers: parts.headers,
            replay: replay.map(|key| Replay {
                key: *key.as_bytes(),
                keep: self.flow.replay.keep,
            }),
            steps: Arc::clone(&self.names.steps),
            body: body.into_bytes(),
        };
        (event, parts.uri)
    }

    fn refuses_repeats(&self) -> bool {
        matches!(self.flow.replay.policy, ReplayPolicy::Refuse)
    }
}

impl Service<Request<VerifiedBody>> for Accept {
    type Response = Response<Answer>;
    type Error = Infallible;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, Infallible>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<VerifiedBody>) -> Self::Future {
        let accept = self.clone();
        Box::pin(async move { Ok(accept.store(request).await) })
    }
}

/// When a sender is asked to come again.
const RETRY_AFTER: Duration = Duration::from_secs(10);

#[cfg(test)]
mod tests {
    use std::path::Path;

    use countersign_queue::Options;
    use http::StatusCode;

    use super::*;
    use crate::config::Config;
    use crate::rejections::Rejections;
    use crate::rejections::waiting::Waiting;
    use crate::tally::LABELS;

    #[test]
    fn only_what_may_be_stored_later_is_asked_for_again() {
        let folder = tempfile::tempdir().unwrap();
        let queue = Queue::open(&folder.path().join("queue.db"), Options::default()).unwrap();
        let text = "[[flows]]\nid = \"orders\"\nauth = { mode = \"none\" }\n";
        let config = Config::parse(text, Path::new("test.toml")).unwrap();
        let flow = &config.flows[0];
        let rejections = Rejections::new(SystemTime::now(), Waiting::default());
        let ledger = Arc::new(Ledger::new(flow, &Arc::new(rejections), None));
        let accept = Accept::new(Arc::clone(flow), std::iter::empty(), queue, ledger);

        for (error, status, again) in [
            (AppendError::Full, StatusCode::SERVICE_UNAVAILABLE, true),
            (AppendError::Closed, StatusCode::SERVICE_UNAVAILABLE, true),
            (
                AppendError::TooLarge { limit: 1 },
                StatusCode::PAYLOAD_TOO_LARGE,
                false,
            ),
            (
                AppendError::Rejected("a constraint".into()),
                StatusCode::UNPROCESSABLE_ENTITY,
                false,
            ),
        ] {
            let reply = accept.refused(&error, 5);

            assert_eq!(reply.status(), status, "{error}");
            assert_eq!(reply.headers().contains_key("retry-after"), again);
            // For the one who lists it.
            let told = reply.extensions().get::<NotStored>().unwrap();
            assert!(LABELS.contains(&told.reason) && told.bytes == 5);
        }
    }
}
