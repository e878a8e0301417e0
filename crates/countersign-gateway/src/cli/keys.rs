//! The scheme and the secrets that a command works with.

use std::env;
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use clap::ValueEnum;
use countersign::{Handshakes, Key, KeyId, Keyring, Scheme, Secret, Unit};
use serde::Deserialize;

use super::{Usage, input, schemes, usage};
use crate::random;

/// How the sender signs.
#[derive(Clone, Debug, clap::Args)]
pub(crate) struct SchemeArgs {
    /// How the signature is laid out: designer-cloud, workflow, standard-webhooks, a sender such as github or stripe, or a file
    /// with a scheme of your own; a wrong name lists all.
    #[arg(long, value_name = "NAME|FILE", default_value = "designer-cloud", value_parser = scheme)]
    pub(crate) scheme: Scheme,

    /// A text that the scheme wants from its receiver, such as `webhook_id=…` of paypal; may be repeated.
    #[arg(long, value_name = "NAME=TEXT", value_parser = parameter)]
    pub(crate) parameter: Vec<(String, String)>,

    /// The unit of the signed timestamp, where the sender differs from the scheme.
    #[arg(long, value_name = "UNIT")]
    pub(crate) unit: Option<UnitName>,
}

/// What the sender signs with. Several secrets are a rotation: all sign, any verifies.
#[derive(Clone, Debug, Default, clap::Args)]
pub(crate) struct KeyArgs {
    /// The environment variable that holds the secret.
    #[arg(long, value_name = "VARIABLE")]
    pub(crate) secret_env: Vec<String>,

    /// The file that holds the secret; one line end after it is not part of it.
    #[arg(long, value_name = "FILE")]
    pub(crate) secret_file: Vec<PathBuf>,

    /// The secret itself. Other users of this machine can see it in the process list.
    #[arg(long, value_name = "TEXT", value_parser = inline)]
    pub(crate) secret: Vec<Secret>,

    /// A name for the secret, shown in the answer; as many as there are secrets, in the order env, file, inline.
    #[arg(long, value_name = "ID")]
    pub(crate) key_id: Vec<String>,

    /// Accept a secret of fewer than 16 bytes.
    #[arg(long)]
    pub(crate) allow_weak_secret: bool,
}

/// The units a timestamp can have, in flags and in files of vectors.
#[derive(Clone, Copy, Debug, Deserialize, ValueEnum)]
pub(crate) enum UnitName {
    #[serde(rename = "s", alias = "seconds")]
    #[value(alias = "s")]
    Seconds,
    #[serde(rename = "ms", alias = "milliseconds")]
    #[value(alias = "ms")]
    Milliseconds,
    #[serde(rename = "rfc3339")]
    Rfc3339,
}

impl SchemeArgs {
    /// The scheme asked for.
    pub(crate) fn scheme(&self) -> anyhow::Result<Scheme> {
        let mut scheme = self.scheme.clone();
        if let Some(unit) = self.unit {
            let unfit = || Usage("`--unit` does not fit the scheme".to_owned());
            scheme = scheme
                .with_timestamp_unit(unit.into())
                .with_context(unfit)?;
        }
        let handshakes = Handshakes::of(&scheme);
        for (name, text) in &self.parameter {
            let signs = scheme.parameters().any(|known| known == name);
            if !signs && handshakes.parameters().any(|known| known == name) {
                continue;
            }
            let unfit = || Usage(format!("`--parameter {name}` does not fit the scheme"));
            scheme = scheme.with_parameter(name, text).with_context(unfit)?;
        }
        Ok(scheme)
    }
}

impl KeyArgs {
    /// The secrets asked for, as keys.
    pub(crate) fn keyring(&self) -> anyhow::Result<Keyring> {
        let secrets = self.secrets()?;
        if secrets.is_empty() {
            return Err(usage(
                "no secret: give `--secret-env VARIABLE` or `--secret-file FILE`",
            ));
        }
        if !self.key_id.is_empty() && self.key_id.len() != secrets.len() {
            return Err(usage(format!(
                "{} `--key-id` for {} secrets: give one for each, or none",
                self.key_id.len(),
                secrets.len()
            )));
        }
        let mut keys = Vec::with_capacity(secrets.len());
        for (index, secret) in secrets.into_iter().enumerate() {
            let named = self.key_id.get(index).cloned();
            let id = named.unwrap_or_else(|| default_id(index));
            let id = KeyId::parse(&id).context(Usage(format!("`{id}` cannot be a key id")))?;
            let key = Key::new(id, secret);
            keys.push(if self.allow_weak_secret {
                key.allow_weak()
            } else {
                key
            });
        }
        Keyring::new(keys).context(Usage("the secrets cannot be used".to_owned()))
    }

