//! Senders make sure of their receiver, and are answered; nobody else is, and no verdict changes.

use std::collections::BTreeMap;
use std::time::{Duration, SystemTime};

use countersign::{
    Addresses, ApiKey, Auth, Given, HandshakeAnswer, Handshakes, Key, KeyId, Keyring, PublicUrl,
    Reason, Scheme, SchemeError, Secret, Signed, Verifier, WrongToken,
};
use http::{HeaderMap, HeaderName, HeaderValue, Method};
use proptest::prelude::*;
use serde::Deserialize;

/// A handshake as a sender shakes it, and the answer that it waits for.
#[derive(Clone, Debug, Deserialize)]
struct Shake {
    scheme: String,
    name: String,
    key: String,
    secret: String,
    #[serde(default)]
    parameters: BTreeMap<String, String>,
    method: String,
    target: String,
    headers: BTreeMap<String, String>,
    body: String,
    now: u64,
    answer: Expected,
}

#[derive(Clone, Debug, Deserialize)]
struct Expected {
    status: u16,
    headers: BTreeMap<String, String>,
    body: String,
}

impl Shake {
    fn all() -> Vec<Self> {
        serde_json::from_str(include_str!("../handshakes.json")).unwrap()
    }

    /// The one of this scheme; the first, where there are several.
    fn of(scheme: &str) -> Self {
        let mut all = Self::all().into_iter();
        all.find(|shake| shake.scheme == scheme).unwrap()
    }

    fn receiver(&self) -> (Handshakes, Auth) {
        let mut scheme = Scheme::preset(&self.scheme).unwrap();
        for (name, value) in &self.parameters {
            if scheme.parameters().any(|known| known == name) {
                scheme = scheme.with_parameter(name, value).unwrap();
            }
        }
        let mut handshakes = Handshakes::of(&scheme);
        for (name, value) in &self.parameters {
            if handshakes.parameters().any(|known| known == name) {
                let value = Secret::new(value.as_str());
                handshakes = handshakes.with_parameter(name, value).unwrap();
            }
        }
        let key = KeyId::parse(&self.key).unwrap();
        let key = Key::new(key, Secret::new(self.secret.as_str()));
        let verifier = Verifier::new(&scheme, &Keyring::new([key]).unwrap()).unwrap();
        (handshakes, Auth::Signature(verifier))
    }

    fn headers(&self) -> HeaderMap {
        let headers = self.headers.iter().map(|(name, value)| {
            let name: HeaderName = name.parse().unwrap();
            (name, HeaderValue::from_str(value).unwrap())
        });
        headers.collect()
    }

    fn answer(&self) -> Result<Option<HandshakeAnswer>, WrongToken> {
        self.answer_to(&self.headers())
    }

    /// What a receiver does: greets what the head is, else verifies and looks again.
    fn answer_to(&self, headers: &HeaderMap) -> Result<Option<HandshakeAnswer>, WrongToken> {
        let (handshakes, auth) = self.receiver();
        let method: Method = self.method.parse().unwrap();
        let request = Signed {
            method: &method,
            url: PublicUrl::new("https://hooks.example.com", &self.target),
            headers,
            body: self.body.as_bytes(),
            now: SystemTime::UNIX_EPOCH + Duration::from_secs(self.now),
        };
        let head = Signed {
            body: b"",
            ..request
        };
        if let Some(answer) = handshakes.greet(&auth, None, &head)? {
            return Ok(Some(answer));
        }
        let verified = auth.verify(&request).ok();
        Ok(verified.and_then(|verified| handshakes.confirm(&auth, &request, &verified)))
    }

    fn with_target(mut self, target: &str) -> Self {
        self.target = target.to_owned();
        self
    }

    fn is_answered(&self) -> bool {
        matches!(self.answer(), Ok(Some(_)))
    }
}

/// A request without a body.
fn bare<'a>(method: &'a Method, headers: &'a HeaderMap) -> Signed<'a> {
    Signed {
        method,
        url: PublicUrl::default(),
        headers,
        body: b"",
        now: SystemTime::UNIX_EPOCH,
    }
}

