//! The admin listener: is the gateway well, what became of each event, and what was refused?
//!
//! Health is open to anybody who reaches the listener. Everything else needs a token, sees one
//! organization only, and answers to no name but our own, so that a web page cannot reach it by renaming
//! itself (DNS rebinding). What changes something takes a token like everything else, and there is no CORS.

mod error;
mod events;
mod flows;
mod handshake;
mod health;
mod query;
mod redact;
mod rejections;
mod token;

use std::net::SocketAddr;
use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::extract::Request;
use axum::middleware::{self, Next};
use axum::response::Response;
use axum::routing::{MethodRouter, delete, get};
use countersign_queue::Queue;
use http::HeaderValue;
use http::header::{CACHE_CONTROL, CONTENT_SECURITY_POLICY, X_CONTENT_TYPE_OPTIONS};
use hyper::body::Incoming;
use tokio_util::sync::CancellationToken;
use tower::ServiceExt;

use crate::handshake::Registrations;
use crate::listener::Responder;
use crate::live::Current;
use crate::rejections::Rejections;
use error::Problem;
use token::Peer;

/// What the admin listener looks at.
#[derive(Clone, Debug)]
pub(crate) struct State {
    /// Whose tokens count.
    pub(crate) current: Current,
    /// Where the events are.
    pub(crate) queue: Queue,
    /// Who may bring a secret now, and those that came.
    pub(crate) registrations: Registrations,
    /// What was refused.
    pub(crate) rejections: Arc<Rejections>,
    /// Given when the gateway has begun to stop.
    pub(crate) stopping: CancellationToken,
}

/// Every route of the admin listener.
fn router(state: State) -> Router {
    let mut router = Router::new();
    for (path, route) in routes() {
        router = router.route(path, route);
    }
    router
        .method_not_allowed_fallback(|| async { Problem::method_not_allowed() })
        .fallback(|| async {
            Problem::not_found("there is nothing here; docs/openapi.json lists what there is")
        })
        .layer(middleware::from_fn(harden))
        .with_state(Arc::new(state))
}

/// The admin listener's answers.
#[derive(Clone, Debug)]
pub(crate) struct Desk(Router);

impl Desk {
    /// Answers about `state`.
    pub(crate) fn new(state: State) -> Self {
        Self(router(state))
    }
}

impl Responder for Desk {
    type Body = Body;

    async fn answer(&self, mut request: hyper::Request<Incoming>, peer: SocketAddr) -> Response {
        request.extensions_mut().insert(Peer(peer));
        let Ok(response) = self.0.clone().oneshot(request).await;
        response
    }
}

/// The paths as `docs/openapi.json` has them.
fn routes() -> [(&'static str, MethodRouter<Arc<State>>); 9] {
    [
        ("/events", get(events::list)),
        ("/events/{id}", get(events::show)),
        ("/flows", get(flows::list)),
        ("/flows/{id}", get(flows::show)),
        (
            "/flows/{id}/handshake",
            get(handshake::show)
                .post(handshake::open)
                .delete(handshake::close),
        ),
        (
            "/flows/{id}/handshake/keys/{key}",
            delete(handshake::forget),
        ),
        ("/livez", get(health::live)),
        ("/readyz", get(health::ready)),
        ("/rejections", get(rejections::list)),
    ]
}

/// What is true of every answer: nobody guesses its type, keeps it or frames it.
async fn harden(request: Request, next: Next) -> Response {
    let mut response = next.run(request).await;
    let headers = response.headers_mut();
    headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(
        CONTENT_SECURITY_POLICY,
        HeaderValue::from_static("default-src 'none'; frame-ancestors 'none'"),
    );
    response
}

#[cfg(test)]
mod tests;
