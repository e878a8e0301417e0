//! Secrets that are there more than once, however each is spelled.
//!
//! A key is what it is read as: `whsec_…`, hex, base64 and raw bytes may be one. What is kept of a secret while a
//! configuration is read is a hash under a key of that reading, so that nothing is compared byte by byte.

use std::collections::{BTreeSet, HashMap};
use std::ops::Range;

use base64::Engine as _;
use base64::alphabet;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use countersign::{Key, Scheme, Secret};
use sha2::{Digest as _, Sha256};
use toml::Spanned;

use crate::config::check::Checker;
use crate::config::error::quoted;
use crate::config::file::KeyFile;
use crate::config::listen::digest;
use crate::random;

/// The SHA-256 of a spelling of a secret.
type Digest = [u8; 32];

impl Checker<'_> {
    /// Notes a key, as its scheme reads it.
    pub(super) fn note_key(&mut self, key: &Key, scheme: Option<&Scheme>, file: &Spanned<KeyFile>) {
        let file = file.get_ref();
        let given = file.secret.as_ref().map(Spanned::span);
        let hashed = file.sha256.as_ref();
        let Some(span) = given.or_else(|| hashed.map(Spanned::span)) else {
            return;
        };
        let mut spellings = Vec::new();
        spellings.extend(hashed.and_then(|text| digest(text.get_ref()).ok()));
        if let Some(secret) = key.secret() {
            spellings.push(digest_of(secret));
            let read = scheme.map(|scheme| key.readings(scheme));
            spellings.extend(read.iter().flatten().map(digest_of));
            if !matches!(self.usage, Some(Usage::Signs { .. })) {
                spellings.extend(decoded(secret));
            }
        }
        let public = scheme.is_some_and(|scheme| key.is_public(scheme));
        self.note_equal(&spellings, public, span, file.allow_shared_secret);
    }

    /// Notes a password.
    pub(in crate::config) fn note_password(&mut self, password: &Secret, span: Range<usize>) {
        let spellings: Vec<_> = decoded(password).chain([digest_of(password)]).collect();
        self.note_equal(&spellings, false, span, false);
    }

    /// Two flows with one secret accept each other's webhooks; one flow takes what is signed in one way for what is
    /// signed in another; and anybody signs, where one answers challenges with it.
    ///
    /// `excused` says that the sender of one flow has one secret for two schemes, and that the operator knows.
    fn note_equal(
        &mut self,
        spellings: &[Digest],
        public: bool,
        span: Range<usize>,
        excused: bool,
    ) {
        let Some(flow) = self.flow.clone() else {
            return;
        };
        let usage = self.usage.clone();
        let own = Holder {
            flow: flow.clone(),
            public,
            usage: usage.clone(),
        };
        let signs = own.signs();
        let before = self.secrets.add(spellings, own);
        let sealing = before.iter().find_map(|holder| {
            let sealing = sealing(holder.usage.as_ref()?, usage.as_ref()?)?;
            Some((&holder.flow, sealing))
        });
        if let Some((other, sealing)) = sealing {
            let holder = match *other == flow {
                true => "another key of this flow".to_owned(),
                false => format!("flow {}", quoted(other)),
            };
            let message = format!(
                "{holder} has the same secret, and the handshake of `{sealing}` signs with it what anybody asks for"
            );
            let help = "give each a secret of its own, or write `handshake = false` where challenges are answered";
            self.refuse(span, message, help);
            return;
        }
        let mut own = before
            .iter()
            .filter(|holder| holder.flow == flow)
            .peekable();
        if own.peek().is_none() {
            // Some senders sign for all of their customers with one public key.
            let mut others = before.iter().filter(|holder| !(public && holder.public));
            let Some(Holder { flow: other, .. }) = others.next() else {
                return;
            };
            let message = format!(
                "flow {} has the same secret: what is signed for one is genuine for the other",
                quoted(other)
            );
            self.shared.push([other.clone(), flow]);
            self.warn(span, message, "give each flow a secret of its own");
            return;
        }
        match own.find_map(|holder| mistaken(holder.usage.as_ref()?, usage.as_ref()?)) {
            // What is sent along is no secret to sign with, whoever knows of it.
            Some(message) if excused && signs && before.iter().all(Holder::signs) => {
                self.warn(
                    span,
                    message,
                    "take the old scheme out as soon as nobody uses it",
                );
            }
            Some(message) => {
                let help = "give each scheme a secret of its own that is nothing else; where the sender has only one, write `allow_shared_secret = true` beside it";
                self.refuse(span, message, help);
            }
            None => self.warn(
                span,
                "two keys of this flow have the same secret",
                "remove one of them, or correct it",
            ),
        }
    }
}

/// The secrets seen so far.
pub(in crate::config) struct Secrets {
    by_mark: HashMap<Digest, Vec<usize>>,
    holders: Vec<Holder>,
    key: Digest,
}

impl Secrets {
    pub(in crate::config) fn new() -> Self {
        Self {
            by_mark: HashMap::new(),
            holders: Vec::new(),
            // Without random bytes the hashes are of secrets all the same.
            key: random::bytes().unwrap_or_default(),
        }
    }

