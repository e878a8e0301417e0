//! Headers as stored: every name, raw value and repetition, each with its length in front.

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue};

/// Appends `headers` to `out`.
pub(crate) fn encode(headers: &HeaderMap, out: &mut Vec<u8>) {
    for (name, value) in headers {
        put(name.as_str().as_bytes(), out);
        put(value.as_bytes(), out);
    }
}

/// Reads back what [`encode`] wrote; the reason if it is anything else.
pub(crate) fn decode(stored: &[u8]) -> Result<HeaderMap, &'static str> {
    let mut headers = HeaderMap::new();
    let mut rest = stored;
    while !rest.is_empty() {
        let name = take(&mut rest)?;
        let value = take(&mut rest)?;
        let name = HeaderName::from_bytes(name).map_err(|_| "a header's name is not one")?;
        let value = HeaderValue::from_maybe_shared(Bytes::copy_from_slice(value));
        let value = value.map_err(|_| "a header's value is not one")?;
        headers
            .try_append(name, value)
            .map_err(|_| "there are too many headers")?;
    }
    Ok(headers)
}

fn put(text: &[u8], out: &mut Vec<u8>) {
    let mut length = text.len();
    while length >= 0x80 {
        out.push(length as u8 | 0x80);
        length >>= 7;
    }
    out.push(length as u8);
    out.extend_from_slice(text);
}

fn take<'a>(rest: &mut &'a [u8]) -> Result<&'a [u8], &'static str> {
    const CUT: &str = "the headers are cut off";
    let mut length = 0_usize;
    for shift in (0..35).step_by(7) {
        let (&byte, after) = rest.split_first().ok_or(CUT)?;
        *rest = after;
        length |= usize::from(byte & 0x7f) << shift;
        if byte & 0x80 == 0 {
            let (text, after) = rest.split_at_checked(length).ok_or(CUT)?;
            *rest = after;
            return Ok(text);
        }
    }
    Err("a header's length is too long")
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn headers_survive_with_raw_values_order_and_repetitions() {
        let mut headers = HeaderMap::new();
        headers.append("x-b", HeaderValue::from_bytes(b"\xff\xfe raw\t").unwrap());
        headers.append("x-a", HeaderValue::from_static(""));
        headers.append("x-b", HeaderValue::from_str(&"long".repeat(9000)).unwrap());

        let mut stored = Vec::new();
        encode(&headers, &mut stored);
        let back = decode(&stored).unwrap();

        assert!(back.iter().eq(headers.iter()));
    }

    #[test]
    fn cut_headers_are_an_error() {
        let mut headers = HeaderMap::new();
        headers.append("x-a", HeaderValue::from_static("value"));
        let mut stored = Vec::new();
        encode(&headers, &mut stored);

        for end in 1..stored.len() {
            assert!(decode(&stored[..end]).is_err(), "{end}");
        }
    }

    #[test]
    fn more_headers_than_a_map_holds_are_an_error() {
        let stored: Vec<u8> = (0..40_000)
            .flat_map(|n| format!("\u{6}x{n:05}\0").into_bytes())
            .collect();
        assert_eq!(decode(&stored).unwrap_err(), "there are too many headers");
    }

    proptest! {
        #[test]
        fn rubbish_is_an_error_or_headers_but_never_a_panic(stored: Vec<u8>) {
            let _ = decode(&stored);
        }
    }
}
