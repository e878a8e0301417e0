//! The senders' own SDKs as the other side: what they sign we accept, what we sign they accept, and neither takes a forgery.
//!
//! The SDKs are in `.tools/interop`, where `cargo xtask test` installs what `tests/interop` pins.

use serde_json::Value;

mod pair;

use pair::{Pair, Sent, forged};

#[test]
fn stripe_and_we_accept_each_other() {
    let event = r#"{"id": "evt_1", "object": "event", "name": "Zoë"}"#;
    Pair::new("stripe", "stripe", "whsec_0123456789abcdef0123456789abcdef").both_ways(event);
}

#[test]
fn svix_and_we_accept_each_other() {
    Pair::new("svix", "svix", WHSEC).both_ways(BODY);
}

#[test]
fn standard_webhooks_and_we_accept_each_other() {
    Pair::new("standardwebhooks", "standard-webhooks", WHSEC).both_ways(BODY);
}

#[test]
fn slack_and_we_accept_each_other() {
    let command =
        "token=abc&command=%2Fweather&text=94070+K%C3%B6ln&response_url=https%3A%2F%2Fexample.com";
    Pair::new("slack-sdk", "slack", HEX).both_ways(command);
}

#[test]
fn github_and_we_accept_each_other() {
    Pair::new("octokit", "github", HEX).both_ways(BODY);
}

#[test]
fn twilio_and_we_accept_each_others_forms() {
    let form = "To=%2B18005551212&Body=Zo%C3%AB+says+hi%21&From=%2B14158675309&Empty=&CallSid=CA1";
    for url in ["/hooks/in?foo=1&bar=a%20b", ":8443/hooks/in"] {
        let mut pair = Pair::new("twilio", "twilio", HEX);
        pair.kind = "application/x-www-form-urlencoded";
        pair.url = format!("https://hooks.example.com{url}");
        pair.both_ways(form);
    }
}

#[test]
fn twilio_and_we_accept_each_others_json() {
    use sha2::Digest as _;
    let digest = hex::encode(sha2::Sha256::digest(BODY));
    let mut pair = Pair::new("twilio", "twilio", HEX);
    pair.url = format!("https://hooks.example.com/hooks/in?a=1&bodySHA256={digest}");
    pair.changed = "body_changed";
    pair.they_sign(BODY);
    // Ours writes the hash into the URL.
    pair.url = "https://hooks.example.com/hooks/in?a=1".to_owned();
    pair.we_sign(BODY);
}

#[test]
fn twilio_and_we_accept_each_others_gets() {
    let mut pair = Pair::new("twilio", "twilio", HEX);
    pair.method = "GET";
    pair.url = "https://hooks.example.com/hooks/in?Body=Zo%C3%AB&n=1".to_owned();
    pair.forge = |sent| sent.url = forged(&sent.url);
    pair.both_ways("");
}

#[test]
fn discord_and_we_accept_each_other() {
    let mut pair = Pair::new("discord", "discord", ONE_KEY);
    pair.receiver = &ONE_KEY[64..];
    pair.stranger = (OTHER_KEY, &OTHER_KEY[64..]);
    pair.both_ways(BODY);
}

#[test]
fn braintree_and_we_accept_each_other() {
    let mut pair = Pair::new("braintree", "braintree", HEX);
    pair.kind = "application/x-www-form-urlencoded";
    pair.key_id = Some("public");
    pair.forge = |sent| sent.body = sent.body.replacen("bt_payload=", "bt_payload=A", 1);
    pair.they_sign("");
    let mut stranger = Pair::new("braintree", "braintree", pair.stranger.0);
    stranger.kind = pair.kind;
    let Some(sample) = stranger.signed_by_them("") else {
        return;
    };
    // Their sample with a stranger's signature, over which ours goes.
    pair.we_sign(&sample.body);
}

#[test]
fn adyen_and_we_accept_each_others_payments() {
    let mut pair = Pair::new("adyen", "adyen", HEX);
    pair.stranger = (OTHER_HEX, OTHER_HEX);
    pair.both_ways(NOTIFICATION);
}

#[test]
fn adyen_and_we_accept_each_others_banking_webhooks() {
    let mut pair = Pair::new("adyen-banking", "adyen-banking", HEX);
    pair.stranger = (OTHER_HEX, OTHER_HEX);
    pair.both_ways(BODY);
}

#[test]
fn box_and_we_accept_each_other_under_either_key() {
    Pair::new("box", "box", HEX).both_ways(BODY);
    let mut secondary = Pair::new("box-secondary", "box", HEX);
    secondary.key_id = Some("secondary");
    secondary.both_ways(BODY);
}

#[test]
fn cloudinary_and_we_accept_each_other() {
    Pair::new("cloudinary", "cloudinary", HEX).both_ways(BODY);
    Pair::new("cloudinary-sha256", "cloudinary-sha256", HEX).both_ways(BODY);
}

#[test]
fn gocardless_accepts_what_we_sign() {
    let events = r#"{"events": [{"id": "EV1", "name": "Zoë"}], "meta": {}}"#;
    Pair::new("gocardless", "gocardless", HEX).we_sign(events);
}

