//! What the gateway says about itself: one line an event, for people on a terminal, as JSON elsewhere.
//!
//! Lines go to the standard error, through [`lossy`]: a reader that is stuck costs lines, never a request.
//!
//! No value can forge a second line or drive a terminal, wherever it comes from: control characters are
//! escaped in both forms of a line. Most values have a form, and so a length, of their own (ids that
//! were checked, addresses, labels). Text of free length from outside, such as a request's path, goes
//! through [`outside`], which caps it; an error of a library is written as the library words it.

mod lossy;
mod tame;

use std::env;
use std::fmt;
use std::io::{self, IsTerminal};

use tracing::field::Field;
use tracing_subscriber::EnvFilter;
use tracing_subscriber::field::MakeExt;
use tracing_subscriber::fmt::format::{Writer, debug_fn};
use tracing_subscriber::fmt::{FormatFields, MakeWriter};
use tracing_subscriber::util::SubscriberInitExt;

pub(crate) use self::lossy::Flush;
use self::tame::Tame;
use crate::config::Log;

/// How log lines look.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub(crate) enum Format {
    /// For people when the standard error is a terminal, else JSON.
    #[default]
    Auto,
    /// One JSON object a line.
    Json,
    /// For people.
    Pretty,
}

/// Why logging could not start.
#[derive(Debug, thiserror::Error)]
pub(crate) enum LogError {
    #[error(
        "`{filter}` is no log filter; write a level or `target=level`, such as `info,countersign_gateway=debug`"
    )]
    Filter {
        filter: String,
        source: tracing_subscriber::filter::ParseError,
    },
    #[error("cannot start the thread that writes the log")]
    Thread(#[source] io::Error),
    #[error("logging is already set up in this process")]
    Twice,
}

/// Starts logging as configured; `COUNTERSIGN_LOG` overrides the filter.
///
/// Keep what it returns until the last line has been said.
#[must_use = "the last lines are written when it is dropped"]
pub(crate) fn init(log: &Log) -> Result<Flush, LogError> {
    let wanted = env::var(VARIABLE).unwrap_or_default();
    let filter = filter_of(if wanted.is_empty() {
        &log.filter
    } else {
        &wanted
    })?;
    let terminal = io::stderr().is_terminal();
    let json = match log.format {
        Format::Auto => !terminal,
        Format::Json => true,
        Format::Pretty => false,
    };
    let (lines, flush) = lossy::lossy(io::stderr(), |lines| {
        tracing::warn!(lines, "log lines were lost: nobody read them in time");
    })
    .map_err(LogError::Thread)?;
    let started = if json {
        self::json(filter, lines).try_init()
    } else {
        pretty(filter, lines, terminal).try_init()
    };
    started.map_err(|_| LogError::Twice)?;
    Ok(flush)
}

/// Text from outside, fit for a log line: control characters escaped, cut after 200 characters.
pub(crate) fn outside(text: &str) -> Outside<'_> {
    Outside(text)
}

/// See [`outside`].
#[derive(Clone, Copy, Debug)]
pub(crate) struct Outside<'a>(&'a str);

impl fmt::Display for Outside<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        use fmt::Write as _;

        for (at, c) in self.0.chars().enumerate() {
            if at == LONGEST {
                return f.write_char('…');
            }
            if c.is_control() {
                write!(f, "{}", c.escape_unicode())?;
            } else {
                f.write_char(c)?;
            }
        }
        Ok(())
    }
}

fn filter_of(filter: &str) -> Result<EnvFilter, LogError> {
    EnvFilter::try_new(filter).map_err(|source| LogError::Filter {
        filter: outside(filter).to_string(),
        source,
    })
}

fn json<W>(filter: EnvFilter, to: W) -> impl tracing::Subscriber + Send + Sync
where
    W: for<'w> MakeWriter<'w> + Send + Sync + 'static,
{
    tracing_subscriber::fmt()
        .json()
        .flatten_event(true)
        .with_current_span(false)
        .with_env_filter(filter)
        .with_writer(Tame(to))
        .finish()
}

