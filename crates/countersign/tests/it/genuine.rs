//! The requests that presets carry as proof, with the keys that sign such requests.

use std::time::{Duration, SystemTime};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use countersign::{Key, KeyId, Keyring, Scheme, Secret, Unit, Verifier, Window};
use http::{HeaderMap, HeaderName, HeaderValue};
use serde_json::Value;

use crate::support::Sent;

/// A request that a preset calls genuine.
pub(crate) struct Genuine {
    /// Of the preset and of the vector.
    pub(crate) name: String,
    pub(crate) scheme: Scheme,
    /// The way of signing that the request is of, as data.
    pub(crate) form: Value,
    /// What verifies.
    pub(crate) keys: Keyring,
    /// What signs; under Ed25519 these are not the keys of the request.
    pub(crate) signing: Keyring,
    /// What verifies that.
    pub(crate) signed: Keyring,
    pub(crate) sent: Sent,
    window: Option<Window>,
}

impl Genuine {
    /// Every genuine request of every preset that this build can judge.
    pub(crate) fn all() -> Vec<Self> {
        Scheme::presets()
            .flat_map(|scheme| Self::of(&scheme))
            .collect()
    }

    /// The genuine requests of a scheme.
    pub(crate) fn of(scheme: &Scheme) -> Vec<Self> {
        let data = serde_json::to_value(scheme).unwrap();
        let vectors = data["vectors"].as_array().unwrap().iter();
        // What a handshake is answered with is another matter.
        let genuine =
            vectors.filter(|vector| vector["genuine"] == true && vector.get("answer").is_none());
        genuine
            .map(|vector| Self::new(scheme, &data, vector))
            .filter(|genuine| Verifier::new(&genuine.scheme, &genuine.keys).is_ok())
            .collect()
    }

    fn new(scheme: &Scheme, data: &Value, vector: &Value) -> Self {
        let mut scheme = scheme.clone();
        if let Some(unit) = vector.get("unit") {
            let unit: Unit = serde_json::from_value(unit.clone()).unwrap();
            scheme = scheme.with_timestamp_unit(unit).unwrap();
        }
        for (name, value) in vector["parameters"].as_object().into_iter().flatten() {
            scheme = scheme
                .with_parameter(name, value.as_str().unwrap())
                .unwrap();
        }
        let sent = sent(vector);
        let forms = data["variants"].as_array().cloned();
        let mut forms = forms.unwrap_or_else(|| vec![data.clone()]).into_iter();
        let form = forms.find(|form| applies(form, &sent)).unwrap();
        let window = vector["window"].as_u64().map(Duration::from_secs);
        Self {
            name: format!("{}/{}", scheme.name(), vector["name"].as_str().unwrap()),
            keys: keys(vector, &texts(&vector["secret"])),
            signing: keys(vector, &private(vector, &form, SEED_AND_PUBLIC)),
            signed: keys(vector, &private(vector, &form, PUBLIC)),
            window: window
                .map(Window::symmetric)
                .filter(|_| scheme.signs_time()),
            scheme,
            form,
            sent,
        }
    }

    /// A verifier for the request as it is.
    pub(crate) fn verifier(&self) -> Verifier {
        let verifier = Verifier::new(&self.scheme, &self.keys).unwrap();
        verifier.with_window(self.window).unwrap()
    }

    /// The messages that such requests are signed over.
    pub(crate) fn message(&self) -> String {
        match &self.form["sign"] {
            Value::String(text) => text.clone(),
            forms => {
                let mut forms = forms.as_array().unwrap().iter();
                let own =
                    |form: &&Value| texts(&form["methods"]).contains(&self.sent.method.to_string());
                forms.find(own).unwrap()["message"]
                    .as_str()
                    .unwrap()
                    .to_owned()
            }
        }
    }
}

/// One text or several.
pub(crate) fn texts(value: &Value) -> Vec<String> {
    match value {
        Value::Array(texts) => texts.iter().flat_map(self::texts).collect(),
        Value::String(text) => vec![text.clone()],
        _ => Vec::new(),
    }
}

