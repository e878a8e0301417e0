//! One try: would the request pass with this auth, at this URL, with this body, at this time?

use std::time::{Duration, SystemTime};

use countersign::{Auth, Given, PublicUrl, Rejection, Signed, Unverified, Verified};

use super::Case;

impl Case<'_> {
    pub(super) fn passes(&self, auth: &Auth) -> Option<Verified> {
        self.judge_with(auth, self.now)
    }

    pub(super) fn judge_with(&self, auth: &Auth, now: SystemTime) -> Option<Verified> {
        self.attempt(auth, self.url, self.captured.body, now)
    }

    /// One try, at any distance of the signed time.
    pub(super) fn attempt(
        &self,
        auth: &Auth,
        url: PublicUrl<'_>,
        body: &[u8],
        now: SystemTime,
    ) -> Option<Verified> {
        let auth =
            auth.clone()
                .with_signatures(|verifier| match verifier.clone().with_window(None) {
                    Ok(timeless) => timeless,
                    Err(_) => verifier,
                });
        self.judge(&auth, url, body, now)
    }

    pub(super) fn judge(
        &self,
        auth: &Auth,
        url: PublicUrl<'_>,
        body: &[u8],
        now: SystemTime,
    ) -> Option<Verified> {
        let client = self.captured.client;
        let given = Given {
            client,
            ..Given::default()
        };
        let signed = self.signed(url, body, now);
        auth.check_head_from(client, signed.method, signed.headers)
            .ok()?;
        auth.judge(&signed, given).ok()
    }

    /// Why it is refused as it is. A password or a key that somebody else has is no reason.
    pub(super) fn verdict(&self) -> Result<(), Rejection> {
        match self.as_it_is() {
            Err(Unverified::Rejected(rejection)) => Err(rejection),
            _ => Ok(()),
        }
    }

    /// Whether it hangs on a password that somebody else knows.
    pub(super) fn asks(&self) -> bool {
        matches!(self.as_it_is(), Err(Unverified::Ask(_)))
    }

    fn as_it_is(&self) -> Result<Verified, Unverified> {
        let client = self.captured.client;
        let given = Given {
            client,
            ..Given::default()
        };
        let signed = self.signed(self.url, self.captured.body, self.now);
        self.auth
            .check_head_from(client, signed.method, signed.headers)
            .map_err(Unverified::Rejected)?;
        self.auth.judge(&signed, given)
    }

    pub(super) fn signed<'s>(
        &'s self,
        url: PublicUrl<'s>,
        body: &'s [u8],
        now: SystemTime,
    ) -> Signed<'s> {
        Signed {
            method: self.captured.method,
            url,
            headers: self.captured.headers,
            body,
            now,
        }
    }

    /// Whether the signed time is one that somebody could mean.
    pub(super) fn is_recent(&self, genuine: &Verified) -> bool {
        let far = |time: SystemTime| {
            let either = self.now.duration_since(time);
            either.unwrap_or_else(|error| error.duration()) > MEANT
        };
        !genuine.time().is_some_and(far)
    }
}

/// How long ago or ahead a capture's time may lie to be believed: ten years.
const MEANT: Duration = Duration::from_secs(10 * 365 * 86_400);
