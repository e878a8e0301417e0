//! For every preset: no bit of what is signed may change, and what is not signed may change at will.
//!
//! What is signed is told from the scheme's data, and bodies are read by other readers than the crate's.

use std::collections::BTreeSet;
use std::sync::LazyLock;

use countersign::{Keyring, Reason, Signer, Verifier};
use http::{HeaderName, HeaderValue};
use proptest::prelude::*;
use proptest::sample::Index;
use serde_json::Value;

use crate::genuine::{Genuine, texts};
use crate::signing::{bare, signed};
use crate::support::Sent;

/// A genuine request of a preset, with one signature in it.
struct Case {
    name: String,
    form: Value,
    /// The words of its message, and the places that are looked at beside it.
    words: Vec<String>,
    places: Vec<String>,
    sent: Sent,
    verifier: Verifier,
}

static CASES: LazyLock<Vec<Case>> =
    LazyLock::new(|| Genuine::all().into_iter().map(Case::new).collect());

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    #[test]
    fn no_bit_of_a_signed_header_may_change(which: Index, bit: Index) {
        for case in CASES.iter() {
            let critical = case.critical_headers();
            if critical.is_empty() {
                continue;
            }
            let name = &critical[which.index(critical.len())];
            let Some(changed) = case.with_header_flipped(name, bit) else {
                continue;
            };
            let verdict = case.reason(&changed);
            prop_assert!(verdict.is_some(), "{} {name} {changed:?}", case.name);
        }
    }

    #[test]
    fn a_header_that_nothing_depends_on_may_change(bit: Index) {
        for case in CASES.iter() {
            let mut sent = case.sent.clone();
            sent.set("x-unrelated", "abcdefgh");
            let neutral: Vec<_> = sent.headers.keys().filter(|name| !case.verifier.reads(name)).collect();
            let name = neutral[bit.index(neutral.len())].clone();
            let case = Case { sent, ..case.copied() };
            let Some(changed) = case.with_header_flipped(&name, bit) else {
                continue;
            };
            prop_assert_eq!(case.reason(&changed), None, "{} {}", case.name, name);
        }
    }

    #[test]
    fn no_bit_of_a_signed_url_may_change_and_any_of_another(bit: Index, in_target: bool) {
        for case in CASES.iter() {
            let mut changed = case.sent.clone();
            let part = if in_target { &mut changed.target } else { &mut changed.base };
            let mut bytes = part.clone().into_bytes();
            flip(&mut bytes, bit);
            let Ok(text) = String::from_utf8(bytes) else {
                continue;
            };
            *part = text;
            let covered = case.covers_target() && (in_target || case.has("url"));
            let looked_at = in_target && case.places.iter().any(|place| place.starts_with("query:"));
            match covered {
                true => prop_assert!(case.reason(&changed).is_some(), "{} {changed:?}", case.name),
                false if looked_at => {}
                false => prop_assert_eq!(case.reason(&changed), None, "{} {:?}", case.name, changed),
            }
        }
    }

    #[test]
    fn no_signed_bit_of_a_body_may_change_and_any_other(bit: Index) {
        for case in CASES.iter().filter(|case| !case.sent.body.is_empty()) {
            let mut changed = case.sent.clone();
            flip(&mut changed.body, bit);
            let verdict = case.reason(&changed);
            match case.is_covered_still(&changed.body) {
                Some(false) => prop_assert!(verdict.is_some(), "{} {changed:?}", case.name),
                // What another reader takes for the same may be refused here, and not for its signature.
                Some(true) if case.reads_body() => {
                    prop_assert!(verdict != Some(Reason::BadSignature), "{} {changed:?}", case.name);
                }
                Some(true) => prop_assert_eq!(verdict, None, "{}", case.name),
                None => {}
            }
        }
    }
}

#[test]
fn every_preset_is_among_the_cases() {
    if !cfg!(all(feature = "ecdsa", feature = "ed25519", feature = "rsa")) {
        return;
    }
    let tried: BTreeSet<_> = CASES
        .iter()
        .map(|case| case.name.split('/').next().unwrap())
        .collect();
    let all: BTreeSet<_> = countersign::Scheme::preset_names().collect();

    assert_eq!(tried, all);
    for case in CASES.iter() {
        assert_eq!(case.reason(&case.sent), None, "{}", case.name);
    }
}

