//! The HTTP client for everything we send: HTTP/1.1, over connections that the address guard let through.
//!
//! It follows no redirect, knows no proxy from the environment, decompresses nothing and keeps no cookie.
//! Deadlines are the caller's, who knows what an attempt may take; only connecting has one of its own.

use std::error::Error;
use std::fmt;
use std::net::SocketAddr;
use std::time::Duration;

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::Full;
use hyper::body::Incoming;
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy;
use hyper_util::rt::{TokioExecutor, TokioTimer};

use super::address::{Denied, Guard, Origin};
use super::failure::Failure;
use crate::config::AddressRules;

mod connect;
mod tls;

use connect::{ConnectError, Guarded};
pub(crate) use tls::Tls;

/// The client of one vetting policy, with the connections that this policy let through.
#[derive(Clone, Debug)]
pub(crate) struct Client {
    checking: Http,
    dangerous: Http,
}

type Http = legacy::Client<HttpsConnector<Guarded>, Full<Bytes>>;

impl Client {
    /// For targets from the operator's own file: connects as `rules` allow, never to one of `own` listeners, and
    /// trusts the certificate authorities that the machine trusts.
    ///
    /// # Errors
    ///
    /// TLS cannot be set up.
    pub(crate) fn new(rules: &AddressRules, own: &[SocketAddr]) -> Result<Self, ClientError> {
        let guard = Guard::new(Origin::File, rules, own);
        Ok(Self::with_tls(guard, &Tls::of_this_machine()?))
    }

    /// The same for targets that somebody else names: connects to public addresses, and to what `rules` open.
    ///
    /// # Errors
    ///
    /// TLS cannot be set up.
    pub(crate) fn for_strangers(
        rules: &AddressRules,
        own: &[SocketAddr],
    ) -> Result<Self, ClientError> {
        let guard = Guard::new(Origin::Api, rules, own);
        Ok(Self::with_tls(guard, &Tls::of_this_machine()?))
    }

    /// Connects where `guard` allows, to receivers that prove who they are as `tls` asks.
    pub(crate) fn with_tls(guard: Guard, tls: &Tls) -> Self {
        let guard = Guarded::new(guard);
        Self {
            checking: http(guard.clone(), tls.checking()),
            dangerous: http(guard, tls.dangerous()),
        }
    }

    /// Sends `request` and waits for the head of the answer.
    ///
    /// # Errors
    ///
    /// [`SendError`] when no head came. The request may have reached its target all the same.
    pub(crate) async fn send(
        &self,
        request: Request<Full<Bytes>>,
    ) -> Result<Response<Incoming>, SendError> {
        self.checking.request(request).await.map_err(SendError::new)
    }

    /// Like [`Client::send`], to a receiver that may show any certificate.
    pub(crate) async fn dangerous_send(
        &self,
        request: Request<Full<Bytes>>,
    ) -> Result<Response<Incoming>, SendError> {
        self.dangerous
            .request(request)
            .await
            .map_err(SendError::new)
    }
}

fn http(guard: Guarded, tls: rustls::ClientConfig) -> Http {
    let connector = HttpsConnectorBuilder::new()
        .with_tls_config(tls)
        .https_or_http()
        .enable_http1()
        .wrap_connector(guard);
    legacy::Client::builder(TokioExecutor::new())
        .pool_timer(TokioTimer::new())
        .pool_idle_timeout(POOL_IDLE)
        .pool_max_idle_per_host(POOL_IDLE_PER_HOST)
        .http1_max_buf_size(HEAD_LIMIT)
        .http1_max_headers(HEADERS_LIMIT)
        .build(connector)
}

/// The client cannot be set up.
#[derive(Debug, thiserror::Error)]
#[error("cannot set up TLS")]
pub struct ClientError(#[from] rustls::Error);

/// A request that got no answer.
#[derive(Debug)]
pub(crate) struct SendError {
    failure: Failure,
    source: Box<dyn Error + Send + Sync>,
}

impl SendError {
    fn new(error: legacy::Error) -> Self {
        Self {
            failure: classify(&error),
            source: error.into(),
        }
    }

    /// The kind of failure.
    pub(crate) fn failure(&self) -> Failure {
        self.failure
    }

    /// The causes in one line, outermost first.
    pub(crate) fn chain(&self) -> String {
        let mut text = String::new();
        let mut next: Option<&(dyn Error + 'static)> = Some(&*self.source);
        while let Some(error) = next {
            let line = error.to_string();
            // Wrappers like to repeat what they wrap.
            if !text.ends_with(&line) {
                if !text.is_empty() {
                    text.push_str(": ");
                }
                text.push_str(&line);
            }
            next = cause(error);
        }
        text
    }
}

impl fmt::Display for SendError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "no answer ({})", self.failure)
    }
}

impl Error for SendError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        Some(&*self.source)
    }
}

fn classify(error: &legacy::Error) -> Failure {
    if find::<Denied>(error).is_some() {
        return Failure::AddressDenied;
    }
    if let Some(connect) = find::<ConnectError>(error) {
        return connect.failure();
    }
    // The connection was there, so what failed while connecting is TLS; later its alerts come as I/O errors.
    if error.is_connect() || find::<rustls::Error>(error).is_some() {
        return Failure::TlsFailed;
    }
    match find::<hyper::Error>(error) {
        Some(error) if error.is_parse() => Failure::BadAnswer,
        _ => Failure::ConnectionLost,
    }
}

/// The first cause of this type.
fn find<'a, E: Error + 'static>(error: &'a (dyn Error + 'static)) -> Option<&'a E> {
    let mut next = Some(error);
    while let Some(error) = next {
        if let Some(found) = error.downcast_ref() {
            return Some(found);
        }
        next = cause(error);
    }
    None
}

/// The next error inside; `io::Error` does not name the error it wraps as its source.
fn cause<'a>(error: &'a (dyn Error + 'static)) -> Option<&'a (dyn Error + 'static)> {
    match error
        .downcast_ref::<std::io::Error>()
        .and_then(std::io::Error::get_ref)
    {
        Some(inner) => Some(inner),
        None => error.source(),
    }
}

/// The largest head of an answer.
const HEAD_LIMIT: usize = 64 * 1024;

/// The most header lines in an answer.
const HEADERS_LIMIT: usize = 100;

/// How long a connection waits for its next request: shorter than the five seconds after which common servers
/// close one, so that no request meets a connection that is just going.
const POOL_IDLE: Duration = Duration::from_secs(4);

/// How many connections of one target wait.
const POOL_IDLE_PER_HOST: usize = 256;

#[cfg(test)]
mod tests;