#[test]
fn every_sender_is_answered_as_it_wants() {
    for shake in Shake::all() {
        let answer = shake.answer().unwrap();
        let answer = answer.unwrap_or_else(|| panic!("{}: {}", shake.scheme, shake.name));

        assert_eq!(answer.status().as_u16(), shake.answer.status, "{shake:?}");
        assert_eq!(answer.body(), shake.answer.body, "{shake:?}");
        for (name, value) in &shake.answer.headers {
            assert_eq!(answer.headers()[name], value.as_str(), "{shake:?}");
        }
        assert_eq!(answer.headers()["x-content-type-options"], "nosniff");
    }
}

#[test]
fn a_signed_handshake_is_none_once_a_byte_of_it_changes() {
    for scheme in ["zoom", "slack", "twitch", "discord", "xero"] {
        let shake = Shake::of(scheme);
        for at in 0..shake.body.len() {
            let mut changed = shake.clone();
            let mut body = changed.body.into_bytes();
            body[at] ^= 1;
            changed.body = String::from_utf8(body).unwrap();
            assert!(!changed.is_answered(), "{changed:?}");
        }
        let mut unsigned = shake;
        let is_signature = |name: &str| name.to_lowercase().contains("signature");
        unsigned.headers.retain(|name, _| !is_signature(name));
        assert!(!unsigned.is_answered(), "{unsigned:?}");
    }
}

#[test]
fn a_signed_handshake_is_none_once_its_time_is_over() {
    for scheme in ["zoom", "slack", "twitch", "discord", "sns"] {
        let mut late = Shake::of(scheme);
        late.now += 24 * 60 * 60;

        assert!(!late.is_answered(), "{scheme}");
    }
}

#[test]
fn a_signed_handshake_is_answered_again_when_its_sender_repeats_it() {
    let shake = Shake::of("slack");

    assert!(shake.is_answered());
    assert!(shake.is_answered());
}

#[test]
fn a_wrong_token_is_told_and_gets_no_challenge() {
    let meta = Shake::of("meta");
    let challenge = "/hooks/meta?hub.mode=subscribe&hub.challenge=1";

    for wrong in ["nope", "", "meatyhamhoc", "meatyhamhock1", "Meatyhamhock"] {
        let shake = meta
            .clone()
            .with_target(&format!("{challenge}&hub.verify_token={wrong}"));
        assert!(shake.answer().is_err(), "{wrong}");
    }
}

#[test]
fn a_handshake_without_its_parameter_is_not_answered() {
    let mut meta = Shake::of("meta");
    meta.parameters.clear();

    let (handshakes, _) = meta.receiver();

    assert_eq!(handshakes.missing().collect::<Vec<_>>(), ["verify_token"]);
    assert!(matches!(meta.answer(), Ok(None)));
}

#[test]
fn what_is_not_exactly_the_handshake_is_none() {
    for (scheme, target) in [
        (
            "meta",
            "/hooks/meta?hub.mode=unsubscribe&hub.challenge=1&hub.verify_token=meatyhamhock",
        ),
        (
            "meta",
            "/hooks/meta?hub.mode=subscribe&hub.verify_token=meatyhamhock",
        ),
        (
            "meta",
            "/hooks/meta?hub.mode=subscribe&hub.challenge=&hub.verify_token=meatyhamhock",
        ),
        (
            "meta",
            "/hooks/meta?hub.mode=subscribe&hub.challenge=1&hub.challenge=2&hub.verify_token=meatyhamhock",
        ),
        (
            "meta",
            "/hooks/meta?hub.mode=subscribe&hub.challenge=1&hub.verify_token=meatyhamhock&hub.verify_token=x",
        ),
        ("dropbox", "/hooks/dropbox"),
        ("dropbox", "/hooks/dropbox?challenge"),
        ("dropbox", "/hooks/dropbox?challenge=a&challenge=b"),
        ("dropbox", "/hooks/dropbox?Challenge=a"),
        ("dropbox", "/hooks/dropbox#challenge=a"),
        (
            "braintree",
            "/hooks/braintree?bt_challenge=20f9f8ed05f77439fe955c977e4c8a5g",
        ),
        (
            "braintree",
            "/hooks/braintree?bt_challenge=20f9f8ed05f77439fe955c977e4c8a53a",
        ),
        ("x", "/hooks/x?crc_token=a&crc_token=b"),
    ] {
        assert!(
            !Shake::of(scheme).with_target(target).is_answered(),
            "{target}"
        );
    }
    for (scheme, method) in [
        ("dropbox", "HEAD"),
        ("dropbox", "POST"),
        ("trello", "GET"),
        ("x", "POST"),
    ] {
        let mut other = Shake::of(scheme);
        other.method = method.to_owned();
        assert!(!other.is_answered(), "{scheme} {method}");
    }
}

