//! A `curl` line, read back as the request it sends.
//!
//! Strict and small: the words that `countersign sign --curl` and a browser's "copy as cURL" write.
//! Whatever a shell would work out, and every option not known here, is an error.

use http::header::{CONTENT_TYPE, HOST};
use http::{HeaderMap, HeaderName, HeaderValue, Method};

use crate::cli::message::{Message, split_url};

/// A request as a `curl` line gives it; parts of the body may stand in files.
#[derive(Debug)]
pub(crate) struct Curl {
    method: Method,
    base: String,
    target: String,
    headers: HeaderMap,
    /// The pieces of the body, which `curl` joins with `&`.
    pub(crate) data: Vec<Data>,
}

/// A piece of the body.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) enum Data {
    /// The bytes themselves.
    Text(String),
    /// A file; `-d` leaves out its line ends, `--data-binary` takes it as it is.
    File { path: String, binary: bool },
}

/// Why a line cannot be read.
#[derive(Debug, Eq, PartialEq, thiserror::Error)]
pub(crate) enum CurlError {
    #[error("a quote is not closed, or an escape not finished")]
    Unfinished,
    #[error("`{0}` outside single quotes is for a shell to work out: quote the word with '…'")]
    Shell(char),
    #[error("the escape `\\{0}` in $'…' is not read here")]
    Escape(char),
    #[error("the line has to begin with `curl`")]
    NotCurl,
    #[error("the option `{0}` is not read here; leave it out if it changes nothing that is sent")]
    Option(String),
    #[error("`{0}` needs a value after it")]
    Value(String),
    #[error("`{0}` is no method")]
    Method(String),
    #[error("`{0}` is no header; write `Name: value`")]
    Header(String),
    #[error("no URL, or one that is not absolute; write it with https:// or http://")]
    Url,
    #[error("a second URL: `{0}`")]
    SecondUrl(String),
}

impl Curl {
    /// Reads one line.
    pub(crate) fn parse(line: &str) -> Result<Self, CurlError> {
        let mut words = words(line)?.into_iter();
        if words.next().as_deref() != Some("curl") {
            return Err(CurlError::NotCurl);
        }
        let (mut method, mut url) = (None, None);
        let mut headers = HeaderMap::new();
        let mut data = Vec::new();
        while let Some(word) = words.next() {
            if IGNORED.contains(&word.as_str()) {
                continue;
            }
            let mut value = || words.next().ok_or_else(|| CurlError::Value(word.clone()));
            match word.as_str() {
                "-X" | "--request" => {
                    let text = value()?;
                    let parsed = Method::from_bytes(text.as_bytes());
                    method = Some(parsed.map_err(|_| CurlError::Method(text))?);
                }
                "-H" | "--header" => {
                    let (name, value) = header(value()?)?;
                    headers.append(name, value);
                }
                "--data-raw" => data.push(Data::Text(value()?)),
                "-d" | "--data" | "--data-ascii" => data.push(Data::new(value()?, false)),
                "--data-binary" => data.push(Data::new(value()?, true)),
                "--url" => set(&mut url, value()?)?,
                option if option.starts_with('-') => return Err(CurlError::Option(word)),
                _ => set(&mut url, word)?,
            }
        }
        let url = url.ok_or(CurlError::Url)?;
        let url = url.split('#').next().unwrap_or_default();
        let (base, target) = split_url(url);
        if base.is_empty() || url.contains(char::is_control) {
            return Err(CurlError::Url);
        }
        let target = match target {
            "" => "/".to_owned(),
            query if query.starts_with('?') => format!("/{query}"),
            target => target.to_owned(),
        };
        if !data.is_empty() && !headers.contains_key(CONTENT_TYPE) {
            headers.insert(CONTENT_TYPE, HeaderValue::from_static(FORM));
        }
        let host = base.split("://").nth(1).unwrap_or_default();
        if let (false, Ok(host)) = (headers.contains_key(HOST), HeaderValue::from_str(host)) {
            headers.insert(HOST, host);
        }
        let sends = if data.is_empty() {
            Method::GET
        } else {
            Method::POST
        };
        Ok(Self {
            method: method.unwrap_or(sends),
            base: base.to_owned(),
            target,
            headers,
            data,
        })
    }

