//! Extractors for axum handlers: the proof, at run time, that the layer was there.

use std::{error::Error, fmt, ops::Deref};

use axum::{
    extract::FromRequestParts,
    response::{IntoResponse, Response},
};
use bytes::Bytes;
use http::request::Parts;
use serde::de::DeserializeOwned;

use crate::{Verdict, respond::not_extracted};

/// A genuine request, as an argument of a handler: who sent it, and the very bytes
/// that were verified.
///
/// It refuses to be extracted where the layer is missing (500, the developer's mistake)
/// and where the request was only [observed](crate::PolicyBuilder::observe) and did not
/// verify (401); a handler that observes takes a [`Verdict`].
#[derive(Clone, Debug)]
pub struct Verified {
    body: Bytes,
    verified: countersign::Verified,
}

impl Verified {
    /// The bytes that were verified.
    pub fn body(&self) -> &Bytes {
        &self.body
    }

    /// The bytes that were verified.
    pub fn into_body(self) -> Bytes {
        self.body
    }
}

impl Deref for Verified {
    type Target = countersign::Verified;

    fn deref(&self) -> &Self::Target {
        &self.verified
    }
}

impl<S: Sync> FromRequestParts<S> for Verified {
    type Rejection = ExtractError;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, ExtractError> {
        let Proof { body, verdict } = Proof::of(parts)?.clone();
        match verdict {
            Verdict::Verified(verified) => Ok(Self { body, verified }),
            Verdict::Observed(_) => Err(ExtractError::NotVerified),
        }
    }
}

/// The body of a genuine request, read as JSON; refuses like [`Verified`] does.
///
/// What is read are the bytes that were verified, whatever a layer in between made of
/// the body. The media type is not looked at: no signature covers it.
#[derive(Clone, Debug)]
pub struct VerifiedJson<T>(pub T);

impl<S: Sync, T: DeserializeOwned> FromRequestParts<S> for VerifiedJson<T> {
    type Rejection = ExtractError;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, ExtractError> {
        let verified = Verified::from_request_parts(parts, state).await?;
        serde_json::from_slice(&verified.body)
            .map(Self)
            .map_err(|cause| ExtractError::Json(JsonError(cause)))
    }
}

impl<S: Sync> FromRequestParts<S> for Verdict {
    type Rejection = ExtractError;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, ExtractError> {
        Ok(Proof::of(parts)?.verdict.clone())
    }
}

/// Why there is nothing to extract.
#[derive(Debug)]
#[non_exhaustive]
pub enum ExtractError {
    /// The request is genuine, its body is not JSON of the type that was asked for.
    Json(JsonError),
    /// No [`VerifyLayer`](crate::VerifyLayer) is around this handler.
    NoLayer,
    /// The request did not verify; the policy only observes.
    NotVerified,
}

impl fmt::Display for ExtractError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Json(_) => "the body is not the JSON that is expected here",
            Self::NoLayer => "no `VerifyLayer` around this handler: add it to the router or route",
            Self::NotVerified => "the request did not verify",
        })
    }
}

impl Error for ExtractError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            Self::Json(error) => Some(error),
            Self::NoLayer | Self::NotVerified => None,
        }
    }
}

impl IntoResponse for ExtractError {
    fn into_response(self) -> Response {
        not_extracted(&self)
    }
}

/// What is wrong with a body that should be JSON.
#[derive(Debug)]
pub struct JsonError(serde_json::Error);

impl JsonError {
    /// Whether it is JSON, of another shape.
    pub fn is_data(&self) -> bool {
        self.0.is_data()
    }
}

impl fmt::Display for JsonError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl Error for JsonError {}

/// Leaves in the request what the extractors find.
pub(crate) fn leave_proof(parts: &mut Parts, body: &Bytes, verdict: &Verdict) {
    parts.extensions.insert(Proof {
        body: body.clone(),
        verdict: verdict.clone(),
    });
}

/// Private, so that nothing but the layer can put one into a request.
#[derive(Clone)]
struct Proof {
    body: Bytes,
    verdict: Verdict,
}

impl Proof {
    fn of(parts: &Parts) -> Result<&Self, ExtractError> {
        parts.extensions.get().ok_or(ExtractError::NoLayer)
    }
}
