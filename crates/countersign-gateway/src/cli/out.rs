//! Where commands print.
//!
//! A reader that goes away (`countersign events | head`) is no error: what is left is dropped and the
//! command still ends with its own status. Colours are for terminals only, and `NO_COLOR` turns them off.

use std::env;
use std::fmt;
use std::io::{self, ErrorKind, IsTerminal, Write};

/// The standard output of a command.
pub(crate) struct Out {
    to: Box<dyn Write>,
    colour: bool,
    gone: bool,
}

impl Out {
    /// Prints to the process's standard output.
    pub(crate) fn stdout() -> Self {
        Self::new(Box::new(io::stdout()), colours(&io::stdout()))
    }

    fn new(to: Box<dyn Write>, colour: bool) -> Self {
        Self {
            to,
            colour,
            gone: false,
        }
    }

    /// Whether nobody reads any longer.
    pub(crate) fn is_gone(&self) -> bool {
        self.gone
    }

    /// Green on a terminal.
    pub(crate) fn good<T: fmt::Display>(&self, text: T) -> Styled<T> {
        self.styled("32", text)
    }

    /// Red on a terminal.
    pub(crate) fn bad<T: fmt::Display>(&self, text: T) -> Styled<T> {
        self.styled("31", text)
    }

    /// Bold on a terminal.
    pub(crate) fn strong<T: fmt::Display>(&self, text: T) -> Styled<T> {
        self.styled("1", text)
    }

    /// Whether colours are on.
    pub(crate) fn colour(&self) -> bool {
        self.colour
    }

    fn styled<T>(&self, code: &'static str, text: T) -> Styled<T> {
        Styled {
            code: self.colour.then_some(code),
            text,
        }
    }
}

impl Write for Out {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.gone {
            return Ok(bytes.len());
        }
        match self.to.write(bytes) {
            Err(error) if error.kind() == ErrorKind::BrokenPipe => {
                self.gone = true;
                Ok(bytes.len())
            }
            other => other,
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        if self.gone {
            return Ok(());
        }
        match self.to.flush() {
            Err(error) if error.kind() == ErrorKind::BrokenPipe => {
                self.gone = true;
                Ok(())
            }
            other => other,
        }
    }
}

/// A text and its colour, if colours are on.
pub(crate) struct Styled<T> {
    code: Option<&'static str>,
    text: T,
}

impl<T: fmt::Display> fmt::Display for Styled<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.code {
            Some(code) => write!(f, "\x1b[{code}m{}\x1b[0m", self.text),
            None => self.text.fmt(f),
        }
    }
}

/// Whether what is printed here may have colours.
pub(crate) fn colours(to: &impl IsTerminal) -> bool {
    to.is_terminal() && env::var_os("NO_COLOR").is_none_or(|value| value.is_empty())
}

/// Text from outside on a terminal: line ends and tabs stay, other control characters are shown.
pub(crate) fn printable(text: &str) -> String {
    text.chars()
        .flat_map(|c| {
            let shown = c.is_control() && c != '\n' && c != '\t';
            let (escaped, plain) = if shown {
                (Some(c.escape_unicode()), None)
            } else {
                (None, Some(c))
            };
            escaped.into_iter().flatten().chain(plain)
        })
        .collect()
}

#[cfg(test)]
pub(crate) mod testing {
    //! An [`Out`] whose text can be read back.

    use std::sync::{Arc, Mutex};

    use super::*;

    #[derive(Clone, Default)]
    pub(crate) struct Printed(Arc<Mutex<Vec<u8>>>);

    impl Printed {
        pub(crate) fn out(&self) -> Out {
            Out::new(Box::new(self.clone()), false)
        }

        pub(crate) fn text(&self) -> String {
            String::from_utf8(self.0.lock().unwrap().clone()).unwrap()
        }
    }

    impl Write for Printed {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().extend_from_slice(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Closed;

    impl Write for Closed {
        fn write(&mut self, _: &[u8]) -> io::Result<usize> {
            Err(ErrorKind::BrokenPipe.into())
        }

        fn flush(&mut self) -> io::Result<()> {
            Err(ErrorKind::BrokenPipe.into())
        }
    }

    #[test]
    fn a_reader_that_goes_away_is_not_an_error() {
        let mut out = Out::new(Box::new(Closed), false);

        writeln!(out, "one").unwrap();
        writeln!(out, "two").unwrap();
        out.flush().unwrap();

        assert!(out.gone);
    }

    #[test]
    fn text_from_outside_drives_no_terminal() {
        assert_eq!(
            printable("a\nb\tc\x1b[2J\r\u{9b}"),
            "a\nb\tc\\u{1b}[2J\\u{d}\\u{9b}"
        );
    }

    #[test]
    fn colours_appear_only_when_they_are_on() {
        let plain = Out::new(Box::new(io::sink()), false);
        let colourful = Out::new(Box::new(io::sink()), true);

        assert_eq!(plain.good("yes").to_string(), "yes");
        assert_eq!(colourful.bad("no").to_string(), "\x1b[31mno\x1b[0m");
    }
}
