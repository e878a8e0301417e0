//! Other spellings of what was received: bodies, URLs and secrets, each with its words.

use std::iter;

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD, URL_SAFE, URL_SAFE_NO_PAD};
use countersign::Secret;
use serde::de::IgnoredAny;

/// The body with one line end more or less.
pub(crate) fn line_ends(body: &[u8]) -> Vec<(&'static str, Vec<u8>)> {
    let mut found = vec![
        ("with LF added to the body", [body, b"\n"].concat()),
        ("with CR LF added to the body", [body, b"\r\n"].concat()),
    ];
    if let Some(rest) = body.strip_suffix(b"\n") {
        found.push(("without the LF that ends the body", rest.to_vec()));
    }
    if let Some(rest) = body.strip_suffix(b"\r\n") {
        found.push(("without the CR LF that ends the body", rest.to_vec()));
    }
    found
}

/// The body written anew, if it is JSON; the forms that are the body itself are left out.
pub(crate) fn json(body: &[u8]) -> Vec<(&'static str, Vec<u8>)> {
    if serde_json::from_slice::<IgnoredAny>(body).is_err() {
        return Vec::new();
    }
    let sorted = serde_json::from_slice::<serde_json::Value>(body)
        .ok()
        .and_then(|value| serde_json::to_vec(&value).ok());
    let forms = [
        (
            "with the JSON body written without spaces",
            Some(spaced(body, false)),
        ),
        (
            "with the JSON body written with a space after `,` and `:`",
            Some(spaced(body, true)),
        ),
        ("with the JSON body written anew by serde_json", sorted),
    ];
    let mut found: Vec<(&str, Vec<u8>)> = Vec::new();
    for (words, form) in forms {
        let Some(form) = form.filter(|form| form != body) else {
            continue;
        };
        if !found.iter().any(|(_, known)| *known == form) {
            found.push((words, form));
        }
    }
    found
}

/// JSON with its white space replaced; order, numbers and strings stay as they were written.
fn spaced(json: &[u8], wide: bool) -> Vec<u8> {
    let mut out = Vec::with_capacity(json.len());
    let (mut quoted, mut escaped) = (false, false);
    for &byte in json {
        if quoted || !byte.is_ascii_whitespace() {
            out.push(byte);
        }
        if quoted {
            quoted = escaped || byte != b'"';
            escaped = !escaped && byte == b'\\';
        } else {
            quoted = byte == b'"';
            if wide && matches!(byte, b',' | b':') {
                out.push(b' ');
            }
        }
    }
    out
}

/// Other spellings of a URL; `seen` are the addresses that the request or other flows name.
pub(crate) fn urls(base: &str, target: &str, seen: &[String]) -> Vec<(String, String)> {
    let mut bases: Vec<String> = Vec::new();
    for base in iter::once(base).chain(seen.iter().map(String::as_str)) {
        let Some((_, bare)) = without_port(base).split_once("://") else {
            continue;
        };
        // A path after the host is no place for a port.
        let (host, folder) = bare.split_at(bare.find('/').unwrap_or(bare.len()));
        let schemes = match base.starts_with("http://") {
            true => [("http", 80), ("https", 443)],
            false => [("https", 443), ("http", 80)],
        };
        for (scheme, port) in schemes {
            let mut spellings = vec![format!("{scheme}://{host}{folder}")];
            if !has_port(host) {
                spellings.push(format!("{scheme}://{host}:{port}{folder}"));
            }
            for spelling in spellings {
                if !bases.contains(&spelling) {
                    bases.push(spelling);
                }
            }
        }
    }
    let (path, query) = match target.find('?') {
        Some(at) => target.split_at(at),
        None => (target, ""),
    };
    let other = match path.strip_suffix('/') {
        Some(rest) => format!("{rest}{query}"),
        None => format!("{path}/{query}"),
    };
    // What a proxy put before the path is not in what the sender signed.
    let first = path.strip_prefix('/').and_then(|rest| rest.find('/'));
    let stripped = first.and_then(|at| target.get(at + 1..)).map(str::to_owned);
    let targets = [
        Some(target.to_owned()),
        Some(other),
        decoded(target),
        stripped,
    ];
    let mut found: Vec<(String, String)> = Vec::new();
    for target in targets.into_iter().flatten() {
        for base in &bases {
            let url = (base.clone(), target.clone());
            if !found.contains(&url) {
                found.push(url);
            }
        }
    }
    found.retain(|(b, t)| (b.as_str(), t.as_str()) != (base, target));
    found
}

