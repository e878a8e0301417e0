//! What the demonstration sends, what should come of it, and what did.

use std::time::{Duration, SystemTime};

use anyhow::Context as _;
use bytes::Bytes;
use countersign::{Keyring, PublicUrl, Scheme, Secret, Signer, ToSign};
use http::{HeaderMap, HeaderName, HeaderValue, Method, Request, StatusCode};
use serde::Deserialize;

use super::super::client;
use super::receiver::Seen;

/// A sender with the flow's secret.
pub(super) struct Sender {
    pub(super) base: String,
    signer: Signer,
}

/// One webhook that was sent, and what the sender got.
pub(super) struct Sent {
    pub(super) what: &'static str,
    wanted: Wanted,
    status: StatusCode,
    receipt: Receipt,
}

/// What should come of a webhook.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Wanted {
    /// Accepted, and delivered at this attempt.
    Delivered { attempts: usize },
    /// Refused, and seen by nobody.
    Refused,
    /// Acknowledged as one that is there already, and delivered no second time.
    Repeat,
}

/// One line of the table.
pub(super) struct Line {
    pub(super) what: &'static str,
    pub(super) wanted: String,
    pub(super) got: String,
    pub(super) delivered: String,
    pub(super) as_wanted: bool,
}

/// The gateway's acknowledgement.
#[derive(Default, Deserialize)]
struct Receipt {
    id: Option<String>,
    #[serde(default)]
    duplicate: bool,
}

/// A request ready to be sent, any number of times.
struct Prepared {
    method: Method,
    target: &'static str,
    headers: Vec<(HeaderName, HeaderValue)>,
    body: &'static str,
}

impl Sender {
    /// Knows the flow's public address and its secret.
    pub(super) fn new(base: String, secret: &str) -> anyhow::Result<Self> {
        let scheme = Scheme::preset("designer-cloud").context("the scheme is built in")?;
        let signer = Signer::new(&scheme, &Keyring::single(Secret::new(secret)))?;
        Ok(Self { base, signer })
    }

    /// Sends a genuine, a forged, a stale and a repeated webhook, and one whose URL is signed.
    pub(super) async fn tell(&self) -> anyhow::Result<Vec<Sent>> {
        let now = SystemTime::now();
        let genuine = self.prepare(Method::POST, ORDERS, ORDER, now)?;
        let stale = self.prepare(Method::POST, ORDERS, ORDER, now - HOUR)?;
        let get = self.prepare(Method::GET, ORDERS_DONE, "", now)?;
        let forged = Prepared {
            method: Method::POST,
            target: ORDERS,
            headers: genuine.headers.clone(),
            body: CHEAPER,
        };
        Ok(vec![
            self.send(
                "a genuine POST",
                &genuine,
                Wanted::Delivered { attempts: 3 },
            )
            .await?,
            self.send(
                "a forged POST: its body was changed",
                &forged,
                Wanted::Refused,
            )
            .await?,
            self.send("a stale POST: signed an hour ago", &stale, Wanted::Refused)
                .await?,
            self.send("the genuine POST once more", &genuine, Wanted::Repeat)
                .await?,
            self.send(
                "a GET whose URL is signed",
                &get,
                Wanted::Delivered { attempts: 1 },
            )
            .await?,
        ])
    }

    /// The headers of a genuine POST of `body`, for a line that people can try.
    pub(super) fn headers(
        &self,
        body: &str,
        now: SystemTime,
    ) -> anyhow::Result<Vec<(HeaderName, HeaderValue)>> {
        self.sign(&Method::POST, ORDERS, body, now)
    }

    fn prepare(
        &self,
        method: Method,
        target: &'static str,
        body: &'static str,
        now: SystemTime,
    ) -> anyhow::Result<Prepared> {
        let headers = self.sign(&method, target, body, now)?;
        Ok(Prepared {
            method,
            target,
            headers,
            body,
        })
    }

    fn sign(
        &self,
        method: &Method,
        target: &str,
        body: &str,
        now: SystemTime,
    ) -> anyhow::Result<Vec<(HeaderName, HeaderValue)>> {
        let signed = self.signer.headers(&ToSign {
            method,
            url: PublicUrl::new(&self.base, target),
            headers: &HeaderMap::new(),
            body: body.as_bytes(),
            id: None,
            now,
        })?;
        Ok(signed)
    }

    async fn send(
        &self,
        what: &'static str,
        prepared: &Prepared,
        wanted: Wanted,
    ) -> anyhow::Result<Sent> {
        let mut request = Request::new(Bytes::from_static(prepared.body.as_bytes()));
        *request.method_mut() = prepared.method.clone();
        *request.uri_mut() = format!("{}{}", self.base, prepared.target).parse()?;
        request
            .headers_mut()
            .extend(prepared.headers.iter().cloned());
        let answer = client::exchange(request, 64 << 10, Duration::from_secs(10)).await?;
        Ok(Sent {
            what,
            wanted,
            status: answer.status,
            receipt: serde_json::from_slice(&answer.body).unwrap_or_default(),
        })
    }
}

impl Line {
    /// What reached the receiver or the queue although nothing was sent that should have.
    pub(super) fn stray(requests: usize, events: usize) -> Self {
        Self {
            what: "anything else",
            wanted: "nothing".to_owned(),
            got: format!("{events} events"),
            delivered: format!("{requests} requests"),
            as_wanted: requests + events == 0,
        }
    }
}