#[test]
fn linear_accepts_what_we_sign() {
    let body = r#"{"action": "create", "name": "Zoë", "webhookTimestamp": 0}"#;
    Pair::new("linear", "linear", HEX).we_sign(body);
}

#[test]
fn paddle_and_we_accept_each_other() {
    let mut pair = Pair::new("paddle", "paddle", "pdl_ntfset_0123456789abcdef");
    pair.window = Some("1h");
    pair.both_ways(BODY);
}

#[test]
fn polar_and_we_accept_each_other() {
    Pair::new("polar", "polar", WHSEC).both_ways(ORDER);
}

#[test]
fn polar_and_we_accept_each_other_under_older_secrets() {
    Pair::new("polar-whole", "polar", WHSEC).they_sign(ORDER);
    let older = "polar_whs_0123456789abcdefghijklmn";
    Pair::new("polar-whole", "polar", older).both_ways(ORDER);
}

#[test]
fn razorpay_accepts_what_we_sign() {
    Pair::new("razorpay", "razorpay", HEX).we_sign(BODY);
}

#[test]
fn resend_and_we_accept_each_other() {
    Pair::new("resend", "resend", WHSEC).both_ways(BODY);
}

#[test]
fn sanity_and_we_accept_each_other() {
    Pair::new("sanity", "sanity", HEX).both_ways(BODY);
}

#[test]
fn sendgrid_and_we_judge_alike() {
    let mut pair = Pair::new("sendgrid", "sendgrid", EC_PRIVATE);
    pair.receiver = EC_PUBLIC;
    pair.stranger = ("", OTHER_EC_PUBLIC);
    if let Some(sent) = pair.signed_by_them("[{\"event\": \"open\", \"name\": \"Zoë\"}]\r\n") {
        pair.both_judge(&sent);
    }
}

#[test]
fn the_validator_of_aws_and_we_judge_real_messages_alike() {
    let captured = include_str!("../../../crates/countersign/tests/captured.json");
    let mut messages: Vec<Value> = serde_json::from_str(captured).unwrap();
    // The validator forgets that an end of a subscription has a token in what is signed.
    messages.retain(|message| {
        let name = message["name"].as_str().unwrap();
        message["provider"] == "sns" && !name.contains("unsubscription")
    });
    assert!(messages.len() > 4, "{}", messages.len());
    for message in &messages {
        let text = |name: &str| message[name].as_str().unwrap().to_owned();
        let certificate = text("secret");
        let mut others = messages.iter().filter_map(|other| other["secret"].as_str());
        let stranger = others.find(|other| *other != certificate).unwrap();
        let mut pair = Pair::new("sns", "sns", "");
        pair.receiver = certificate.leak();
        pair.stranger = ("", stranger.to_owned().leak());
        pair.now = message["now"].as_u64();
        pair.forge = |sent| {
            sent.body = sent
                .body
                .replacen("\"Message\" : \"", "\"Message\" : \"X", 1);
        };
        pair.both_judge(&Sent {
            url: text("url"),
            headers: Vec::new(),
            body: text("body"),
        });
    }
}

#[test]
fn square_accepts_what_we_sign() {
    let mut pair = Pair::new("square", "square", HEX);
    pair.url = "https://hooks.example.com/hooks/in?shop=1&b=%20x".to_owned();
    pair.we_sign(BODY);
}

#[test]
fn workos_and_we_accept_each_other() {
    let mut pair = Pair::new("workos", "workos", HEX);
    pair.window = Some("1h");
    pair.both_ways(r#"{"id":"event_1","name":"Zoë"}"#);
}

const BODY: &str = r#"{"order": 7, "name": "Zoë", "price": 1.50}"#;
/// The private key of RFC 6979, A.2.5, its public key, and another public key.
const EC_PRIVATE: &str = "MDECAQEEIMmvqdhFunUWa1whV2ex1pNOUMPbNuibEnuKYisSD2choAoGCCqGSM49AwEH";
const EC_PUBLIC: &str = "MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEYP7UuiVanTHJYet0xjVtaMBJuJI7Yfps5mliLmDyn7Z5A/4QCLi8maQa6elWKLxk8vGyDC1+n1F3o8KU1EYimQ==";
const OTHER_EC_PUBLIC: &str = "MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEF9aB1obekYa7PrSxX6nRLQHM4bU714nm5WDWHiPszxpuXNESr7MXPxA92tC87UDi4UmFUAWuEfRxz6yNax573w==";
const HEX: &str = "0123456789abcdef0123456789abcdef";
const OTHER_HEX: &str = "fedcba9876543210fedcba9876543210";
/// A notification of Adyen that is to be signed.
const NOTIFICATION: &str = r#"{"live": "false", "notificationItems": [{"NotificationRequestItem": {
    "pspReference": "7914073381342284", "merchantAccountCode": "TestMerchant", "merchantReference": "Zoë-1",
    "amount": {"value": 1130, "currency": "EUR"}, "eventCode": "AUTHORISATION", "success": "true",
    "additionalData": {"hmacSignature": ""}}}]}"#;
const ORDER: &str = r#"{"type": "order.paid", "data": {"name": "Zoë", "amount": 1.50}}"#;
/// Private keys of RFC 8032: the seed, then the public key.
const ONE_KEY: &str = "9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a";
const OTHER_KEY: &str = "4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c";
const WHSEC: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
