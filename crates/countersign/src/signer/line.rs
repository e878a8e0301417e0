//! Signatures as text: the inverse of the grammars that verifying reads.

use crate::encoding::Encoding;
use crate::scheme::{Form, Grammar, Place};

/// A label, empty where there are none, and the text of a signature.
pub(super) type Signature = (String, Vec<u8>);

/// The lines that carry a timestamp and signatures.
///
/// A grammar with room for one signature in a header that must not be repeated gets the first.
pub(super) fn lines(form: &Form, timestamp: &str, signatures: &[Signature]) -> Vec<Vec<u8>> {
    let inside = form.timestamp.iter();
    let inside = inside.flat_map(|timestamp| timestamp.from.iter()).next();
    match &form.signature.grammar {
        Grammar::Bare => each(form, "", signatures),
        Grammar::Prefix(prefix) | Grammar::OptionalPrefix(prefix) => each(form, prefix, signatures),
        Grammar::Labels | Grammar::LabelsOr(_) => joined(' ', None, ",", signatures),
        Grammar::Marked(marks) => joined(marks.between, None, &marks.after.to_string(), signatures),
        Grammar::Pairs(separator) | Grammar::PairsOrBlanks(separator) => {
            let first = match inside {
                Some(Place::Pair(name)) => Some(format!("{name}={timestamp}")),
                _ => None,
            };
            joined(*separator, first, "=", signatures)
        }
        Grammar::Positions(separator) => {
            let first = matches!(inside, Some(Place::First)).then(|| timestamp.to_owned());
            joined(*separator, first, "", signatures)
        }
        // A token's claims are the sender's own.
        Grammar::Token(_) => Vec::new(),
    }
}

/// A signature's bytes as the scheme writes them.
pub(super) fn spelled(encoding: Encoding, bytes: Vec<u8>) -> Vec<u8> {
    match encoding {
        Encoding::Text => bytes,
        encoding => encoding.encode(&bytes).into_bytes(),
    }
}

fn each(form: &Form, prefix: &str, signatures: &[Signature]) -> Vec<Vec<u8>> {
    let room = match form.signature.repeated || is_numbered(form) {
        true => signatures.len(),
        false => 1,
    };
    let signatures = signatures.iter().take(room);
    signatures
        .map(|(_, text)| [prefix.as_bytes(), text].concat())
        .collect()
}

fn joined(
    separator: char,
    first: Option<String>,
    between: &str,
    signatures: &[Signature],
) -> Vec<Vec<u8>> {
    let items = signatures
        .iter()
        .map(|(label, text)| [label.as_bytes(), between.as_bytes(), text].concat());
    let items: Vec<_> = first
        .map(String::into_bytes)
        .into_iter()
        .chain(items)
        .collect();
    vec![items.join(separator.to_string().as_bytes())]
}

fn is_numbered(form: &Form) -> bool {
    matches!(form.signature.from.as_slice(), [Place::Numbered(_)])
}
