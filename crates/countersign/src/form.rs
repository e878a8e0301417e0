//! A strict reader of `application/x-www-form-urlencoded`: bodies and query strings.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};

/// A field that cannot be read, a name that is there twice, or fields without end.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct Malformed;

/// The value of a field that may be there once.
pub(crate) fn field<'a>(text: &'a [u8], name: &str) -> Result<Option<Cow<'a, [u8]>>, Malformed> {
    let mut found = None;
    for pair in pairs(text) {
        let (key, value) = pair?;
        if *key == *name.as_bytes() && found.replace(value).is_some() {
            return Err(Malformed);
        }
    }
    Ok(found)
}

/// The value of a field that is signed while other fields are not.
///
/// Names are words then: a body that another reader takes for JSON or XML is no form.
pub(crate) fn only_field<'a>(
    text: &'a [u8],
    name: &str,
) -> Result<Option<Cow<'a, [u8]>>, Malformed> {
    let is_word = |byte: &u8| byte.is_ascii_alphanumeric() || b"-_.".contains(byte);
    for pair in pairs(text) {
        let (key, _) = pair?;
        if key.is_empty() || !key.iter().all(is_word) {
            return Err(Malformed);
        }
    }
    field(text, name)
}

/// The text with one field of this name, at its end, and the others as they are.
pub(crate) fn put(text: &[u8], name: &str, value: &[u8]) -> Result<Vec<u8>, Malformed> {
    pairs(text).try_for_each(|pair| pair.map(|_| ()))?;
    let mut fields = Vec::new();
    for pair in text.split(|byte| *byte == b'&') {
        let (key, _) = cut(pair)?;
        if *key != *name.as_bytes() && !pair.is_empty() {
            fields.push(pair);
        }
    }
    let own = [encode(name.as_bytes()), encode(value)].join("=");
    fields.push(own.as_bytes());
    Ok(fields.join(&b'&'))
}

/// Every name in order, each with its different values in order, nothing between.
///
/// A URL stands before them: there is a field, and no name that a URL could go on with.
pub(crate) fn sorted(text: &[u8]) -> Result<Vec<u8>, Malformed> {
    let goes_on = |byte: &u8| b"/?&=#%".contains(byte);
    let mut fields = BTreeMap::<_, BTreeSet<_>>::new();
    for pair in pairs(text) {
        let (name, value) = pair?;
        if name.is_empty() || name.iter().any(goes_on) {
            return Err(Malformed);
        }
        fields.entry(name).or_default().insert(value);
    }
    if fields.is_empty() {
        return Err(Malformed);
    }
    let mut out = Vec::with_capacity(text.len());
    for (name, values) in &fields {
        for value in values {
            out.extend_from_slice(name);
            out.extend_from_slice(value);
        }
    }
    Ok(out)
}

type Pair<'a> = (Cow<'a, [u8]>, Cow<'a, [u8]>);

fn pairs(text: &[u8]) -> impl Iterator<Item = Result<Pair<'_>, Malformed>> {
    let pairs = text.split(|byte| *byte == b'&');
    let pairs = pairs.filter(|pair| !pair.is_empty());
    let pairs = pairs.take(MOST_FIELDS.saturating_add(1)).zip(1..);
    pairs.map(|(pair, count)| match count > MOST_FIELDS {
        true => Err(Malformed),
        false => cut(pair),
    })
}

fn cut(pair: &[u8]) -> Result<Pair<'_>, Malformed> {
    let mut halves = pair.splitn(2, |byte| *byte == b'=');
    let name = decode(halves.next().unwrap_or_default())?;
    let value = decode(halves.next().unwrap_or_default())?;
    Ok((name, value))
}

fn encode(text: &[u8]) -> String {
    let is_plain = |byte: &u8| byte.is_ascii_alphanumeric() || b"-_.~".contains(byte);
    let letter = |byte: &u8| match is_plain(byte) {
        true => char::from(*byte).to_string(),
        false => format!("%{byte:02X}"),
    };
    text.iter().map(letter).collect()
}