#[test]
fn nothing_is_echoed_that_could_mean_something_elsewhere() {
    let long = "a".repeat(513);
    for text in [
        "<script>alert(1)</script>",
        "%3Cscript%3Ealert(1)%3C/script%3E",
        "a%0d%0aSet-Cookie:%20b=c",
        "a%0ab",
        "a%00b",
        "%22%7D",
        "a%C3%A9",
        "a%FF",
        &long,
    ] {
        for (scheme, name) in [("dropbox", "challenge"), ("x", "crc_token")] {
            let target = format!("/hooks?{name}={text}");
            assert!(
                !Shake::of(scheme).with_target(&target).is_answered(),
                "{target}"
            );
        }
        let meta =
            format!("/hooks?hub.mode=subscribe&hub.verify_token=meatyhamhock&hub.challenge={text}");
        assert!(
            !Shake::of("meta").with_target(&meta).is_answered(),
            "{meta}"
        );
    }
    for value in ["a<b", "a\"b", "a\\b", "", &long] {
        let mut okta = Shake::of("okta");
        okta.headers
            .insert("X-Okta-Verification-Challenge".into(), value.into());
        assert!(!okta.is_answered(), "{value}");
    }
}

#[test]
fn a_header_that_is_there_twice_is_no_handshake() {
    let okta = Shake::of("okta");
    let mut headers = okta.headers();
    headers.append(
        "x-okta-verification-challenge",
        HeaderValue::from_static("another"),
    );

    assert!(matches!(okta.answer_to(&headers), Ok(None)));
}

#[test]
fn what_anybody_can_have_signed_is_no_event() {
    // Whoever asks for the MAC of a text has a signature of that text, and posts the two together.
    let challenge = "challenge_string";
    let asked = Shake::of("x").answer().unwrap().unwrap();
    let mac = asked.body().split('"').nth(3).unwrap().to_owned();
    let mut forged = Shake::of("x");
    let (_, auth) = forged.receiver();
    forged
        .headers
        .insert("X-Twitter-Webhooks-Signature".into(), mac);
    let headers = forged.headers();

    let refused = auth.verify(&Signed {
        method: &Method::POST,
        url: PublicUrl::default(),
        headers: &headers,
        body: challenge.as_bytes(),
        now: SystemTime::UNIX_EPOCH,
    });

    assert_eq!(refused.unwrap_err().reason(), Reason::ChallengeBody);
}

#[test]
fn events_beside_handshakes_are_events() {
    // Discord's webhook events are of the type that its pings of interactions have.
    let mut event = Shake::of("discord");
    event.body = r#"{"version":1,"type":1,"event":{"type":"APPLICATION_AUTHORIZED"}}"#.into();
    event.secret = "3ff73aba65a2c4663d0acead7e165467f006200afcb26296ddf01322b0c6ed7a".into();
    event.headers.insert("X-Signature-Ed25519".into(), "7ced0595469a6e4c1e1e36e248a81526001009dd16f6b82f0790da68e1b4d16a9de4328d8a8da251dc7d9fb1d617a4da942754c813ad54737e67d5cb5e59af06".into());

    let (_, auth) = event.receiver();
    let headers = event.headers();
    let verified = auth.verify(&Signed {
        method: &Method::POST,
        url: PublicUrl::default(),
        headers: &headers,
        body: event.body.as_bytes(),
        now: SystemTime::UNIX_EPOCH + Duration::from_secs(event.now),
    });

    assert!(verified.is_ok());
    assert!(!event.is_answered());
}

#[test]
fn a_subscription_is_confirmed_for_ones_own_topic_only() {
    let sns = Shake::of("sns");
    let answer = sns.answer().unwrap().unwrap();
    assert_eq!(
        answer.visit(),
        Some("https://sns.us-west-2.amazonaws.com/?Action=ConfirmSubscription")
    );

    let mut anothers = sns.clone();
    anothers.parameters.insert(
        "topic".into(),
        "arn:aws:sns:us-west-2:123456789012:Another".into(),
    );
    assert!(!anothers.is_answered());

    // Without a topic anybody's would be: it is an event, and nothing is visited.
    let mut any = sns;
    any.parameters.clear();
    assert!(!any.is_answered());
}

