//! Lines of JSON that no terminal can be driven by.

use std::borrow::Cow;
use std::io::{self, Write};

use tracing_subscriber::fmt::MakeWriter;

/// Escapes in lines of JSON the control characters that JSON lets through: DEL, and U+0080 to U+009F.
#[derive(Clone, Debug)]
pub(super) struct Tame<W>(pub(super) W);

impl<'w, W: MakeWriter<'w>> MakeWriter<'w> for Tame<W> {
    type Writer = Tame<W::Writer>;

    fn make_writer(&'w self) -> Self::Writer {
        Tame(self.0.make_writer())
    }
}

impl<W: Write> Write for Tame<W> {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        self.0.write_all(&tame(line))?;
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.0.flush()
    }
}

fn tame(line: &[u8]) -> Cow<'_, [u8]> {
    // Every other byte of these characters' ranges is part of a longer character, or is JSON's own matter.
    if !line.iter().any(|byte| matches!(byte, 0x7f | 0xc2)) {
        return Cow::Borrowed(line);
    }
    let Ok(text) = str::from_utf8(line) else {
        return Cow::Borrowed(line);
    };
    let mut tamed = String::with_capacity(line.len() + 16);
    for c in text.chars() {
        match c {
            '\u{7f}'..='\u{9f}' => tamed.push_str(&format!("\\u{:04x}", u32::from(c))),
            c => tamed.push(c),
        }
    }
    Cow::Owned(tamed.into_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_escaped_line_is_the_same_json() {
        let line = "{\"a\":\"x\u{7f}\u{80}\u{9b}31m\u{9f}\u{a0}é\"}\n";

        let tamed = String::from_utf8(tame(line.as_bytes()).into_owned()).unwrap();

        assert!(!tamed.trim_end().contains(char::is_control), "{tamed:?}");
        let read = |text: &str| serde_json::from_str::<serde_json::Value>(text).unwrap();
        assert_eq!(read(&tamed), read(line));
    }

    #[test]
    fn a_plain_line_is_not_copied() {
        assert!(matches!(tame(b"{\"a\":1}\n"), Cow::Borrowed(_)));
    }
}
