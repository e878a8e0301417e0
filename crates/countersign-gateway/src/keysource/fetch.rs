//! Getting what is at a URL, within limits.

use std::time::{Duration, SystemTime};

use bytes::Bytes;
use countersign::{FetchedKey, KeyUrl};
use countersign_tower::NoKey;
use http::{Request, StatusCode, header};
use http_body_util::{BodyExt, Full, Limited};
use tokio::time::timeout;

use super::certificate::{Chain, Verdict};
use crate::deliver::{Client, SendError, Trust};

/// Fetches keys over connections that the address guard lets through.
pub(super) struct Fetcher {
    client: Client,
}

impl Fetcher {
    pub(super) fn new(client: Client) -> Self {
        Self { client }
    }

    /// The key at `url`, checked, within the time for all of it.
    pub(super) async fn key(
        &self,
        url: &KeyUrl,
        trust: &Trust,
        now: SystemTime,
    ) -> Result<FetchedKey, Failure> {
        let all = self.fetch_key(url, trust, now);
        timeout(TIMEOUT, all)
            .await
            .unwrap_or(Err(Failure::TimedOut))
    }

    async fn fetch_key(
        &self,
        url: &KeyUrl,
        trust: &Trust,
        now: SystemTime,
    ) -> Result<FetchedKey, Failure> {
        let text = self.get(url.as_str()).await?;
        let Some(rule) = url.certificate() else {
            let key = FetchedKey::read(url.clone(), &text).map_err(|_| Failure::NoKey)?;
            // It may be of a certificate; what does not count now would be asked for again at once.
            let counts = key.covers(now).then_some(key);
            return counts.ok_or(Failure::Untrusted("it is before or after its time"));
        };
        let mut chain = Chain::read(&text).ok_or(Failure::NoKey)?;
        loop {
            match chain.judge(url, rule, trust, now) {
                Verdict::Trusted(key) => return Ok(key),
                Verdict::Untrusted(why) => return Err(Failure::Untrusted(why)),
                Verdict::Incomplete(issuer) => {
                    let issuer = self.get(&issuer).await?;
                    // It takes no more than so many, so this ends.
                    if !chain.add(&issuer) {
                        return Err(Failure::Untrusted("its chain cannot be followed"));
                    }
                }
            }
        }
    }

    /// What is at a URL: no redirect is followed, and no more is read than a key has.
    async fn get(&self, url: &str) -> Result<Bytes, Failure> {
        let request = Request::get(url)
            .header(header::USER_AGENT, AGENT)
            .body(Full::default())
            .map_err(|_| Failure::NoKey)?;
        let answer = self.client.send(request).await.map_err(Failure::Send)?;
        match answer.status() {
            StatusCode::OK => {}
            status => return Err(Failure::Status(status)),
        }
        #[expect(clippy::disallowed_methods, reason = "the body is limited")]
        let body = Limited::new(answer.into_body(), LIMIT).collect().await;
        body.map(|body| body.to_bytes()).map_err(|_| Failure::Body)
    }
}

/// Why there is no key.
#[derive(Debug, thiserror::Error)]
pub(super) enum Failure {
    #[error("its body broke off, or is larger than {LIMIT} bytes")]
    Body,
    #[error("too many keys are being fetched")]
    Busy,
    #[error("there is no key in what is there")]
    NoKey,
    #[error("there is no answer")]
    Send(#[source] SendError),
    #[error("its server answered {0}")]
    Status(StatusCode),
    #[error("it took longer than {} seconds", TIMEOUT.as_secs())]
    TimedOut,
    #[error("the certificate is not to be trusted: {0}")]
    Untrusted(&'static str),
}

impl Failure {
    /// Whether a second try would come to the same.
    pub(super) fn is_final(&self) -> bool {
        match self {
            Self::Body | Self::Busy | Self::Send(_) | Self::TimedOut => false,
            Self::NoKey | Self::Untrusted(_) => true,
            Self::Status(status) => {
                let later = [StatusCode::REQUEST_TIMEOUT, StatusCode::TOO_MANY_REQUESTS];
                !status.is_server_error() && !later.contains(status)
            }
        }
    }

    /// What it is to whoever asked.
    pub(super) fn verdict(&self) -> NoKey {
        match self.is_final() {
            true => NoKey::Untrusted,
            false => NoKey::Unavailable,
        }
    }
}

/// How long it may take to fetch a key and what it hangs on.
const TIMEOUT: Duration = Duration::from_secs(5);

/// The most that is read, in bytes.
const LIMIT: usize = 64 * 1024;

const AGENT: &str = concat!("countersign/", env!("CARGO_PKG_VERSION"));