#[test]
fn a_signed_handshake_is_none_where_another_auth_lets_it_in() {
    let token = ApiKey::new(&Keyring::single(Secret::new("a token of some length"))).unwrap();
    let anywhere = Addresses::new([("0.0.0.0".parse().unwrap(), 0)]).unwrap();
    for scheme in ["zoom", "slack", "discord", "sns", "xero"] {
        let shake = Shake::of(scheme);
        let (handshakes, signature) = shake.receiver();
        let genuine = |auth: &Auth, headers: &HeaderMap, client| {
            let request = Signed {
                method: &Method::POST,
                url: PublicUrl::default(),
                headers,
                body: shake.body.as_bytes(),
                now: SystemTime::UNIX_EPOCH + Duration::from_secs(shake.now),
            };
            let given = Given {
                client,
                ..Given::default()
            };
            let verified = auth.judge(&request, given).unwrap();
            handshakes.confirm(auth, &request, &verified).is_some()
        };
        let mut unsigned = HeaderMap::new();
        unsigned.insert(
            "x-api-key",
            HeaderValue::from_static("a token of some length"),
        );
        let from = "192.0.2.7".parse().ok();

        let by_token = Auth::any([Auth::ApiKey(token.clone()), signature.clone()]).unwrap();
        assert!(!genuine(&by_token, &unsigned, None), "{scheme}");
        let by_address = [Auth::Address(anywhere.clone()), signature.clone()];
        let by_address = Auth::any(by_address).unwrap();
        assert!(!genuine(&by_address, &unsigned, from), "{scheme}");
        let second = Auth::all([Auth::Address(anywhere.clone()), signature]).unwrap();
        assert!(genuine(&second, &shake.headers(), from), "{scheme}");
        assert!(genuine(&by_token, &shake.headers(), None), "{scheme}");
    }
}

#[test]
fn a_secret_that_is_brought_is_offered_and_never_just_answered() {
    let scheme = Scheme::preset("asana").unwrap();
    let handshakes = Handshakes::of(&scheme);
    let auth = Auth::Signature(Verifier::new(&scheme, &Keyring::awaiting()).unwrap());
    let secret = "b537207f20cbfa02357cf448134da559";
    let mut headers = HeaderMap::new();
    headers.insert("x-hook-secret", HeaderValue::from_static(secret));
    let post = &Method::POST;

    assert!(handshakes.bring_a_secret());
    assert!(matches!(
        handshakes.greet(&auth, None, &bare(post, &headers)),
        Ok(None)
    ));
    let (offered, answer) = handshakes
        .offer(&auth, None, &bare(post, &headers))
        .unwrap();
    assert_eq!(offered.expose(), secret.as_bytes());
    assert_eq!(answer.headers()["x-hook-secret"], secret);
    let refused = auth.check_head(post, &headers).unwrap_err();
    assert_eq!(refused.reason(), Reason::NoActiveKey);
    let mut signed = HeaderMap::new();
    let signature = HeaderValue::from_str(&"ab".repeat(32)).unwrap();
    signed.insert("x-hook-signature", signature);
    for read in [&headers, &signed] {
        let refused = auth.verify(&bare(post, read)).unwrap_err();
        assert_eq!(refused.reason(), Reason::NoActiveKey, "as by its head");
    }
    assert!(auth.verify(&bare(post, &headers)).is_err());

    assert!(handshakes.find_a_secret_in(&bare(post, &headers)));
    assert!(!handshakes.find_a_secret_in(&bare(post, &HeaderMap::new())));
    let mut twice = headers.clone();
    twice.append("x-hook-secret", HeaderValue::from_static(secret));
    assert!(handshakes.find_a_secret_in(&bare(post, &twice)));

    // A signed event that carries the header as well registers nothing.
    headers.insert("x-hook-signature", HeaderValue::from_static("ab"));
    assert!(handshakes.find_a_secret_in(&bare(post, &headers)));
    assert!(
        handshakes
            .offer(&auth, None, &bare(post, &headers))
            .is_none()
    );
}