    /// The request, with this body.
    pub(crate) fn message(self, body: Vec<u8>) -> Message {
        Message {
            method: self.method,
            base: self.base,
            target: self.target,
            headers: self.headers,
            body,
            notes: Vec::new(),
        }
    }
}

impl Data {
    fn new(text: String, binary: bool) -> Self {
        match text.strip_prefix('@') {
            None => Self::Text(text),
            Some(path) => Self::File {
                path: path.to_owned(),
                binary,
            },
        }
    }
}

fn set(url: &mut Option<String>, word: String) -> Result<(), CurlError> {
    if url.is_some() {
        return Err(CurlError::SecondUrl(word));
    }
    *url = Some(word);
    Ok(())
}

fn header(text: String) -> Result<(HeaderName, HeaderValue), CurlError> {
    let parsed = text.split_once(':').and_then(|(name, value)| {
        let value = HeaderValue::from_bytes(value.trim().as_bytes()).ok()?;
        Some((name.parse().ok()?, value))
    });
    parsed.ok_or(CurlError::Header(text))
}

/// The words of a line as a POSIX shell makes them, and `$'…'`; nothing is substituted.
fn words(line: &str) -> Result<Vec<String>, CurlError> {
    let mut words = Vec::new();
    let mut word: Option<String> = None;
    let mut chars = line.chars().peekable();
    while let Some(c) = chars.next() {
        match c {
            ' ' | '\t' | '\n' | '\r' => words.extend(word.take()),
            '\'' => single(&mut chars, word.get_or_insert_default())?,
            '"' => double(&mut chars, word.get_or_insert_default())?,
            '$' if chars.next_if_eq(&'\'').is_some() => {
                ansi(&mut chars, word.get_or_insert_default())?;
            }
            '\\' => match chars.next().ok_or(CurlError::Unfinished)? {
                '\n' => {}
                '\r' if chars.next_if_eq(&'\n').is_some() => {}
                c => word.get_or_insert_default().push(c),
            },
            '$' | '`' | '|' | '&' | ';' | '<' | '>' | '(' | ')' | '*' => {
                return Err(CurlError::Shell(c));
            }
            c => word.get_or_insert_default().push(c),
        }
    }
    words.extend(word);
    Ok(words)
}

fn single(chars: &mut impl Iterator<Item = char>, word: &mut String) -> Result<(), CurlError> {
    loop {
        match chars.next().ok_or(CurlError::Unfinished)? {
            '\'' => return Ok(()),
            c => word.push(c),
        }
    }
}

fn double(chars: &mut impl Iterator<Item = char>, word: &mut String) -> Result<(), CurlError> {
    loop {
        match chars.next().ok_or(CurlError::Unfinished)? {
            '"' => return Ok(()),
            c @ ('$' | '`') => return Err(CurlError::Shell(c)),
            '\\' => match chars.next().ok_or(CurlError::Unfinished)? {
                '\n' => {}
                c @ ('"' | '\\' | '$' | '`') => word.push(c),
                c => word.extend(['\\', c]),
            },
            c => word.push(c),
        }
    }
}

fn ansi(chars: &mut impl Iterator<Item = char>, word: &mut String) -> Result<(), CurlError> {
    loop {
        match chars.next().ok_or(CurlError::Unfinished)? {
            '\'' => return Ok(()),
            '\\' => word.push(match chars.next().ok_or(CurlError::Unfinished)? {
                'n' => '\n',
                'r' => '\r',
                't' => '\t',
                c @ ('\\' | '\'' | '"') => c,
                'u' => {
                    let digits: String = chars.by_ref().take(4).collect();
                    let code = u32::from_str_radix(&digits, 16).ok();
                    let known = code.filter(|_| digits.len() == 4).and_then(char::from_u32);
                    known.ok_or(CurlError::Escape('u'))?
                }
                c => return Err(CurlError::Escape(c)),
            }),
            c => word.push(c),
        }
    }
}