/// Undoes `+` and `%20`; a percent sign without two hex digits after it is refused.
fn decode(text: &[u8]) -> Result<Cow<'_, [u8]>, Malformed> {
    if !text.iter().any(|byte| matches!(byte, b'+' | b'%')) {
        return Ok(Cow::Borrowed(text));
    }
    let mut out = Vec::with_capacity(text.len());
    let mut rest = text;
    while let Some((byte, after)) = rest.split_first() {
        rest = after;
        match byte {
            b'+' => out.push(b' '),
            b'%' => {
                let (digits, after) = rest.split_at_checked(2).ok_or(Malformed)?;
                let mut decoded = [0];
                hex::decode_to_slice(digits, &mut decoded).map_err(|_| Malformed)?;
                out.extend(decoded);
                rest = after;
            }
            other => out.push(*other),
        }
    }
    Ok(Cow::Owned(out))
}

/// More fields than any sender has in a form.
const MOST_FIELDS: usize = 1024;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_field_is_decoded_and_there_once() {
        let text = b"a=1+2%2B3&b=%e2%82%ac&&c&d=x=y";
        let found = |name| field(text, name).map(|value| value.map(Cow::into_owned));

        assert_eq!(found("a"), Ok(Some(b"1 2+3".to_vec())));
        assert_eq!(found("b"), Ok(Some("€".as_bytes().to_vec())));
        assert_eq!(found("c"), Ok(Some(Vec::new())));
        assert_eq!(found("d"), Ok(Some(b"x=y".to_vec())));
        assert_eq!(found("e"), Ok(None));
        assert_eq!(field(b"a=1&%61=2", "a"), Err(Malformed));
        assert_eq!(field(b"b=1&b=2&a=3", "a"), Ok(Some(b"3".as_slice().into())));
        for broken in ["a=%", "a=%2", "a=%zz", "%=1&a=1", "a=%+1"] {
            assert_eq!(field(broken.as_bytes(), "a"), Err(Malformed), "{broken}");
        }
    }

    #[test]
    fn a_signed_field_is_not_hidden_in_another_language() {
        let found = |text| only_field(text, "payload").map(|value| value.map(Cow::into_owned));

        assert_eq!(found(b"a=1&payload=%7B%7D"), Ok(Some(b"{}".to_vec())));
        for disguised in [
            br#"{"ref":"EVIL","x":"&payload=%7B%7D&y="}"#.as_slice(),
            b"<a>&payload=%7B%7D",
            b"=1&payload=%7B%7D",
        ] {
            assert_eq!(found(disguised), Err(Malformed));
        }
    }

    #[test]
    fn a_field_is_put_once_at_the_end_and_reads_as_it_was_put() {
        for (text, expected) in [
            ("", "b+=a%20%26%C3%A9"),
            ("a=1&c", "a=1&c&b+=a%20%26%C3%A9"),
            ("b+=1&&a=%2F&b%20=2", "a=%2F&b+=a%20%26%C3%A9"),
        ] {
            let expected = expected.replace("b+", "b%20");
            let put = put(text.as_bytes(), "b ", "a &é".as_bytes()).unwrap();
            assert_eq!(String::from_utf8_lossy(&put), expected);
            let found = field(&put, "b ").unwrap().unwrap();
            assert_eq!(*found, *"a &é".as_bytes());
        }
        assert_eq!(put(b"a=%", "b", b""), Err(Malformed));
    }

    #[test]
    fn sorting_goes_by_name_then_value_and_says_each_value_once() {
        assert_eq!(sorted(b"b=2&a=9&b=1&b=2&A=x+y").unwrap(), b"Ax ya9b1b2");
        // Nothing, and what the URL before it could have gone on with.
        for unclear in ["", "&", "=1", "%3Fa=%3D1", "a%26b=1", "a/b=1", "%23=1"] {
            assert_eq!(sorted(unclear.as_bytes()), Err(Malformed), "{unclear}");
        }
    }

    #[test]
    fn a_form_of_too_many_fields_is_not_read_to_its_end() {
        assert!(sorted("a=1&".repeat(1024).as_bytes()).is_ok());
        assert_eq!(sorted("a=1&".repeat(1025).as_bytes()), Err(Malformed));
        assert_eq!(field("b&".repeat(1025).as_bytes(), "a"), Err(Malformed));
    }
}