#[test]
fn of_several_auths_the_one_whose_handshake_it_is_says_from_where() {
    let office = || Auth::Address(Addresses::new([("192.0.2.0".parse().unwrap(), 24)]).unwrap());
    let (inside, outside) = ("192.0.2.7".parse().ok(), "198.51.100.7".parse().ok());
    let key = |secret: &str| Keyring::single(Secret::new(secret));
    let receiver = |preset: &str, keys: &Keyring| {
        let scheme = Scheme::preset(preset).unwrap();
        let signature = Auth::Signature(Verifier::new(&scheme, keys).unwrap());
        let token = Auth::ApiKey(ApiKey::new(&key("a token of some length")).unwrap());
        let there = Auth::all([office(), signature]).unwrap();
        (Handshakes::of(&scheme), Auth::any([there, token]).unwrap())
    };
    let mut headers = HeaderMap::new();

    let (handshakes, auth) = receiver("x", &key("a secret of some length"));
    let method = Method::GET;
    let asks = Signed {
        url: PublicUrl::new("", "/hooks/x?crc_token=abc"),
        ..bare(&method, &headers)
    };
    let greeted = |client| handshakes.greet(&auth, client, &asks).unwrap().is_some();
    assert!(greeted(inside) && !greeted(outside) && !greeted(None));

    headers.insert(
        "x-hook-secret",
        HeaderValue::from_static("a brought secret"),
    );
    let (handshakes, auth) = receiver("asana", &Keyring::awaiting());
    let brings = bare(&Method::POST, &headers);
    let offered = |client| handshakes.offer(&auth, client, &brings).is_some();
    assert!(offered(inside) && !offered(outside) && !offered(None));

    // What is no member's own may come from where any member takes requests.
    headers.insert(
        "webhook-request-origin",
        HeaderValue::from_static("a.example"),
    );
    let asks = bare(&Method::OPTIONS, &headers);
    let handshakes = Handshakes::preset("cloudevents").unwrap();
    let greeted = |auth: &Auth| handshakes.greet(auth, outside, &asks).unwrap().is_some();
    assert!(greeted(&auth) && !greeted(&Auth::all([office(), auth.clone()]).unwrap()));
}

#[test]
fn any_flow_can_answer_what_cloud_events_asks() {
    let handshakes = Handshakes::preset("cloudevents").unwrap();
    let mut headers = HeaderMap::new();
    headers.insert(
        "webhook-request-origin",
        HeaderValue::from_static("eventemitter.example.com"),
    );

    let answer = handshakes.greet(&Auth::None, None, &bare(&Method::OPTIONS, &headers));
    let answer = answer.unwrap().unwrap();
    assert_eq!(answer.status(), 200);
    assert_eq!(
        answer.headers()["webhook-allowed-origin"],
        "eventemitter.example.com"
    );
    assert_eq!(answer.headers()["webhook-allowed-rate"], "*");
    assert_eq!(answer.headers()["allow"], "POST");

    let other = handshakes.greet(&Auth::None, None, &bare(&Method::GET, &headers));
    assert!(matches!(other, Ok(None)));
    headers.clear();
    let plain = handshakes.greet(&Auth::None, None, &bare(&Method::OPTIONS, &headers));
    assert!(matches!(plain, Ok(None)));
    assert!(Handshakes::preset("cloudevent").is_none());
    assert_eq!(
        Handshakes::preset_names().collect::<Vec<_>>(),
        ["cloudevents"]
    );
}