fn pretty<W>(filter: EnvFilter, to: W, colour: bool) -> impl tracing::Subscriber + Send + Sync
where
    W: for<'w> MakeWriter<'w> + Send + Sync + 'static,
{
    tracing_subscriber::fmt()
        .with_ansi(colour)
        .with_target(false)
        .fmt_fields(fields())
        .with_env_filter(filter)
        .with_writer(to)
        .finish()
}

/// `message name=value …`, where a line end in a value stays inside its line.
fn fields() -> impl for<'w> FormatFields<'w> + Send + Sync + 'static {
    debug_fn(
        |to: &mut Writer<'_>, field: &Field, value: &dyn fmt::Debug| {
            use fmt::Write as _;

            if field.name() != "message" {
                write!(to, "{}=", field.name())?;
            }
            write!(Escaping(to), "{value:?}")
        },
    )
    .delimited(" ")
}

/// Writes on, with control characters escaped.
struct Escaping<'a, 'w>(&'a mut Writer<'w>);

impl fmt::Write for Escaping<'_, '_> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        for c in text.chars() {
            if c.is_control() {
                write!(self.0, "{}", c.escape_unicode())?;
            } else {
                self.0.write_char(c)?;
            }
        }
        Ok(())
    }
}

const VARIABLE: &str = "COUNTERSIGN_LOG";
const LONGEST: usize = 200;

#[cfg(test)]
mod tests {
    use std::io::Write;
    use std::sync::{Arc, Mutex};

    use super::*;

    #[derive(Clone, Default)]
    struct Lines(Arc<Mutex<Vec<u8>>>);

    impl Lines {
        fn text(&self) -> String {
            String::from_utf8(self.0.lock().unwrap().clone()).unwrap()
        }
    }

    impl Write for Lines {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().extend_from_slice(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    impl MakeWriter<'_> for Lines {
        type Writer = Self;

        fn make_writer(&self) -> Self {
            self.clone()
        }
    }

    const HOSTILE: &str = "a\n2026 INFO all is well\r\x1b[2J\u{9b}31m\x7f\x07";

    fn speak() {
        tracing::info!(target_name = HOSTILE, shown = %HOSTILE, debugged = ?HOSTILE, "{HOSTILE}");
    }

    #[test]
    fn no_value_forges_a_line_or_drives_a_terminal() {
        let lines = Lines::default();
        tracing::subscriber::with_default(
            pretty(filter_of("info").unwrap(), lines.clone(), false),
            speak,
        );

        let text = lines.text();

        assert_eq!(text.matches('\n').count(), 1, "{text:?}");
        assert!(text.ends_with('\n'));
        assert!(!text.trim_end().contains(char::is_control), "{text:?}");
        assert!(text.contains("shown=a\\u{a}2026 INFO"), "{text}");
    }

    #[test]
    fn json_lines_are_one_object_each() {
        let lines = Lines::default();
        tracing::subscriber::with_default(json(filter_of("info").unwrap(), lines.clone()), speak);

        let text = lines.text();
        let line: serde_json::Value = serde_json::from_str(&text).unwrap();

        assert_eq!(text.matches('\n').count(), 1);
        assert!(!text.trim_end().contains(char::is_control), "{text:?}");
        assert_eq!(line["target_name"], HOSTILE);
        assert_eq!(line["level"], "INFO");
    }

    #[test]
    fn text_from_outside_is_escaped_and_capped() {
        assert_eq!(outside("a\nb\x1b").to_string(), "a\\u{a}b\\u{1b}");
        assert_eq!(
            outside(&"x".repeat(10_000)).to_string().chars().count(),
            LONGEST + 1
        );
    }

    #[test]
    fn a_bad_filter_is_named() {
        let error = filter_of("info,[").unwrap_err();

        assert!(error.to_string().contains("`info,[`"));
    }
}
