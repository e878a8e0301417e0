//! The lines of an `htpasswd` file: a name, a colon, a hash.

use std::collections::HashSet;

use super::hash::Hash;

/// What is wrong with a file, without a word of what stands there: it may be a password.
#[derive(Debug, Eq, PartialEq)]
pub(crate) struct Bad {
    /// Counted from 1; `None` where it is about the file as a whole.
    pub(crate) line: Option<usize>,
    pub(crate) message: String,
    pub(crate) help: String,
}

/// The users of a file, in its order. Empty lines and such as begin with `#` are no users.
pub(super) fn users(text: &str) -> Result<Vec<(String, Hash)>, Bad> {
    let mut users = Vec::new();
    let mut names = HashSet::new();
    for (number, line) in text.lines().enumerate() {
        let line = line.trim_end();
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        let bad = |message: String, help: &str| Bad {
            line: Some(number + 1),
            message,
            help: help.to_owned(),
        };
        let Some((name, hash)) = line.split_once(':') else {
            return Err(bad(
                "has no colon".into(),
                "write `name:hash`, as `htpasswd -B` does",
            ));
        };
        if name.is_empty() || name.contains(char::is_control) {
            return Err(bad(
                "has no name that can be sent".into(),
                "write `name:hash`, as `htpasswd -B` does",
            ));
        }
        if !names.insert(name) {
            return Err(bad(
                "has a user that is there already".into(),
                "keep one line for each user",
            ));
        }
        let hash = Hash::parse(hash).map_err(|(message, help)| bad(message, help))?;
        users.push((name.to_owned(), hash));
    }
    match users.is_empty() {
        true => Err(Bad {
            line: None,
            message: "has no users".into(),
            help: "add one with `htpasswd -B FILE NAME`".into(),
        }),
        false => Ok(users),
    }
}
