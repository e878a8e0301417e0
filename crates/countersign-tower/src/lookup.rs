//! Keys that a request names by a URL, and that are fetched before it can be judged.

use std::{
    fmt,
    future::Future,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
    time::SystemTime,
};

use countersign::{FetchedKey, KeyUrl};

use crate::{Answer, Checking};

/// Fetches the public keys of senders, such as the certificates of AWS and PayPal.
///
/// It is asked only about requests of a scheme that says where keys may be, of a flow whose key is
/// [`Key::fetched`](countersign::Key::fetched), and only where everything else about the request holds. Whoever can
/// reach the flow can name URLs on the hosts that the scheme lists, so bound what is fetched: how much, how often, for
/// how long, and remember it: a [`FetchedKey`] is read once and shared from then on. A certificate has to be checked as
/// [`KeyUrl::certificate`] says.
pub trait KeySource: fmt::Debug + Send + Sync {
    /// Fetches what is found at `url`, and checks it, for a request of this moment; what is remembered and does not count
    /// [then](FetchedKey::covers) is fetched again.
    fn fetch(&self, url: KeyUrl, now: SystemTime) -> Fetching;
}

/// A key under way.
pub type Fetching = Pin<Box<dyn Future<Output = Result<Arc<FetchedKey>, NoKey>> + Send>>;

/// Why a [`KeySource`] has no key.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum NoKey {
    /// Not now: it cannot be reached, or too much is fetched already. The sender should come again.
    Unavailable,
    /// There is none, or it is not the sender's.
    Untrusted,
}

/// What has been learnt about a request since its body was read.
#[derive(Default)]
pub(crate) struct Learnt {
    pub(crate) key: Option<Result<Arc<FetchedKey>, NoKey>>,
    pub(crate) password: Option<Answer>,
}

/// What a verdict hangs on, being asked.
pub(crate) enum Question {
    Key(Fetching),
    Password(Checking),
}

impl Question {
    /// Takes the answer in, once it is there.
    pub(crate) fn poll(&mut self, cx: &mut Context<'_>, learnt: &mut Learnt) -> Poll<()> {
        match self {
            Self::Key(fetching) => learnt.key = Some(ready!(fetching.as_mut().poll(cx))),
            Self::Password(checking) => learnt.password = Some(ready!(checking.as_mut().poll(cx))),
        }
        Poll::Ready(())
    }
}
