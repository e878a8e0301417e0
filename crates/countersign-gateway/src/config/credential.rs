//! Checks of users with passwords and of API keys.

use countersign::{ApiKey, Auth, Basic, MIN_SECRET, Secret};
use http::HeaderName;
use http::header::AUTHORIZATION;
use toml::{Spanned, Value};

use super::auth::Checked;
use super::check::Checker;
use super::error::{Fault, quoted};
use super::file::{AuthFile, Text, UserFile};
use super::key::{WEAK, unfit};
use crate::htpasswd::{Htpasswd, Seats};
use crate::random;

impl Checker<'_> {
    pub(super) fn basic(&mut self, file: &Spanned<AuthFile>) -> Option<Checked> {
        let htpasswd = file.get_ref().htpasswd.as_ref();
        let passwords = htpasswd.map(|path| self.htpasswd(path));
        if let (Some(passwords), None) = (&passwords, &file.get_ref().users) {
            return Some(Checked {
                auth: Auth::Basic(Basic::asking()),
                passwords: Some(passwords.clone()?),
                signatures: Vec::new(),
            });
        }
        let Some(users) = file
            .get_ref()
            .users
            .as_ref()
            .filter(|users| !users.get_ref().is_empty())
        else {
            self.refuse(
                file.span(),
                "`auth` has no `users`",
                "add `users = [{ name = \"sender\", password = { env = \"NAME\" } }]`, or `htpasswd = \"path\"`",
            );
            return None;
        };
        let checked: Vec<_> = users.get_ref().iter().map(|user| self.user(user)).collect();
        let checked: Vec<_> = checked.into_iter().collect::<Option<_>>()?;
        let weak = users
            .get_ref()
            .iter()
            .any(|user| user.get_ref().allow_weak_secret);
        let basic = if weak {
            Basic::with_weak_passwords(checked)
        } else {
            Basic::new(checked)
        };
        let basic = basic.map_err(|error| unfit(&error.into()));
        let basic = self.accept("users", users.span(), basic)?;
        let passwords = match passwords {
            None => None,
            Some(read) => Some(read?),
        };
        let twice = users.get_ref().iter().find_map(|user| {
            let name = user.get_ref().name.as_ref()?;
            let there = passwords.as_ref()?.has(name.get_ref());
            there.then(|| name.span())
        });
        if let Some(span) = twice {
            let help = "keep one of them, so that there is one password";
            self.refuse(
                span,
                "one of the `users` is in the file of `htpasswd`, too",
                help,
            );
            return None;
        }
        Some(Checked {
            auth: Auth::Basic(match passwords {
                Some(_) => basic.or_asks(),
                None => basic,
            }),
            passwords,
            signatures: Vec::new(),
        })
    }

    /// Reads a file of users with slow hashes.
    fn htpasswd(&mut self, path: &Text) -> Option<Htpasswd> {
        let full = self.folder.join(path.get_ref());
        let shown = quoted(&full.display().to_string());
        let read = (self.surroundings.file)(&full).map_err(|error| {
            Fault::new(
                format!("refers to the file {shown}, which cannot be read: {error}"),
                "create it with `htpasswd -B -c FILE NAME`, or correct the path; a relative path begins at the configuration file's folder",
            )
        });
        let text = read.and_then(|bytes| {
            String::from_utf8(bytes).map_err(|_| {
                Fault::new(
                    format!("refers to the file {shown}, which is not UTF-8"),
                    "save it as UTF-8",
                )
            })
        });
        let users = text.and_then(|text| {
            let key = random::bytes().map_err(|error| {
                Fault::new(
                    format!("needs random bytes, and there are none: {error}"),
                    "look after the system's source of them",
                )
            })?;
            Htpasswd::parse(&text, key, Seats::of_the_process()).map_err(|bad| {
                let line = bad
                    .line
                    .map_or_else(String::new, |line| format!(" on line {line}"));
                Fault::new(
                    format!("refers to the file {shown}, which{line} {}", bad.message),
                    bad.help,
                )
            })
        });
        self.accept("htpasswd", path.span(), users)
    }

    fn user(&mut self, user: &Spanned<UserFile>) -> Option<(String, Secret)> {
        let file = user.get_ref();
        let Some(name) = file.name.as_ref().filter(|name| !name.get_ref().is_empty()) else {
            self.refuse(
                user.span(),
                "one of the `users` has no `name`",
                "add `name = \"sender\"`",
            );
            return None;
        };
        if name.get_ref().contains([':', '\0', '\n', '\r']) {
            self.refuse(
                name.span(),
                "`name` has a character that Basic authentication cannot carry",
                "leave out colons and control characters",
            );
            return None;
        }
        let Some(password) = &file.password else {
            self.refuse(
                user.span(),
                "one of the `users` has no `password`",
                "add `password = { env = \"NAME\" }`",
            );
            return None;
        };
        let secret = self.secret("password", password)?;
        if secret.expose().len() < MIN_SECRET && !file.allow_weak_secret {
            let message = format!("`password` has less than {MIN_SECRET} bytes");
            self.refuse(password.span(), message, WEAK);
            return None;
        }
        self.note_password(&secret, password.span());
        Some((name.get_ref().clone(), secret))
    }

    pub(super) fn api_key(&mut self, file: &Spanned<AuthFile>) -> Option<Auth> {
        let auth = file.get_ref();
        let keys = self.keys(file)?;
        let mut api_key = self.keyring(keys, None, ApiKey::new)?;
        if let Some(header) = &auth.header {
            for name in self.accept("header", header.span(), header_names(header.get_ref()))? {
                api_key = api_key.header(name);
            }
        }
        if auth.bearer.as_ref().is_some_and(|bearer| *bearer.get_ref()) {
            api_key = api_key.bearer();
        }
        if let Some(query) = &auth.query {
            self.warn(
                query.span(),
                "`query`: keys in URLs end up in the logs of everything on the way",
                "use `header` or `bearer` where the sender can",
            );
            api_key = api_key.query(self.text("query", Some(query), parameter)?);
        }
        Some(Auth::ApiKey(api_key))
    }
}

/// One header, or a list of them.
fn header_names(written: &Value) -> Result<Vec<HeaderName>, Fault> {
    let one = |name: &Value| {
        let name = name
            .as_str()
            .and_then(|name| name.parse::<HeaderName>().ok());
        name.ok_or_else(|| {
            let help = "write it like \"X-API-Key\", or several as a list";
            Fault::new("is not the name of a header", help)
        })
    };
    let names: Vec<_> = match written {
        Value::Array(names) => names.iter().map(one).collect::<Result<_, _>>()?,
        name => vec![one(name)?],
    };
    match names.iter().find(|name| **name == AUTHORIZATION) {
        Some(_) => Err(Fault::new(
            "is where `bearer` is",
            "write `bearer = true` in its place",
        )),
        None if names.is_empty() => Err(Fault::new(
            "is empty",
            "name a header, or leave it out for \"X-API-Key\"",
        )),
        None => Ok(names),
    }
}

fn parameter(name: &str) -> Result<&str, Fault> {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~".contains(&byte);
    if !name.is_empty() && name.bytes().all(plain) {
        Ok(name)
    } else {
        Err(Fault::new(
            "is not the name of a parameter",
            "use letters, digits and `-._~`",
        ))
    }
}
