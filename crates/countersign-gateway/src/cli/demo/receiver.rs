//! The receiver of the demonstration: fails twice, recovers, and checks who is calling.

use std::convert::Infallible;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::SystemTime;

use anyhow::Context as _;
use bytes::Bytes;
use countersign::{Keyring, PublicUrl, Scheme, Secret, Signed, Verifier};
use http::{HeaderMap, Method, Request, Response, StatusCode};
use http_body_util::{BodyExt, Full, Limited};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::net::TcpListener;

use crate::tasks::Tasks;

/// A receiver that listens.
#[derive(Clone)]
pub(super) struct Receiver {
    address: SocketAddr,
    shared: Arc<Shared>,
}

/// One request that reached the receiver.
#[derive(Clone, Debug)]
pub(super) struct Seen {
    /// The event it is about, as the gateway named it.
    pub(super) event: String,
    /// Whether the gateway's own signature on it is good.
    pub(super) genuine: bool,
    /// What the receiver answered.
    pub(super) answered: StatusCode,
}

struct Shared {
    base: String,
    verifier: Verifier,
    seen: Mutex<Vec<Seen>>,
}

impl Receiver {
    /// Starts one; `secret` is what the gateway signs with.
    pub(super) async fn start(secret: &str, tasks: &Tasks) -> anyhow::Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))
            .await
            .context("no port for the receiver")?;
        let address = listener.local_addr()?;
        let scheme = Scheme::preset("designer-cloud").context("the scheme is built in")?;
        let shared = Arc::new(Shared {
            base: format!("http://{address}"),
            verifier: Verifier::new(&scheme, &Keyring::single(Secret::new(secret)))?,
            seen: Mutex::default(),
        });
        let receiver = Self { address, shared };
        let (serving, connections) = (receiver.clone(), tasks.clone());
        tasks.spawn(move |stop| async move {
            while let Some(Ok((socket, _))) = stop.run_until_cancelled(listener.accept()).await {
                let shared = Arc::clone(&serving.shared);
                connections.spawn(move |stop| async move {
                    let answer = service_fn(move |request| answer(Arc::clone(&shared), request));
                    let serve =
                        http1::Builder::new().serve_connection(TokioIo::new(socket), answer);
                    // Cut when the demonstration is over; nobody waits for an answer then.
                    let _ = stop.run_until_cancelled(serve).await;
                });
            }
        });
        Ok(receiver)
    }

    /// Where it listens.
    pub(super) fn address(&self) -> SocketAddr {
        self.address
    }

    /// Everything that reached it, in order.
    pub(super) fn seen(&self) -> Vec<Seen> {
        self.shared
            .seen
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }
}

async fn answer(
    shared: Arc<Shared>,
    request: Request<Incoming>,
) -> Result<Response<Full<Bytes>>, Infallible> {
    let (head, body) = request.into_parts();
    #[expect(clippy::disallowed_methods, reason = "the body is limited")]
    let body = Limited::new(body, LARGEST).collect().await;
    let status = match body {
        Ok(body) => shared.judge(
            &head.method,
            target(&head.uri),
            &head.headers,
            &body.to_bytes(),
        ),
        Err(_) => StatusCode::PAYLOAD_TOO_LARGE,
    };
    let mut response = Response::new(Full::default());
    *response.status_mut() = status;
    Ok(response)
}

impl Shared {
    fn judge(&self, method: &Method, target: &str, headers: &HeaderMap, body: &[u8]) -> StatusCode {
        let genuine = self
            .verifier
            .verify(&Signed {
                method,
                url: PublicUrl::new(&self.base, target),
                headers,
                body,
                now: SystemTime::now(),
            })
            .is_ok();
        let event = headers
            .get("countersign-event")
            .and_then(|value| value.to_str().ok());
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        let failed = seen
            .iter()
            .filter(|seen| seen.answered == StatusCode::SERVICE_UNAVAILABLE)
            .count();
        let answered = match (genuine, method) {
            (false, _) => StatusCode::UNAUTHORIZED,
            (true, &Method::POST) if failed < FAILURES => StatusCode::SERVICE_UNAVAILABLE,
            (true, _) => StatusCode::OK,
        };
        seen.push(Seen {
            event: event.unwrap_or_default().to_owned(),
            genuine,
            answered,
        });
        answered
    }
}

fn target(uri: &http::Uri) -> &str {
    uri.path_and_query().map_or("/", |target| target.as_str())
}

/// How often it fails before it recovers.
const FAILURES: usize = 2;
const LARGEST: usize = 1 << 20;