#[test]
fn a_handshake_that_could_do_harm_is_no_scheme() {
    for (handshake, why) in [
        (
            "when = { from = \"query:a\" }",
            "does not say which `methods`",
        ),
        (
            "when = { methods = \"POST\", from = \"header:a\" }",
            "has to be `signed`",
        ),
        (
            "when = [{ methods = \"GET\" }, { methods = [\"GET\", \"PUT\"] }]",
            "has to be `signed`",
        ),
        (
            "when = { methods = \"GET\", from = \"json:/a\" }",
            "reads the body",
        ),
        (
            "when = { methods = \"GET\" }\nanswer = { text = \"{form:a}\" }",
            "reads the body",
        ),
        (
            "when = { methods = \"GET\" }\nvisit = { from = \"query:a\", https = { hosts = [\"a.example\"] } }",
            "asks for a visit",
        ),
        (
            "when = { methods = \"GET\" }\nanswer = { text = \"{mac}\" }",
            "has no `mac`",
        ),
        (
            "when = { methods = \"GET\" }\ntoken = { from = \"query:a\", parameter = \"t\" }\nanswer = { text = \"{parameter:t}\" }",
            "answers the `token`",
        ),
        (
            "when = { methods = \"GET\" }\nanswer = { status = 302 }",
            "no success",
        ),
        (
            "when = { methods = \"GET\" }\nanswer = { status = 204, text = \"a\" }",
            "has no body",
        ),
        (
            "when = { methods = \"GET\" }\nanswer = { text = \"a\", json = { a = 1 } }",
            "both",
        ),
        (
            "when = { methods = \"GET\" }\nanswer = { headers = { Content-Type = \"text/html\" } }",
            "not the sender's to choose",
        ),
        (
            "when = { methods = \"GET\" }\nanswer = { headers = { Set-Cookie = \"a\" } }",
            "not the sender's to choose",
        ),
        (
            "signed = true\nwhen = { methods = \"POST\" }\ntakes = \"header:a\"",
            "cannot bring the secret",
        ),
        (
            "when = { methods = \"POST\" }\ntakes = \"json:/a\"",
            "reads the body",
        ),
        (
            "signed = true\nwhen = { methods = \"POST\", from = \"claim:/a\" }",
            "reads a place other",
        ),
        (
            "when = { methods = \"GET\" }\nanswer = { text = \"{query:a\" }",
            "brace",
        ),
        (
            "when = { methods = \"GET\" }\nanswer = { text = \"{secret}\" }",
            "not a place",
        ),
    ] {
        let text = format!(
            "name = \"a\"\nsign = \"{{body}}\"\nsignature = {{ from = \"header:s\", encoding = \"hex\" }}\nrules = [{{ digest = \"hmac-sha256\" }}]\n[handshake]\n{handshake}\n"
        );
        let error = toml::from_str::<Scheme>(&text).unwrap_err().to_string();
        assert!(error.contains(why), "{handshake}: {error}");
    }
}

#[test]
fn a_parameter_that_no_handshake_has_is_refused_and_none_is_printed() {
    let meta = Handshakes::of(&Scheme::preset("meta").unwrap());

    let wrong = meta.clone().with_parameter("token", Secret::new("a"));
    let right = meta
        .with_parameter("verify_token", Secret::new("hunter2"))
        .unwrap();

    assert!(matches!(wrong, Err(SchemeError::UnknownParameter(_))));
    assert!(!format!("{right:?}").contains("hunter2"));
}

proptest! {
    #[test]
    fn whatever_is_echoed_is_harmless(target in "/\\?[ -~]{0,80}", value in "[ -~]{0,40}") {
        for scheme in ["meta", "dropbox", "okta", "onfleet", "braintree", "linkedin", "x", "trello"] {
            let mut shake = Shake::of(scheme).with_target(&target);
            shake.headers.insert("X-Okta-Verification-Challenge".into(), value.clone());
            if let Ok(Some(answer)) = shake.answer() {
                let text = answer.body();
                prop_assert!(!text.contains(['<', '>', '&', '\'', '\r', '\n', '\\']), "{}", text);
            }
        }
    }

    #[test]
    fn whatever_challenge_is_answered_with_a_mac_is_no_event(challenge in "[!-~]{1,60}") {
        let mut shake = Shake::of("x");
        let encoded: String = challenge.bytes().map(|byte| format!("%{byte:02X}")).collect();
        shake.target = format!("/hooks/x?crc_token={encoded}");
        if let Ok(Some(answer)) = shake.answer() {
            let (_, auth) = shake.receiver();
            let mac = answer.body().split('"').nth(3).unwrap();
            let headers = HeaderMap::from_iter([(
                HeaderName::from_static("x-twitter-webhooks-signature"),
                HeaderValue::from_str(mac).unwrap(),
            )]);
            let forged = auth.verify(&Signed {
                method: &Method::POST,
                url: PublicUrl::default(),
                headers: &headers,
                body: challenge.as_bytes(),
                now: SystemTime::UNIX_EPOCH,
            });
            prop_assert!(forged.is_err());
        }
    }
}
