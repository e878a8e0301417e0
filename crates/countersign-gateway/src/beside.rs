//! Small files beside the store: only the gateway's user can read them, and each is replaced as a whole.
//!
//! A file is written beside the old one, synced, and then takes its name.

use std::ffi::OsString;
use std::fs::{self, File};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

/// The file that has `suffix` after the name of the store.
pub(crate) fn place(store: &Path, suffix: &str) -> PathBuf {
    let mut name = OsString::from(store);
    name.push(suffix);
    name.into()
}

/// Opens the file; nothing where there is none. Whatever is no file, such as a pipe, is an error and not waited for.
pub(crate) fn open(path: &Path) -> io::Result<Option<File>> {
    match fs::metadata(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
        Ok(what) if !what.is_file() => Err(io::Error::other("it is no file; move it away")),
        Ok(_) => File::open(path).map(Some),
    }
}

/// Replaces the file; durable when it returns.
pub(crate) fn replace(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let folder = match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    };
    // One name, so that what a crash left there is not left for ever; the store's lock says that nobody else writes it.
    let new = place(path, ".new");
    match fs::remove_file(&new) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let mut options = File::options();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let mut file = options.open(&new)?;
    let written = file.write_all(bytes).and_then(|()| file.sync_all());
    if let Err(error) = written.and_then(|()| fs::rename(&new, path)) {
        // Half a file helps nobody, and may hold secrets.
        let _ = fs::remove_file(&new);
        return Err(error);
    }
    File::open(folder).and_then(|folder| folder.sync_all())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_file_is_an_error_and_nothing_to_wait_for() {
        let folder = tempfile::tempdir().unwrap();
        let pipe = folder.path().join("pipe");
        let made = std::process::Command::new("mkfifo").arg(&pipe).status();
        assert!(made.unwrap().success());

        for odd in [pipe.as_path(), folder.path()] {
            assert!(open(odd).unwrap_err().to_string().contains("no file"));
        }
        assert!(open(&folder.path().join("none")).unwrap().is_none());
        fs::create_dir(folder.path().join("taken")).unwrap();
        assert!(replace(&folder.path().join("taken"), b"secret").is_err());
        assert!(!folder.path().join("taken.new").exists());
    }

    #[test]
    fn a_file_is_replaced_whole_for_its_user_alone_and_what_a_crash_left_is_gone() {
        use std::os::unix::fs::PermissionsExt as _;
        let folder = tempfile::tempdir().unwrap();
        let path = place(&folder.path().join("countersign.db"), ".some");
        fs::write(place(&path, ".new"), "half a li").unwrap();

        replace(&path, b"one").unwrap();
        replace(&path, b"2").unwrap();

        let files = fs::read_dir(folder.path()).unwrap();
        let names: Vec<_> = files.map(|file| file.unwrap().file_name()).collect();
        assert_eq!(names, ["countersign.db.some"]);
        assert_eq!(fs::read(&path).unwrap(), b"2");
        let mode = fs::metadata(&path).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
    }
}
