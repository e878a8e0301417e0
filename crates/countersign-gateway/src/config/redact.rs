//! Which parts of a configuration file must not be shown.
//!
//! An error shows the line it is about, and that line may hold a secret. So a value is shown
//! only when its key is known to be harmless; under a key that is misspelt, in a comment and
//! from the first byte on that is not TOML, nothing is. This reader is its own because it has to
//! work on files that no parser accepts.

use std::ops::Range;

/// The byte ranges of `text` that must not be shown, in order.
pub(super) fn hidden(text: &str) -> Vec<Range<usize>> {
    let mut reader = Reader {
        at: 0,
        hidden: Vec::new(),
        text,
    };
    if reader.document().is_none() {
        reader.hidden.push(reader.at..text.len());
    }
    reader.hidden
}

/// Keys whose values may be shown.
pub(super) const HARMLESS: [&str; 61] = [
    "allow_from",
    "allow_shared_secret",
    "allow_weak_secret",
    "allowed_addresses",
    "bearer",
    "body_limit",
    "body_timeout",
    "concurrency",
    "concurrency_per_step",
    "content_type",
    "denied_addresses",
    "diagnose",
    "enabled",
    "env",
    "fetch",
    "file",
    "filter",
    "format",
    "forward",
    "future",
    "grace",
    "handshake",
    "header",
    "header_timeout",
    "hosts",
    "htpasswd",
    "id",
    "kid",
    "listen",
    "max_connections",
    "max_retries",
    "methods",
    "mode",
    "name",
    "not_after",
    "not_before",
    "observe",
    "organization",
    "past",
    "path",
    "prefix",
    "public_url",
    "query",
    "replay",
    "replay_for",
    "retention",
    "retry_delay",
    "retry_delays",
    "scheme",
    "status",
    "timeout",
    "timestamp",
    "trusted_proxies",
    "url",
    "verify",
    "window",
    // Words of a scheme's description.
    "digest",
    "encoding",
    "grammar",
    "signature",
    "unit",
];

/// Keys whose tables hold keys of ours.
const TABLES: [&str; 24] = [
    "admin",
    "all",
    "any",
    "auth",
    "delivery",
    "flows",
    "forward",
    "grammar",
    "id",
    "ingress",
    "keys",
    "log",
    "queue",
    "response",
    "rules",
    "sign",
    "signature",
    "steps",
    "store",
    "timestamp",
    "tls",
    "tokens",
    "users",
    "window",
];

/// What the table that is being read holds.
#[derive(Clone, Copy)]
enum Table {
    /// Keys that are not ours, such as headers: any value may be a credential.
    Foreign,
    /// Tables that are ours under names that are not.
    Named,
    Open,
    /// A secret's place: only where it comes from may be shown.
    Secret,
}

impl Table {
    fn under(self, key: &str) -> Self {
        match (self, key) {
            (Self::Named, _) => Self::Open,
            (Self::Open, "password" | "secret" | "token") => Self::Secret,
            (Self::Open, "schemes") => Self::Named,
            (Self::Open, key) if TABLES.contains(&key) => Self::Open,
            (Self::Open, _) => Self::Foreign,
            (Self::Foreign | Self::Secret, _) => Self::Secret,
        }
    }

    fn shows(self, key: &str) -> bool {
        match self {
            Self::Foreign | Self::Named => false,
            Self::Open => HARMLESS.contains(&key),
            Self::Secret => matches!(key, "env" | "file"),
        }
    }
}

/// Reads from `at` on. `None` means: not TOML, and nothing from `at` on may be shown.
struct Reader<'t> {
    at: usize,
    hidden: Vec<Range<usize>>,
    text: &'t str,
}

impl<'t> Reader<'t> {
    fn document(&mut self) -> Option<()> {
        let mut table = Table::Open;
        loop {
            self.blank();
            match self.peek() {
                None => return Some(()),
                Some('[') => table = self.header()?,
                Some(_) => self.pair(table, 0)?,
            }
            self.spaces();
            matches!(self.peek(), None | Some('\n' | '\r' | '#')).then_some(())?;
        }
    }

    fn header(&mut self) -> Option<Table> {
        let brackets = if self.rest().starts_with("[[") { 2 } else { 1 };
        self.at += brackets;
        let (table, key) = self.key(Table::Open)?;
        for _ in 0..brackets {
            self.eat(']')?;
        }
        Some(table.under(key))
    }

    fn pair(&mut self, table: Table, depth: usize) -> Option<()> {
        let start = self.at;
        let (table, key) = self.key(table)?;
        if self.eat('=').is_none() {
            // Not a key, then: perhaps a value that lost its key.
            self.at = start;
            return None;
        }
        self.value(table, key, depth)
    }

    /// A key, dots and all: the table that its last part is in, and that part.
    fn key(&mut self, mut table: Table) -> Option<(Table, &'t str)> {
        loop {
            self.spaces();
            let start = self.at;
            let part = match self.peek()? {
                '"' | '\'' => self.string()?,
                _ => self.bare(|c| c.is_ascii_alphanumeric() || matches!(c, '_' | '-'))?,
            };
            self.spaces();
            match self.peek() {
                Some('.') => self.at += 1,
                Some('=' | ']') => return Some((table, self.text.get(part)?)),
                _ => {
                    self.at = start;
                    return None;
                }
            }
            table = table.under(self.text.get(part)?);
        }
    }

