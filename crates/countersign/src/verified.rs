//! What a verdict yields when the request is genuine.

use std::time::SystemTime;

use crate::{KeyId, Reason, mac};

/// Proof that a request passed its flow's [`Auth`](crate::Auth); only a verdict makes one.
#[derive(Clone, Debug)]
pub struct Verified {
    key: Option<KeyId>,
    time: Option<SystemTime>,
    replay_key: Option<ReplayKey>,
}

impl Verified {
    pub(crate) fn unsigned(key: Option<KeyId>) -> Self {
        Self {
            key,
            time: None,
            replay_key: None,
        }
    }

    pub(crate) fn signed(
        key: KeyId,
        time: Option<SystemTime>,
        replay_key: Option<ReplayKey>,
    ) -> Self {
        Self {
            key: Some(key),
            time,
            replay_key,
        }
    }

    /// The verdict on one request that is verified in two ways: this one unless the other says more.
    pub(crate) fn or_stronger(self, other: Self) -> Self {
        match other.strength() > self.strength() {
            true => other,
            false => self,
        }
    }

    /// What is signed says more than who sent it, and most if it says when.
    fn strength(&self) -> u8 {
        match (self.replay_key, self.time) {
            (Some(_), Some(_)) => 3,
            (Some(_), None) => 2,
            (None, _) => u8::from(self.key.is_some()),
        }
    }

    /// The verdict on all items of one request, whatever their order; none may be there twice.
    pub(crate) fn all(items: Vec<Self>) -> Result<Self, Reason> {
        let mut keys: Vec<_> = items.iter().filter_map(|item| item.replay_key).collect();
        keys.sort_unstable_by_key(|key| key.0);
        if keys.array_windows().any(|[one, other]| one == other) {
            return Err(Reason::DuplicateItem);
        }
        let mut verdict = items.into_iter().next().ok_or(Reason::MissingSignature)?;
        if keys.len() > 1 {
            let all = mac::sha256(keys.iter().map(|key| key.as_bytes().as_slice()));
            verdict.replay_key = Some(ReplayKey(mac::first_half(&all)));
        }
        Ok(verdict)
    }

    /// The key that matched; none where the flow asks for no authentication.
    pub fn key(&self) -> Option<&KeyId> {
        self.key.as_ref()
    }

    /// The time that the sender signed, if the scheme signs one.
    pub fn time(&self) -> Option<SystemTime> {
        self.time
    }

    /// What names this message among repeats, if it is signed.
    pub fn replay_key(&self) -> Option<ReplayKey> {
        self.replay_key
    }
}

/// A name for a signed message that its repeats share, however their signatures are spelled.
///
/// It comes from the signed id where the scheme has one, else from the first key's MAC of the
/// message: never from the text received.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
#[repr(align(8))]
pub struct ReplayKey([u8; 16]);

impl ReplayKey {
    /// Restores a key that was stored.
    pub const fn from_bytes(bytes: [u8; 16]) -> Self {
        Self(bytes)
    }

    /// The bytes to store.
    pub const fn as_bytes(&self) -> &[u8; 16] {
        &self.0
    }

    /// The key of the same message in the flow that `salt` stands for.
    #[must_use]
    pub fn in_flow(mut self, salt: &FlowSalt) -> Self {
        for (byte, salt) in self.0.iter_mut().zip(salt.0) {
            *byte ^= salt;
        }
        self
    }
}

/// Keeps the replay keys of one flow apart from those of every other.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct FlowSalt([u8; 16]);

impl FlowSalt {
    /// Derives the salt from the flow's name.
    pub fn new(flow: &str) -> Self {
        Self(mac::first_half(&mac::sha256([flow.as_bytes()])))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_message_in_two_flows_has_two_replay_keys() {
        let key = ReplayKey::from_bytes([7; 16]);

        let orders = key.in_flow(&FlowSalt::new("orders"));
        let billing = key.in_flow(&FlowSalt::new("billing"));

        assert_ne!(orders, billing);
        assert_eq!(orders, key.in_flow(&FlowSalt::new("orders")));
        assert_eq!(orders.in_flow(&FlowSalt::new("orders")), key);
    }
}
