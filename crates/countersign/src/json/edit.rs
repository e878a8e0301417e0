//! Writing into a document: one value at a place, everything else as it was written.

use std::ops::Range;

use super::{Cursor, DEEPEST, Document, Malformed, Pointer, Value, consumed, unescape};

/// The document with this value, itself JSON, at this place. Objects on the way are made.
pub(crate) fn put(text: &[u8], place: &Pointer, value: &[u8]) -> Result<Vec<u8>, Malformed> {
    Document::read(text)?;
    let names = place.names().ok_or(Malformed)?;
    let written = put_under(text, &names, value)?;
    // A place may be deeper than anybody reads.
    Document::read(&written)?;
    Ok(written)
}

/// The document with every element of the array at this place edited.
pub(crate) fn edit_each<E: From<Malformed>>(
    text: &[u8],
    place: &Pointer,
    edit: impl FnMut(&[u8]) -> Result<Vec<u8>, E>,
) -> Result<Vec<u8>, E> {
    let elements = Document::read(text)?.elements(place)?;
    let edited: Vec<_> = elements.into_iter().map(edit).collect::<Result<_, _>>()?;
    let array = [b"[".as_slice(), &edited.join(&b','), b"]"].concat();
    Ok(put(text, place, &array)?)
}

/// Whether a text stands at this place.
pub(crate) fn is_text(text: &[u8], place: &Pointer) -> bool {
    let found = Document::read(text).and_then(|document| document.find(place));
    matches!(found, Ok(Some(Value::Text(_))))
}

/// A text between quotes, unless it is not UTF-8.
pub(crate) fn quoted(text: &[u8]) -> Option<Vec<u8>> {
    let text = str::from_utf8(text).ok()?;
    let mut out = String::with_capacity(text.len());
    out.push('"');
    for letter in text.chars() {
        match letter {
            '"' | '\\' => out.extend(['\\', letter]),
            '\0'..='\x1F' => out.push_str(&format!("\\u{:04x}", u32::from(letter))),
            letter => out.push(letter),
        }
    }
    out.push('"');
    Some(out.into_bytes())
}

fn put_under(text: &[u8], names: &[&str], value: &[u8]) -> Result<Vec<u8>, Malformed> {
    let Some((name, deeper)) = names.split_first() else {
        return Ok(value.to_vec());
    };
    let Ends { members, found } = ends(text, name)?;
    let (range, new) = match found {
        Some(range) => {
            let old = text.get(range.clone()).ok_or(Malformed)?;
            (range, put_under(old, deeper, value)?)
        }
        None => {
            let (close, comma) = match members {
                Members::None(close) => (close, b"".as_slice()),
                Members::Some(close) => (close, b",".as_slice()),
            };
            let name = quoted(name.as_bytes()).ok_or(Malformed)?;
            let inside = put_under(b"{}", deeper, value)?;
            (close..close, [comma, &name, b":", &inside].concat())
        }
    };
    let before = text.get(..range.start).ok_or(Malformed)?;
    let after = text.get(range.end..).ok_or(Malformed)?;
    Ok([before, &new, after].concat())
}

/// Where the brace of an object stands that closes it.
enum Members {
    None(usize),
    Some(usize),
}

struct Ends {
    members: Members,
    found: Option<Range<usize>>,
}

/// Where the value of this name stands in an object, and where the object ends.
fn ends(text: &[u8], name: &str) -> Result<Ends, Malformed> {
    let at = |rest: &[u8]| text.len().saturating_sub(rest.len());
    let mut cursor = Cursor(text);
    cursor.blank();
    let mut found = None;
    let mut any = false;
    cursor.members(b'{', b'}', |cursor| {
        any = true;
        let key = unescape(cursor.name()?).ok_or(Malformed)?;
        let before = cursor.0;
        cursor.value(DEEPEST)?;
        let length = consumed(before, cursor.0).len();
        let range = at(before)..at(before).saturating_add(length);
        if *key == *name.as_bytes() && found.replace(range).is_some() {
            return Err(Malformed);
        }
        Ok(())
    })?;
    let close = at(cursor.0).saturating_sub(1);
    Ok(Ends {
        members: match any {
            true => Members::Some(close),
            false => Members::None(close),
        },
        found,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(text: &str, place: &str, value: &str) -> Result<String, Malformed> {
        let place = place.parse().unwrap();
        let text = put(text.as_bytes(), &place, value.as_bytes())?;
        Ok(String::from_utf8(text).unwrap())
    }

    #[test]
    fn one_value_is_written_and_the_rest_stays_as_it_was() {
        for (text, place, expected) in [
            (r#"{ "a" : 1.0, "b":[ ] }"#, "/a", r#"{ "a" : 7, "b":[ ] }"#),
            (r#"{"a":{"b":"x"}}"#, "/a/b", r#"{"a":{"b":7}}"#),
            (r#"{"a":{"b":"x"} }"#, "/a/c", r#"{"a":{"b":"x","c":7} }"#),
            (" {} ", "/a/b", r#" {"a":{"b":7}} "#),
            (r#"{"\u0061":1}"#, "/a", r#"{"\u0061":7}"#),
            (r#"{"a~/":1}"#, "/a~0~1", r#"{"a~/":7}"#),
            ("[1]", "", "7"),
        ] {
            assert_eq!(written(text, place, "7").as_deref(), Ok(expected), "{text}");
        }
    }

    #[test]
    fn nothing_is_written_into_what_has_no_such_place() {
        for (text, place) in [
            ("", "/a"),
            ("[]", "/a"),
            ("[1]", "/0"),
            (r#"{"a":1}"#, "/a/b"),
            (r#"{"a":1,"a":2}"#, "/a"),
            (r#"{"a":1"#, "/b"),
            ("{}", &"/a".repeat(64)),
        ] {
            assert_eq!(written(text, place, "7"), Err(Malformed), "{text}");
        }
    }

    #[test]
    fn every_element_is_edited() {
        let place = "/a".parse().unwrap();
        let text = br#"{"a":[ 1, {"b":[]} ],"c":1}"#;
        let edited = edit_each(text, &place, |item| {
            Ok::<_, Malformed>([b"[".as_slice(), item, b"]"].concat())
        });

        assert_eq!(edited.unwrap(), br#"{"a":[[1],[{"b":[]}]],"c":1}"#);
        assert_eq!(edit_each(b"{}", &place, |_| Err(Malformed)), Err(Malformed));
    }

    #[test]
    fn a_text_is_quoted_so_that_it_is_read_back() {
        for text in ["", "abc", "a\"b\\c\n\0é", "\u{7f}"] {
            let quoted = quoted(text.as_bytes()).unwrap();
            let document = [b"{\"a\":".as_slice(), &quoted, b"}"].concat();
            let found = Document::read(&document).unwrap();
            let found = found.find(&Pointer::of("a")).unwrap().unwrap();
            assert_eq!(*found.text().unwrap(), *text.as_bytes());
        }
        assert_eq!(quoted(b"\xFF"), None);
    }
}
