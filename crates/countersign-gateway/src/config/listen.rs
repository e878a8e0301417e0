//! Checks of what is there once: the two listeners, the store, the log.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::time::Duration;

use countersign::{MIN_SECRET, Secret};
use http::uri::Authority;
use ipnet::IpNet;
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;
use toml::Spanned;
use tracing_subscriber::EnvFilter;

use super::check::Checker;
use super::error::{Fault, quoted};
use super::file::{AdminFile, IngressFile, LogFile, QueueFile, StoreFile, Text, TokenFile};
use super::{Admin, AdminToken, Format, Ingress, Log, Organization, Store, network, path, url};

impl Checker<'_> {
    pub(super) fn ingress(&mut self, file: &IngressFile) -> Ingress {
        Ingress {
            body_limit: self
                .size("body_limit", file.body_limit.as_ref(), MAX_BODY_LIMIT)
                .unwrap_or(1 << 20),
            body_timeout: self
                .duration("body_timeout", file.body_timeout.as_ref())
                .unwrap_or(seconds(30)),
            grace: self
                .duration("grace", file.grace.as_ref())
                .unwrap_or(seconds(25)),
            header_timeout: self
                .duration("header_timeout", file.header_timeout.as_ref())
                .unwrap_or(seconds(10)),
            listen: self.listen(file.listen.as_ref()).unwrap_or(DEFAULT_INGRESS),
            max_connections: self
                .number(
                    "max_connections",
                    file.max_connections.as_ref(),
                    1..=1_000_000,
                )
                .map_or(10_000, |number| number as usize),
            prefix: self
                .text("prefix", file.prefix.as_ref(), path::prefix)
                .unwrap_or_else(|| "/hooks".to_owned()),
            public_url: self.text("public_url", file.public_url.as_ref(), url::public),
            trusted_proxies: self.networks("trusted_proxies", &file.trusted_proxies),
        }
    }

    pub(super) fn admin(
        &mut self,
        file: &AdminFile,
        ingress: &IngressFile,
        organization: &Organization,
    ) -> Admin {
        let listen = self.listen(file.listen.as_ref()).unwrap_or(DEFAULT_ADMIN);
        let senders = ingress
            .listen
            .as_ref()
            .and_then(|text| text.get_ref().parse().ok())
            .unwrap_or(DEFAULT_INGRESS);
        if overlap(listen, senders) {
            let span = file
                .listen
                .as_ref()
                .or(ingress.listen.as_ref())
                .map_or(0..0, Spanned::span);
            self.refuse(
                span,
                "`admin.listen` is also where `ingress.listen` is",
                "give the admin listener a port of its own, one that senders cannot reach",
            );
        }
        let mut tokens: Vec<AdminToken> = Vec::with_capacity(file.tokens.len());
        for token in &file.tokens {
            let Some(checked) = self.token(token, organization) else {
                continue;
            };
            if tokens.iter().any(|known| known.name == checked.name) {
                self.refuse(
                    token.span(),
                    "two of the `tokens` have one name",
                    "give each token a `name` of its own",
                );
            }
            if tokens
                .iter()
                .any(|known| known.sha256.ct_eq(&checked.sha256).into())
            {
                self.refuse(
                    token.span(),
                    "two of the `tokens` are equal",
                    "generate one for each, for example with `openssl rand -hex 32`",
                );
            }
            tokens.push(checked);
        }
        let hosts = file.hosts.iter();
        let hosts = hosts.filter_map(|name| self.text("hosts", Some(name), host_name));
        Admin {
            hosts: hosts.collect(),
            listen,
            tokens,
        }
    }

    pub(super) fn store(&mut self, file: &StoreFile, queue: &QueueFile) -> Store {
        self.text("url", queue.url.as_ref(), |url| match url {
            "store" => Ok(()),
            _ => Err(Fault::new(
                "names a queue that this version does not have",
                "write \"store\": events wait in the store",
            )),
        });
        let path = self
            .text("url", file.url.as_ref(), sqlite)
            .unwrap_or_else(|| PathBuf::from("countersign.db"));
        Store {
            path: self.folder.join(path),
            retention: self
                .duration("retention", file.retention.as_ref())
                .unwrap_or(seconds(30 * 86_400)),
        }
    }

    pub(super) fn log(&mut self, file: &LogFile) -> Log {
        let filter = self.text(
            "filter",
            file.filter.as_ref(),
            |filter| match EnvFilter::try_new(filter) {
                Ok(_) => Ok(filter.to_owned()),
                Err(_) => Err(Fault::new(
                    "is not a log filter",
                    "write a level, or `target=level` pairs: \"info,countersign_gateway=debug\"",
                )),
            },
        );
        let format = self.text("format", file.format.as_ref(), |format| match format {
            "auto" => Ok(Format::Auto),
            "json" => Ok(Format::Json),
            "pretty" => Ok(Format::Pretty),
            _ => Err(Fault::new(
                "is not a log format",
                "write \"auto\", \"json\" or \"pretty\"",
            )),
        });
        Log {
            filter: filter.unwrap_or_else(|| "info".to_owned()),
            format: format.unwrap_or_default(),
        }
    }

    pub(super) fn networks(&mut self, key: &str, written: &[Text]) -> Vec<IpNet> {
        written
            .iter()
            .filter_map(|text| self.text(key, Some(text), network::network))
            .collect()
    }

    fn listen(&mut self, written: Option<&Text>) -> Option<SocketAddr> {
        self.text("listen", written, network::listen)
    }

    fn token(
        &mut self,
        token: &Spanned<TokenFile>,
        organization: &Organization,
    ) -> Option<AdminToken> {
        let file = token.get_ref();
        let organization = self
            .text(
                "organization",
                file.organization.as_ref(),
                Organization::parse,
            )
            .unwrap_or_else(|| organization.clone());
        let sha256 = match (&file.sha256, &file.token) {
            (Some(written), None) => self.text("sha256", Some(written), digest),
            (None, Some(written)) => {
                let secret = self.secret("token", written)?;
                self.accept("token", written.span(), strong(&secret))
                    .map(|()| Sha256::digest(secret.expose()).into())
            }
            (Some(_), Some(_)) => {
                self.refuse(
                    token.span(),
                    "one of the `tokens` has both `sha256` and `token`",
                    "keep one of them",
                );
                None
            }
            (None, None) => {
                let help = "add `sha256 = \"…\"`, as printed by `printf %s \"$TOKEN\" | sha256sum`, or `token = { env = \"NAME\" }`";
                self.refuse(
                    token.span(),
                    "one of the `tokens` has neither `sha256` nor `token`",
                    help,
                );
                None
            }
        };
        let name = self.text("name", file.name.as_ref(), |name| match name {
            "" => Err(Fault::new("is empty", "say whose token it is")),
            _ => Ok(name.to_owned()),
        });
        if file.name.is_none() {
            self.refuse(
                token.span(),
                "one of the `tokens` has no `name`",
                "say whose token it is: `name = \"ops\"`",
            );
        }
        Some(AdminToken {
            name: name?,
            organization,
            sha256: sha256?,
        })
    }
}

