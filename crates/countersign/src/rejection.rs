//! Why a request was refused: for the operator's log, never for the sender.

use std::error::Error;
use std::fmt;
use std::time::SystemTime;

/// A request that did not verify.
///
/// What it says is for logs, metrics and the operator; the sender gets a bare status.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Rejection {
    reason: Reason,
    hint: Option<Hint>,
    clock_difference: Option<i64>,
}

impl Rejection {
    pub(crate) fn with_hint(mut self, hint: Option<Hint>) -> Self {
        self.hint = hint;
        self
    }

    /// The same, of a request that says it was signed at `time`.
    pub(crate) fn signed_at(mut self, time: Option<SystemTime>, now: SystemTime) -> Self {
        self.clock_difference = time.map(|time| milliseconds(time, now));
        self
    }

    /// The kind of refusal.
    pub fn reason(&self) -> Reason {
        self.reason
    }

    /// A guess at the operator's mistake, where there is one.
    pub fn hint(&self) -> Option<Hint> {
        self.hint
    }

    /// The time that the request says it was signed at, minus the time of the verdict, in milliseconds; where a
    /// time was read.
    ///
    /// It is the sender's word unless the reason is [`Reason::StaleTimestamp`] or [`Reason::FutureTimestamp`].
    pub fn clock_difference(&self) -> Option<i64> {
        self.clock_difference
    }
}

