//! Opening a connection to a vetted address: one look-up, then only what the guard let through.

use std::convert::Infallible;
use std::future::ready;
use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use http::Uri;
use http::uri::Scheme;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::client::legacy::connect::dns::Name;
use hyper_util::rt::TokioIo;
use tokio::net::{TcpStream, lookup_host};
use tokio::time::timeout;
use tower::{ServiceExt, service_fn};
use tower_service::Service;

use crate::deliver::address::{Denied, Guard};
use crate::deliver::failure::Failure;

/// A connector that opens connections only where its guard allows.
#[derive(Clone, Debug)]
pub(crate) struct Guarded {
    guard: Arc<Guard>,
}

impl Guarded {
    pub(super) fn new(guard: Guard) -> Self {
        Self {
            guard: Arc::new(guard),
        }
    }
}

impl Service<Uri> for Guarded {
    type Response = TokioIo<TcpStream>;
    type Error = ConnectError;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, ConnectError>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), ConnectError>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, target: Uri) -> Self::Future {
        let guard = Arc::clone(&self.guard);
        Box::pin(async move {
            timeout(CONNECT_TIMEOUT, connect(&guard, target))
                .await
                .map_err(|_| ConnectError::TimedOut)?
        })
    }
}

async fn connect(guard: &Guard, target: Uri) -> Result<TokioIo<TcpStream>, ConnectError> {
    let found = look_up(&target).await.map_err(ConnectError::Dns)?;
    let vetted = guard.vet(found)?;
    if vetted.is_empty() {
        return Err(ConnectError::Dns(io::ErrorKind::NotFound.into()));
    }
    // The look-up is done: the connector's own "resolver" knows the vetted addresses and nothing else.
    let resolver =
        service_fn(move |_: Name| ready(Ok::<_, Infallible>(vetted.clone().into_iter())));
    let mut tcp = HttpConnector::new_with_resolver(resolver);
    tcp.enforce_http(false);
    tcp.set_nodelay(true);
    tcp.set_connect_timeout(Some(CONNECT_TIMEOUT));
    tcp.oneshot(target)
        .await
        .map_err(|error| ConnectError::Tcp(Box::new(error)))
}

/// Every address of the target; an address written out is its own.
async fn look_up(target: &Uri) -> io::Result<Vec<SocketAddr>> {
    let default = if target.scheme() == Some(&Scheme::HTTPS) {
        443
    } else {
        80
    };
    let port = target.port_u16().unwrap_or(default);
    let host = target.host().unwrap_or_default();
    let host = host
        .strip_prefix('[')
        .and_then(|host| host.strip_suffix(']'))
        .unwrap_or(host);
    Ok(lookup_host((host, port)).await?.collect())
}

/// Why there is no connection.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ConnectError {
    #[error(transparent)]
    Denied(#[from] Denied),
    #[error("cannot resolve the host name")]
    Dns(#[source] io::Error),
    #[error("cannot connect")]
    Tcp(#[source] Box<dyn std::error::Error + Send + Sync>),
    #[error("no connection within {} seconds", CONNECT_TIMEOUT.as_secs())]
    TimedOut,
}

impl ConnectError {
    pub(super) fn failure(&self) -> Failure {
        match self {
            Self::Denied(_) => Failure::AddressDenied,
            Self::Dns(_) => Failure::DnsFailed,
            Self::Tcp(error) => match super::find::<io::Error>(&**error).map(io::Error::kind) {
                Some(io::ErrorKind::ConnectionRefused) => Failure::ConnectionRefused,
                Some(io::ErrorKind::TimedOut) => Failure::TimedOut,
                _ => Failure::ConnectFailed,
            },
            Self::TimedOut => Failure::TimedOut,
        }
    }
}

/// The longest that look-up and TCP handshake may take together, whatever the step's time-out is.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
