//! Keys: the name that tokens have for one, the times of a certificate, and one secret in several spellings.

use std::time::{Duration, SystemTime};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use countersign::{Given, PublicUrl, Reason, Signed, Unverified};
use http::{HeaderMap, HeaderName, HeaderValue, Method};
use rcgen::{CertificateParams, KeyPair, PKCS_RSA_SHA256};

use super::*;
use crate::warnings;

/// A public key, and a token and its body that were signed with it; the token names it.
pub(super) const KEY: &str = "-----BEGIN PUBLIC KEY-----\\nMFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAERxw+dYxJBChbun5TEY7Q9SSt6wdX\\n0lvS+Oew1236cUzdUg96yoqLkXrMN/Ud6PDJu+OthYOC5wLcJaEtCfeoWA==\\n-----END PUBLIC KEY-----\\n";
const KID: &str = "6c5516e1-92dc-479e-a8ff-5a51992e0001";
const TOKEN: &str = "eyJhbGciOiJFUzI1NiIsImtpZCI6IjZjNTUxNmUxLTkyZGMtNDc5ZS1hOGZmLTVhNTE5OTJlMDAwMSIsInR5cCI6IkpXVCJ9.eyJpYXQiOjE3MDAwMDAwMDAsInJlcXVlc3RfYm9keV9zaGEyNTYiOiI2ZTVlMmFkM2ViZDhkYjUxNzE1MmVmMTJhYmM3ZjNmYmJmY2FiMWNmYTQyN2UyMzRiNWY5ZDk2MDAxOWY1NTc4In0.tq3GcAp-2pecRCxjQboYzmeEDIb-LZlQ9KESD9FbR4gd9gYZClAnvKguIxxzygJwKHq-2nLgBO7vpLnxuOnOYQ";
const BODY: &[u8] = b"{\n  \"item_id\": \"abc\",\n  \"webhook_type\": \"ITEM\"\n}";

fn judged(flow: &Flow) -> Result<(), Reason> {
    let name = HeaderName::from_static("plaid-verification");
    let headers = HeaderMap::from_iter([(name, HeaderValue::from_static(TOKEN))]);
    let request = Signed {
        method: &Method::POST,
        url: PublicUrl::default(),
        headers: &headers,
        body: BODY,
        now: SystemTime::UNIX_EPOCH + Duration::from_secs(1_700_000_000),
    };
    match flow.policy.auth().judge(&request, Given::default()) {
        Ok(_) => Ok(()),
        Err(Unverified::Rejected(rejection)) => Err(rejection.reason()),
        Err(other) => panic!("{other:?}"),
    }
}

#[test]
fn a_token_that_names_another_key_is_not_tried_with_this_one() {
    for (kid, verdict) in [
        (String::new(), Ok(())),
        (format!("kid = \"{KID}\", "), Ok(())),
        ("kid = \"another\", ".to_owned(), Err(Reason::BadSignature)),
    ] {
        let text = with_auth(&format!(
            "scheme = \"plaid\", keys = [{{ {kid}secret = \"{KEY}\" }}]"
        ));
        assert_eq!(judged(&flow(&text)), verdict, "{kid}");
    }
}

