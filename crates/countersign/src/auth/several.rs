//! Several kinds of authentication on one flow: any of them, or all of them at once.

use std::net::IpAddr;

use http::{HeaderMap, Method};

use super::{Auth, Doubt, Given};
use crate::{Reason, Rejection, Signed, Verified, Verifier};

/// At least one way of knowing senders, as made by [`Auth::any`] and [`Auth::all`].
#[derive(Clone, Debug)]
pub struct Several(Vec<Auth>);

impl Several {
    /// `None` where there is nothing: nobody's demand is met by everybody.
    pub(super) fn new(members: impl IntoIterator<Item = Auth>) -> Option<Self> {
        let members: Vec<_> = members.into_iter().collect();
        (!members.is_empty()).then_some(Self(members))
    }

    /// The members, in order.
    pub fn iter(&self) -> impl Iterator<Item = &Auth> {
        self.0.iter()
    }

    pub(super) fn map(self, change: &mut dyn FnMut(Verifier) -> Verifier) -> Self {
        let members = self.0.into_iter();
        Self(
            members
                .map(|member| member.change_signatures(change))
                .collect(),
        )
    }

    pub(super) fn check_any_head(
        &self,
        client: Option<IpAddr>,
        method: &Method,
        headers: &HeaderMap,
    ) -> Result<(), Rejection> {
        let mut refused = MostTelling::default();
        for member in &self.0 {
            match member.check_head_from(client, method, headers) {
                Ok(()) => return Ok(()),
                Err(rejection) => refused.note(rejection),
            }
        }
        Err(refused.rejection())
    }

    pub(super) fn check_all_heads(
        &self,
        client: Option<IpAddr>,
        method: &Method,
        headers: &HeaderMap,
    ) -> Result<(), Rejection> {
        let mut members = self.0.iter();
        members.try_for_each(|member| member.check_head_from(client, method, headers))
    }

    /// The first that verifies; whoever keeps passwords is asked only if none does.
    pub(super) fn any(&self, request: &Signed<'_>, given: Given<'_>) -> Result<Verified, Doubt> {
        let mut refused = MostTelling::default();
        let mut open = None;
        for member in &self.0 {
            match member.consider(request, given) {
                Ok(verified) => return Ok(verified),
                Err(Doubt::Rejected(rejection)) => refused.note(rejection),
                Err(doubt) => open = Some(doubt.before(open)),
            }
        }
        Err(open.unwrap_or_else(|| Doubt::Rejected(refused.rejection())))
    }

    /// The verdict of the one that says most of what is signed; whoever keeps passwords is asked only if all others hold.
    pub(super) fn all(&self, request: &Signed<'_>, given: Given<'_>) -> Result<Verified, Doubt> {
        let mut verdict: Option<Verified> = None;
        let mut open = None;
        for member in &self.0 {
            match member.consider(request, given) {
                Ok(verified) => {
                    verdict = Some(match verdict {
                        None => verified,
                        Some(before) => before.or_stronger(verified),
                    });
                }
                Err(Doubt::Rejected(rejection)) => return Err(rejection.into()),
                Err(doubt) => open = Some(doubt.before(open)),
            }
        }
        match (open, verdict) {
            (Some(doubt), _) => Err(doubt),
            (None, verdict) => verdict.ok_or(Doubt::Asks),
        }
    }
}

/// Which of several refusals the operator should hear of: the first of those that say most.
#[derive(Default)]
struct MostTelling(Option<Rejection>);

impl MostTelling {
    fn note(&mut self, rejection: Rejection) {
        let says_more = |before: &Rejection| telling(rejection.reason()) > telling(before.reason());
        if self.0.as_ref().is_none_or(says_more) {
            self.0 = Some(rejection);
        }
    }

    fn rejection(self) -> Rejection {
        self.0.unwrap_or(Reason::MissingCredentials.into())
    }
}

/// How much a reason says: what is not there was not meant; that no key counts says little of the request; what is
/// genuine and out of time almost passed.
fn telling(reason: Reason) -> u8 {
    match reason {
        Reason::AddressNotAllowed
        | Reason::MissingCredentials
        | Reason::MissingElement
        | Reason::MissingHeader
        | Reason::MissingSignature
        | Reason::MissingTimestamp
        | Reason::UnknownForm => 0,
        Reason::NoActiveKey => 1,
        Reason::FutureTimestamp | Reason::StaleTimestamp => 3,
        _ => 2,
    }
}