    /// Adds a secret in all of its spellings, and says who has had one of them before: this flow's own, and of all the
    /// others the first of each kind, for a public key may be that of very many.
    fn add(&mut self, spellings: &[Digest], holder: Holder) -> Vec<Holder> {
        let own = self.holders.len();
        let mut before = BTreeSet::new();
        for spelling in spellings {
            let mark = Sha256::new().chain_update(self.key).chain_update(spelling);
            let known = self.by_mark.entry(mark.finalize().into()).or_default();
            let last = known.last().and_then(|at| self.holders.get(*at));
            if last.is_some_and(|last| last.flow != holder.flow) {
                first_of_each_kind(known, &self.holders);
            }
            before.extend(known.iter().copied().filter(|other| *other != own));
            known.push(own);
        }
        let before = before.into_iter();
        let before = before
            .filter_map(|at| self.holders.get(at).cloned())
            .collect();
        self.holders.push(holder);
        before
    }
}

fn first_of_each_kind(known: &mut Vec<usize>, holders: &[Holder]) {
    let mut kinds: Vec<&Holder> = Vec::new();
    known.retain(|at| {
        let holder = holders.get(*at);
        let first = holder.filter(|holder| !kinds.iter().any(|kind| kind.is_like(holder)));
        kinds.extend(first);
        first.is_some()
    });
}

/// Where a secret was seen.
#[derive(Clone)]
struct Holder {
    flow: String,
    /// Whether it is a public key there.
    public: bool,
    usage: Option<Usage>,
}

impl Holder {
    /// Whether there is no difference but the flow.
    fn is_like(&self, other: &Self) -> bool {
        self.public == other.public && self.usage == other.usage
    }

    fn signs(&self) -> bool {
        matches!(self.usage, Some(Usage::Signs { .. }))
    }
}

/// What a secret is for.
#[derive(Clone, Eq, PartialEq)]
pub(in crate::config) enum Usage {
    /// It is sent along, as an API key or a password.
    Shown,
    Signs {
        scheme: String,
        /// Whether a handshake makes the MAC of whatever somebody asks for.
        seals: bool,
    },
}

/// The scheme whose handshake signs for anybody what the other one takes for an event.
fn sealing<'u>(one: &'u Usage, two: &'u Usage) -> Option<&'u str> {
    match (one, two) {
        (
            Usage::Signs { scheme, seals },
            Usage::Signs {
                scheme: other,
                seals: others,
            },
        ) if scheme != other => match (seals, others) {
            (true, _) => Some(scheme),
            (_, true) => Some(other),
            _ => None,
        },
        _ => None,
    }
}

/// What is wrong with one secret of one flow that is for both.
fn mistaken(one: &Usage, two: &Usage) -> Option<String> {
    match (one, two) {
        (Usage::Signs { scheme, .. }, Usage::Signs { scheme: other, .. }) if scheme != other => {
            Some(format!(
                "the secret signs under `{scheme}` and under `{other}`: what is captured of one can be sent as the other, with another body"
            ))
        }
        (Usage::Shown, Usage::Signs { scheme, .. })
        | (Usage::Signs { scheme, .. }, Usage::Shown) => Some(format!(
            "the secret signs under `{scheme}` and is an API key or a password, too: whoever sees it sent can sign"
        )),
        _ => None,
    }
}

fn digest_of(secret: &Secret) -> Digest {
    Sha256::digest(secret.expose()).into()
}

/// What somebody may have meant by a text that is sent as it is.
fn decoded(secret: &Secret) -> impl Iterator<Item = Digest> {
    let text = secret.expose();
    let texts = [
        hex::decode(text).ok(),
        STANDARD.decode(text).ok(),
        URL_SAFE.decode(text).ok(),
    ];
    let secrets = texts.into_iter().flatten().map(Secret::new);
    secrets.map(|secret| digest_of(&secret))
}

const LENIENT: GeneralPurposeConfig =
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent);
const STANDARD: GeneralPurpose = GeneralPurpose::new(&alphabet::STANDARD, LENIENT);
const URL_SAFE: GeneralPurpose = GeneralPurpose::new(&alphabet::URL_SAFE, LENIENT);

#[cfg(test)]
mod tests {
    use super::*;

    fn holder(flow: &str, scheme: &str) -> Holder {
        let usage = Usage::Signs {
            scheme: scheme.to_owned(),
            seals: false,
        };
        Holder {
            flow: flow.to_owned(),
            public: true,
            usage: Some(usage),
        }
    }

    #[test]
    fn a_key_of_very_many_flows_is_told_once_for_each_kind() {
        let mut secrets = Secrets::new();
        let key = [[7; 32], [7; 32]];
        for flow in 0..100 {
            secrets.add(&key, holder(&format!("flow-{flow}"), "discord"));
        }
        secrets.add(&key, holder("other", "plaid"));
        secrets.add(&key, holder("own", "discord"));
        secrets.add(&key, holder("own", "discord"));

        let before = secrets.add(&key, holder("own", "discord"));

        let flows: Vec<_> = before.iter().map(|holder| holder.flow.as_str()).collect();
        assert_eq!(flows, ["flow-0", "other", "own", "own"]);
    }
}
