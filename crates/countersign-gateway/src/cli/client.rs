//! One HTTP request from the command line, and its whole answer.
//!
//! Goes wherever the person at the keyboard says: the address guard is for deliveries. Follows no
//! redirects and takes no proxy from the environment.

use std::time::Duration;

use anyhow::Context as _;
use bytes::{Bytes, BytesMut};
use http::{HeaderMap, Request, StatusCode};
use http_body_util::{BodyExt, Full};
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
    let mut cut = false;
    while let Some(frame) = body.frame().await {
        let Ok(data) = frame?.into_data() else {
            continue;
        };
        let room = limit - read.len();
        if let Some(first) = data.get(..room).filter(|_| data.len() > room) {
            read.extend_from_slice(first);
            cut = true;
            break;
        }
        read.extend_from_slice(&data);
    }
    Ok(Answer {
        status: head.status,
        headers: head.headers,
        body: read.freeze(),
        cut,
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

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::TcpListener;

    use super::*;

    async fn ask(answer: &'static str, limit: usize) -> anyhow::Result<Answer> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let mut request = Request::new(Bytes::from_static(b"hello"));
        *request.method_mut() = http::Method::POST;
        *request.uri_mut() = format!("http://{}/in?a=%2F", listener.local_addr()?).parse()?;
        let serve = async {
            let (mut socket, _) = listener.accept().await?;
            let mut head = Vec::new();
            while !head.ends_with(b"hello") {
                socket.read_buf(&mut head).await?;
            }
            socket.write_all(answer.as_bytes()).await?;
            anyhow::Ok(String::from_utf8(head)?)
        };
        let (answer, head) = tokio::join!(exchange(request, limit, Duration::from_secs(10)), serve);
        assert!(head?.starts_with("POST /in?a=%2F HTTP/1.1\r\n"));
        answer
    }

    #[tokio::test]
    async fn the_answer_comes_back_whole() {
        let answer = ask(
            "HTTP/1.1 202 Accepted\r\nX-A: b\r\nContent-Length: 4\r\n\r\ndone",
            4,
        )
        .await
        .unwrap();

        assert_eq!(answer.status, StatusCode::ACCEPTED);
        assert_eq!(answer.headers["x-a"], "b");
        assert_eq!(answer.body, "done");
        assert!(!answer.cut);
    }

    #[tokio::test]
    async fn a_long_answer_is_cut_and_says_so() {
        let answer = ask("HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\ndone", 3)
            .await
            .unwrap();

        assert_eq!(answer.body, "don");
        assert!(answer.cut);
    }

    #[tokio::test]
    async fn a_redirect_is_an_answer_like_any_other() {
        let answer = ask(
            "HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:1/\r\nContent-Length: 0\r\n\r\n",
            9,
        )
        .await;

        assert_eq!(answer.unwrap().status, StatusCode::FOUND);
    }

    #[tokio::test]
    async fn nobody_there_names_the_place() {
        let mut request = Request::new(Bytes::new());
        *request.uri_mut() = "http://127.0.0.1:1/".parse().unwrap();

        let error = exchange(request, 9, Duration::from_secs(10))
            .await
            .unwrap_err();

        assert_eq!(error.to_string(), "no answer from 127.0.0.1:1");
    }
}
