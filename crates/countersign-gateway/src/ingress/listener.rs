//! From a listening socket to requests: accept, connection cap, HTTP/1.1, graceful close.

use std::convert::Infallible;
use std::io;
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use http::{Request, Response};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;

use super::Ingress;
use super::reply::Body;
use crate::config;
use crate::tasks::Tasks;

/// Serves `ingress` on `listener` until the tasks are asked to stop.
///
/// At the cap the next connection waits in the kernel's backlog. Each connection is a task
/// of its own; on the signal to stop it finishes the request it is answering and closes.
pub(crate) async fn serve(
    listener: TcpListener,
    ingress: Ingress,
    limits: Limits,
    tasks: Tasks,
    stop: CancellationToken,
) {
    let permits = Arc::new(Semaphore::new(limits.connections));
    loop {
        let accepted = tokio::select! {
            biased;
            () = stop.cancelled() => break,
            // Dropped while it waits for a permit or a connection: neither is lost.
            accepted = next(&listener, &permits) => accepted,
        };
        match accepted {
            Ok((stream, peer, permit)) => {
                let ingress = ingress.clone();
                let http = limits.http();
                tasks.spawn(|stop| async move {
                    converse(stream, peer, ingress, http, stop).await;
                    drop(permit);
                });
            }
            Err(error) if lost_before_accept(&error) => {}
            Err(error) => {
                tracing::error!(%error, "cannot accept connections; trying again");
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
    stream.set_nodelay(true)?;
    Ok((stream, peer, permit))
}

async fn converse(
    stream: TcpStream,
    peer: SocketAddr,
    ingress: Ingress,
    http: http1::Builder,
    stop: CancellationToken,
) {
    let service = service_fn(move |request: Request<Incoming>| {
        let ingress = ingress.clone();
        async move { Ok::<Response<Body>, Infallible>(ingress.answer(request, peer).await) }
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
    /// The limits that the configuration asks for.
    pub(crate) fn new(config: &config::Ingress) -> Self {
        Self {
            connections: config.max_connections,
            header_timeout: config.header_timeout,
        }
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