impl Case {
    fn new(genuine: Genuine) -> Self {
        let first = |keys: &Keyring| Keyring::new(keys.iter().next().cloned()).unwrap();
        let words = words(&genuine.message());
        let form = genuine.form.clone();
        let mut places = texts(&form["signature"]["from"]);
        let lists = [&form["signature"]["slots"], &form["when"], &form["require"]];
        let tables = lists.into_iter().flat_map(|list| match list {
            Value::Array(tables) => tables.clone(),
            one => vec![one.clone()],
        });
        let tables = tables.chain([form["timestamp"].clone(), form["id"].clone()]);
        places.extend(tables.flat_map(|table| texts(&table["from"])));
        let original = genuine.verifier();
        let (sent, verifier) = match Signer::new(&genuine.scheme, &first(&genuine.signing)) {
            Ok(signer) => {
                let mut sent = genuine.sent.clone();
                // Ways of signing that are told by a header stay what they are.
                let told = sent.headers.remove("x-hubspot-signature-version");
                sent = bare(&sent);
                if let (Some(told), None) = (told, form.get("timestamp")) {
                    sent.headers.insert("x-hubspot-signature-version", told);
                }
                let verifier = Verifier::new(&genuine.scheme, &first(&genuine.signed)).unwrap();
                let verifier = verifier.with_window(original.window()).unwrap();
                (signed(&signer, sent).unwrap(), verifier)
            }
            Err(_) => (genuine.sent, original),
        };
        Self {
            name: genuine.name,
            form,
            words,
            places,
            sent,
            verifier,
        }
    }

    fn copied(&self) -> Self {
        Self {
            name: self.name.clone(),
            form: self.form.clone(),
            words: self.words.clone(),
            places: self.places.clone(),
            sent: self.sent.clone(),
            verifier: self.verifier.clone(),
        }
    }

    fn reason(&self, sent: &Sent) -> Option<Reason> {
        sent.reason(&self.verifier)
    }

    fn has(&self, word: &str) -> bool {
        self.words
            .iter()
            .any(|has| has.split(':').next() == Some(word))
    }

    fn covers_target(&self) -> bool {
        self.has("url") || self.has("target")
    }

    /// Whether the signature is hex digits, which have two spellings.
    fn is_hex(&self) -> bool {
        self.form["signature"]["encoding"] == "hex"
    }

    /// The headers whose every bit is signed, or is the signature.
    fn critical_headers(&self) -> Vec<HeaderName> {
        let mut names: Vec<String> = Vec::new();
        let places = [
            &self.form["signature"]["from"],
            &self.form["timestamp"]["from"],
            &self.form["id"]["from"],
        ];
        let slots = self.form["signature"]["slots"]
            .as_array()
            .into_iter()
            .flatten();
        let slots = slots.map(|slot| &slot["from"]);
        for place in places.into_iter().chain(slots).flat_map(texts) {
            if let Some(name) = place.strip_prefix("header:") {
                names.push(name.to_lowercase());
            }
            if let Some(prefix) = place.strip_prefix("numbered:") {
                names.push(format!("{prefix}1").to_lowercase());
            }
        }
        for word in &self.words {
            match word.split_once(':') {
                Some(("header", name)) => names.push(name.to_lowercase()),
                Some(("listed", name)) => names.extend(
                    self.sent.headers[name]
                        .to_str()
                        .unwrap()
                        .split(',')
                        .map(str::to_owned),
                ),
                _ => {}
            }
        }
        let names = names
            .into_iter()
            .filter(|name| self.sent.headers.contains_key(name));
        names.map(|name| name.parse().unwrap()).collect()
    }

    /// The request with a bit of a header changed, unless that cannot be sent or means the same.
    fn with_header_flipped(&self, name: &HeaderName, bit: Index) -> Option<Sent> {
        let genuine = self.sent.headers[name].as_bytes();
        let mut bytes = genuine.to_vec();
        flip(&mut bytes, bit);
        let two_spellings = self.is_hex() && bytes.eq_ignore_ascii_case(genuine);
        let two_spellings = two_spellings || self.says_the_same(&bytes);
        if two_spellings || self.begins_the_same(&bytes, genuine) {
            return None;
        }
        let mut changed = self.sent.clone();
        changed
            .headers
            .insert(name, HeaderValue::from_bytes(&bytes).ok()?);
        Some(changed)
    }

    /// Whether something in the body is looked at.
    fn reads_body(&self) -> bool {
        let words = ["json", "json?", "json-raw", "line", "line?", "form"];
        let of_body = |place: &String| place.starts_with("json:") || place.starts_with("form:");
        words.iter().any(|word| self.has(word)) || self.places.iter().any(of_body)
    }

    /// Whether another body has the same in it where it is signed; `None` where nobody can tell.
    fn is_covered_still(&self, body: &[u8]) -> Option<bool> {
        let demands = self.form["require"].as_array().into_iter().flatten();
        let by_demand = demands
            .into_iter()
            .any(|demand| demand.get("body").is_some());
        let is_form = self.has("form-sorted");
        if is_form && body.eq_ignore_ascii_case(&self.sent.body) {
            return None; // The hex digits of an escape have two spellings.
        }
        if self.has("body") || is_form || by_demand {
            return Some(false);
        }
        if !self.reads_body() {
            return Some(true);
        }
        let (before, after) = (self.parts(&self.sent.body)?, self.parts(body));
        Some(after.is_some_and(|after| before == after))
    }

