//! Passwords that take long to check, and are checked elsewhere.

use std::{fmt, future::Future, net::IpAddr, pin::Pin};

use countersign::Claim;

/// Knows users whose passwords are kept as slow hashes, such as bcrypt or argon2.
///
/// It is asked about the requests of a policy whose [`Basic`](countersign::Basic) says so, and only where the verdict
/// hangs on the answer: everything else about the request holds. A check is slow on purpose, so keep it off the
/// threads that serve requests, and make it take as long for a user that there is not. A claim says where it comes from,
/// if that is known: so no sender has to wait for all that another one claims.
pub trait Passwords: fmt::Debug + Send + Sync {
    /// Says whether this user has this password.
    fn check(&self, claim: Claim) -> Checking;
}

/// An answer under way.
pub type Checking = Pin<Box<dyn Future<Output = Answer> + Send>>;

/// What [`Passwords`] say.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Answer {
    /// The user has this password.
    Right,
    /// Not now: there is too much to do. The sender should come again.
    Unavailable,
    /// There is no such user, or another password.
    Wrong,
}

/// Where a request comes from, in its extensions: put there by whoever knows, before the layer.
///
/// A policy with an [`Auth::Address`](countersign::Auth::Address) holds it against its list, and refuses requests
/// without one. Behind a proxy that is the address that the proxy tells of, if it is one of yours; never what a
/// request says by itself.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct ClientAddress(pub IpAddr);
