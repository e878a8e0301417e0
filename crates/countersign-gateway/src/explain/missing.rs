//! What a request lacks that is not there at all: the headers that are read, so that nobody has to look them up.

use std::collections::BTreeSet;

use countersign::{Auth, Reason, Scheme};
use serde_json::Value;

use super::{Case, Hint};

impl Case<'_> {
    /// Which headers are read that the request does not have, where that is why it is refused.
    pub(super) fn missing(&self) -> Option<Hint> {
        let reason = self.verdict().err()?.reason();
        if !ABSENT.contains(&reason) {
            return None;
        }
        let (who, places): (_, BTreeSet<Vec<String>>) = match self.auth {
            Auth::Signature(verifier) => {
                let scheme = verifier.scheme();
                (format!("`{}`", scheme.name()), places(scheme))
            }
            Auth::ApiKey(key) => {
                let names = key.header_names().map(ToString::to_string).collect();
                ("the flow".to_owned(), BTreeSet::from([names]))
            }
            Auth::Basic(_) => {
                let names = vec!["authorization".to_owned()];
                ("the flow".to_owned(), BTreeSet::from([names]))
            }
            _ => return None,
        };
        let has = |name: &String| self.captured.headers.contains_key(name);
        let absent = places.into_iter().filter(|names| !names.iter().any(has));
        let absent = absent.map(|names| match names.is_empty() {
            true => String::new(),
            false => format!("`{}`", names.join("` or `")),
        });
        let absent: Vec<_> = absent.filter(|names| !names.is_empty()).collect();
        let them = match absent[..] {
            [] => return None,
            [_] => "it",
            _ => "them",
        };
        let text = format!(
            "{who} reads {}, and the request does not have {them}",
            absent.join(" and ")
        );
        Some(Hint::new(MISSING, text))
    }
}

/// The headers that a scheme reads its elements from; of those of one element, one is enough.
fn places(scheme: &Scheme) -> BTreeSet<Vec<String>> {
    // Off the path of requests: the description says it, in the words that users write.
    let Ok(data) = serde_json::to_value(scheme) else {
        return BTreeSet::new();
    };
    let variants = data.get("variants").and_then(Value::as_array);
    let forms = variants.map_or(std::slice::from_ref(&data), Vec::as_slice);
    let elements = forms.iter().flat_map(|form| {
        let elements = ["id", "signature", "timestamp"];
        elements.into_iter().filter_map(|name| form.get(name))
    });
    elements
        .filter_map(|element| headers(element.get("from")?))
        .collect()
}

/// The headers in a `from`; `None` where the element may be elsewhere.
fn headers(from: &Value) -> Option<Vec<String>> {
    let texts = match from {
        Value::Array(texts) => texts.as_slice(),
        one => std::slice::from_ref(one),
    };
    let names = texts.iter().map(|text| {
        let name = text.as_str()?.strip_prefix("header:")?;
        Some(name.to_ascii_lowercase())
    });
    names.collect()
}

/// The kind of a hint that says what is not there.
pub(super) const MISSING: &str = "missing";
/// The reasons that something is not there.
const ABSENT: [Reason; 6] = [
    Reason::MissingCredentials,
    Reason::MissingElement,
    Reason::MissingHeader,
    Reason::MissingSignature,
    Reason::MissingTimestamp,
    Reason::UnknownForm,
];
