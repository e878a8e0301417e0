//! What is kept of one attempt, besides what follows from it.

use std::error::Error;

use bytes::Bytes;
use http::header;
use http::response::Parts;

use super::outcome::{Impossible, Outcome};
use crate::deliver::{Failure, Unsendable};

/// What one attempt came to, and what is kept of it.
#[derive(Debug)]
pub(super) struct Report {
    pub(super) answer: Bytes,
    pub(super) error: Option<String>,
    pub(super) outcome: Outcome,
}

impl Report {
    /// The receiver answered with this head, and these are the first bytes of the body.
    pub(super) fn answered(head: &Parts, answer: Bytes) -> Self {
        Self {
            answer,
            error: location(head),
            outcome: Outcome::answered(head.status, &head.headers),
        }
    }

    /// No answer came.
    pub(super) fn failed(failure: Failure, error: String) -> Self {
        Self {
            answer: Bytes::new(),
            error: Some(error),
            outcome: Outcome::Failed(failure),
        }
    }

    /// Nothing could be tried.
    pub(super) fn impossible(impossible: Impossible) -> Self {
        Self {
            answer: Bytes::new(),
            error: None,
            outcome: Outcome::Impossible(impossible),
        }
    }

    /// All attempts are used up, and none of them said so: the gateway was killed in the middle of the last one.
    pub(super) fn exhausted() -> Self {
        Self {
            error: Some(CUT_SHORT.to_owned()),
            ..Self::impossible(Impossible::Exhausted)
        }
    }

    /// No request could be made.
    pub(super) fn unsendable(error: &Unsendable) -> Self {
        let outcome = match error {
            Unsendable::Hops => Outcome::Impossible(Impossible::TooManyHops),
            Unsendable::Sign(_) => Outcome::Failed(Failure::SignFailed),
            Unsendable::Stored(_) | Unsendable::Target => {
                Outcome::Impossible(Impossible::Unsendable)
            }
        };
        let cause = error
            .source()
            .map(|cause| format!(": {cause}"))
            .unwrap_or_default();
        Self {
            answer: Bytes::new(),
            error: Some(format!("{error}{cause}")),
            outcome,
        }
    }
}

/// Where a redirect pointed, for the record: it was not followed.
fn location(head: &Parts) -> Option<String> {
    let location = head.headers.get(header::LOCATION)?.as_bytes();
    let shown = &location[..location.len().min(LOCATION_LIMIT)];
    let told = || {
        format!(
            "redirects are not followed; location: {}",
            shown.escape_ascii()
        )
    };
    head.status.is_redirection().then(told)
}

const CUT_SHORT: &str = "the last attempt was cut short by a crash of the gateway, or `max_retries` is lower than it was";

/// How much of a redirect's target is recorded.
const LOCATION_LIMIT: usize = 512;

#[cfg(test)]
mod tests {
    use http::Response;

    use super::*;

    fn head(status: u16, location: &str) -> Parts {
        let response = Response::builder()
            .status(status)
            .header("location", location);
        response.body(()).unwrap().into_parts().0
    }

    #[test]
    fn a_redirects_target_is_recorded_escaped_and_cut() {
        let told = location(&head(302, "http://a.example/\u{e9}")).unwrap();
        assert!(told.ends_with("http://a.example/\\xc3\\xa9"), "{told}");

        let long = format!("http://a.example/{}", "x".repeat(2 * LOCATION_LIMIT));
        let told = location(&head(302, &long)).unwrap();
        assert!(told.len() < LOCATION_LIMIT + 100);
    }

    #[test]
    fn a_success_with_a_location_is_nothing_to_report() {
        assert_eq!(location(&head(201, "http://a.example/orders/7")), None);
    }
}
