//! A `curl` line that a shell passes on unchanged.

use std::fmt::Write as _;

use http::{HeaderName, HeaderValue, Method};

/// Where `curl` takes the body from.
pub(crate) enum CurlBody<'a> {
    /// No body.
    None,
    /// These bytes, in the line itself.
    Text(&'a str),
    /// This file (`-` is the standard input).
    File(&'a str),
}

/// One `curl` command that sends exactly what was signed.
pub(crate) fn curl(
    method: &Method,
    url: &str,
    headers: &[(HeaderName, HeaderValue)],
    body: &CurlBody<'_>,
) -> String {
    let mut line = format!("curl -sS -i -X {}", quote(method.as_str()));
    // curl would expand braces and brackets and resolve dots; the signature may cover the URL as written.
    if url.contains(['[', ']', '{', '}']) {
        line.push_str(" --globoff");
    }
    if url.contains("/.") {
        line.push_str(" --path-as-is");
    }
    for (name, value) in headers {
        let value = String::from_utf8_lossy(value.as_bytes());
        let _ = write!(line, " -H {}", quote(&format!("{name}: {value}")));
    }
    match body {
        CurlBody::None => {}
        // A leading `@` would name a file.
        CurlBody::Text(text) if text.starts_with('@') => {
            let _ = write!(line, " --data-raw {}", quote(text));
        }
        CurlBody::Text(text) => {
            let _ = write!(line, " --data-binary {}", quote(text));
        }
        CurlBody::File(path) => {
            let _ = write!(line, " --data-binary {}", quote(&format!("@{path}")));
        }
    }
    let _ = write!(line, " {}", quote(url));
    line
}

/// The word as a POSIX shell reads it back, byte for byte.
pub(crate) fn quote(word: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "@%+=:,./-_".contains(c);
    if !word.is_empty() && word.chars().all(plain) {
        return word.to_owned();
    }
    format!("'{}'", word.replace('\'', r"'\''"))
}

#[cfg(test)]
mod tests {
    use std::process::Command;

    use proptest::prelude::*;

    use super::*;

    #[test]
    fn plain_words_stay_as_they_are() {
        assert_eq!(
            quote("https://x.example/a-b_c?"),
            "'https://x.example/a-b_c?'"
        );
        assert_eq!(quote("https://x.example/a-b_c"), "https://x.example/a-b_c");
        assert_eq!(quote(""), "''");
        assert_eq!(quote("it's"), r"'it'\''s'");
    }

    #[test]
    fn a_text_that_begins_with_at_is_no_file_name() {
        let line = curl(&Method::POST, "http://x/", &[], &CurlBody::Text("@home"));

        assert_eq!(line, "curl -sS -i -X POST --data-raw @home http://x/");
    }

    #[test]
    fn the_url_is_sent_as_written() {
        let line = curl(&Method::GET, "http://x/../a?b={1}", &[], &CurlBody::None);

        assert_eq!(
            line,
            "curl -sS -i -X GET --globoff --path-as-is 'http://x/../a?b={1}'"
        );
    }

    #[test]
    fn headers_and_files_are_quoted() {
        let headers = [(
            HeaderName::from_static("x-webhook-signature"),
            HeaderValue::from_static("t=1,sha256=ab"),
        )];

        let line = curl(
            &Method::POST,
            "http://x/",
            &headers,
            &CurlBody::File("my body.json"),
        );

        assert_eq!(
            line,
            "curl -sS -i -X POST -H 'x-webhook-signature: t=1,sha256=ab' --data-binary '@my body.json' http://x/"
        );
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(24))]

        #[test]
        fn a_shell_reads_back_what_was_quoted(word in "[^\0]{0,40}") {
            let script = format!("printf %s {}", quote(&word));

            let output = Command::new("sh").arg("-c").arg(script).output().unwrap();

            prop_assert_eq!(output.stdout, word.as_bytes());
        }
    }
}