#[test]
fn a_name_for_tokens_stands_only_where_a_token_can_name_the_key() {
    let jwk = r#"{ \"kty\": \"EC\", \"crv\": \"P-256\", \"x\": \"Rxw-dYxJBChbun5TEY7Q9SSt6wdX0lvS-Oew1236cUw\", \"y\": \"3VIPesqKi5F6zDf1HejwybvjrYWDgucC3CWhLQn3qFg\" }"#;
    let long = "x".repeat(257);
    for (auth, reason) in [
        (
            "scheme = \"github\", keys = [{ kid = \"a\", secret = { env = \"LONG\" } }]".to_owned(),
            "no meaning with the scheme `github`: its signatures are no tokens",
        ),
        (
            "mode = \"api_key\", keys = [{ kid = \"a\", secret = { env = \"LONG\" } }]".to_owned(),
            "no meaning with an API key",
        ),
        (
            "scheme = \"fireblocks\", keys = [{ kid = \"a\", fetch = true }]".to_owned(),
            "keys that are fetched bring their names",
        ),
        (
            format!("scheme = \"plaid\", keys = [{{ kid = \"a\", secret = \"{jwk}\" }}]"),
            "a JSON Web Key, which brings its own",
        ),
        (
            format!("scheme = \"plaid\", keys = [{{ kid = \"\", secret = \"{KEY}\" }}]"),
            "`kid` is no name of a key",
        ),
        (
            format!("scheme = \"plaid\", keys = [{{ kid = \"{long}\", secret = \"{KEY}\" }}]"),
            "`kid` is no name of a key",
        ),
        (
            format!("scheme = \"plaid\", keys = [{{ kid = 7, secret = \"{KEY}\" }}]"),
            "expected a text",
        ),
    ] {
        let error = parse(&with_auth(&auth)).unwrap_err();
        let problem = error.problems().first().unwrap();
        assert!(problem.message().contains(reason), "{error}");
        assert!(!problem.help().is_empty());
    }
    let step = "steps = [{ name = \"a\", url = \"https://a.example.com\", keys = [{ kid = \"a\", secret = { env = \"LONG\" } }] }]";
    let error = parse(&signed(step)).unwrap_err().to_string();
    assert!(error.contains("its signatures are no tokens"), "{error}");
}

/// A certificate from then to then, in days from now, as TOML has it.
fn certificate(days: [i64; 2]) -> String {
    let key = KeyPair::generate_for(&PKCS_RSA_SHA256).unwrap();
    let mut params = CertificateParams::new(["sender.test".to_owned()]).unwrap();
    let [from, to] = days.map(at);
    (params.not_before, params.not_after) = (from.into(), to.into());
    let pem = params.self_signed(&key).unwrap().pem();
    pem.replace('\n', "\\n").replace('\r', "")
}

fn at(day: i64) -> SystemTime {
    let day = u64::try_from(20_000 + day).unwrap();
    SystemTime::UNIX_EPOCH + Duration::from_secs(day * 86_400)
}

#[test]
fn a_certificate_is_warned_of_like_any_key_that_ends() {
    let kinds = |days, rest: &str, now| {
        let text = with_auth(&format!(
            "scheme = \"sns\", parameters = {{ topic = \"arn:aws:sns:eu-west-1:123456789012:a\" }}, keys = [{{ secret = \"{}\"{rest} }}]",
            certificate(days)
        ));
        let found = warnings::of_keys(flow(&text).policy.auth(), None, at(now));
        found.iter().map(|warning| warning.kind).collect::<Vec<_>>()
    };

    assert_eq!(kinds([0, 100], "", 50), [""; 0]);
    assert_eq!(kinds([0, 100], "", 95), ["key_expires_soon"]);
    assert_eq!(kinds([0, 100], "", 101), ["no_active_key", "key_expired"]);
    assert_eq!(kinds([60, 100], "", 50), ["no_active_key"]);
    // What is written may end it before and never after.
    let day_55 = ", not_after = \"2024-11-28T00:00:00Z\"";
    assert_eq!(kinds([0, 100], day_55, 50), ["key_expires_soon"]);
    assert_eq!(kinds([0, 52], day_55, 53), ["no_active_key", "key_expired"]);
}

#[test]
fn a_file_in_pem_ends_with_a_line_break_and_nothing_is_said_of_it() {
    let text = with_auth("scheme = \"plaid\", keys = [{ secret = { file = \"secrets/pem\" } }]");
    let config = parse(&text).unwrap();
    assert_eq!(judged(config.flows.first().unwrap()), Ok(()));
    let mut warnings = config.warnings.iter();
    assert!(!warnings.any(|warning| warning.message().contains("line break")));
}

#[test]
fn a_public_key_may_be_that_of_several_flows() {
    let key = format!("secret = \"{KEY}\"");
    let plaid = ["scheme = \"plaid\"", key.as_str()];

    assert!(!warned(plaid, plaid));
    assert!(warned(plaid, ["mode = \"api_key\"", &key]));
}

