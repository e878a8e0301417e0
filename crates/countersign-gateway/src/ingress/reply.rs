//! What senders are told: a status and as little as possible besides.
//!
//! The only place, besides the Layer's own refusals, where an answer to a sender gets its
//! status. Reasons go to the log.

use std::time::Duration;

use bytes::Bytes;
use countersign_queue::EventId;
use countersign_tower::{Problem, Refusal, ReplyBody, Respond as _};
use http::header::{CONTENT_TYPE, RETRY_AFTER};
use http::{HeaderName, HeaderValue, Response, StatusCode};
use http_body_util::{Either, Full};
use hyper::body::Incoming;

use crate::config::Feedback;
use crate::forward::PassedBack;

/// An answer's body: one buffer of ours, or an upstream's stream passed through.
pub(crate) type Answer = Either<Full<Bytes>, PassedBack<Incoming>>;

/// An answer's body as it leaves the Layer.
pub(crate) type Body = ReplyBody<Answer>;

/// The event is durable (again, when `duplicate`): the flow's own feedback.
pub(crate) fn accepted(feedback: &Feedback, id: EventId, duplicate: bool) -> Response<Answer> {
    let id = id.to_string();
    let (content_type, body) = match &feedback.body {
        Some(body) => (feedback.content_type.clone(), body.clone()),
        None => (
            Some(HeaderValue::from_static("application/json")),
            receipt(&id, duplicate),
        ),
    };
    let mut reply = plain(feedback.status, content_type, body);
    if let Ok(id) = HeaderValue::try_from(id) {
        reply.headers_mut().insert(EVENT, id);
    }
    reply
}

/// There is no flow at this path: told as the Layer tells its refusals.
pub(crate) fn no_such_flow() -> Response<Body> {
    Problem
        .respond(&Refusal::UnknownFlow, None)
        .map(ReplyBody::from)
}

/// The secret that a sender brings cannot be kept now.
pub(crate) fn not_now(retry_after: Duration) -> Response<Body> {
    let mut reply = Problem
        .respond(&Refusal::Unavailable, None)
        .map(ReplyBody::from);
    reply
        .headers_mut()
        .insert(RETRY_AFTER, HeaderValue::from(retry_after.as_secs()));
    reply
}

/// A repeat on a flow that refuses repeats.
pub(crate) fn repeated() -> Response<Answer> {
    problem(StatusCode::CONFLICT)
}

/// It is larger than the store takes.
pub(crate) fn too_large() -> Response<Answer> {
    problem(StatusCode::PAYLOAD_TOO_LARGE)
}

/// The store cannot hold this one, now or later.
pub(crate) fn unprocessable() -> Response<Answer> {
    problem(StatusCode::UNPROCESSABLE_ENTITY)
}

/// We cannot make it durable now; the sender should come again.
pub(crate) fn unavailable(retry_after: Duration) -> Response<Answer> {
    let mut reply = problem(StatusCode::SERVICE_UNAVAILABLE);
    reply
        .headers_mut()
        .insert(RETRY_AFTER, HeaderValue::from(retry_after.as_secs()));
    reply
}

/// The upstream cannot be reached, or its answer is none that can be passed back.
pub(crate) fn bad_gateway() -> Response<Answer> {
    problem(StatusCode::BAD_GATEWAY)
}

/// The upstream was not reached, or did not begin to answer, in time.
pub(crate) fn gateway_timeout() -> Response<Answer> {
    problem(StatusCode::GATEWAY_TIMEOUT)
}

/// The request has gone through too many gateways: it goes in circles.
pub(crate) fn loop_detected() -> Response<Answer> {
    problem(StatusCode::LOOP_DETECTED)
}

/// A problem as the Layer tells them, so that one listener has one form.
fn problem(status: StatusCode) -> Response<Answer> {
    Problem::of(status).map(|body| Either::Left(Full::new(body)))
}

fn receipt(id: &str, duplicate: bool) -> Bytes {
    // An id has no character that JSON would escape.
    Bytes::from(if duplicate {
        format!(r#"{{"id":"{id}","duplicate":true}}"#)
    } else {
        format!(r#"{{"id":"{id}"}}"#)
    })
}

fn plain(status: StatusCode, content_type: Option<HeaderValue>, body: Bytes) -> Response<Answer> {
    let mut reply = Response::new(Either::Left(Full::new(body)));
    *reply.status_mut() = status;
    if let Some(content_type) = content_type {
        reply.headers_mut().insert(CONTENT_TYPE, content_type);
    }
    reply
}

/// The id under which an accepted request can be found again.
const EVENT: HeaderName = HeaderName::from_static("countersign-event");