    fn value(&mut self, table: Table, key: &'t str, depth: usize) -> Option<()> {
        (depth < DEEPEST).then_some(())?;
        self.spaces();
        match self.peek()? {
            '[' => self.list(']', |reader| reader.value(table, key, depth + 1)),
            '{' => self.list('}', |reader| reader.pair(table.under(key), depth + 1)),
            quote => {
                let start = self.at;
                let quoted = matches!(quote, '"' | '\'');
                let value = match quote {
                    '"' | '\'' => self.string()?,
                    _ => self.bare(|c| {
                        c.is_ascii_alphanumeric() || matches!(c, '_' | '+' | '-' | '.' | ':')
                    })?,
                };
                self.spaces();
                if !matches!(
                    self.peek(),
                    None | Some(',' | ']' | '}' | '\n' | '\r' | '#')
                ) {
                    self.at = start;
                    return None;
                }
                let word = self.text.get(value.clone()).unwrap_or_default();
                if table.shows(key) && (quoted || is_plain(word)) {
                    self.hide(secret_part(key, self.text, value));
                } else {
                    self.hide(value);
                }
                Some(())
            }
        }
    }

    /// What stands between brackets, separated by commas.
    fn list(&mut self, close: char, mut item: impl FnMut(&mut Self) -> Option<()>) -> Option<()> {
        self.at += 1;
        loop {
            self.blank();
            if self.eat(close).is_some() {
                return Some(());
            }
            item(self)?;
            self.blank();
            if self.peek() != Some(close) {
                self.eat(',')?;
            }
        }
    }

    /// What stands between quotes of any kind.
    fn string(&mut self) -> Option<Range<usize>> {
        let quote = self.peek()?;
        let triple: String = [quote; 3].iter().collect();
        let one_line = !self.rest().starts_with(&triple);
        let close = if one_line { quote.to_string() } else { triple };
        let start = self.at + close.len();
        let mut inside = self.text.get(start..)?.char_indices();
        while let Some((offset, c)) = inside.next() {
            match c {
                '\\' if quote == '"' => {
                    inside.next();
                }
                '\n' if one_line => return None,
                _ if self.text.get(start + offset..)?.starts_with(&close) => {
                    let mut end = start + offset;
                    // Up to two quotes may stand before the three that close.
                    while !one_line && self.text.get(end + 1..)?.starts_with(&close) {
                        end += 1;
                    }
                    self.at = end + close.len();
                    return Some(start..end);
                }
                _ => {}
            }
        }
        None
    }

    fn bare(&mut self, allowed: impl Fn(char) -> bool) -> Option<Range<usize>> {
        let start = self.at;
        let rest = self.rest();
        let length = rest.find(|c| !allowed(c)).unwrap_or(rest.len());
        (length > 0).then_some(())?;
        self.at += length;
        Some(start..self.at)
    }

    /// White space, ends of lines and comments; the comments are hidden.
    fn blank(&mut self) {
        loop {
            let rest = self.rest();
            self.at += rest.len() - rest.trim_start_matches([' ', '\t', '\n', '\r']).len();
            if self.peek() != Some('#') {
                return;
            }
            let rest = self.rest();
            let end = self.at + rest.find('\n').unwrap_or(rest.len());
            self.hide(self.at + 1..end);
            self.at = end;
        }
    }

    fn spaces(&mut self) {
        let rest = self.rest();
        self.at += rest.len() - rest.trim_start_matches([' ', '\t']).len();
    }

    fn eat(&mut self, c: char) -> Option<()> {
        (self.peek()? == c).then(|| self.at += c.len_utf8())
    }

    fn peek(&self) -> Option<char> {
        self.rest().chars().next()
    }

    fn rest(&self) -> &'t str {
        self.text.get(self.at..).unwrap_or_default()
    }

    fn hide(&mut self, range: Range<usize>) {
        if !range.is_empty() {
            self.hidden.push(range);
        }
    }
}

/// Whether a word without quotes is a value, or nearly one: another may be a text that lost its key and its quotes.
fn is_plain(word: &str) -> bool {
    let is_part =
        |c: char| c.is_ascii_digit() || matches!(c, '_' | '+' | '-' | '.' | ':' | 'T' | 'Z');
    // `timeout = 10s`
    let lacks_quotes = word.len() <= 6 && word.starts_with(|c: char| c.is_ascii_digit());
    matches!(word, "true" | "false") || word.chars().all(is_part) || lacks_quotes
}

/// What of a harmless value must not be shown all the same: credentials can stand anywhere in a URL.
fn secret_part(key: &str, text: &str, value: Range<usize>) -> Range<usize> {
    let shown = text.get(value.clone()).unwrap_or_default();
    let is_url = matches!(key, "forward" | "public_url" | "url");
    if shown.contains(['@', '?']) || (is_url && shown.contains(['=', '\\'])) {
        return value;
    }
    match shown.split_once("://") {
        Some((scheme, rest)) if is_url => {
            let host = rest.find('/').unwrap_or(rest.len());
            value.start + scheme.len() + "://".len() + host..value.end
        }
        _ => value.end..value.end,
    }
}

const DEEPEST: usize = 64;