/// What is said of two flows with these keys, in their schemes.
fn warned(one: [&str; 2], other: [&str; 2]) -> bool {
    let flow = |id: &str, [scheme, secret]: [&str; 2]| {
        format!(
            "[[flows]]\nid = \"{id}\"\nreplay = \"off\"\nauth = {{ {scheme}, keys = [{{ id = \"{id}\", {secret} }}] }}\n"
        )
    };
    let config = parse(&(flow("one", one) + &flow("other", other))).unwrap();
    let said = |warning: &Problem| warning.message().contains("has the same secret");
    assert_eq!(
        config.warnings.iter().any(said),
        !config.shared_secrets.is_empty()
    );
    config.warnings.iter().any(said)
}

const RAW: &str = "0123456789abcdefghijklmnopqrstuv";

/// One secret, as each of these schemes wants it.
fn spelled() -> [[String; 2]; 5] {
    let base64 = STANDARD.encode(RAW);
    let of = |scheme: &str, text: String| {
        [
            format!("scheme = \"{scheme}\""),
            format!("secret = \"{text}\""),
        ]
    };
    [
        of("github", RAW.to_owned()),
        of("standard-webhooks", format!("whsec_{base64}")),
        of("svix", base64.trim_end_matches('=').to_owned()),
        of("dixa", hex::encode(RAW)),
        of("adyen", hex::encode_upper(RAW)),
    ]
}

#[test]
fn one_secret_of_two_flows_is_told_however_each_scheme_has_it_spelled() {
    let all = spelled();
    let all = all
        .each_ref()
        .map(|pair| pair.each_ref().map(String::as_str));
    for one in all {
        for other in all {
            assert!(warned(one, other), "{one:?} {other:?}");
        }
    }
    let other = STANDARD.encode("another secret of 32 bytes, here");
    let other = format!("secret = \"whsec_{other}\"");
    for one in all {
        assert!(!warned(one, ["scheme = \"svix\"", &other]), "{one:?}");
    }
    // The same digits are another key where they are not decoded, and still one secret.
    let [_, digits] = all[3];
    assert!(warned(all[3], ["scheme = \"github\"", digits]));
}

#[test]
fn one_secret_in_two_spellings_is_refused_under_two_schemes_and_as_an_api_key_besides() {
    let member = |id: usize, [scheme, secret]: &[String; 2]| {
        format!("{{ {scheme}, keys = [{{ id = \"{id}\", {secret} }}] }}")
    };
    let any = |members: [String; 2]| {
        format!(
            "[[flows]]\nid = \"orders\"\nreplay = \"off\"\nauth = {{ any = [{}] }}\n",
            members.join(", ")
        )
    };
    let told = |members: [String; 2]| parse(&any(members)).unwrap_err().to_string();
    let all = spelled();
    let [github, _, svix, dixa, _] = &all;
    for (one, other) in [(github, svix), (svix, dixa), (dixa, github)] {
        let told = told([member(1, one), member(2, other)]);
        assert!(told.contains("the secret signs under"), "{told}");
    }
    let texts = [
        hex::encode(RAW),
        hex::encode_upper(RAW),
        STANDARD.encode(RAW),
        RAW.to_owned(),
    ];
    for signs in &all {
        for text in &texts {
            let shown = [
                "mode = \"api_key\"".to_owned(),
                format!("secret = \"{text}\""),
            ];
            for pair in [
                [member(1, signs), member(2, &shown)],
                [member(1, &shown), member(2, signs)],
            ] {
                let told = told(pair);
                assert!(
                    told.contains("is an API key or a password, too"),
                    "{text} {told}"
                );
            }
        }
    }
    let token = member(
        2,
        &[
            "scheme = \"gitlab\"".to_owned(),
            format!("secret = \"{RAW}\""),
        ],
    );
    let told = told([member(1, github), token]);
    assert!(told.contains("is an API key or a password, too"), "{told}");
}
