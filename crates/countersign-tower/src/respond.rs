//! What the sender is answered; the only place with status codes.

use bytes::Bytes;
use countersign::Auth;
use http::{
    HeaderValue, Response, StatusCode,
    header::{ALLOW, CONTENT_TYPE, RETRY_AFTER, WWW_AUTHENTICATE},
};

use crate::{Policy, Refusal, ReplyBody};

/// Chooses the answer to a request that is not let in.
///
/// A function of the two arguments will do. `policy` is `None` where there is none: the
/// flow is unknown, or could not be looked up. Whatever it answers, the [`Refusal`] is
/// put into the response's extensions.
pub trait Respond {
    /// The whole answer.
    fn respond(&self, refusal: &Refusal, policy: Option<&Policy>) -> Response<Bytes>;
}

impl<F> Respond for F
where
    F: Fn(&Refusal, Option<&Policy>) -> Response<Bytes>,
{
    fn respond(&self, refusal: &Refusal, policy: Option<&Policy>) -> Response<Bytes> {
        self(refusal, policy)
    }
}

/// The default answers: a status and a problem (RFC 9457) that gives no detail.
///
/// | status | refusal |
/// | --- | --- |
/// | 200 | a repeat, acknowledged once more: `{"duplicate":true}` |
/// | 400 | the body broke off |
/// | 401 | not verified, for whatever reason; with the challenge that HTTP asks for |
/// | 403 | a handshake with a wrong token |
/// | 404 | no such flow |
/// | 405 | the method, with `Allow` |
/// | 408 | the body was too slow |
/// | 409 | a repeat, or one of an equal request in flight |
/// | 413 | the body is too large |
/// | 503 | cannot be decided now, with `Retry-After` |
///
/// The challenge names the kind of auth and nothing else: `Basic`, `ApiKey` or `Signature`; each of them where there
/// are several. That an address is asked for is not told.
#[derive(Clone, Copy, Debug, Default)]
pub struct Problem;

impl Problem {
    /// The problem that a status is, for whoever answers beside the Layer in its manner.
    #[must_use]
    pub fn of(status: StatusCode) -> Response<Bytes> {
        let title = status.canonical_reason().unwrap_or_default();
        let code = status.as_u16();
        let body = format!(r#"{{"type":"about:blank","title":"{title}","status":{code}}}"#);
        let mut response = document(PROBLEM, body.into());
        *response.status_mut() = status;
        response
    }
}

impl Respond for Problem {
    fn respond(&self, refusal: &Refusal, policy: Option<&Policy>) -> Response<Bytes> {
        let status = match refusal {
            Refusal::Acknowledged => StatusCode::OK,
            Refusal::BodyFailed => StatusCode::BAD_REQUEST,
            Refusal::BodyTimedOut => StatusCode::REQUEST_TIMEOUT,
            Refusal::BodyTooLarge => StatusCode::PAYLOAD_TOO_LARGE,
            Refusal::InFlight | Refusal::Repeated => StatusCode::CONFLICT,
            Refusal::MethodNotAllowed => StatusCode::METHOD_NOT_ALLOWED,
            Refusal::Rejected(_) => StatusCode::UNAUTHORIZED,
            Refusal::Unavailable => StatusCode::SERVICE_UNAVAILABLE,
            Refusal::UnknownFlow => StatusCode::NOT_FOUND,
            Refusal::WrongToken => StatusCode::FORBIDDEN,
        };
        let mut response = if status.is_success() {
            document(JSON, Bytes::from_static(DUPLICATE))
        } else {
            Self::of(status)
        };
        let headers = response.headers_mut();
        match refusal {
            Refusal::MethodNotAllowed => {
                // RFC 9110 asks for the header even where it is empty.
                let allow = policy.map_or(HeaderValue::from_static(""), Policy::allow);
                headers.insert(ALLOW, allow);
            }
            Refusal::Rejected(_) => {
                for challenge in challenges(policy.map(Policy::auth)) {
                    headers.append(WWW_AUTHENTICATE, HeaderValue::from_static(challenge));
                }
                if policy.is_some_and(empties_refusals) {
                    headers.remove(CONTENT_TYPE);
                    *response.body_mut() = Bytes::new();
                }
            }
            Refusal::Unavailable => {
                headers.insert(RETRY_AFTER, HeaderValue::from_static("10"));
            }
            _ => {}
        }
        response
    }
}

/// The answer to a refusal, with the refusal in its extensions.
pub(crate) fn refuse<B>(
    respond: &impl Respond,
    refusal: Refusal,
    policy: Option<&Policy>,
) -> Response<ReplyBody<B>> {
    let mut response = respond.respond(&refusal, policy).map(ReplyBody::from);
    response.extensions_mut().insert(refusal);
    response
}

/// HTTP wants a challenge with every 401: one for each kind of auth, however often it is there.
fn challenges(auth: Option<&Auth>) -> Vec<&'static str> {
    let mut challenges = Vec::new();
    for part in auth.into_iter().flat_map(Auth::parts) {
        let challenge = match part {
            Auth::Basic(_) => r#"Basic realm="webhook", charset="UTF-8""#,
            Auth::ApiKey(_) => r#"ApiKey realm="webhook""#,
            Auth::Signature(_) => SIGNATURE,
            // What is no secret cannot be asked for.
            _ => continue,
        };
        if !challenges.contains(&challenge) {
            challenges.push(challenge);
        }
    }
    if challenges.is_empty() {
        challenges.push(SIGNATURE);
    }
    challenges
}

/// Whether the sender insists on refusals without a body.
fn empties_refusals(policy: &Policy) -> bool {
    let mut parts = policy.auth().parts();
    parts.any(
        |auth| matches!(auth, Auth::Signature(verifier) if verifier.scheme().empties_refusals()),
    )
}

fn document(media: &'static str, body: Bytes) -> Response<Bytes> {
    let mut response = Response::new(body);
    let media = HeaderValue::from_static(media);
    response.headers_mut().insert(CONTENT_TYPE, media);
    response
}

const SIGNATURE: &str = r#"Signature realm="webhook""#;
const DUPLICATE: &[u8] = br#"{"duplicate":true}"#;
const JSON: &str = "application/json";
const PROBLEM: &str = "application/problem+json";

#[cfg(feature = "axum")]
pub(crate) use extracted::not_extracted;

#[cfg(feature = "axum")]
mod extracted {
    //! What a handler's extractor answers when it has nothing to give.

    use axum::response::{IntoResponse, Response};
    use http::StatusCode;

    use crate::extract::ExtractError;

    pub(crate) fn not_extracted(error: &ExtractError) -> Response {
        match error {
            ExtractError::NoLayer => (StatusCode::INTERNAL_SERVER_ERROR, error.to_string()),
            ExtractError::NotVerified => (StatusCode::UNAUTHORIZED, String::new()),
            ExtractError::Json(cause) if cause.is_data() => {
                (StatusCode::UNPROCESSABLE_ENTITY, error.to_string())
            }
            ExtractError::Json(_) => (StatusCode::BAD_REQUEST, error.to_string()),
        }
        .into_response()
    }
}

#[cfg(test)]
mod tests;
