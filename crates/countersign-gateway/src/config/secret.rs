//! Secrets: from the environment, from a file, or written out.

use std::ffi::OsString;
use std::io;
use std::path::Path;

use countersign::Secret;
use toml::Value;

use super::check::Checker;
use super::error::{Fault, quoted};
use super::file::{Either, SecretFile, Secretive, Text};

/// What a configuration reads besides its own text; tests put their own in its place.
#[derive(Clone, Copy, Debug)]
pub struct Surroundings {
    /// The contents of a file.
    pub file: fn(&Path) -> io::Result<Vec<u8>>,
    /// The value of an environment variable.
    pub variable: fn(&str) -> Option<OsString>,
}

impl Surroundings {
    /// The process's environment and the file system.
    pub const SYSTEM: Self = Self {
        file: |path| std::fs::read(path),
        variable: |name| std::env::var_os(name),
    };
}

impl Checker<'_> {
    /// Reads a secret; `None` when there was something wrong with it.
    pub(super) fn secret(&mut self, key: &str, source: &Secretive) -> Option<Secret> {
        const HELP: &str = "give it as a text, { env = \"NAME\" } or { file = \"path\" }";
        let read = match source.get_ref() {
            Either::Plain(Value::String(text)) => Ok(Secret::new(text.as_str())),
            Either::Plain(_) => Err(Fault::new("is not a text", HELP)),
            Either::Table(SecretFile {
                env: Some(name),
                file: None,
            }) => self.variable(name.get_ref()),
            Either::Table(SecretFile {
                env: None,
                file: Some(path),
            }) => self.secret_file(key, path),
            Either::Table(SecretFile {
                env: Some(_),
                file: Some(_),
            }) => Err(Fault::new("has both `env` and `file`", "keep one of them")),
            Either::Table(SecretFile {
                env: None,
                file: None,
            }) => Err(Fault::new("has neither `env` nor `file`", HELP)),
        };
        let secret = self.accept(key, source.span(), read)?;
        if secret.expose().is_empty() {
            let help = "an empty secret would let anybody in: generate one, for example with `openssl rand -hex 32`";
            self.refuse(source.span(), format!("`{key}` is empty"), help);
            return None;
        }
        Some(secret)
    }

    fn variable(&self, name: &str) -> Result<Secret, Fault> {
        let value = (self.surroundings.variable)(name).ok_or_else(|| {
            Fault::new(
                format!(
                    "refers to the environment variable {}, which is not set",
                    quoted(name)
                ),
                "set it where the gateway is started, or use { file = \"path\" }",
            )
        })?;
        Ok(Secret::new(value.into_encoded_bytes()))
    }

    fn secret_file(&mut self, key: &str, path: &Text) -> Result<Secret, Fault> {
        let full = self.folder.join(path.get_ref());
        let bytes = (self.surroundings.file)(&full).map_err(|error| {
            Fault::new(
                format!("refers to the file {}, which cannot be read: {error}", quoted(&full.display().to_string())),
                "create it, or correct the path; a relative path begins at the configuration file's folder",
            )
        })?;
        let (secret, trimmed) = Secret::from_file_text(bytes);
        // A key in PEM or JSON is the same with a line break at its end and without.
        let mut documents = [b"-----BEGIN ".as_slice(), b"{"].into_iter();
        let is_document = documents.any(|begin| secret.expose().starts_with(begin));
        if trimmed && !is_document {
            self.warn(
                path.span(),
                format!("the file of `{key}` ends with a line break, which is not taken as part of the secret"),
                "write the file without one, for example with `printf %s`",
            );
        }
        Ok(secret)
    }
}
