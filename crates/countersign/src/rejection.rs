//! Why a request was refused: for the operator's log, never for the sender.

use std::error::Error;
use std::fmt;

/// A request that did not verify.
///
/// What it says is for logs, metrics and the operator; the sender gets a bare status.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Rejection {
    reason: Reason,
    hint: Option<Hint>,
}

impl Rejection {
    pub(crate) fn with_hint(reason: Reason, hint: Option<Hint>) -> Self {
        Self { reason, hint }
    }

    /// The kind of refusal.
    pub fn reason(&self) -> Reason {
        self.reason
    }

    /// A guess at the operator's mistake, where there is one.
    pub fn hint(&self) -> Option<Hint> {
        self.hint
    }
}

impl From<Reason> for Rejection {
    fn from(reason: Reason) -> Self {
        Self { reason, hint: None }
    }
}

impl fmt::Display for Rejection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.reason)?;
        match self.hint {
            Some(hint) => write!(f, " ({hint})"),
            None => Ok(()),
        }
    }
}

impl Error for Rejection {}

/// The kinds of [`Rejection`].
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
#[non_exhaustive]
pub enum Reason {
    /// The body reads like a URL of this flow, which a signed GET or DELETE would verify as.
    AmbiguousBody,
    /// The user, password or API key is not one of the flow's.
    BadCredentials,
    /// No configured key produces a signature that was sent.
    BadSignature,
    /// A signed hash is not that of the body.
    BodyChanged,
    /// The credentials are there more than once.
    DuplicateCredentials,
    /// A header that the verifier reads is there more than once.
    DuplicateHeader,
    /// The timestamp is there more than once.
    DuplicateTimestamp,
    /// There is no body and the scheme signs one always.
    EmptyBody,
    /// The signature is genuine and its time lies too far ahead.
    FutureTimestamp,
    /// A header that the verifier reads is longer than [`MAX_HEADER`](crate::MAX_HEADER).
    HeaderTooLong,
    /// The body is not in the form in which the scheme reads it.
    MalformedBody,
    /// The credentials are not in the form their kind requires.
    MalformedCredentials,
    /// A header is there but not in the scheme's form.
    MalformedHeader,
    /// The message id breaks the grammar `[A-Za-z0-9_-]{1,128}`.
    MalformedId,
    /// No signature that was sent decodes to the digest's exact length.
    MalformedSignature,
    /// The timestamp breaks the grammar of the scheme's unit.
    MalformedTimestamp,
    /// The query is not in the form in which the scheme reads it.
    MalformedUrl,
    /// The scheme says nothing about how this method is signed.
    MethodNotSigned,
    /// There are no credentials.
    MissingCredentials,
    /// An element that the scheme reads from body, URL or token is not there.
    MissingElement,
    /// A header that the scheme requires is not there.
    MissingHeader,
    /// The header holds no signature of a kind that this flow's keys make.
    MissingSignature,
    /// The header holds no timestamp.
    MissingTimestamp,
    /// Every key of the flow is before or after its time.
    NoActiveKey,
    /// The signature is genuine and its time lies too far back.
    StaleTimestamp,
    /// More than [`MAX_SIGNATURES`](crate::MAX_SIGNATURES) signatures were sent.
    TooManySignatures,
    /// The request is in none of the ways in which the scheme signs.
    UnknownForm,
    /// The signature covers the public URL and the flow has none configured.
    UnknownUrl,
    /// A header or a field has not the value that the scheme demands.
    UnmetDemand,
    /// There is a body and the signature does not cover it.
    UnsignedBody,
    /// The list of signed headers leaves out one that has to be signed.
    UnsignedHeader,
}