    /// The secrets asked for, in the order env, file, inline.
    pub(crate) fn secrets(&self) -> anyhow::Result<Vec<Secret>> {
        let mut secrets = Vec::new();
        for name in &self.secret_env {
            let value = env::var_os(name)
                .ok_or_else(|| usage(format!("the environment variable `{name}` is not set")))?;
            secrets.push(Secret::new(value.into_encoded_bytes()));
        }
        for path in &self.secret_file {
            secrets.push(Secret::from_file_text(input::read(path)?).0);
        }
        secrets.extend(self.secret.iter().cloned());
        Ok(secrets)
    }
}

impl From<UnitName> for Unit {
    fn from(name: UnitName) -> Self {
        match name {
            UnitName::Milliseconds => Self::Milliseconds,
            UnitName::Rfc3339 => Self::Rfc3339,
            UnitName::Seconds => Self::Seconds,
        }
    }
}

/// Cryptographically random bytes, as hex.
pub(crate) fn random_hex<const BYTES: usize>() -> anyhow::Result<String> {
    let bytes: [u8; BYTES] = random::bytes()
        .map_err(|why| anyhow::anyhow!("the system gives no random bytes: {why}"))?;
    Ok(hex::encode(bytes))
}

fn default_id(index: usize) -> String {
    match index {
        0 => "default".to_owned(),
        _ => format!("secret-{}", index + 1),
    }
}

#[expect(clippy::unnecessary_wraps, reason = "the form clap asks for")]
fn inline(text: &str) -> Result<Secret, std::convert::Infallible> {
    Ok(Secret::new(text.as_bytes().to_vec()))
}

fn scheme(name: &str) -> Result<Scheme, String> {
    if Path::new(name).extension().is_some() || name.contains(std::path::MAIN_SEPARATOR) {
        let mut own = schemes::read(name).map_err(|error| format!("{error:#}"))?;
        return match (own.pop(), own.is_empty()) {
            (Some(only), true) => Ok(only),
            (None, _) => Err("the file has no scheme".to_owned()),
            (Some(_), false) => Err(
                "the file has several schemes: give one of its own to each, or use `--config` and `--flow`".to_owned(),
            ),
        };
    }
    Scheme::preset(name).ok_or_else(|| {
        let known: Vec<_> = Scheme::preset_names().collect();
        format!("the schemes are {}", known.join(", "))
    })
}

fn parameter(text: &str) -> Result<(String, String), &'static str> {
    let (name, value) = text.split_once('=').ok_or("write it as `name=text`")?;
    Ok((name.to_owned(), value.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn args() -> KeyArgs {
        KeyArgs {
            secret: vec![Secret::new(*b"0123456789abcdef")],
            ..KeyArgs::default()
        }
    }

    #[test]
    fn a_secret_is_never_printed() {
        assert!(!format!("{:?}", args()).contains("0123456789abcdef"));
    }

    #[test]
    fn a_wrong_name_lists_every_scheme() {
        let told = scheme("acme").unwrap_err();

        for name in Scheme::preset_names() {
            assert!(told.contains(name), "{name}");
        }
    }

    #[test]
    fn no_secret_at_all_says_how_to_give_one() {
        let error = KeyArgs::default().keyring().unwrap_err();

        assert!(error.is::<Usage>());
        assert!(error.to_string().contains("--secret-env"));
    }

    #[test]
    fn a_variable_that_is_not_set_is_named() {
        let args = KeyArgs {
            secret_env: vec!["NO_SUCH_VARIABLE_HERE".to_owned()],
            ..KeyArgs::default()
        };

        assert!(
            args.keyring()
                .unwrap_err()
                .to_string()
                .contains("NO_SUCH_VARIABLE_HERE")
        );
    }

    #[test]
    fn key_ids_are_as_many_as_secrets() {
        let mut args = args();
        args.key_id = vec!["a".to_owned(), "b".to_owned()];

        assert!(args.keyring().unwrap_err().is::<Usage>());
    }

    #[test]
    fn random_text_is_as_long_as_asked_and_new_each_time() {
        let one = random_hex::<16>().unwrap();

        assert_eq!(one.len(), 32);
        assert_ne!(one, random_hex::<16>().unwrap());
    }
}
