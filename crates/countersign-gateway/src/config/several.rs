//! Checks of several ways of knowing senders on one flow, and of the addresses they may send from.

use std::collections::HashSet;

use countersign::{Addresses, Auth, KeyId, Weakness};
use toml::Spanned;

use super::auth::{Checked, Signature, WindowText, present};
use super::check::Checker;
use super::error::{Fault, quoted};
use super::file::AuthFile;
use super::scheme::Schemes;

type Members = Spanned<Vec<Spanned<AuthFile>>>;

impl Checker<'_> {
    /// How a flow knows its senders: in one way, in any of several, or in all of several.
    pub(super) fn auth(
        &mut self,
        file: &Spanned<AuthFile>,
        window: Option<&WindowText>,
        schemes: &Schemes,
    ) -> Option<Checked> {
        let auth = file.get_ref();
        let (key, members) = match (&auth.any, &auth.all) {
            (None, None) => {
                if let Some(inner) = &auth.window {
                    let help = "write it beside `auth`, not in it; in it is its place in members of `any` and `all`";
                    self.refuse(inner.span(), "`window` belongs to the flow", help);
                }
                return self.one(file, window, schemes);
            }
            (Some(members), None) => ("any", members),
            (None, Some(members)) => ("all", members),
            (Some(_), Some(all)) => {
                let help = "keep one of them: members have no members of their own";
                self.refuse(all.span(), "`auth` has both `any` and `all`", help);
                return None;
            }
        };
        let mode = auth.mode.as_ref().map(|mode| ("mode", mode.span()));
        let inner = auth.window.as_ref().map(|inner| ("window", inner.span()));
        for (other, span) in mode.into_iter().chain(inner).chain(present(auth)) {
            let message = format!("`{other}` has no meaning beside `{key}`");
            self.refuse(
                span,
                message,
                format!("write it in the member of `{key}` that it is for"),
            );
        }
        if let Some(window) = window {
            let message = format!("`window` has no meaning beside several auths in `{key}`");
            let help = "write it in the member that signs: each signature has a window of its own";
            self.refuse(window.span(), message, help);
        }
        let allow_from = self.allow_from(file);
        let checked = self.members(key, members, schemes)?;
        match allow_from? {
            None => Some(checked),
            Some(addresses) => Some(Checked {
                auth: Auth::all([Auth::Address(addresses), checked.auth])?,
                ..checked
            }),
        }
    }

    fn members(&mut self, key: &str, members: &Members, schemes: &Schemes) -> Option<Checked> {
        if members.get_ref().is_empty() {
            let help =
                "list at least one; without any, nobody could send or nothing would be asked";
            self.refuse(members.span(), format!("`{key}` is empty"), help);
            return None;
        }
        let mut all = Vec::with_capacity(members.get_ref().len());
        for (at, member) in members.get_ref().iter().enumerate() {
            self.member = Some(format!("member {} of `{key}`", at + 1));
            all.push(self.member(key, member, schemes));
        }
        self.member = None;
        let all: Vec<Checked> = all.into_iter().collect::<Option<_>>()?;
        self.check_together(key, members, &all)?;

        let mut passwords = None;
        let mut signatures = Vec::new();
        let mut auths = Vec::with_capacity(all.len());
        for mut member in all {
            signatures.append(&mut member.signatures);
            passwords = passwords.or(member.passwords);
            auths.push(member.auth);
        }
        if key == "all" {
            name_repeats_once(&mut signatures);
        }
        Some(Checked {
            auth: match key {
                "any" => Auth::any(auths)?,
                _ => Auth::all(auths)?,
            },
            passwords,
            signatures,
        })
    }

    fn member(
        &mut self,
        key: &str,
        member: &Spanned<AuthFile>,
        schemes: &Schemes,
    ) -> Option<Checked> {
        let file = member.get_ref();
        if let Some(inner) = file.any.as_ref().or(file.all.as_ref()) {
            let help = "write one list: members have no members of their own";
            self.refuse(inner.span(), "`any` and `all` stand in `auth` only", help);
            return None;
        }
        let checked = self.one(member, file.window.as_ref(), schemes)?;
        if matches!(checked.auth, Auth::None) {
            let message = match key {
                "any" => "`mode = \"none\"` would let anybody in, whatever the others say",
                _ => "`mode = \"none\"` demands nothing",
            };
            self.refuse(member.span(), message, "remove it, or add `allow_from`");
            return None;
        }
        Some(checked)
    }

    /// What no member can tell by itself.
    fn check_together(&mut self, key: &str, members: &Members, all: &[Checked]) -> Option<()> {
        let files = || all.iter().zip(members.get_ref());
        let mut hashed = files().filter(|(checked, _)| checked.passwords.is_some());
        if let Some((_, second)) = hashed.nth(1) {
            let help = "put all users into one file";
            self.refuse(
                second.span(),
                format!("two members of `{key}` have `htpasswd`"),
                help,
            );
            return None;
        }
        let one_of_it = |checked: &Checked| checked.auth.parts().any(needs_authorization);
        let mut claimed = files().filter(|(checked, _)| key == "all" && one_of_it(checked));
        if let Some((_, second)) = claimed.nth(1) {
            let message =
                "two members of `all` need the header `Authorization`, and a request has one";
            self.refuse(second.span(), message, "remove one of them, or use `any`");
            return None;
        }
        let mut fetched = files().filter(|(checked, _)| key == "all" && checked.auth.fetches_key());
        if let Some((_, second)) = fetched.nth(1) {
            let message = "two members of `all` have a key that is fetched, and for one request one is: none would pass";
            let help = "write the key itself as the `secret` of one of them, or use `any`";
            self.refuse(second.span(), message, help);
            return None;
        }
        let mut ids = HashSet::new();
        let in_file = |id: &KeyId, own: &Checked| {
            let mut passwords = all.iter().filter_map(|checked| checked.passwords.as_ref());
            own.passwords.is_none() && passwords.any(|passwords| passwords.has(id.as_str()))
        };
        for (checked, member) in files() {
            let keys = checked.auth.keys();
            let mut taken = |id: &KeyId| in_file(id, checked) || !ids.insert(id.clone());
            if let Some(id) = keys.into_iter().map(|(id, _)| id).find(&mut taken) {
                let message = format!(
                    "two members of `{key}` have a key or a user named {}",
                    quoted(id.as_str())
                );
                let help = "give each an `id` of its own in this flow, so that it can be told which one was used";
                self.refuse(member.span(), message, help);
                return None;
            }
        }
        Some(())
    }

    /// The addresses that may send; `None` within if any may, `None` around that if the list is wrong.
    pub(super) fn allow_from(&mut self, file: &Spanned<AuthFile>) -> Option<Option<Addresses>> {
        let Some(written) = &file.get_ref().allow_from else {
            return Some(None);
        };
        if written.get_ref().is_empty() {
            let help = "list networks like \"192.0.2.0/24\", or remove it to take any address";
            self.refuse(
                written.span(),
                "`allow_from` is empty: nobody could send",
                help,
            );
            return None;
        }
        let networks = self.networks("allow_from", written.get_ref());
        let complete = networks.len() == written.get_ref().len();
        let pairs = networks.iter().map(|net| (net.addr(), net.prefix_len()));
        let addresses = Addresses::new(pairs).map_err(|_| {
            Fault::new(
                "is wider than the IPv4 addresses in it",
                "write the IPv4 network",
            )
        });
        let addresses = self.accept("allow_from", written.span(), addresses)?;
        complete.then_some(Some(addresses))
    }
}

/// Of signatures that are demanded at once, the first that signs a time names repeats, else the first that signs.
fn name_repeats_once(signatures: &mut [Signature]) {
    let says = |signature: &Signature| match &signature.scheme {
        scheme if scheme.weaknesses().contains(&Weakness::Token) => 0,
        scheme => 1 + u8::from(scheme.signs_time()),
    };
    let most = signatures.iter().map(says).max();
    let naming = signatures
        .iter()
        .position(|signature| Some(says(signature)) == most);
    for (at, signature) in signatures.iter_mut().enumerate() {
        signature.names_repeats = naming == Some(at);
    }
}

/// Whether a request passes only with an `Authorization` header that is for this.
fn needs_authorization(auth: &Auth) -> bool {
    match auth {
        Auth::Basic(_) => true,
        Auth::ApiKey(key) => {
            key.header_names().next().is_none() && key.query_names().next().is_none()
        }
        _ => false,
    }
}