impl Sent {
    /// The event that the gateway named, if this is one that has to arrive.
    pub(super) fn owed(&self) -> Option<&str> {
        match self.wanted {
            Wanted::Delivered { .. } => self.receipt.id.as_deref(),
            Wanted::Refused | Wanted::Repeat => None,
        }
    }

    /// Compares what was wanted with what the sender and the receiver saw.
    ///
    /// `first` is the event of the genuine webhook; `attempts` are the answers the gateway recorded.
    pub(super) fn line(
        &self,
        first: Option<&str>,
        attempts: &[Option<u16>],
        seen: &[Seen],
    ) -> Line {
        let own: Vec<_> = seen
            .iter()
            .filter(|seen| self.owed().is_some_and(|id| id == seen.event))
            .collect();
        let signed = own.iter().all(|seen| seen.genuine);
        let (wanted, as_wanted) = match self.wanted {
            Wanted::Delivered { attempts: number } => (
                format!("202, delivered at try {number}"),
                self.status == StatusCode::ACCEPTED
                    && !self.receipt.duplicate
                    && own.len() == number
                    && attempts.len() == number
                    && own
                        .last()
                        .is_some_and(|seen| seen.answered == StatusCode::OK)
                    && signed,
            ),
            Wanted::Refused => (
                "401, not delivered".to_owned(),
                self.status == StatusCode::UNAUTHORIZED && self.receipt.id.is_none(),
            ),
            Wanted::Repeat => (
                "202 as a repeat, delivered no second time".to_owned(),
                self.status == StatusCode::ACCEPTED
                    && self.receipt.duplicate
                    && first.is_some()
                    && self.receipt.id.as_deref() == first,
            ),
        };
        let delivered = match self.wanted {
            Wanted::Delivered { .. } => format!(
                "{}; signature {}",
                answers(attempts),
                if signed && !own.is_empty() {
                    "verified"
                } else {
                    "NOT verified"
                }
            ),
            Wanted::Refused => "nothing".to_owned(),
            Wanted::Repeat => "nothing more".to_owned(),
        };
        Line {
            what: self.what,
            wanted,
            got: self.got(),
            delivered,
            as_wanted,
        }
    }

    fn got(&self) -> String {
        let status = self.status.as_u16();
        match (&self.receipt.id, self.receipt.duplicate) {
            (Some(_), false) => format!("{status}, an event's id"),
            (Some(_), true) => format!("{status}, the first one's id"),
            (None, _) => status.to_string(),
        }
    }
}

fn answers(attempts: &[Option<u16>]) -> String {
    if attempts.is_empty() {
        return "no attempt".to_owned();
    }
    let answers: Vec<_> = attempts
        .iter()
        .map(|status| status.map_or_else(|| "no answer".to_owned(), |status| status.to_string()))
        .collect();
    answers.join(", then ")
}

/// The flow's address.
pub(super) const ORDERS: &str = "/hooks/orders";
const ORDERS_DONE: &str = "/hooks/orders?job=7&status=Complete";
const ORDER: &str = r#"{"order":1001,"total":"49.90"}"#;
const CHEAPER: &str = r#"{"order":1001,"total":"00.01"}"#;
const HOUR: Duration = Duration::from_secs(3_600);

#[cfg(test)]
mod tests {
    use super::*;

    fn sent(wanted: Wanted, status: u16, id: Option<&str>, duplicate: bool) -> Sent {
        Sent {
            what: "a test",
            wanted,
            status: StatusCode::from_u16(status).unwrap(),
            receipt: Receipt {
                id: id.map(str::to_owned),
                duplicate,
            },
        }
    }

    fn seen(event: &str, genuine: bool, answered: StatusCode) -> Seen {
        Seen {
            event: event.to_owned(),
            genuine,
            answered,
        }
    }

    #[test]
    fn a_delivery_is_as_wanted_only_with_every_attempt_signed_and_the_last_one_taken() {
        let sent = sent(Wanted::Delivered { attempts: 2 }, 202, Some("a"), false);
        let attempts = [Some(503), Some(200)];
        let failed = seen("a", true, StatusCode::SERVICE_UNAVAILABLE);
        let taken = seen("a", true, StatusCode::OK);
        let unsigned = seen("a", false, StatusCode::UNAUTHORIZED);

        assert!(
            sent.line(None, &attempts, &[failed.clone(), taken.clone()])
                .as_wanted
        );
        assert!(
            !sent
                .line(None, &attempts, std::slice::from_ref(&taken))
                .as_wanted
        );
        assert!(!sent.line(None, &attempts, &[unsigned, taken]).as_wanted);
        assert!(
            !sent
                .line(None, &attempts, &[failed.clone(), failed])
                .as_wanted
        );
    }

    #[test]
    fn a_refusal_is_a_401_without_an_event() {
        assert!(
            sent(Wanted::Refused, 401, None, false)
                .line(None, &[], &[])
                .as_wanted
        );
        assert!(
            !sent(Wanted::Refused, 202, Some("a"), false)
                .line(None, &[], &[])
                .as_wanted
        );
    }

    #[test]
    fn a_repeat_names_the_first_event() {
        let repeat = sent(Wanted::Repeat, 202, Some("a"), true);

        assert!(repeat.line(Some("a"), &[], &[]).as_wanted);
        assert!(!repeat.line(Some("b"), &[], &[]).as_wanted);
        assert!(!repeat.line(None, &[], &[]).as_wanted);
    }
}
