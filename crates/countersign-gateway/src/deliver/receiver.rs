//! A receiver for tests: answers as it is told and shows what it got.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::Arc;

use bytes::Bytes;
use http::{Request, Response, StatusCode};
use http_body_util::{BodyExt, Full, Limited};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;
use tokio_rustls::TlsAcceptor;

use crate::tasks::Tasks;

/// An HTTP server on a free port of this machine.
#[derive(Debug)]
pub(crate) struct Receiver {
    pub(crate) address: SocketAddr,
    requests: mpsc::Receiver<Request<Bytes>>,
}

impl Receiver {
    /// Answers every request as `answer` says.
    pub(crate) async fn answering<F>(
        answer: impl Fn(Request<Bytes>) -> F + Send + Sync + 'static,
    ) -> Self
    where
        F: Future<Output = Response<Bytes>> + Send + 'static,
    {
        Self::serving(answer, |socket| async move { Some(socket) }).await
    }

    /// Answers every request with this status and nothing else.
    pub(crate) async fn with_status(status: StatusCode) -> Self {
        Self::answering(move |_| async move { answer(status) }).await
    }

    /// Answers over TLS.
    pub(crate) async fn over_tls(config: rustls::ServerConfig) -> Self {
        Self::answering_over_tls(config, |_| async { answer(StatusCode::OK) }).await
    }

    /// Answers every request over TLS as `answer` says.
    pub(crate) async fn answering_over_tls<F>(
        config: rustls::ServerConfig,
        answer: impl Fn(Request<Bytes>) -> F + Send + Sync + 'static,
    ) -> Self
    where
        F: Future<Output = Response<Bytes>> + Send + 'static,
    {
        let acceptor = TlsAcceptor::from(Arc::new(config));
        Self::serving(answer, move |socket| {
            let acceptor = acceptor.clone();
            async move { acceptor.accept(socket).await.ok() }
        })
        .await
    }

    /// Sends these bytes on every connection once something came in, whatever it is.
    pub(crate) async fn saying(bytes: Bytes) -> SocketAddr {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let address = listener.local_addr().unwrap();
        Tasks::new().spawn(|_| async move {
            while let Ok((mut socket, _)) = listener.accept().await {
                let bytes = bytes.clone();
                Tasks::new().spawn(|_| async move {
                    let _ = socket.read(&mut [0; 1024]).await;
                    let _ = socket.write_all(&bytes).await;
                    // Keeps the connection open until the other side has seen enough.
                    let _ = tokio::io::copy(&mut socket, &mut tokio::io::sink()).await;
                });
            }
        });
        address
    }

    async fn serving<F, G, S>(
        answer: impl Fn(Request<Bytes>) -> F + Send + Sync + 'static,
        shake: impl Fn(TcpStream) -> G + Send + Sync + 'static,
    ) -> Self
    where
        F: Future<Output = Response<Bytes>> + Send + 'static,
        G: Future<Output = Option<S>> + Send + 'static,
        S: AsyncRead + AsyncWrite + Send + Unpin + 'static,
    {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let address = listener.local_addr().unwrap();
        let (seen, requests) = mpsc::channel(1024);
        let answer = Arc::new(answer);
        Tasks::new().spawn(|_| async move {
            while let Ok((socket, _)) = listener.accept().await {
                let (answer, seen, shaken) = (Arc::clone(&answer), seen.clone(), shake(socket));
                Tasks::new().spawn(|_| async move {
                    let Some(socket) = shaken.await else { return };
                    let service = service_fn(move |request: Request<Incoming>| {
                        let (answer, seen) = (Arc::clone(&answer), seen.clone());
                        async move {
                            let request = whole(request).await;
                            let _ = seen.try_send(request.clone());
                            Ok::<_, Infallible>(answer(request).await.map(Full::new))
                        }
                    });
                    let connection = hyper::server::conn::http1::Builder::new();
                    let _ = connection
                        .serve_connection(TokioIo::new(socket), service)
                        .await;
                });
            }
        });
        Self { address, requests }
    }

    /// The next request, in the order in which they came.
    pub(crate) async fn request(&mut self) -> Request<Bytes> {
        self.requests.recv().await.unwrap()
    }

    /// How many requests came that nobody has looked at.
    pub(crate) fn unseen(&self) -> usize {
        self.requests.len()
    }

    /// The address of `path` here.
    pub(crate) fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }
}

/// An answer without a body.
pub(crate) fn answer(status: StatusCode) -> Response<Bytes> {
    let mut answer = Response::default();
    *answer.status_mut() = status;
    answer
}

async fn whole(request: Request<Incoming>) -> Request<Bytes> {
    let (head, body) = request.into_parts();
    // The limit is there for the linter's sake: tests send what they send.
    #[expect(clippy::disallowed_methods, reason = "the body is limited")]
    let body = Limited::new(body, 16 << 20)
        .collect()
        .await
        .unwrap()
        .to_bytes();
    Request::from_parts(head, body)
}
