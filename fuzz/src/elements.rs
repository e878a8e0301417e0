//! Targets for the readers of elements: JSON pointers, form fields, URLs. Other readers are held against them.

use crate::split;

/// A pointer on the first line, then a document.
///
/// What is read is read the same by another reader; what a signer writes is read back.
pub fn json_pointer(bytes: &[u8]) {
    let Some((pointer, document)) = split(bytes, b"\n") else {
        return;
    };
    let Ok(pointer) = std::str::from_utf8(pointer) else {
        return;
    };
    let Some(found) = countersign::fuzzing::json(pointer, document) else {
        return;
    };
    let whole = serde_json::from_slice::<serde::de::IgnoredAny>(document);
    assert!(whole.is_ok(), "took what is no JSON");
    // Another reader may refuse more; where it goes on, it says the same.
    let Ok(value) = serde_json::from_slice::<serde_json::Value>(document) else {
        return;
    };
    match (found, value.pointer(pointer)) {
        (Some(ours), Some(serde_json::Value::String(theirs))) => {
            assert_eq!(ours, theirs.as_bytes());
        }
        (Some(ours), Some(serde_json::Value::Null)) => assert!(ours.is_empty()),
        (Some(ours), Some(serde_json::Value::Bool(theirs))) => {
            assert_eq!(ours, theirs.to_string().as_bytes());
        }
        (Some(_), Some(serde_json::Value::Number(_))) | (None, None) => {}
        // `/0` is an element and never a member here; another reader takes it for both.
        (None, Some(_)) => assert!(pointer.bytes().any(|byte| byte.is_ascii_digit())),
        (Some(_), other) => panic!("read what is not there: {other:?}"),
    }
}

/// The name of a field on the first line, then a form.
///
/// A field that is read is there once, and is read the same by another reader.
pub fn form_fields(bytes: &[u8]) {
    let Some((name, form)) = split(bytes, b"\n") else {
        return;
    };
    let Ok(name) = std::str::from_utf8(name) else {
        return;
    };
    let Some(found) = countersign::fuzzing::form(name, form) else {
        return;
    };
    // The other reader puts a mark in the place of what is no text.
    let is_text =
        |name: &str, value: &str| !name.contains('\u{FFFD}') && !value.contains('\u{FFFD}');
    let fields: Vec<_> = url::form_urlencoded::parse(form).collect();
    if !fields.iter().all(|(name, value)| is_text(name, value)) {
        return;
    }
    let theirs: Vec<_> = fields.iter().filter(|(field, _)| field == name).collect();
    match (found, theirs.as_slice()) {
        (Some(ours), [(_, theirs)]) => assert_eq!(ours, theirs.as_bytes()),
        (None, []) => {}
        other => panic!("read otherwise: {other:?}"),
    }
}

/// What a URL begins with on the first line, then its target.
///
/// A port is written once or not at all; an escaped target tells of one target only.
pub fn url_forms(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else {
        return;
    };
    let Some((base, target)) = text.split_once('\n') else {
        return;
    };
    let [with, without, escaped] = countersign::fuzzing::url(base, target);
    if let (Some(with), Some(without)) = (with, without) {
        assert!(with.ends_with(target.as_bytes()) && without.ends_with(target.as_bytes()));
        let base_of = |url: &[u8]| String::from_utf8(url[..url.len() - target.len()].to_vec());
        let (with_base, bare) = (base_of(&with), base_of(&without));
        let (with_base, bare) = (with_base.expect("text"), bare.expect("text"));
        // The other reader forgives slashes too many, and blanks.
        let genuine = base.starts_with("https://")
            && !base.starts_with("https:///")
            && url::Url::parse(base).is_ok_and(|url| {
                url.path() == "/"
                    && !base.contains(['?', '#', '\\'])
                    && base.bytes().all(|byte| byte.is_ascii_graphic())
            });
        if genuine {
            let [again, ..] = countersign::fuzzing::url(&with_base, target);
            assert_eq!(again.as_ref(), Some(&with), "a second port");
            let bare = url::Url::parse(&bare).expect("without its port it is a URL still");
            assert_eq!(bare.port(), None, "{base}");
            let with = url::Url::parse(&with_base).expect("with its port it is a URL still");
            assert_eq!(with.host_str(), bare.host_str(), "{base}");
        }
    }
    let Some(escaped) = escaped else {
        return;
    };
    let escaped = String::from_utf8(escaped).expect("text");
    assert!(escaped.is_ascii());
    let (path, query) = escaped.split_once('?').unwrap_or((&escaped, ""));
    let once = |text: &str| percent_decoded(text.as_bytes());
    let twice = once(query).and_then(|query| percent_decoded(&query));
    let parts = [once(path).expect("an escape"), twice.expect("an escape")];
    let (own_path, own_query) = target.split_once('?').unwrap_or((target, ""));
    assert_eq!(
        parts,
        [own_path.as_bytes(), own_query.as_bytes()],
        "{target}"
    );
}

fn percent_decoded(text: &[u8]) -> Option<Vec<u8>> {
    let mut out = Vec::new();
    let mut rest = text;
    while let Some((byte, after)) = rest.split_first() {
        rest = after;
        if *byte == b'%' {
            let (digits, after) = rest.split_at_checked(2)?;
            out.push(u8::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok()?);
            rest = after;
        } else {
            out.push(*byte);
        }
    }
    Some(out)
}
