//! Bytes that a command is given: in place, in a file, on the standard input.

use std::borrow::Cow;
use std::fs;
use std::io::{self, IsTerminal, Read};
use std::path::Path;

use anyhow::Context as _;

use super::Usage;
use super::message::Message;

/// Reads a file whole; `-` is the standard input.
pub(crate) fn read(path: &Path) -> anyhow::Result<Vec<u8>> {
    let name = name(path);
    let read = if is_stdin(path) {
        if io::stdin().is_terminal() {
            eprintln!("reading from the terminal; end with Ctrl-D");
        }
        let mut bytes = Vec::new();
        io::stdin()
            .lock()
            .take(LARGEST + 1)
            .read_to_end(&mut bytes)
            .map(|_| bytes)
    } else {
        fs::File::open(path).and_then(|file| {
            let mut bytes = Vec::new();
            file.take(LARGEST + 1)
                .read_to_end(&mut bytes)
                .map(|_| bytes)
        })
    };
    let bytes = read
        .map_err(|error| anyhow::Error::new(error).context(Usage(format!("cannot read {name}"))))?;
    if bytes.len() as u64 > LARGEST {
        return Err(super::usage(format!(
            "{name} is larger than {} MiB",
            LARGEST >> 20
        )));
    }
    Ok(bytes)
}

/// Reads the one captured request of a file.
pub(crate) fn message(path: &Path) -> anyhow::Result<Message> {
    Message::parse(&read(path)?)
        .with_context(|| Usage(format!("{} is no HTTP request", name(path))))
}

/// What to call `path` in a message.
pub(crate) fn name(path: &Path) -> Cow<'_, str> {
    if is_stdin(path) {
        "the standard input".into()
    } else {
        path.to_string_lossy()
    }
}

/// Whether `path` means the standard input.
fn is_stdin(path: &Path) -> bool {
    path.as_os_str() == "-"
}

const LARGEST: u64 = 256 << 20;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_missing_file_is_named_and_is_a_usage_error() {
        let error = read(Path::new("/no/such/file")).unwrap_err();

        assert!(error.is::<Usage>());
        assert_eq!(error.to_string(), "cannot read /no/such/file");
    }

    #[test]
    fn the_standard_input_is_called_that() {
        assert_eq!(name(Path::new("-")), "the standard input");
        assert_eq!(name(Path::new("a/b.http")), "a/b.http");
    }
}
