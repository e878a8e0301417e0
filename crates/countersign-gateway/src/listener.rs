//! From a listening socket to requests: accept, connection cap, HTTP/1.1, graceful close.
//!
//! Both listeners run on it: the one for senders and the one for operators.

pub(crate) mod descriptors;
mod episode;
mod lingering;
mod patient;

use std::convert::Infallible;
use std::error::Error;
use std::io;
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::{Request, Response};
use http_body::Body;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;

use self::episode::Episode;
pub(crate) use self::lingering::Unread;
use self::lingering::{Lingering, Midway};
use self::patient::Patient;
use crate::config;
use crate::tasks::Tasks;

/// Something that answers requests, one clone of it a connection.
pub(crate) trait Responder: Clone + Send + 'static {
    /// The body of its answers.
    type Body: Body<Data = Bytes, Error: Into<Box<dyn Error + Send + Sync>>> + Send + 'static;

    /// Answers one request; an answer given before the body was read has [`Unread`] in its extensions.
    fn answer(
        &self,
        request: Request<Incoming>,
        peer: SocketAddr,
    ) -> impl Future<Output = Response<Self::Body>> + Send;

    /// A connection ended with an error, such as a request that cannot be read.
    fn unreadable(&self, _: &hyper::Error, _: SocketAddr) {}
}

/// Serves `responder` on `listener` until `stop`, each connection a task of `tasks`.
///
/// At the cap the next connection waits in the kernel's backlog. Each connection is a task
/// of its own; on the signal to stop it finishes the request it is answering and closes.
pub(crate) async fn serve(
    listener: TcpListener,
    responder: impl Responder + Sync,
    limits: Limits,
    tasks: Tasks,
    stop: CancellationToken,
) {
    let permits = Arc::new(Semaphore::new(limits.connections));
    let mut trouble = Episode::default();
    loop {
        let accepted = tokio::select! {
            biased;
            () = stop.cancelled() => break,
            // Dropped while it waits for a permit or a connection: neither is lost.
            accepted = next(&listener, &permits) => accepted,
        };
        match accepted {
            Ok((stream, peer, permit)) => {
                if let Some(failures) = trouble.recovered() {
                    tracing::info!(failures, "connections are accepted again");
                }
                let responder = responder.clone();
                let http = limits.http();
                tasks.spawn(move |stop| async move {
                    converse(stream, peer, responder, http, stop).await;
                    drop(permit);
                });
            }
            Err(error) if lost_before_accept(&error) => {}
            Err(error) => {
                if trouble.failed() {
                    tracing::error!(%error, "cannot accept connections; trying until it works again");
                }
                // Out of descriptors or memory: connections that end give some back.
                tokio::time::sleep(ACCEPT_BACKOFF).await;
            }
        }
    }
}

async fn next(
    listener: &TcpListener,
    permits: &Arc<Semaphore>,
) -> io::Result<(TcpStream, SocketAddr, tokio::sync::OwnedSemaphorePermit)> {
    let permit = Arc::clone(permits)
        .acquire_owned()
        .await
        .map_err(io::Error::other)?;
    let (stream, peer) = listener.accept().await?;
    // Only for speed; a connection that is gone already will tell so itself.
    let _ = stream.set_nodelay(true);
    Ok((stream, peer, permit))
}

async fn converse(
    stream: TcpStream,
    peer: SocketAddr,
    responder: impl Responder,
    http: http1::Builder,
    stop: CancellationToken,
) {
    let midway = Midway::default();
    let stream = Lingering::new(Patient::new(stream), midway.clone());
    let service = service_fn(|request: Request<Incoming>| {
        let responder = responder.clone();
        let midway = midway.clone();
        async move {
            let response = responder.answer(request, peer).await;
            midway.set(response.extensions().get::<Unread>().is_some());
            Ok::<_, Infallible>(response)
        }
    });
    let mut connection = pin!(http.serve_connection(TokioIo::new(stream), service));
    let ended = tokio::select! {
        ended = connection.as_mut() => ended,
        () = stop.cancelled() => {
            connection.as_mut().graceful_shutdown();
            connection.await
        }
    };
    if let Err(error) = ended {
        responder.unreadable(&error, peer);
        tracing::debug!(client.address = %peer, %error, "connection ended early");
    }
}

/// The peer gave up between its SYN and our accept: nothing is wrong here.
fn lost_before_accept(error: &io::Error) -> bool {
    use io::ErrorKind::{ConnectionAborted, ConnectionRefused, ConnectionReset, NotConnected};
    matches!(
        error.kind(),
        ConnectionAborted | ConnectionRefused | ConnectionReset | NotConnected
    )
}

/// What one listener and its connections may use.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Limits {
    connections: usize,
    header_timeout: Duration,
}

impl Limits {
    /// For senders, as the configuration asks.
    pub(crate) fn senders(config: &config::Ingress) -> Self {
        Self {
            connections: config.max_connections,
            header_timeout: config.header_timeout,
        }
    }

    /// For operators and probes.
    pub(crate) fn operators() -> Self {
        Self {
            connections: 256,
            header_timeout: Duration::from_secs(10),
        }
    }

    /// How many connections are served at once.
    pub(crate) fn connections(self) -> usize {
        self.connections
    }

    fn http(self) -> http1::Builder {
        let mut http = http1::Builder::new();
        http.timer(TokioTimer::new())
            .header_read_timeout(self.header_timeout)
            // A sender that half-closes after its request still gets its answer.
            .half_close(true)
            .max_buf_size(MAX_HEAD)
            .max_headers(MAX_HEADERS);
        http
    }
}

const ACCEPT_BACKOFF: Duration = Duration::from_millis(50);
/// Bytes of a request's head, and of what is read ahead of it.
const MAX_HEAD: usize = 64 * 1024;
const MAX_HEADERS: usize = 100;
