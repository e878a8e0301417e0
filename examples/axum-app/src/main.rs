//! An axum application that takes signed webhooks.
//!
//! ```text
//! ORDERS_SECRET='correct horse battery' cargo run -p example-axum-app
//! ```
//!
//! It prints a `curl` line that is genuine for five minutes. Change a byte of its body
//! and send it again: 401. Send the same line twice: the second is told `duplicate`.

use std::time::{Duration, SystemTime};

use anyhow::Context;
use axum::{
    Router,
    extract::Request,
    http::StatusCode,
    middleware::{Next, from_fn},
    response::{IntoResponse, Response},
    routing::{get, post},
};
use countersign::{Auth, Keyring, Scheme, Secret, Signer, Verifier};
use countersign_tower::{MemoryReplayGuard, Policy, Verified, VerifiedJson, VerifyLayer};
use serde::Deserialize;
use tokio::{net::TcpListener, time::timeout};
use tower::limit::GlobalConcurrencyLimitLayer;

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let secret = std::env::var("ORDERS_SECRET").context(
        "no secret: set ORDERS_SECRET to the one you share with the sender, 16 bytes or more",
    )?;
    let keys = Keyring::single(Secret::new(secret));
    let scheme = Scheme::preset("designer-cloud").context("no such preset")?;

    let app = app(&scheme, &keys).context("ORDERS_SECRET cannot be used")?;
    let listen = std::env::var("LISTEN").unwrap_or_else(|_| "127.0.0.1:3000".to_owned());
    let listener = TcpListener::bind(&listen).await.context(listen)?;
    let address = listener.local_addr()?;
    eprintln!(
        "listening on http://{address}; try\n\n{}\n",
        hint(&scheme, &keys, &format!("http://{address}/orders"))?
    );
    axum::serve(listener, app).await?;
    Ok(())
}

/// The application: one route that is verified, and one that is not.
fn app(scheme: &Scheme, keys: &Keyring) -> anyhow::Result<Router> {
    let policy = Policy::builder(Auth::Signature(Verifier::new(scheme, keys)?))
        .flow("orders")
        .body_limit(64 * 1024)
        .build()?;
    let verify = VerifyLayer::new(policy).replay(MemoryReplayGuard::default());

    Ok(Router::new()
        .route("/orders", post(order))
        // For the routes above it only. What is added later is further out: the layer has
        // no timer of its own, and a slow body should hold a place of the limit's.
        .route_layer(verify)
        .route_layer(from_fn(deadline))
        .route_layer(GlobalConcurrencyLimitLayer::new(256))
        .route("/health", get(|| async { "well\n" })))
}

/// Takes one order. That it has a `Verified` at all is the proof that the layer was there.
async fn order(webhook: Verified, VerifiedJson(order): VerifiedJson<Order>) -> String {
    let key = webhook.key().map_or("nobody", |key| key.as_str());
    format!("order {} taken, signed with key {key}\n", order.number)
}

#[derive(Deserialize)]
struct Order {
    number: u32,
}

/// Gives up on a request whose body drips.
async fn deadline(request: Request, next: Next) -> Response {
    match timeout(Duration::from_secs(30), next.run(request)).await {
        Ok(response) => response,
        Err(_) => StatusCode::REQUEST_TIMEOUT.into_response(),
    }
}

/// A `curl` line that is genuine now.
fn hint(scheme: &Scheme, keys: &Keyring, url: &str) -> anyhow::Result<String> {
    let body = r#"{"number":7}"#;
    let mut request = axum::http::Request::post(url).body(body)?;
    Signer::new(scheme, keys)?.sign(&mut request, SystemTime::now())?;

    let mut line = String::from("curl -i");
    for (name, value) in request.headers() {
        line += &format!(" -H '{name}: {}'", value.to_str()?);
    }
    Ok(line + &format!(" --json '{body}' {url}"))
}

#[cfg(test)]
mod tests {
    use axum::{body::Body, http};
    use tower::ServiceExt;

    use super::*;

    #[tokio::test]
    async fn a_signed_order_is_taken_and_a_changed_one_refused() {
        let keys = Keyring::single(Secret::new("correct horse battery"));
        let scheme = Scheme::preset("designer-cloud").unwrap();
        let app = app(&scheme, &keys).unwrap();
        let mut request = http::Request::post("/orders")
            .body(r#"{"number":7}"#)
            .unwrap();
        let signer = Signer::new(&scheme, &keys).unwrap();
        signer.sign(&mut request, SystemTime::now()).unwrap();

        let changed = request.clone().map(|_| Body::from(r#"{"number":8}"#));
        let refused = app.clone().oneshot(changed).await.unwrap();
        let taken = app.oneshot(request.map(Body::from)).await.unwrap();

        assert_eq!(refused.status(), 401);
        assert_eq!(taken.status(), 200);
    }
}
