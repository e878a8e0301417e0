//! Why an attempt got no answer: one stable label for each cause.

use std::fmt;

/// Why an attempt got no answer.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
#[non_exhaustive]
pub(crate) enum Failure {
    /// The address guard let none of the target's addresses through.
    AddressDenied,
    /// What came back is not an HTTP/1.1 answer within the limits.
    BadAnswer,
    /// No connection could be opened, for another reason than refusal.
    ConnectFailed,
    /// The receiver refused the connection.
    ConnectionRefused,
    /// The connection ended before the answer did.
    ConnectionLost,
    /// The target's name has no address.
    DnsFailed,
    /// The delivery code itself failed.
    Panicked,
    /// Our signature could not be made.
    SignFailed,
    /// The total time of the attempt was over.
    TimedOut,
    /// No TLS session with an acceptable certificate could be set up.
    TlsFailed,
}

impl Failure {
    /// A stable, lowercase label.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::AddressDenied => "address_denied",
            Self::BadAnswer => "bad_answer",
            Self::ConnectFailed => "connect_failed",
            Self::ConnectionRefused => "connection_refused",
            Self::ConnectionLost => "connection_lost",
            Self::DnsFailed => "dns_failed",
            Self::Panicked => "panicked",
            Self::SignFailed => "sign_failed",
            Self::TimedOut => "timed_out",
            Self::TlsFailed => "tls_failed",
        }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