/// What `curl` says of a body that has no media type.
const FORM: &str = "application/x-www-form-urlencoded";

/// Options that change nothing that is sent and signed.
const IGNORED: [&str; 12] = [
    "--compressed",
    "--globoff",
    "--include",
    "--insecure",
    "--path-as-is",
    "--silent",
    "-S",
    "-g",
    "-i",
    "-k",
    "-s",
    "-sS",
];

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::cli::shell::{CurlBody, curl};

    #[test]
    fn what_a_browser_copies_is_read() {
        let line = "curl 'https://h.example/a?b=1' \\\n  -H 'X-A: it'\\''s' \\\n  \
            -H \"X-B: \\\"q\\\"\" --data-raw $'{\"a\":\"\\u0041\\n\"}' --compressed";

        let read = Curl::parse(line).unwrap();

        assert_eq!(read.method, Method::POST);
        assert_eq!(
            (&*read.base, &*read.target),
            ("https://h.example", "/a?b=1")
        );
        assert_eq!(read.headers["x-a"], "it's");
        assert_eq!(read.headers["x-b"], "\"q\"");
        assert_eq!(read.headers[HOST], "h.example");
        assert_eq!(read.data, [Data::Text("{\"a\":\"A\n\"}".to_owned())]);
    }

    #[test]
    fn a_file_is_named_and_raw_data_never_is_one() {
        let read = Curl::parse("curl --data-binary @a -d @b --data-raw @c http://h").unwrap();

        let file = |path: &str, binary| Data::File {
            path: path.to_owned(),
            binary,
        };
        assert_eq!(
            read.data,
            [
                file("a", true),
                file("b", false),
                Data::Text("@c".to_owned())
            ]
        );
        assert_eq!(read.target, "/");
    }

    #[test]
    fn each_mistake_is_told() {
        for (line, told) in [
            ("", CurlError::NotCurl),
            ("wget http://h", CurlError::NotCurl),
            ("curl", CurlError::Url),
            ("curl /hooks", CurlError::Url),
            ("curl 'http://h", CurlError::Unfinished),
            ("curl http://h\\", CurlError::Unfinished),
            ("curl http://h?a&b", CurlError::Shell('&')),
            ("curl \"http://$HOST\"", CurlError::Shell('$')),
            ("curl -F a=b http://h", CurlError::Option("-F".to_owned())),
            ("curl http://h -X", CurlError::Value("-X".to_owned())),
            (
                "curl -H nothing http://h",
                CurlError::Header("nothing".to_owned()),
            ),
            (
                "curl http://h http://i",
                CurlError::SecondUrl("http://i".to_owned()),
            ),
            ("curl $'\\q' http://h", CurlError::Escape('q')),
        ] {
            assert_eq!(Curl::parse(line).unwrap_err(), told, "{line}");
        }
    }

    proptest! {
        #[test]
        fn no_line_makes_it_panic(line in "\\PC{0,80}") {
            let _ = Curl::parse(&line);
        }

        #[test]
        fn nor_does_a_line_of_the_hard_parts(line in "(curl |-[XHd] |--data-raw |[$'\"\\\\@#:/\nux0-9é ]){0,24}") {
            let _ = Curl::parse(&format!("curl {line}"));
        }

        #[test]
        fn our_own_lines_are_read_back(body in "[^\0]{1,60}", value in "[!-~]{0,30}") {
            let headers = [(HeaderName::from_static("x-a"), HeaderValue::from_str(&value).unwrap())];
            let line = curl(&Method::PUT, "http://h/a?b=[1]", &headers, &CurlBody::Text(&body));

            let read = Curl::parse(&line).unwrap();

            prop_assert_eq!(read.method, Method::PUT);
            prop_assert_eq!(&read.headers["x-a"], &value);
            prop_assert_eq!(read.data, [Data::Text(body)]);
        }
    }
}
