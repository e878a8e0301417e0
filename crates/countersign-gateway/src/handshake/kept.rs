//! The secrets that senders brought, in a file beside the store that only the gateway's user can read.

use std::fmt::Write as _;
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};

use countersign::{KeyId, Secret};
use serde::Deserialize;

use crate::beside;
use crate::config::{FlowId, Organization};

/// A secret that a sender brought.
#[derive(Clone, Debug)]
pub(super) struct Kept {
    pub(super) flow: FlowId,
    /// Whose flow it was: under another organization the same id is another flow.
    pub(super) organization: Organization,
    pub(super) id: KeyId,
    pub(super) secret: Secret,
    /// When it came, in seconds since 1970.
    pub(super) taken: u64,
}

/// The secrets that senders brought cannot be read or written.
#[derive(Debug, thiserror::Error)]
pub enum KeptError {
    /// The file holds something else.
    #[error("{} is not a file of secrets that senders brought; restore it, or move it away and have the senders register again", path.display())]
    Foreign {
        /// The file.
        path: PathBuf,
    },
    /// The system does not let us.
    #[error("cannot use {}, where the secrets are that senders brought; let the gateway's user read and write it", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
}

/// A line of the file.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Line<'t> {
    flow: &'t str,
    organization: &'t str,
    id: &'t str,
    secret: &'t str,
    taken: u64,
}

/// Where the secrets are that belong to the store at `store`.
pub(super) fn place(store: &Path) -> PathBuf {
    beside::place(store, ".secrets")
}

/// The secrets in the file; none where there is no file.
pub(super) fn read(path: &Path) -> Result<Vec<Kept>, KeptError> {
    let opened = beside::open(path).map_err(|source| failed(path, source))?;
    let Some(mut file) = opened else {
        return Ok(Vec::new());
    };
    // With room for all of it, so that no half of it is left behind in memory.
    let length = file.metadata().map_or(0, |file| file.len());
    let mut bytes = Vec::with_capacity(usize::try_from(length).unwrap_or_default());
    let text = file.read_to_end(&mut bytes).map(|_| Secret::new(bytes));
    let text = text.map_err(|source| failed(path, source))?;
    parse(text.expose()).ok_or_else(|| KeptError::Foreign {
        path: path.to_owned(),
    })
}

fn parse(text: &[u8]) -> Option<Vec<Kept>> {
    let text = str::from_utf8(text).ok()?;
    let lines = text.lines().filter(|line| !line.is_empty());
    let kept = lines.map(|line| {
        let line: Line<'_> = serde_json::from_str(line).ok()?;
        Some(Kept {
            flow: FlowId::parse(line.flow).ok()?,
            organization: Organization::parse(line.organization).ok()?,
            id: KeyId::parse(line.id).ok()?,
            secret: Secret::new(line.secret),
            taken: line.taken,
        })
    });
    kept.collect()
}

/// Replaces the file; durable when it returns.
pub(super) fn write(path: &Path, kept: &[Kept]) -> Result<(), KeptError> {
    let text = Secret::new(printed(kept));
    beside::replace(path, text.expose()).map_err(|source| failed(path, source))
}

/// One line for each; what is taken has no character that JSON would escape.
fn printed(kept: &[Kept]) -> String {
    let room = kept.iter().map(|one| one.secret.expose().len() + ROOM);
    let mut text = String::with_capacity(room.sum());
    for Kept {
        flow,
        organization,
        id,
        secret,
        taken,
    } in kept
    {
        let secret = str::from_utf8(secret.expose()).unwrap_or_default();
        // A text in memory takes what is written to it.
        let _ = writeln!(
            text,
            r#"{{"flow":"{flow}","organization":"{organization}","id":"{id}","secret":"{secret}","taken":{taken}}}"#
        );
    }
    text
}

fn failed(path: &Path, source: io::Error) -> KeptError {
    KeptError::Io {
        path: path.to_owned(),
        source,
    }
}

/// What a line has beside the secret, so that the text never moves and leaves a copy behind.
const ROOM: usize = 320;

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    fn one(flow: &str, secret: &str) -> Kept {
        Kept {
            flow: FlowId::parse(flow).unwrap(),
            organization: Organization::parse("acme").unwrap(),
            id: KeyId::parse("handshake-1700000000").unwrap(),
            secret: Secret::new(secret),
            taken: 1_700_000_000,
        }
    }

    #[test]
    fn what_is_written_is_read_again_and_nobody_elses() {
        use std::os::unix::fs::PermissionsExt as _;
        let folder = tempfile::tempdir().unwrap();
        let path = place(&folder.path().join("countersign.db"));

        assert!(read(&path).unwrap().is_empty());
        write(
            &path,
            &[
                one("a", "b537207f20cbfa02357cf448134da559"),
                one("b", "x y|z"),
            ],
        )
        .unwrap();
        let kept = read(&path).unwrap();

        assert_eq!(kept.len(), 2);
        assert_eq!(kept[0].flow.as_str(), "a");
        assert_eq!(kept[0].organization.as_str(), "acme");
        assert_eq!(kept[0].secret.expose(), b"b537207f20cbfa02357cf448134da559");
        assert_eq!(kept[1].secret.expose(), b"x y|z");
        let mode = fs::metadata(&path).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
    }

    #[test]
    fn what_a_crash_left_half_written_is_gone_with_the_next_secret() {
        let folder = tempfile::tempdir().unwrap();
        let path = place(&folder.path().join("countersign.db"));
        fs::write(
            beside::place(&path, ".new"),
            "{\"flow\":\"a\",\"id\":\"hand",
        )
        .unwrap();
        assert!(read(&path).unwrap().is_empty());

        write(&path, &[one("a", "b537207f20cbfa02357cf448134da559")]).unwrap();

        let files = fs::read_dir(folder.path()).unwrap();
        let names: Vec<_> = files.map(|file| file.unwrap().file_name()).collect();
        assert_eq!(names, ["countersign.db.secrets"]);
        assert_eq!(read(&path).unwrap().len(), 1);
    }

    #[test]
    fn a_file_of_another_kind_is_left_alone() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("secrets");
        let nobodys = r#"{"flow":"a","id":"handshake-1","secret":"b537207f20cbfa02","taken":1}"#;
        for text in ["{", "[]", "hello\n", "{\"flow\":\"a\"}\n", nobodys] {
            fs::write(&path, text).unwrap();

            assert!(
                matches!(read(&path), Err(KeptError::Foreign { .. })),
                "{text}"
            );
        }
    }
}
