//! Which key makes a signature that was sent.

use std::time::SystemTime;

use crate::grammar::{Candidate, Found};
use crate::mac::{Tag, first_half, sha256};
use crate::message::Message;
use crate::plan::{Checks, Lock, Plan};
use crate::{FetchedKey, KeyId, Reason, ReplayKey};

/// What a request says about how it is signed, and the key that was fetched for it.
pub(super) struct Sent<'a> {
    pub(super) found: &'a Found<'a>,
    /// The key that its token names.
    pub(super) named: Option<&'a [u8]>,
    pub(super) id: &'a [u8],
    pub(super) fetched: Option<&'a FetchedKey>,
}

impl Sent<'_> {
    /// Tries every signature with every live key that may be meant: all of them whatever matches, where that is secret, and
    /// public keys until one does.
    // Its verdict would be written to memory and read back with other widths, which costs more than the call.
    #[inline(always)]
    pub(super) fn matching<'p>(
        &self,
        plan: &'p Plan,
        message: Message<'_>,
        now: SystemTime,
        checks: &mut Checks,
    ) -> Result<(&'p KeyId, Option<ReplayKey>), Reason> {
        let Self { named, id, .. } = *self;
        let mut matching = None;
        let mut any_active = false;
        let mut any_spelled = false;
        let mut by_first_key = None;
        for (index, key) in plan.keys().iter().enumerate() {
            let active = key.is_active(now);
            any_active |= active;
            // The first key names the message even when its time has not come or is over.
            let names_message = index == 0 && id.is_empty();
            let counts = |text: &&Candidate<'_>| active && key.answers_to(text.label);
            let texts = self.found.candidates();
            match key.lock.tag_if(active || names_message, message) {
                Some(tag) => {
                    let meant = key.is_meant(named);
                    for text in texts {
                        if counts(&text)
                            && let Some(spelled) = plan.layout().decode(text)
                        {
                            any_spelled = true;
                            if bool::from(tag.matches(&spelled)) && meant {
                                matching = Some(key);
                            }
                        }
                    }
                    if names_message {
                        by_first_key =
                            Some(ReplayKey::from_bytes(first_half(tag.bytes(Tag::ROOM))));
                    }
                }
                None if active => {
                    let texts = texts.filter(counts);
                    for spelled in texts.filter_map(|text| plan.layout().decode_any(text)) {
                        any_spelled = true;
                        let settled = matching.is_some() && key.lock.is_public();
                        if !settled
                            && key.opens(&spelled, message, self.fetched, named, now, checks)?
                        {
                            matching = Some(key);
                        }
                    }
                }
                None => {}
            }
        }
        match matching {
            // A secret that is sent along says nothing about the message.
            Some(key) if matches!(key.lock, Lock::Token(_)) => Ok((&key.id, None)),
            Some(key) => {
                let by_first_key = match by_first_key {
                    None => replay_key(id, message),
                    Some(replay_key) => replay_key,
                };
                Ok((&key.id, Some(by_first_key)))
            }
            None if !any_active => Err(Reason::NoActiveKey),
            None if !any_spelled => Err(Reason::MalformedSignature),
            None => Err(Reason::BadSignature),
        }
    }
}

/// The message's name among repeats where the first key's MAC is not: its signed id, else its hash.
fn replay_key(id: &[u8], message: Message<'_>) -> ReplayKey {
    let hash = if id.is_empty() {
        sha256(message.pieces())
    } else {
        sha256([id])
    };
    ReplayKey::from_bytes(first_half(&hash))
}
