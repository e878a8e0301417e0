//! A flow's place of its own.

use std::fmt;

use super::error::Fault;

/// A path that a flow is found at, instead of `prefix/id`.
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
pub struct PathPattern {
    open: bool,
    path: Box<str>,
}

impl PathPattern {
    /// Reads `/github/webhook` or `/github/{*rest}`.
    pub(super) fn parse(text: &str) -> Result<Self, Fault> {
        const HELP: &str =
            "write it like \"/github/webhook\", or \"/github/{*rest}\" to take everything below";
        let (path, open) = match text.strip_suffix(REST) {
            Some(path) => (path, true),
            None => (text, false),
        };
        // "/{*rest}" alone is everything.
        let everything = open && path.is_empty();
        if !everything {
            check_path(path).map_err(|message| Fault::new(message, HELP))?;
        }
        Ok(Self {
            open,
            path: path.into(),
        })
    }

    /// The path, without the slash and the wildcard of an open one.
    pub fn as_str(&self) -> &str {
        &self.path
    }

    /// Whether it takes everything below.
    pub fn is_open(&self) -> bool {
        self.open
    }

    /// Whether it lies in the folder of flows that have no path.
    pub(super) fn is_in(&self, prefix: &str) -> bool {
        is_within(&self.path, prefix)
    }

    /// Whether it takes everything that the folder of flows would.
    pub(super) fn hides(&self, prefix: &str) -> bool {
        self.open && is_within(prefix, &self.path)
    }
}

impl fmt::Display for PathPattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.path)?;
        f.write_str(if self.open { REST } else { "" })
    }
}

/// Reads the folder of flows: `/hooks`, or `/` for none, which becomes empty.
pub(super) fn prefix(text: &str) -> Result<String, Fault> {
    const HELP: &str =
        "write it like \"/hooks\", without a slash at the end; \"/\" puts flows at the root";
    if text == "/" {
        return Ok(String::new());
    }
    check_path(text).map_err(|message| Fault::new(message, HELP))?;
    Ok(text.to_owned())
}

/// Whether `path` is `folder` or below it.
fn is_within(path: &str, folder: &str) -> bool {
    path.strip_prefix(folder)
        .is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

/// Paths are matched byte for byte, so one that no sender writes is a mistake.
fn check_path(path: &str) -> Result<(), &'static str> {
    let Some(segments) = path.strip_prefix('/') else {
        return Err("does not begin with a slash");
    };
    if let Some(odd) = segments.split('/').find_map(odd_segment) {
        return Err(odd);
    }
    Ok(())
}

fn odd_segment(segment: &str) -> Option<&'static str> {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~!$&'()*+,;=:@".contains(&byte);
    match segment {
        "" => Some("has an empty part, or a slash at its end"),
        "." | ".." => Some("has a part that clients resolve before they send it"),
        _ if segment.contains(['{', '}']) => Some("has a wildcard where none is known"),
        _ if segment.contains(['?', '#']) => Some("has a query or a fragment"),
        _ if !segment.bytes().all(plain) => Some("has a character that is not sent in a path"),
        _ => None,
    }
}

const REST: &str = "/{*rest}";

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> PathPattern {
        PathPattern::parse(text).unwrap()
    }

    #[test]
    fn a_path_is_exact_or_open() {
        let exact = parse("/github/webhook");
        let open = parse("/github/{*rest}");
        let everything = parse("/{*rest}");

        assert_eq!(
            (exact.as_str(), exact.is_open()),
            ("/github/webhook", false)
        );
        assert_eq!((open.as_str(), open.is_open()), ("/github", true));
        assert_eq!((everything.as_str(), everything.is_open()), ("", true));
        assert_eq!(open.to_string(), "/github/{*rest}");
    }

    #[test]
    fn a_path_that_no_sender_writes_is_refused() {
        for text in [
            "",
            "/",
            "github",
            "/a/",
            "//a",
            "/a//b",
            "/a/../b",
            "/./a",
            "/a?b",
            "/a#b",
            "/{id}",
            "/a/{*all}",
            "/a/{*rest}/b",
            "/a b",
            "/ä",
            "/a%2fb",
            "/a\nb",
        ] {
            assert!(PathPattern::parse(text).is_err(), "{text:?}");
        }
    }

    #[test]
    fn a_prefix_has_no_trailing_slash() {
        assert_eq!(prefix("/hooks").unwrap(), "/hooks");
        assert_eq!(prefix("/a/b").unwrap(), "/a/b");
        assert_eq!(prefix("/").unwrap(), "");
        for text in ["", "hooks", "/hooks/", "/{*rest}", "/a?b"] {
            assert!(prefix(text).is_err(), "{text:?}");
        }
    }

    #[test]
    fn a_path_may_lie_in_the_folder_of_flows_or_hide_it() {
        for (path, prefix, is_in, hides) in [
            ("/hooks", "/hooks", true, false),
            ("/hooks/a", "/hooks", true, false),
            ("/hooks/{*rest}", "/hooks", true, true),
            ("/{*rest}", "/hooks", false, true),
            ("/a/{*rest}", "/a/hooks", false, true),
            ("/a", "", true, false),
            ("/hooksy", "/hooks", false, false),
            ("/a", "/a/hooks", false, false),
            ("/b/{*rest}", "/hooks", false, false),
        ] {
            let pattern = parse(path);
            assert_eq!(
                (pattern.is_in(prefix), pattern.hides(prefix)),
                (is_in, hides),
                "{path} {prefix}"
            );
        }
    }
}