/// The same without the port that goes without saying.
pub(crate) fn without_port(base: &str) -> &str {
    let port = match base.starts_with("https://") {
        true => ":443",
        false => ":80",
    };
    base.strip_suffix(port).unwrap_or(base)
}

fn has_port(host: &str) -> bool {
    let port = host.rsplit_once(':').map(|(_, port)| port);
    port.is_some_and(|port| !port.is_empty() && port.bytes().all(|byte| byte.is_ascii_digit()))
}

/// The text with its percent escapes taken out, if it has any.
fn decoded(text: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((&byte, after)) = rest.split_first() {
        let pair = after.get(..2).filter(|_| byte == b'%');
        match pair.and_then(|pair| hex::decode(pair).ok()) {
            Some(found) => {
                bytes.extend(found);
                rest = after.get(2..).unwrap_or_default();
            }
            None => {
                bytes.push(byte);
                rest = after;
            }
        }
    }
    (bytes.len() != text.len()).then(|| String::from_utf8(bytes).ok())?
}

/// Other readings of a secret.
pub(crate) fn secrets(secret: &Secret) -> Vec<(&'static str, Secret)> {
    let bytes = secret.expose();
    let trimmed = bytes.trim_ascii();
    let mut found = Vec::new();
    let mut add = |words, bytes: Option<Vec<u8>>| {
        found.extend(bytes.map(|bytes| (words, Secret::new(bytes))));
    };
    add("with the secret read as hex", hex::decode(trimmed).ok());
    add("with the secret read as base64", base64(trimmed));
    if let Some(rest) = trimmed.strip_prefix(b"whsec_") {
        add("with the secret without `whsec_`", Some(rest.to_vec()));
        add(
            "with the secret without `whsec_`, read as base64",
            base64(rest),
        );
    }
    if trimmed.len() < bytes.len() {
        add(
            "with the secret without the white space around it",
            Some(trimmed.to_vec()),
        );
    }
    add(
        "with a line end after the secret",
        Some([bytes, b"\n"].concat()),
    );
    add(
        "with the secret as text, where the scheme decodes base64",
        Some(STANDARD.encode(bytes).into()),
    );
    add(
        "with the secret as text, where the scheme decodes hex",
        Some(hex::encode(bytes).into()),
    );
    found
}

fn base64(text: &[u8]) -> Option<Vec<u8>> {
    let engines = [STANDARD, STANDARD_NO_PAD, URL_SAFE, URL_SAFE_NO_PAD];
    engines.iter().find_map(|engine| engine.decode(text).ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn json_keeps_its_order_and_its_strings() {
        let body = br#"{ "b" : "x, \" : y",
            "a":[1,  2.50] }"#;

        assert_eq!(spaced(body, false), br#"{"b":"x, \" : y","a":[1,2.50]}"#);
        assert_eq!(spaced(body, true), br#"{"b": "x, \" : y", "a": [1, 2.50]}"#);
        assert!(json(b"no json").is_empty());
    }

    #[test]
    fn a_url_is_never_its_own_other_spelling() {
        let found = urls("https://h", "/a%20b?c", &[]);

        assert!(!found.contains(&("https://h".into(), "/a%20b?c".into())));
        for (base, target) in [
            ("http://h", "/a%20b?c"),
            ("https://h:443", "/a%20b?c"),
            ("https://h", "/a%20b/?c"),
            ("https://h", "/a b?c"),
        ] {
            assert!(
                found.contains(&(base.into(), target.into())),
                "{base}{target}"
            );
        }
    }

    #[test]
    fn a_host_that_is_seen_is_tried_and_no_port_is_put_after_another() {
        let seen = [
            "https://seen:8443".to_owned(),
            "https://other/base".to_owned(),
        ];
        let found = urls("https://h:443", "/hooks/a?b=/c", &seen);

        let spelled: Vec<_> = found
            .iter()
            .map(|(base, target)| format!("{base}{target}"))
            .collect();
        for url in [
            "https://h/hooks/a?b=/c",
            "http://h:80/hooks/a?b=/c",
            "https://seen:8443/hooks/a?b=/c",
            "https://other:443/base/hooks/a?b=/c",
            "https://h/a?b=/c",
        ] {
            assert!(
                spelled.iter().any(|found| found == url),
                "{url}: {spelled:?}"
            );
        }
        assert!(
            !spelled.iter().any(|url| url.contains("8443:")),
            "{spelled:?}"
        );
        assert!(
            urls("https://h", "/a", &[])
                .iter()
                .all(|(_, target)| target.starts_with('/'))
        );
    }
}
