//! Why there is no answer of the upstream's to pass back, and what the sender is told instead.

use std::time::Duration;

use http::Response;

use crate::deliver::{Failure, SendError};
use crate::hop::TooManyHops;
use crate::ingress::reply::{self, Answer};

/// Why there is no answer of the upstream's to pass back.
#[derive(Debug, thiserror::Error)]
pub(super) enum NoAnswer {
    /// The request has gone through too many gateways.
    #[error(transparent)]
    Loop(#[from] TooManyHops),
    /// It could not be sent, or nothing came back.
    #[error("{}", .0.chain())]
    Send(SendError),
    /// The upstream's time was over.
    #[error("no answer within {0:?}")]
    Slow(Duration),
    /// The upstream wants to speak another protocol, which nobody asked for.
    #[error("it switched protocols (status 101), which nobody asked for")]
    Switched,
    /// The upstream's address and this target do not make a URI together.
    #[error("its address and the request's target make no URL together: {0}")]
    Target(#[from] http::Error),
}

impl NoAnswer {
    /// What the sender gets.
    pub(super) fn reply(&self) -> Response<Answer> {
        match self {
            Self::Loop(_) => reply::loop_detected(),
            Self::Send(error) => unreached(error.failure()),
            Self::Slow(_) => reply::gateway_timeout(),
            Self::Switched | Self::Target(_) => reply::bad_gateway(),
        }
    }

    /// A stable, lowercase label.
    pub(super) fn label(&self) -> &'static str {
        match self {
            Self::Loop(_) => "too_many_hops",
            Self::Send(error) => error.failure().as_str(),
            Self::Slow(_) => Failure::TimedOut.as_str(),
            Self::Switched => Failure::BadAnswer.as_str(),
            Self::Target(_) => "unsendable",
        }
    }
}

/// A gateway that ran out of time says so, whatever it was waiting for.
fn unreached(failure: Failure) -> Response<Answer> {
    match failure {
        Failure::TimedOut => reply::gateway_timeout(),
        _ => reply::bad_gateway(),
    }
}

#[cfg(test)]
mod tests {
    use http::StatusCode;

    use super::*;

    #[test]
    fn the_status_says_whose_fault_it_is() {
        for (no_answer, status) in [
            (NoAnswer::Loop(TooManyHops), StatusCode::LOOP_DETECTED),
            (
                NoAnswer::Slow(Duration::from_secs(30)),
                StatusCode::GATEWAY_TIMEOUT,
            ),
            (NoAnswer::Switched, StatusCode::BAD_GATEWAY),
        ] {
            assert_eq!(no_answer.reply().status(), status, "{no_answer}");
        }
    }

    #[test]
    fn a_connection_that_took_too_long_is_a_timeout_too() {
        for (failure, status) in [
            (Failure::TimedOut, StatusCode::GATEWAY_TIMEOUT),
            (Failure::ConnectionRefused, StatusCode::BAD_GATEWAY),
            (Failure::DnsFailed, StatusCode::BAD_GATEWAY),
            (Failure::BadAnswer, StatusCode::BAD_GATEWAY),
        ] {
            assert_eq!(unreached(failure).status(), status, "{failure}");
        }
    }

    #[test]
    fn the_log_says_how_long_was_waited() {
        let slow = NoAnswer::Slow(Duration::from_secs(30));

        assert_eq!(slow.to_string(), "no answer within 30s");
    }
}
