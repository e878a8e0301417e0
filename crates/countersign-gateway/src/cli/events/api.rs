//! Events as the admin API gives them.

use serde::Deserialize;

use super::super::admin::{Admin, encoded, ok, read};

impl Admin {
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
    format!("/events/{}", encoded(id))
}