    /// What is signed of a body, and what is looked at beside that.
    fn parts(&self, body: &[u8]) -> Option<Vec<Option<String>>> {
        let pointers = self
            .words
            .iter()
            .filter_map(|word| match word.split_once(':')? {
                ("json" | "json?" | "json-raw", pointer) => Some(("json", pointer.to_owned())),
                ("line" | "line?", name) => Some(("json", format!("/{name}"))),
                ("form", name) => Some(("form", name.to_owned())),
                _ => None,
            });
        let places = self
            .places
            .iter()
            .filter_map(|place| match place.split_once(':')? {
                (kind @ ("json" | "form"), name) => Some((kind, name.to_owned())),
                _ => None,
            });
        let all: Vec<_> = pointers.chain(places).collect();
        if all.iter().any(|(kind, _)| *kind == "form") {
            let fields = fields(body)?;
            let found = all.iter().map(|(_, name)| {
                let mut own = fields.iter().filter(|(field, _)| field == name);
                own.next().map(|(_, value)| self.as_it_counts(name, value))
            });
            return Some(found.collect());
        }
        let document: Value = serde_json::from_slice(body).ok()?;
        let items = match self.form["each"].as_str() {
            Some(each) => document.pointer(each)?.as_array()?.clone(),
            None => vec![document],
        };
        let scalar = |pointer: &str, value: &Value| match value {
            Value::String(text) => self.as_it_counts(pointer, text),
            other => other.to_string(),
        };
        let found = items.iter().flat_map(|item| {
            all.iter()
                .map(move |(_, pointer)| item.pointer(pointer).map(|value| scalar(pointer, value)))
        });
        Some(found.collect())
    }

    /// A text as it counts: the hex digits of a signature have two spellings.
    fn as_it_counts(&self, name: &str, text: &str) -> String {
        let signature = texts(&self.form["signature"]["from"]);
        match self.is_hex() && signature.iter().any(|place| place.ends_with(name)) {
            true => text.to_ascii_lowercase(),
            false => text.to_owned(),
        }
    }

    /// Whether two lines differ in the case of a way to authenticate only: `HMAC SIG`.
    fn begins_the_same(&self, line: &[u8], genuine: &[u8]) -> bool {
        let prefix = self.form["signature"]["grammar"]["prefix"].as_str();
        let way = prefix.filter(|prefix| prefix.ends_with(' ')).map(str::len);
        let (Some(way), true) = (way, line.len() == genuine.len()) else {
            return false;
        };
        line[..way].eq_ignore_ascii_case(&genuine[..way]) && line[way..] == genuine[way..]
    }

    /// Whether a line names another of several labels that mean the same.
    fn says_the_same(&self, line: &[u8]) -> bool {
        let rules = self.form["rules"].as_array().unwrap().iter();
        let mut labels = rules
            .map(|rule| texts(&rule["label"]))
            .filter(|labels| labels.len() > 1);
        let line = String::from_utf8_lossy(line).to_lowercase();
        let genuine = self
            .sent
            .headers
            .values()
            .map(|value| value.to_str().unwrap());
        let genuine: Vec<_> = genuine.map(str::to_lowercase).collect();
        labels.any(|labels| {
            let in_first =
                |label: &String| line.replace(&format!("{label}="), &format!("{}=", labels[0]));
            labels
                .iter()
                .any(|label| genuine.contains(&in_first(label)))
        })
    }
}

/// The words between braces.
fn words(message: &str) -> Vec<String> {
    let pieces = message.split('{').skip(1);
    pieces
        .filter_map(|piece| Some(piece.split_once('}')?.0.to_owned()))
        .collect()
}

/// The fields of a form, decoded.
fn fields(body: &[u8]) -> Option<Vec<(String, String)>> {
    let decode = |text: &str| {
        let mut out = Vec::new();
        let mut rest = text.as_bytes();
        while let Some((byte, after)) = rest.split_first() {
            (rest, _) = (
                after,
                out.push(match byte {
                    b'+' => b' ',
                    b'%' => u8::from_str_radix(str::from_utf8(after.get(..2)?).ok()?, 16).ok()?,
                    other => *other,
                }),
            );
            if *byte == b'%' {
                rest = &rest[2..];
            }
        }
        String::from_utf8(out).ok()
    };
    let pairs = str::from_utf8(body).ok()?.split('&').map(|pair| {
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        Some((decode(name)?, decode(value)?))
    });
    pairs.collect()
}

fn flip(bytes: &mut [u8], bit: Index) {
    let bit = bit.index(bytes.len() * 8);
    bytes[bit / 8] ^= 1 << (bit % 8);
}
