//! One HTTP request from the command line, and its whole answer.
//!
//! Goes wherever the person at the keyboard says: the address guard is for deliveries. Follows no
//! redirects and takes no proxy from the environment.

use std::time::Duration;

use anyhow::Context as _;
use bytes::{Bytes, BytesMut};
use http::{HeaderMap, Request, StatusCode};
use http_body_util::{BodyExt, Full};
use hyper::body::Body as _;
use hyper_rustls::HttpsConnectorBuilder;
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::Connect;
use hyper_util::rt::TokioExecutor;

/// What came back.
#[derive(Debug)]
pub(crate) struct Answer {
    /// The status.
    pub(crate) status: StatusCode,
    /// The headers.
    pub(crate) headers: HeaderMap,
    /// The body, as far as it was read.
    pub(crate) body: Bytes,
    /// Whether there was more of it.
    pub(crate) cut: bool,
}

/// Sends `request`, whose URI is absolute, and reads at most `limit` bytes of the answer's body.
pub(crate) async fn exchange(
    request: Request<Bytes>,
    limit: usize,
    timeout: Duration,
) -> anyhow::Result<Answer> {
    let https = request.uri().scheme_str() == Some("https");
    let place = request
        .uri()
        .authority()
        .map(ToString::to_string)
        .unwrap_or_default();
    let exchanged = async {
        if https {
            let connector = HttpsConnectorBuilder::new()
                .try_with_platform_verifier()
                .context("cannot read the system's certificate store")?
                .https_or_http()
                .enable_http1()
                .build();
            through(connector, request, limit).await
        } else {
            through(
                hyper_util::client::legacy::connect::HttpConnector::new(),
                request,
                limit,
            )
            .await
        }
    };
    match tokio::time::timeout(timeout, exchanged).await {
        Ok(answer) => answer.with_context(|| format!("no answer from {place}")),
        Err(_) => anyhow::bail!("no answer from {place} within {} s", timeout.as_secs()),
    }
}

async fn through<C>(connector: C, request: Request<Bytes>, limit: usize) -> anyhow::Result<Answer>
where
    C: Connect + Clone + Send + Sync + 'static,
{
    let client = Client::builder(TokioExecutor::new()).build(connector);
    let (head, mut body) = client.request(request.map(Full::new)).await?.into_parts();
    let mut read = BytesMut::new();
    while let Some(frame) = body.frame().await {
        let Ok(data) = frame?.into_data() else {
            continue;
        };
        let room = limit - read.len();
        read.extend_from_slice(data.get(..room).unwrap_or(&data));
        if data.len() > room {
            break;
        }
    }
    Ok(Answer {
        status: head.status,
        headers: head.headers,
        cut: read.len() == limit && !body.is_end_stream(),
        body: read.freeze(),
    })
}

/// Runs one command's future on a small runtime of its own.
pub(crate) fn block_on<T>(future: impl Future<Output = anyhow::Result<T>>) -> anyhow::Result<T> {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .context("cannot start the async runtime")?
        .block_on(future)
}