impl Reason {
    /// A stable, lowercase label, for metrics and logs.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::AmbiguousBody => "ambiguous_body",
            Self::BadCredentials => "bad_credentials",
            Self::BadSignature => "bad_signature",
            Self::BodyChanged => "body_changed",
            Self::DuplicateCredentials => "duplicate_credentials",
            Self::DuplicateHeader => "duplicate_header",
            Self::DuplicateTimestamp => "duplicate_timestamp",
            Self::EmptyBody => "empty_body",
            Self::FutureTimestamp => "future_timestamp",
            Self::HeaderTooLong => "header_too_long",
            Self::MalformedBody => "malformed_body",
            Self::MalformedCredentials => "malformed_credentials",
            Self::MalformedHeader => "malformed_header",
            Self::MalformedId => "malformed_id",
            Self::MalformedSignature => "malformed_signature",
            Self::MalformedTimestamp => "malformed_timestamp",
            Self::MalformedUrl => "malformed_url",
            Self::MethodNotSigned => "method_not_signed",
            Self::MissingCredentials => "missing_credentials",
            Self::MissingElement => "missing_element",
            Self::MissingHeader => "missing_header",
            Self::MissingSignature => "missing_signature",
            Self::MissingTimestamp => "missing_timestamp",
            Self::NoActiveKey => "no_active_key",
            Self::StaleTimestamp => "stale_timestamp",
            Self::TooManySignatures => "too_many_signatures",
            Self::UnknownForm => "unknown_form",
            Self::UnknownUrl => "unknown_url",
            Self::UnmetDemand => "unmet_demand",
            Self::UnsignedBody => "unsigned_body",
            Self::UnsignedHeader => "unsigned_header",
        }
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::AmbiguousBody => "the body reads like a URL of this flow",
            Self::BadCredentials => "the credentials are not this flow's",
            Self::BadSignature => "no configured key makes this signature",
            Self::BodyChanged => "the signed hash is not that of the body",
            Self::DuplicateCredentials => "the credentials are there more than once",
            Self::DuplicateHeader => "a header that is read is there more than once",
            Self::DuplicateTimestamp => "the timestamp is there more than once",
            Self::EmptyBody => "there is no body",
            Self::FutureTimestamp => "the signature is genuine, its time too far ahead",
            Self::HeaderTooLong => "a header that is read is too long",
            Self::MalformedBody => "the body is not in the form in which the scheme reads it",
            Self::MalformedCredentials => "the credentials are not in their form",
            Self::MalformedHeader => "a header is not in the scheme's form",
            Self::MalformedId => "the message id is not in its form",
            Self::MalformedSignature => "no signature decodes to the digest's length",
            Self::MalformedTimestamp => "the timestamp is not in the scheme's form",
            Self::MalformedUrl => "the query is not in the form in which the scheme reads it",
            Self::MethodNotSigned => "the scheme does not sign this method",
            Self::MissingCredentials => "there are no credentials",
            Self::MissingElement => "an element that the scheme reads is not there",
            Self::MissingHeader => "a header that the scheme requires is not there",
            Self::MissingSignature => "there is no signature of a kind this flow's keys make",
            Self::MissingTimestamp => "there is no timestamp",
            Self::NoActiveKey => "every key is before or after its time",
            Self::StaleTimestamp => "the signature is genuine, its time too far back",
            Self::TooManySignatures => "there are too many signatures",
            Self::UnknownForm => "the request is signed in none of the ways of the scheme",
            Self::UnknownUrl => "the signature covers the public URL and none is configured",
            Self::UnmetDemand => "a header or a field has not the value that the scheme demands",
            Self::UnsignedBody => "the signature does not cover the body",
            Self::UnsignedHeader => {
                "the list of signed headers leaves out one that has to be signed"
            }
        })
    }
}

/// What the operator may have got wrong, guessed from a refused request.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
#[non_exhaustive]
pub enum Hint {
    /// The timestamp would be fresh if it were read as milliseconds.
    LooksLikeMilliseconds,
    /// The timestamp would be fresh if it were read as seconds.
    LooksLikeSeconds,
}

impl fmt::Display for Hint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::LooksLikeMilliseconds => {
                "the timestamp looks like milliseconds, the flow expects seconds"
            }
            Self::LooksLikeSeconds => {
                "the timestamp looks like seconds, the flow expects milliseconds"
            }
        })
    }
}