/// Whether two listeners would fight over a port.
fn overlap(one: SocketAddr, other: SocketAddr) -> bool {
    one.port() != 0
        && one.port() == other.port()
        && (one.ip() == other.ip() || one.ip().is_unspecified() || other.ip().is_unspecified())
}

/// Reads a host name without a port.
fn host_name(text: &str) -> Result<String, Fault> {
    match text.parse::<Authority>() {
        Ok(name) if name.as_str() == name.host() && !text.starts_with('[') => Ok(text.to_owned()),
        _ => Err(Fault::new(
            "has something that is no host name",
            "write names only, without a scheme or a port: `hosts = [\"gateway.internal\"]`",
        )),
    }
}

fn sqlite(url: &str) -> Result<PathBuf, Fault> {
    const HELP: &str = "write \"sqlite:countersign.db\", or with a whole path \"sqlite:/var/lib/countersign/countersign.db\"";
    match url.split_once(':') {
        Some(("sqlite", "")) => Err(Fault::new("names no file", HELP)),
        Some(("sqlite", path)) if path.starts_with("//") || path.contains('?') => {
            Err(Fault::new("is not how this gateway names a file", HELP))
        }
        Some(("sqlite", ":memory:")) => Err(Fault::new(
            "would lose every event at the end of the process",
            HELP,
        )),
        Some(("sqlite", path)) => Ok(PathBuf::from(path)),
        Some((kind, _)) => Err(Fault::new(
            format!(
                "names a store that this version does not have: {}",
                quoted(kind)
            ),
            HELP,
        )),
        None => Err(Fault::new("names no kind of store", HELP)),
    }
}

/// Reads 64 hex digits.
pub(super) fn digest(text: &str) -> Result<[u8; 32], Fault> {
    let mut digest = [0; 32];
    hex::decode_to_slice(text, &mut digest).map_err(|_| {
        Fault::new(
            "is not a SHA-256 in hex",
            "write 64 hex digits, as printed by `printf %s \"$TOKEN\" | sha256sum`",
        )
    })?;
    Ok(digest)
}

fn strong(secret: &Secret) -> Result<(), Fault> {
    match secret.expose().len() {
        MIN_SECRET.. => Ok(()),
        _ => Err(Fault::new(
            format!("has less than {MIN_SECRET} bytes"),
            "generate one, for example with `openssl rand -hex 32`",
        )),
    }
}

const fn seconds(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

/// The largest body that may be allowed: it is kept in memory and in one row of the store.
pub(super) const MAX_BODY_LIMIT: usize = 256 << 20;
const DEFAULT_ADMIN: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 8081);
const DEFAULT_INGRESS: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::UNSPECIFIED), 8080);