fn sent(vector: &Value) -> Sent {
    let mut headers = HeaderMap::new();
    for (name, lines) in vector["headers"].as_object().into_iter().flatten() {
        let name: HeaderName = name.parse().unwrap();
        for line in texts(lines) {
            headers.append(&name, HeaderValue::try_from(line).unwrap());
        }
    }
    let url = vector["url"].as_str().unwrap();
    let host = url.find("://").unwrap() + 3;
    let path = host + url[host..].find('/').unwrap();
    Sent {
        method: vector["method"].as_str().unwrap().parse().unwrap(),
        base: url[..path].to_owned(),
        target: url[path..].to_owned(),
        headers,
        body: vector["body"].as_str().unwrap_or_default().into(),
        now: SystemTime::UNIX_EPOCH + Duration::from_secs(vector["now"].as_u64().unwrap()),
    }
}

/// Whether a request is of this way of signing: only the conditions that presets have.
fn applies(form: &Value, sent: &Sent) -> bool {
    let conditions = match &form["when"] {
        Value::Array(conditions) => conditions.clone(),
        Value::Null => Vec::new(),
        one => vec![one.clone()],
    };
    conditions.iter().all(|when| {
        let types = texts(&when["content-type"]);
        let sent_type = sent.headers.get("content-type");
        let typed = types.is_empty()
            || sent_type.is_some_and(|line| types.iter().any(|wanted| line == wanted));
        let there = |place: &Value| found(place.as_str().unwrap(), sent);
        let without = when
            .get("without")
            .is_none_or(|place| there(place).is_none());
        let with = when.get("from").is_none_or(|place| {
            let wanted = texts(&when["is"]);
            there(place).is_some_and(|text| wanted.is_empty() || wanted.contains(&text))
        });
        typed && without && with
    })
}

/// What stands at a place, as somebody would find it who knows nothing of the crate.
fn found(place: &str, sent: &Sent) -> Option<String> {
    let (kind, name) = place.split_once(':').unwrap();
    match kind {
        "header" => Some(sent.headers.get(name)?.to_str().unwrap().to_owned()),
        "json" => {
            let body: Value = serde_json::from_slice(&sent.body).ok()?;
            body.pointer(name)?.as_str().map(str::to_owned)
        }
        "query" => {
            let (_, query) = sent.target.split_once('?')?;
            let mut pairs = query.split('&').filter_map(|pair| pair.split_once('='));
            pairs
                .find(|(key, _)| *key == name)
                .map(|(_, value)| value.to_owned())
        }
        _ => panic!("a preset chooses by {place}"),
    }
}

fn keys(vector: &Value, secrets: &[String]) -> Keyring {
    let keys = secrets.iter().enumerate().map(|(index, secret)| {
        let first = vector["key"].as_str().filter(|_| index == 0);
        let id = first.map_or_else(|| format!("key-{index}"), str::to_owned);
        Key::new(KeyId::parse(&id).unwrap(), Secret::new(secret.as_str())).allow_weak()
    });
    Keyring::new(keys).unwrap()
}

/// The secrets of a vector; in the place of a public key of Ed25519, these bytes in its encoding.
fn private(vector: &Value, form: &Value, hex_digits: &str) -> Vec<String> {
    let is_private = hex_digits.len() > 64;
    let secrets = texts(&vector["secret"]).into_iter();
    let with_rule = secrets.map(|secret| {
        let mut rules = form["rules"].as_array().unwrap().iter();
        let rule = rules.find(|rule| match rule["key"]["prefix"].as_str() {
            Some(prefix) => secret.starts_with(prefix) || rule["key"]["optional"] == true,
            None => true,
        });
        let rule = rule.unwrap();
        if rule["digest"] != "ed25519" {
            return secret;
        }
        let prefix = match is_private {
            true => rule["key"]["private"].as_str(),
            false => rule["key"]["prefix"].as_str(),
        };
        let text = match rule["key"]["encoding"].as_str() {
            Some("hex") => hex_digits.to_owned(),
            _ => STANDARD.encode(hex::decode(hex_digits).unwrap()),
        };
        format!("{}{text}", prefix.unwrap_or_default())
    });
    with_rule.collect()
}

/// The first key of RFC 8032, section 7.1: its public half.
pub(crate) const PUBLIC: &str = "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a";

/// Its seed and its public half.
pub(crate) const SEED_AND_PUBLIC: &str = "9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a";