impl From<Reason> for Rejection {
    fn from(reason: Reason) -> Self {
        Self {
            reason,
            hint: None,
            clock_difference: None,
        }
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

/// One row for each reason: what it means, its name, its label, and the sentence for a log.
macro_rules! reasons {
    ($($(#[$meaning:meta])+ $name:ident: $label:literal, $sentence:literal;)+) => {
        /// The kinds of [`Rejection`].
        #[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
        #[non_exhaustive]
        pub enum Reason {
            $($(#[$meaning])+ $name,)+
        }

        impl Reason {
            /// Every reason there is.
            pub const ALL: &[Self] = &[$(Self::$name),+];

            /// A stable, lowercase label, for metrics and logs.
            pub fn as_str(self) -> &'static str {
                match self {
                    $(Self::$name => $label,)+
                }
            }
        }

        impl fmt::Display for Reason {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(match self {
                    $(Self::$name => $sentence,)+
                })
            }
        }
    };
}

reasons! {
    /// The request comes from an address that is not on the flow's list, or not known.
    AddressNotAllowed: "address_not_allowed", "the sender's address is not on the flow's list";
    /// The body reads like a URL of this flow, which a signed GET or DELETE would verify as.
    AmbiguousBody: "ambiguous_body", "the body reads like a URL of this flow";
    /// There are different API keys in several places.
    AmbiguousCredentials: "ambiguous_credentials", "there are different keys in several places";
    /// A digit of the timestamp could as well be part of what is signed beside it.
    AmbiguousTimestamp: "ambiguous_timestamp", "the timestamp cannot be told from what is signed beside it";
    /// The user, password or API key is not one of the flow's.
    BadCredentials: "bad_credentials", "the credentials are not this flow's";
    /// No configured key produces a signature that was sent.
    BadSignature: "bad_signature", "no configured key makes this signature";
    /// A signed hash is not that of the body.
    BodyChanged: "body_changed", "the signed hash is not that of the body";
    /// The message is one that a handshake signs for anybody who asks.
    ChallengeBody: "challenge_body", "the message reads like a challenge, which anybody can have signed";
    /// The credentials are there more than once.
    DuplicateCredentials: "duplicate_credentials", "the credentials are there more than once";
    /// A header that the verifier reads is there more than once.
    DuplicateHeader: "duplicate_header", "a header that is read is there more than once";
    /// One of several items that are signed by themselves is there more than once.
    DuplicateItem: "duplicate_item", "an item is there more than once";
    /// The timestamp is there more than once.
    DuplicateTimestamp: "duplicate_timestamp", "the timestamp is there more than once";
    /// There is no body and the scheme signs one always.
    EmptyBody: "empty_body", "there is no body";
    /// The signature is genuine and its time lies too far ahead.
    FutureTimestamp: "future_timestamp", "the signature is genuine, its time too far ahead";
    /// The key has to be fetched from where the request says, and was not.
    KeyNotFetched: "key_not_fetched", "the key has to be fetched and was not";
    /// A header that the verifier reads is longer than [`MAX_HEADER`](crate::MAX_HEADER).
    HeaderTooLong: "header_too_long", "a header that is read is too long";
    /// The body is not in the form in which the scheme reads it.
    MalformedBody: "malformed_body", "the body is not in the form in which the scheme reads it";
    /// The credentials are not in the form their kind requires.
    MalformedCredentials: "malformed_credentials", "the credentials are not in their form";
    /// A header is there but not in the scheme's form.
    MalformedHeader: "malformed_header", "a header is not in the scheme's form";
    /// The message id breaks the grammar `[A-Za-z0-9_-]{1,128}`.
    MalformedId: "malformed_id", "the message id is not in its form";
    /// No signature that was sent decodes to the digest's exact length.
    MalformedSignature: "malformed_signature", "no signature decodes to the digest's length";
    /// The timestamp breaks the grammar of the scheme's unit.
    MalformedTimestamp: "malformed_timestamp", "the timestamp is not in the scheme's form";
    /// The query is not in the form in which the scheme reads it.
    MalformedUrl: "malformed_url", "the query is not in the form in which the scheme reads it";
    /// The scheme says nothing about how this method is signed.
    MethodNotSigned: "method_not_signed", "the scheme does not sign this method";
    /// There are no credentials.
    MissingCredentials: "missing_credentials", "there are no credentials";
    /// An element that the scheme reads from body, URL or token is not there.
    MissingElement: "missing_element", "an element that the scheme reads is not there";
    /// A header that the scheme requires is not there.
    MissingHeader: "missing_header", "a header that the scheme requires is not there";
    /// The header holds no signature of a kind that this flow's keys make.
    MissingSignature: "missing_signature", "there is no signature of a kind this flow's keys make";
    /// The header holds no timestamp.
    MissingTimestamp: "missing_timestamp", "there is no timestamp";
    /// Every key of the flow is before or after its time.
    NoActiveKey: "no_active_key", "every key is before or after its time";
    /// The signature is genuine and its time lies too far back.
    StaleTimestamp: "stale_timestamp", "the signature is genuine, its time too far back";
    /// More than [`MAX_SIGNATURES`](crate::MAX_SIGNATURES) signatures were sent, or public keys would have to be tried
    /// more than [`MAX_PUBLIC_CHECKS`](crate::MAX_PUBLIC_CHECKS) times.
    TooManySignatures: "too_many_signatures", "there are too many signatures";
    /// The request is in none of the ways in which the scheme signs.
    UnknownForm: "unknown_form", "the request is signed in none of the ways of the scheme";
    /// The signature covers the public URL and the flow has none configured.
    UnknownUrl: "unknown_url", "the signature covers the public URL and none is configured";
    /// A header or a field has not the value that the scheme demands.
    UnmetDemand: "unmet_demand", "a header or a field has not the value that the scheme demands";
    /// There is a body and the signature does not cover it.
    UnsignedBody: "unsigned_body", "the signature does not cover the body";
    /// The key that the request names is not the sender's, or does not count now.
    UntrustedKey: "untrusted_key", "the key that the request names is not one to trust";
    /// The list of signed headers leaves out one that has to be signed.
    UnsignedHeader: "unsigned_header", "the list of signed headers leaves out one that has to be signed";
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

/// `time` minus `now`, as far as it can be told.
fn milliseconds(time: SystemTime, now: SystemTime) -> i64 {
    let clamped = |millis: u128| i64::try_from(millis).unwrap_or(i64::MAX);
    match time.duration_since(now) {
        Ok(ahead) => clamped(ahead.as_millis()),
        Err(behind) => clamped(behind.duration().as_millis()).saturating_neg(),
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn every_reason_has_a_label_of_its_own() {
        let mut labels: Vec<_> = Reason::ALL.iter().map(|reason| reason.as_str()).collect();
        labels.sort_unstable();
        labels.dedup();

        assert_eq!(labels.len(), Reason::ALL.len());
    }

    #[test]
    fn a_time_behind_ours_is_a_negative_difference() {
        let now = SystemTime::UNIX_EPOCH + Duration::from_secs(1_000);
        let at = |time| Rejection::from(Reason::BadSignature).signed_at(time, now);

        assert_eq!(at(None).clock_difference(), None);
        assert_eq!(at(Some(now)).clock_difference(), Some(0));
        assert_eq!(
            at(Some(now - Duration::from_millis(1_500))).clock_difference(),
            Some(-1_500)
        );
        assert_eq!(
            at(Some(now + Duration::from_secs(2))).clock_difference(),
            Some(2_000)
        );
    }
}
