//! A plain hyper server whose service can be reached by genuine webhooks only.
//!
//! ```text
//! GITHUB_SECRET='correct horse battery' cargo run -p example-plain-hyper
//! ```
//!
//! Point a webhook of a GitHub repository at it, or send the `curl` line that it prints.
//! The service takes a `Request<VerifiedBody>`: without the layer this does not compile.

use std::{
    convert::Infallible,
    sync::Arc,
    time::{Duration, SystemTime},
};

use anyhow::Context;
use bytes::Bytes;
use countersign::{Auth, Keyring, Scheme, Secret, Signer, Verifier};
use countersign_tower::{Policy, VerifiedBody, VerifyLayer};
use http::{Request, Response};
use http_body_util::Full;
use hyper::server::conn::http1;
use hyper_util::{
    rt::{TokioIo, TokioTimer},
    service::TowerToHyperService,
};
use tokio::{net::TcpListener, sync::Semaphore, task::JoinSet};
use tower::{ServiceBuilder, service_fn};

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let secret = std::env::var("GITHUB_SECRET").context(
        "no secret: set GITHUB_SECRET to the one in the webhook's settings, 16 bytes or more",
    )?;
    let keys = Keyring::single(Secret::new(secret));
    let scheme = Scheme::preset("github").context("no such preset")?;
    let verifier = Verifier::new(&scheme, &keys).context("GITHUB_SECRET cannot be used")?;
    let policy = Policy::builder(Auth::Signature(verifier)).build()?;

    // The deadline is outside: the layer has no timer, and a body may drip. When it is
    // over, the connection is closed.
    let service = ServiceBuilder::new()
        .timeout(Duration::from_secs(30))
        .layer(VerifyLayer::new(policy))
        .service(service_fn(receive));

    let listen = std::env::var("LISTEN").unwrap_or_else(|_| "127.0.0.1:3001".to_owned());
    let listener = TcpListener::bind(&listen).await.context(listen)?;
    let url = format!("http://{}/github", listener.local_addr()?);
    eprintln!("listening; try\n\n{}\n", hint(&scheme, &keys, &url)?);
    serve(&listener, TowerToHyperService::new(service)).await
}

/// What to do with a genuine webhook.
async fn receive(request: Request<VerifiedBody>) -> Result<Response<Full<Bytes>>, Infallible> {
    let event = request.headers().get("x-github-event");
    let event = event
        .and_then(|event| event.to_str().ok())
        .unwrap_or("event");
    let size = request.body().bytes().len();
    let text = format!("{event} of {size} bytes taken\n");
    Ok(Response::new(Full::from(text)))
}

/// Accepts connections, a bounded number at a time.
async fn serve<S, B>(listener: &TcpListener, service: S) -> anyhow::Result<()>
where
    S: hyper::service::Service<Request<hyper::body::Incoming>, Response = Response<B>>
        + Clone
        + Send
        + 'static,
    S::Future: Send,
    S::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
    B: hyper::body::Body<Data = Bytes> + Send + 'static,
    B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    let places = Arc::new(Semaphore::new(256));
    let mut connections = JoinSet::new();
    loop {
        let place = Arc::clone(&places).acquire_owned().await?;
        let (stream, _) = match listener.accept().await {
            Ok(accepted) => accepted,
            Err(error) => {
                // Out of file descriptors, most likely: let some connections end.
                eprintln!("cannot accept: {error}");
                tokio::time::sleep(Duration::from_millis(100)).await;
                continue;
            }
        };
        let connection = http1::Builder::new()
            .timer(TokioTimer::new())
            .header_read_timeout(Duration::from_secs(10))
            .serve_connection(TokioIo::new(stream), service.clone());
        connections.spawn(async move {
            if let Err(error) = connection.await {
                eprintln!("connection: {error}");
            }
            drop(place);
        });
        while connections.try_join_next().is_some() {}
    }
}

/// A `curl` line that is genuine.
fn hint(scheme: &Scheme, keys: &Keyring, url: &str) -> anyhow::Result<String> {
    let body = r#"{"zen":"Design for failure."}"#;
    let mut request = Request::post(url).body(body)?;
    Signer::new(scheme, keys)?.sign(&mut request, SystemTime::now())?;

    let mut line = String::from("curl -i -H 'x-github-event: ping'");
    for (name, value) in request.headers() {
        line += &format!(" -H '{name}: {}'", value.to_str()?);
    }
    Ok(line + &format!(" --json '{body}' {url}"))
}
