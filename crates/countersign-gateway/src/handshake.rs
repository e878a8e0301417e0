//! What handshakes need beyond an answer: secrets that senders bring are kept, URLs are visited.

use std::error::Error;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use bytes::Bytes;
use countersign::{HandshakeAnswer, PublicUrl, Signed};
use countersign_tower::ClientAddress;
use http::{Request, Response};

use crate::config::Flow;
use crate::ingress::ledger::{Ledger, some};
use crate::ingress::reply::{self, Body};
use crate::rejections::Sender;

mod kept;
mod registrations;
mod visits;

pub(crate) use kept::KeptError;
pub(crate) use registrations::{Closed, Registrations, Standing};
pub(crate) use visits::Visits;

/// Takes the secret of a request that brings one, while its flow is open to that; `None` for every other request.
pub(crate) async fn welcome<B>(
    registrations: &Registrations,
    flow: &Arc<Flow>,
    standing: &Standing,
    ledger: &Ledger,
    request: &Request<B>,
    sender: impl FnOnce() -> Sender,
) -> Option<Response<Body>> {
    flow.registration.as_ref()?;
    let now = (Instant::now(), SystemTime::now());
    if !registrations.is_open(&flow.id, now.0) {
        return None;
    }
    let policy = standing.policy();
    let client = request.extensions().get();
    let client = client.map(|ClientAddress(address)| *address);
    let target = request.uri().path_and_query();
    let signed = Signed {
        method: request.method(),
        url: PublicUrl::new("", target.map_or("", |target| target.as_str())),
        headers: request.headers(),
        body: b"",
        now: now.1,
    };
    let offer = policy.handshakes().offer(policy.auth(), client, &signed);
    let (secret, answer) = offer?;
    let (keeper, of) = (registrations.clone(), Arc::clone(flow));
    // Begun is finished, whether or not the sender is still there.
    let taken = tokio::task::spawn_blocking(move || keeper.take(&of, secret, now)).await;
    match taken.ok()? {
        Ok(key) => {
            tracing::info!(
                flow.id = %flow.id,
                client.address = %sender(),
                key.id = %key,
                "the sender's secret is kept as a key of the flow"
            );
            Some(respond(answer))
        }
        Err(Closed::NotOpen) => None,
        Err(error) => {
            let again = matches!(error, Closed::Kept(_));
            // Anybody can cause it while the flow is open.
            if let Some(suppressed) = ledger.may_tell_of_strangers() {
                let (sender, suppressed) = (sender(), some(suppressed));
                let cause = &error as &dyn Error;
                match again {
                    true => tracing::error!(
                        flow.id = %flow.id, client.address = %sender, error = cause, suppressed,
                        "the sender is asked to come again"
                    ),
                    false => tracing::warn!(
                        flow.id = %flow.id, client.address = %sender, error = cause, suppressed,
                        "the sender's secret is not kept"
                    ),
                }
            }
            again.then(|| reply::not_now(RETRY_AFTER))
        }
    }
}

fn respond(answer: HandshakeAnswer) -> Response<Body> {
    let (status, headers, body) = answer.into_parts();
    let mut response = Response::new(Bytes::from(body).into());
    *response.status_mut() = status;
    *response.headers_mut() = headers;
    response
}

/// When a sender whose secret cannot be kept is asked to come again.
const RETRY_AFTER: Duration = Duration::from_secs(10);
