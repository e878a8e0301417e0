//! What a question says behind its `?`: where it makes no sense, that is a problem like any other.

use axum::extract::{self, FromRequestParts};
use http::request::Parts;
use serde::de::DeserializeOwned;

use super::error::Problem;

/// The question, as `T` reads it.
#[derive(Debug)]
pub(super) struct Query<T>(pub(super) T);

impl<T: DeserializeOwned, S: Sync> FromRequestParts<S> for Query<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        extract::Query::try_from_uri(&parts.uri)
            .map(|extract::Query(asked)| Self(asked))
            .map_err(|rejection| Problem::bad_request(rejection.body_text()))
    }
}

/// How many a page may have: as many as are asked for, else `usual`.
pub(super) fn limit(asked: Option<usize>, usual: usize, most: usize) -> Result<usize, Problem> {
    let limit = asked.unwrap_or(usual);
    match (1..=most).contains(&limit) {
        true => Ok(limit),
        false => Err(Problem::bad_request(format!(
            "`limit` goes from 1 to {most}"
        ))),
    }
}
