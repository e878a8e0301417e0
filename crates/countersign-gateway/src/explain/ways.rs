//! Hints where senders are known in several ways: each way is looked at by itself, and named.

use countersign::{Addresses, Auth};

use super::credentials::CREDENTIALS;
use super::missing::MISSING;
use super::{Case, Hint};

/// The ways in an auth, without its demands on the address.
enum Ways<'a> {
    One(&'a Auth),
    Several {
        /// As the configuration writes it.
        word: &'static str,
        members: Vec<&'a Auth>,
    },
}

impl<'a> Case<'a> {
    /// What each way of knowing senders has to say of the request.
    pub(super) fn of_each_way(&self) -> Vec<Hint> {
        let mut addresses = Vec::new();
        let ways = ways(self.auth, &mut addresses);
        if let Some(hint) = self.address(&addresses, &ways) {
            return vec![hint];
        }
        match ways {
            Ways::One(auth) => Self { auth, ..*self }.of_this_way(),
            Ways::Several { word, members } => self.of_members(word, &members),
        }
    }

    /// Told where the request comes from elsewhere: then nothing else would make it pass.
    fn address(&self, addresses: &[&Addresses], ways: &Ways<'a>) -> Option<Hint> {
        let client = self.captured.client;
        let is_in = |list: &&Addresses| client.is_some_and(|client| list.contains(client));
        if addresses.iter().all(is_in) {
            return None;
        }
        let holds = |auth: &&'a Auth| Self { auth, ..*self }.verdict().is_ok();
        let otherwise = match ways {
            Ways::One(Auth::Address(_)) => true,
            Ways::One(auth) => holds(auth),
            Ways::Several {
                word: "any",
                members,
            } => members.iter().any(holds),
            Ways::Several { members, .. } => members.iter().all(holds),
        };
        let from = client.map_or("an address that is not known".to_owned(), |client| {
            client.to_string()
        });
        let rest = match otherwise {
            true => "the rest of it holds",
            false => "the rest of it does not hold either",
        };
        let text = format!("it comes from {from}, which is not in `allow_from`; {rest}");
        Some(Hint::new("address", text))
    }

    fn of_members(&self, word: &str, members: &[&'a Auth]) -> Vec<Hint> {
        let (mut found, mut reasons, mut asked) = (Vec::new(), Vec::new(), Vec::new());
        let mut spares = self.spare;
        for (at, auth) in members.iter().enumerate() {
            let signatures = auth
                .parts()
                .filter(|part| matches!(part, Auth::Signature(_)));
            let (spare, rest) = spares
                .split_at_checked(signatures.count())
                .unwrap_or_default();
            spares = rest;
            let member = Self {
                auth,
                spare,
                ..*self
            };
            let name = format!("member {} of `{word}` ({})", at + 1, name(auth));
            let named = |hint: Hint| Hint::new(hint.kind, format!("{name}: {}", hint.text));
            let Err(rejection) = member.verdict() else {
                if member.asks() {
                    asked.extend(member.of_each_way().into_iter().map(named));
                }
                continue;
            };
            let (lacking, passing): (Vec<_>, Vec<_>) = member
                .of_each_way()
                .into_iter()
                .partition(|hint| [CREDENTIALS, MISSING].contains(&hint.kind));
            if passing.is_empty() {
                let reason = || Hint::new("member", rejection.reason().to_string());
                let why = lacking.into_iter().next().unwrap_or_else(reason);
                reasons.push(named(why));
            }
            found.extend(passing.into_iter().map(named));
        }
        // Of several that are all demanded, each that does not hold has to be known.
        if word == "all" || found.is_empty() {
            found.append(&mut reasons);
        }
        match word {
            // Any of them would do, and whoever sends a password means it.
            "any" => {
                asked.append(&mut found);
                asked
            }
            // Nothing else can have been why.
            _ if found.is_empty() => asked,
            _ => found,
        }
    }
}

/// The ways in `auth`; what it demands of the address is put into `addresses`.
fn ways<'a>(auth: &'a Auth, addresses: &mut Vec<&'a Addresses>) -> Ways<'a> {
    match auth {
        Auth::Any(several) => Ways::Several {
            word: "any",
            members: several.iter().collect(),
        },
        Auth::All(several) => {
            let is_address = |member: &&Auth| matches!(member, Auth::Address(_));
            let (lists, members): (Vec<_>, Vec<_>) = several.iter().partition(is_address);
            for list in lists {
                if let Auth::Address(list) = list {
                    addresses.push(list);
                }
            }
            match members[..] {
                [] => Ways::One(auth),
                [one] => ways(one, addresses),
                _ => Ways::Several {
                    word: "all",
                    members,
                },
            }
        }
        one => Ways::One(one),
    }
}

/// A way in a word: its scheme, else its mode.
fn name(auth: &Auth) -> String {
    let word = |part: &Auth| match part {
        Auth::Signature(verifier) => Some(format!("`{}`", verifier.scheme().name())),
        Auth::Address(_) => None,
        other => Some(format!("`{}`", other.mode())),
    };
    auth.parts()
        .find_map(word)
        .unwrap_or_else(|| "`allow_from`".to_owned())
}
