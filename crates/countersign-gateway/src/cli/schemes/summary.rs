//! A scheme on one line, read out of its own description.

use countersign::{Scheme, Window};
use serde_json::{Value, json};

use crate::moment::span;

/// What a list says of a scheme.
pub(super) struct Summary {
    name: String,
    /// Where signatures are: names of headers, or other places as schemes write them.
    signature: Vec<String>,
    digest: Vec<String>,
    window: Option<Window>,
    note: Option<String>,
}

impl Summary {
    /// Reads it out of the description.
    pub(super) fn of(scheme: &Scheme) -> serde_json::Result<Self> {
        let data = serde_json::to_value(scheme)?;
        let variants = data.get("variants").and_then(Value::as_array);
        let forms = variants.map_or(std::slice::from_ref(&data), Vec::as_slice);
        let (mut signature, mut digest) = (Vec::new(), Vec::new());
        for form in forms {
            let places = form.get("signature").into_iter();
            let slots = places.clone().flat_map(|places| list(places, "slots"));
            for place in places.chain(slots).flat_map(|place| list(place, "from")) {
                add(&mut signature, place);
            }
            for rule in list(form, "rules") {
                rule.get("digest")
                    .into_iter()
                    .for_each(|name| add(&mut digest, name));
            }
        }
        Ok(Self {
            name: scheme.name().to_owned(),
            signature,
            digest,
            window: scheme.default_window(),
            note: scheme.note().map(str::to_owned),
        })
    }

    /// The cells of a table.
    pub(super) fn row(self) -> [String; 4] {
        let window = self.window.map_or_else(String::new, |window| {
            let (past, future) = (span::show(window.past()), span::show(window.future()));
            match past == future {
                true => past,
                false => format!("{past} past, {future} future"),
            }
        });
        [
            self.name,
            self.signature.join(", "),
            self.digest.join(", "),
            window,
        ]
    }

    /// The same and its note, for machines; the window is in seconds.
    pub(super) fn entry(&self) -> Value {
        let window = self.window.map(|window| {
            json!({ "past": window.past().as_secs(), "future": window.future().as_secs() })
        });
        json!({
            "name": self.name,
            "signature": self.signature,
            "digest": self.digest,
            "window": window,
            "note": self.note,
        })
    }
}

/// The items under a key, one of which may be written without brackets.
fn list<'v>(value: &'v Value, key: &str) -> &'v [Value] {
    match value.get(key) {
        None => &[],
        Some(Value::Array(items)) => items,
        Some(one) => std::slice::from_ref(one),
    }
}

/// Adds a text that is not there yet; of a header, its name.
fn add(texts: &mut Vec<String>, value: &Value) {
    let text = value.as_str().unwrap_or_default();
    let text = text.strip_prefix("header:").unwrap_or(text);
    if !texts.iter().any(|known| known == text) {
        texts.push(text.to_owned());
    }
}
