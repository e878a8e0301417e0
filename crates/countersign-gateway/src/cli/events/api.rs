//! The admin API as the command line sees it.

use std::time::Duration;

use anyhow::Context as _;
use bytes::Bytes;
use http::header::{ACCEPT, AUTHORIZATION};
use http::{HeaderValue, Request, StatusCode, Uri};
use serde::Deserialize;
use serde::de::DeserializeOwned;

use super::super::client::{self, Answer};
use super::super::{Usage, usage};

/// The admin API of one gateway.
pub(in crate::cli) struct Admin {
    base: String,
    authorization: HeaderValue,
}

impl Admin {
    /// The API at `base`, asked with `token`.
    pub(in crate::cli) fn new(base: &str, token: &str) -> anyhow::Result<Self> {
        if !base.starts_with("http://") && !base.starts_with("https://") {
            return Err(usage(format!(
                "`{base}` begins neither with http:// nor with https://"
            )));
        }
        let mut authorization = HeaderValue::from_str(&format!("Bearer {token}")).context(
            Usage("the admin token has a character that no token has".to_owned()),
        )?;
        authorization.set_sensitive(true);
        Ok(Self {
            base: base.trim_end_matches('/').to_owned(),
            authorization,
        })
    }

    /// One question.
    pub(in crate::cli) async fn get(&self, path: &str) -> anyhow::Result<Answer> {
        let url = format!("{}{path}", self.base);
        let uri: Uri = url.parse().context(Usage(format!("`{url}` is no URL")))?;
        let mut request = Request::new(Bytes::new());
        *request.uri_mut() = uri;
        let headers = request.headers_mut();
        headers.insert(ACCEPT, HeaderValue::from_static("application/json"));
        headers.insert(AUTHORIZATION, self.authorization.clone());
        client::exchange(request, LONGEST, PATIENCE).await
    }

    /// The newest events.
    pub(in crate::cli) async fn page(&self) -> anyhow::Result<Page> {
        read(ok(&self.get("/events").await?)?)
    }

    /// One event, whole.
    pub(in crate::cli) async fn event(&self, id: &str) -> anyhow::Result<Event> {
        read(ok(&self.get(&event_path(id)).await?)?)
    }
}

/// A page of the list.
#[derive(Deserialize)]
pub(in crate::cli) struct Page {
    pub(in crate::cli) events: Vec<Event>,
    pub(in crate::cli) next: Option<String>,
}

/// An event; only one that is shown whole has headers, body and attempts.
#[derive(Deserialize)]
pub(in crate::cli) struct Event {
    pub(in crate::cli) id: String,
    pub(in crate::cli) flow: String,
    pub(in crate::cli) received: String,
    pub(in crate::cli) method: String,
    pub(in crate::cli) target: String,
    pub(in crate::cli) key: Option<String>,
    pub(in crate::cli) size: u64,
    pub(in crate::cli) state: String,
    pub(in crate::cli) deliveries: Vec<Delivery>,
    #[serde(default)]
    pub(in crate::cli) headers: Vec<Header>,
    pub(in crate::cli) body: Option<Content>,
    #[serde(default)]
    pub(in crate::cli) attempts: Vec<Attempt>,
}

#[derive(Deserialize)]
pub(in crate::cli) struct Delivery {
    pub(in crate::cli) step: String,
    pub(in crate::cli) state: String,
    pub(in crate::cli) attempts: u32,
    pub(in crate::cli) due: Option<String>,
    pub(in crate::cli) reason: Option<String>,
}

#[derive(Deserialize)]
pub(in crate::cli) struct Header {
    pub(in crate::cli) name: String,
    pub(in crate::cli) value: String,
}

#[derive(Deserialize)]
pub(in crate::cli) struct Content {
    pub(in crate::cli) text: Option<String>,
}

/// One try at a delivery.
#[derive(Deserialize)]
pub(in crate::cli) struct Attempt {
    pub(in crate::cli) step: String,
    pub(in crate::cli) number: u32,
    pub(in crate::cli) started: String,
    pub(in crate::cli) took_ms: f64,
    pub(in crate::cli) outcome: String,
    pub(in crate::cli) status: Option<u16>,
    pub(in crate::cli) error: Option<String>,
}

/// The path of one event.
pub(super) fn event_path(id: &str) -> String {
    let id: String = url::form_urlencoded::byte_serialize(id.as_bytes()).collect();
    format!("/events/{id}")
}

/// The body of a good answer; else what the gateway complains of.
pub(super) fn ok(answer: &Answer) -> anyhow::Result<&[u8]> {
    #[derive(Deserialize)]
    struct Problem {
        detail: String,
    }

    if answer.status.is_success() && !answer.cut {
        return Ok(&answer.body);
    }
    if answer.status == StatusCode::UNAUTHORIZED {
        anyhow::bail!("the gateway does not know this admin token");
    }
    match serde_json::from_slice::<Problem>(&answer.body) {
        Ok(problem) => anyhow::bail!("the gateway answered {}: {}", answer.status, problem.detail),
        Err(_) => anyhow::bail!(
            "the gateway answered {}: is this its admin listener?",
            answer.status
        ),
    }
}

/// What a body says.
pub(super) fn read<T: DeserializeOwned>(body: &[u8]) -> anyhow::Result<T> {
    serde_json::from_slice(body).context("the answer is not one of this gateway's admin API")
}

/// No event is larger.
const LONGEST: usize = 1 << 30;
const PATIENCE: Duration = Duration::from_secs(30);
