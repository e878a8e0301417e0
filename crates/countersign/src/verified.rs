//! What a verdict yields when the request is genuine.

use std::time::SystemTime;

use crate::{KeyId, Reason, mac};

/// Proof that a request passed its flow's [`Auth`](crate::Auth); only a verdict makes one.
#[derive(Clone, Debug)]
pub struct Verified {
    key: Option<KeyId>,
    /// The further keys that matched, where several had to.
    others: Vec<KeyId>,
    time: Option<SystemTime>,
    replay_key: Option<ReplayKey>,
}

impl Verified {
    pub(crate) fn unsigned(key: Option<KeyId>) -> Self {
        Self {
            key,
            others: Vec::new(),
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
            others: Vec::new(),
            time,
            replay_key,
        }
    }

    /// The verdict on one request that is verified in two ways: this one unless the other says more.
    pub(crate) fn or_stronger(self, other: Self) -> Self {
        match other.strength() > self.strength() {
            true => other.beside(&self),
            false => self.beside(&other),
        }
    }

    /// This verdict, with the keys of another one that holds, too.
    fn beside(mut self, other: &Self) -> Self {
        for key in other.keys() {
            if self.keys().all(|known| known != key) {
                self.others.push(key.clone());
            }
        }
        self
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
        let mut items = items.into_iter();
        let first = items.next().ok_or(Reason::MissingSignature)?;
        let mut verdict = items.fold(first, |verdict, item| verdict.beside(&item));
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

    /// Every key that matched, [`key`](Self::key) first: there are several where each of several ways of knowing senders
    /// has one, or each of several items.
    pub fn keys(&self) -> impl Iterator<Item = &KeyId> {
        self.key.iter().chain(&self.others)
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

    fn by(key: &str, replay_key: Option<u8>) -> Verified {
        let replay_key = replay_key.map(|byte| ReplayKey::from_bytes([byte; 16]));
        Verified::signed(KeyId::parse(key).unwrap(), None, replay_key)
    }

    fn keys(verified: &Verified) -> Vec<&str> {
        verified.keys().map(KeyId::as_str).collect()
    }

    #[test]
    fn every_key_that_had_to_match_is_told_once_and_the_one_that_says_most_first() {
        let both = by("api", None).or_stronger(by("signs", Some(1)));
        assert_eq!(keys(&both), ["signs", "api"]);
        let three = both
            .or_stronger(by("api", None))
            .or_stronger(by("user", None));
        assert_eq!(keys(&three), ["signs", "api", "user"]);
        assert_eq!(three.replay_key(), Some(ReplayKey::from_bytes([1; 16])));

        let items = ["old", "new", "old", "new"].into_iter().zip(0..);
        let items = items.map(|(key, at)| by(key, Some(at))).collect();
        assert_eq!(keys(&Verified::all(items).unwrap()), ["old", "new"]);
        assert_eq!(keys(&Verified::unsigned(None)), [""; 0]);
    }

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
