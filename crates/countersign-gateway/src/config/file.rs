//! The configuration as the file has it: names, shapes, nothing checked but unknown keys.

use std::collections::BTreeMap;
use std::fmt;
use std::marker::PhantomData;

use serde::de::value::{MapAccessDeserializer, SeqAccessDeserializer};
use serde::de::{MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer};
use toml::{Spanned, Value};

use super::scheme::OwnSchemes;

/// A text and its place.
pub(super) type Text = Spanned<String>;

/// A secret as the file has it, inline or by reference, and its place.
pub(super) type Secretive = Spanned<Either<SecretFile>>;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct File {
    #[serde(default)]
    pub(super) admin: AdminFile,
    #[serde(default)]
    pub(super) delivery: DeliveryFile,
    #[serde(default)]
    pub(super) flows: Vec<Spanned<FlowFile>>,
    #[serde(default)]
    pub(super) ingress: IngressFile,
    #[serde(default)]
    pub(super) log: LogFile,
    pub(super) organization: Option<Text>,
    #[serde(default)]
    pub(super) queue: QueueFile,
    #[serde(default)]
    pub(super) schemes: OwnSchemes,
    #[serde(default)]
    pub(super) store: StoreFile,
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct IngressFile {
    pub(super) body_limit: Option<Spanned<Value>>,
    pub(super) body_timeout: Option<Spanned<Value>>,
    pub(super) grace: Option<Spanned<Value>>,
    pub(super) header_timeout: Option<Spanned<Value>>,
    pub(super) listen: Option<Text>,
    pub(super) max_connections: Option<Spanned<i64>>,
    pub(super) prefix: Option<Text>,
    pub(super) public_url: Option<Text>,
    #[serde(default)]
    pub(super) trusted_proxies: Vec<Text>,
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct AdminFile {
    #[serde(default)]
    pub(super) hosts: Vec<Text>,
    pub(super) listen: Option<Text>,
    #[serde(default)]
    pub(super) tokens: Vec<Spanned<TokenFile>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct TokenFile {
    pub(super) name: Option<Text>,
    pub(super) organization: Option<Text>,
    pub(super) sha256: Option<Text>,
    pub(super) token: Option<Secretive>,
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct StoreFile {
    pub(super) retention: Option<Spanned<Value>>,
    pub(super) url: Option<Text>,
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct QueueFile {
    pub(super) url: Option<Text>,
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct LogFile {
    pub(super) filter: Option<Text>,
    pub(super) format: Option<Text>,
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct DeliveryFile {
    #[serde(default)]
    pub(super) allowed_addresses: Vec<Text>,
    pub(super) concurrency: Option<Spanned<i64>>,
    pub(super) concurrency_per_step: Option<Spanned<i64>>,
    #[serde(default)]
    pub(super) denied_addresses: Vec<Text>,
    pub(super) enabled: Option<bool>,
    pub(super) max_retries: Option<Spanned<i64>>,
    pub(super) retry_delay: Option<Spanned<Value>>,
    pub(super) retry_delays: Option<Spanned<Vec<Spanned<Value>>>>,
    pub(super) timeout: Option<Spanned<Value>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct FlowFile {
    pub(super) auth: Option<Spanned<AuthFile>>,
    pub(super) body_limit: Option<Spanned<Value>>,
    pub(super) diagnose: Option<Spanned<bool>>,
    pub(super) forward: Option<Spanned<Either<ForwardFile>>>,
    pub(super) handshake: Option<Spanned<Value>>,
    pub(super) id: Option<Text>,
    pub(super) methods: Option<Spanned<Vec<Text>>>,
    pub(super) observe: Option<Spanned<bool>>,
    pub(super) organization: Option<Text>,
    pub(super) path: Option<Text>,
    pub(super) public_url: Option<Text>,
    pub(super) replay: Option<Text>,
    pub(super) replay_for: Option<Spanned<Value>>,
    pub(super) response: Option<Spanned<ResponseFile>>,
    pub(super) steps: Option<Spanned<Vec<Spanned<StepFile>>>>,
    pub(super) window: Option<Spanned<Either<WindowFile>>>,
}

/// Every mode's keys, and those of several auths; which of them belong together is checked later, with a better message.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct AuthFile {
    pub(super) all: Option<Spanned<Vec<Spanned<Self>>>>,
    pub(super) allow_from: Option<Spanned<Vec<Text>>>,
    pub(super) any: Option<Spanned<Vec<Spanned<Self>>>>,
    pub(super) bearer: Option<Spanned<bool>>,
    pub(super) header: Option<Spanned<Value>>,
    pub(super) htpasswd: Option<Text>,
    pub(super) keys: Option<Spanned<Vec<Spanned<KeyFile>>>>,
    pub(super) mode: Option<Text>,
    pub(super) parameters: Option<Spanned<BTreeMap<Text, Secretive>>>,
    pub(super) query: Option<Text>,
    pub(super) scheme: Option<Text>,
    pub(super) timestamp: Option<Text>,
    pub(super) users: Option<Spanned<Vec<Spanned<UserFile>>>>,
    pub(super) window: Option<Spanned<Either<WindowFile>>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct KeyFile {
    #[serde(default)]
    pub(super) allow_shared_secret: bool,
    #[serde(default)]
    pub(super) allow_weak_secret: bool,
    pub(super) fetch: Option<Spanned<Value>>,
    pub(super) id: Option<Text>,
    pub(super) kid: Option<Text>,
    pub(super) not_after: Option<Spanned<Value>>,
    pub(super) not_before: Option<Spanned<Value>>,
    pub(super) secret: Option<Secretive>,
    pub(super) sha256: Option<Text>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct UserFile {
    #[serde(default)]
    pub(super) allow_weak_secret: bool,
    pub(super) name: Option<Text>,
    pub(super) password: Option<Secretive>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ResponseFile {
    pub(super) body: Option<Text>,
    pub(super) content_type: Option<Text>,
    pub(super) status: Option<Spanned<i64>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct StepFile {
    #[serde(default)]
    pub(super) headers: BTreeMap<Text, Secretive>,
    pub(super) keys: Option<Spanned<Vec<Spanned<KeyFile>>>>,
    pub(super) max_retries: Option<Spanned<i64>>,
    pub(super) name: Option<Text>,
    pub(super) retry_delay: Option<Spanned<Value>>,
    pub(super) retry_delays: Option<Spanned<Vec<Spanned<Value>>>>,
    pub(super) scheme: Option<Text>,
    pub(super) secret: Option<Secretive>,
    pub(super) timeout: Option<Spanned<Value>>,
    pub(super) timestamp: Option<Text>,
    #[serde(default)]
    pub(super) tls: TlsFile,
    pub(super) url: Option<Text>,
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct TlsFile {
    pub(super) verify: Option<bool>,
}

/// `{ url = "http://…", timeout = "30s" }`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ForwardFile {
    pub(super) timeout: Option<Spanned<Value>>,
    pub(super) url: Option<Text>,
}

/// `{ past = "5m", future = "1m" }`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct WindowFile {
    pub(super) future: Option<Spanned<Value>>,
    pub(super) past: Option<Spanned<Value>>,
}

/// `{ env = "NAME" }` or `{ file = "path" }`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct SecretFile {
    pub(super) env: Option<Text>,
    pub(super) file: Option<Text>,
}

/// A plain value, or a table that says more.
pub(super) enum Either<T> {
    Plain(Value),
    Table(T),
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Either<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(EitherVisitor(PhantomData))
    }
}

struct EitherVisitor<T>(PhantomData<T>);

impl<'de, T: Deserialize<'de>> Visitor<'de> for EitherVisitor<T> {
    type Value = Either<T>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a text or a table")
    }

    fn visit_i64<E>(self, number: i64) -> Result<Self::Value, E> {
        Ok(Either::Plain(Value::Integer(number)))
    }

    fn visit_str<E>(self, text: &str) -> Result<Self::Value, E> {
        Ok(Either::Plain(Value::String(text.to_owned())))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, list: A) -> Result<Self::Value, A::Error> {
        let list = Vec::deserialize(SeqAccessDeserializer::new(list))?;
        Ok(Either::Plain(Value::Array(list)))
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Self::Value, A::Error> {
        T::deserialize(MapAccessDeserializer::new(map)).map(Either::Table)
    }
}
