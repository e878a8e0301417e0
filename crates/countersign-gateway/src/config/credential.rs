//! Checks of users with passwords and of API keys.

use countersign::{ApiKey, Auth, Basic, MIN_SECRET, Secret};
use http::HeaderName;
use toml::Spanned;

use super::check::Checker;
use super::error::Fault;
use super::file::{AuthFile, UserFile};
use super::key::{WEAK, unfit};

impl Checker<'_> {
    pub(super) fn basic(&mut self, file: &Spanned<AuthFile>) -> Option<Auth> {
        let Some(users) = file
            .get_ref()
            .users
            .as_ref()
            .filter(|users| !users.get_ref().is_empty())
        else {
            self.refuse(
                file.span(),
                "`auth` has no `users`",
                "add `users = [{ name = \"sender\", password = { env = \"NAME\" } }]`",
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
        self.accept("users", users.span(), basic).map(Auth::Basic)
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
        self.note_equal(&secret, password.span());
        Some((name.get_ref().clone(), secret))
    }

    pub(super) fn api_key(&mut self, file: &Spanned<AuthFile>) -> Option<Auth> {
        let auth = file.get_ref();
        let Some(keys) = &auth.keys else {
            self.refuse(
                file.span(),
                "`auth` has no `keys`",
                "add `keys = [{ id = \"2026\", secret = { env = \"NAME\" } }]`",
            );
            return None;
        };
        let api_key = self.keyring(keys, ApiKey::new)?;
        let bearer = auth.bearer.as_ref().is_some_and(|bearer| *bearer.get_ref());
        if [auth.header.is_some(), bearer, auth.query.is_some()]
            .iter()
            .filter(|there| **there)
            .count()
            > 1
        {
            self.refuse(
                file.span(),
                "`auth` says more than one place for the API key",
                "keep one of `header`, `bearer` and `query`",
            );
            return None;
        }
        if let Some(header) = &auth.header {
            let name = |name: &str| {
                name.parse::<HeaderName>().map_err(|_| {
                    Fault::new("is not the name of a header", "write it like \"X-API-Key\"")
                })
            };
            return self
                .text("header", Some(header), name)
                .map(|name| Auth::ApiKey(api_key.header(name)));
        }
        if let Some(query) = &auth.query {
            self.warn(
                query.span(),
                "`query`: keys in URLs end up in the logs of everything on the way",
                "use `header` or `bearer` where the sender can",
            );
            return self
                .text("query", Some(query), parameter)
                .map(|name| Auth::ApiKey(api_key.query(name)));
        }
        Some(Auth::ApiKey(if bearer {
            api_key.bearer()
        } else {
            api_key
        }))
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
