//! What is genuine in one way is not genuine in another: as another form, with other parts, for another receiver.

use countersign::{PublicUrl, Reason, Scheme, SchemeError, Signer, ToSign, Verifier, Weakness};
use http::Method;
use serde_json::Value;

use crate::support::{BASE, SECRET, Sent, at_millis, preset, ring};
use crate::vectors::{accepts, judged, vector};

/// The vector's request with other headers in place of its own.
fn with_headers(mut sent: Value, headers: &[(&str, &str)]) -> Value {
    sent["headers"] = headers.iter().copied().collect::<Value>();
    sent
}

#[test]
fn a_json_request_of_twilio_is_not_an_empty_form() {
    let json = vector("twilio", "json-bodySHA256");
    assert!(accepts(&json));
    let signature = json["headers"]["X-Twilio-Signature"].as_str().unwrap();

    let form = ("Content-Type", "application/x-www-form-urlencoded");
    for body in ["", "&", "a="] {
        let mut replayed = with_headers(json.clone(), &[form, ("X-Twilio-Signature", signature)]);
        replayed["body"] = body.into();
        assert!(!accepts(&replayed), "{body:?}");
        replayed["method"] = "GET".into();
        assert!(!accepts(&replayed), "GET {body:?}");
    }
}

#[test]
fn a_get_of_twilio_is_not_a_form_of_its_query() {
    let signer = Signer::new(&preset("twilio"), &ring(&[SECRET])).unwrap();
    let verifier = Verifier::new(&preset("twilio"), &ring(&[SECRET])).unwrap();
    let mut get = Sent::bare(Method::GET, "/in?a=1&b=2", b"");
    get.sign(&signer);
    assert_eq!(get.reason(&verifier), None);

    for (target, body) in [
        ("/in?a=1&b=2", ""),
        ("/in", "%3Fa=%3D1%26b%3D2"),
        ("/in?a=1", "%26b=%3D2"),
        ("/in?a", "%3D1%26b=%3D2"),
    ] {
        let mut form = get.clone();
        form.method = Method::POST;
        form.target = target.into();
        form.body = body.into();
        form.set("content-type", "application/x-www-form-urlencoded");
        assert!(form.reason(&verifier).is_some(), "{target} {body}");
    }
}

#[cfg(feature = "rsa")]
#[test]
fn the_text_of_a_token_is_not_a_body_of_the_older_form() {
    use base64::Engine;
    use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};

    let token = vector("fireblocks", "jws-valid");
    assert!(accepts(&token));
    let text = token["headers"]["Fireblocks-Webhook-Signature"]
        .as_str()
        .unwrap();
    let (head, signature) = text.split_once("..").unwrap();
    let signature = STANDARD.encode(URL_SAFE_NO_PAD.decode(signature).unwrap());

    let mut older = with_headers(token.clone(), &[("Fireblocks-Signature", &signature)]);
    let body = URL_SAFE_NO_PAD.encode(token["body"].as_str().unwrap());
    older["body"] = format!("{head}.{body}").into();

    assert_eq!(judged(&older), Some(Reason::MalformedBody));
}

#[test]
fn a_request_of_version_2_is_not_a_body_of_version_1() {
    for (name, method) in [("v2-get", "GET"), ("v2-post-node", "POST")] {
        let v2 = vector("hubspot", name);
        assert!(accepts(&v2));
        let signature = v2["headers"]["X-HubSpot-Signature"].as_str().unwrap();
        let signed = format!(
            "{method}https://www.example.com/webhook_uri{}",
            v2["body"].as_str().unwrap()
        );

        let mut v1 = with_headers(
            v2.clone(),
            &[
                ("X-HubSpot-Signature-Version", "v1"),
                ("X-HubSpot-Signature", signature),
            ],
        );
        v1["method"] = "POST".into();
        v1["body"] = signed.into();

        assert_eq!(judged(&v1), Some(Reason::AmbiguousBody), "{name}");
    }
}

#[test]
fn a_url_is_no_body_however_its_port_is_written() {
    let text = r#"
        name = "acme"
        sign = [{ methods = ["POST"], message = "{body}" }, { methods = ["GET"], message = "{url}" }]
        or = ["{url:no-port}", "{url:port}"]
        signature = { from = "header:X-Acme", encoding = "hex" }
        rules = [{ digest = "hmac-sha256" }]
    "#;
    let scheme: Scheme = toml::from_str(text).unwrap();
    let verifier = Verifier::new(&scheme, &ring(&[SECRET]))
        .unwrap()
        .refuse_url_bodies();
    let signer = Signer::new(&scheme, &ring(&[SECRET])).unwrap();

    for base in [
        BASE,
        "https://hooks.example.com:443",
        "https://hooks.example.com:8443",
    ] {
        for spelled in [
            base,
            "https://hooks.example.com",
            "https://hooks.example.com:443",
        ] {
            let body = format!("{spelled}/in?a=1");
            let mut sent = Sent::bare(Method::POST, "/in", body.as_bytes());
            sent.base = base.into();
            sent.sign(&signer);
            assert_eq!(
                sent.reason(&verifier),
                Some(Reason::AmbiguousBody),
                "{base} {body}"
            );
        }
    }
}

#[test]
fn what_counts_as_well_lets_no_body_in_that_it_does_not_sign() {
    let text = r#"
        name = "acme"
        sign = [{ methods = ["POST"], message = "{body}" }, { methods = ["GET"], message = "{url}" }]
        or = ["{url:no-port}"]
        signature = { from = "header:X-Acme", encoding = "hex" }
        rules = [{ digest = "hmac-sha256" }]
    "#;
    let scheme: Scheme = toml::from_str(text).unwrap();
    let verifier = Verifier::new(&scheme, &ring(&[SECRET])).unwrap();
    let mut sent = Sent::bare(Method::GET, "/in", b"");
    sent.sign(&Signer::new(&scheme, &ring(&[SECRET])).unwrap());
    assert_eq!(sent.reason(&verifier), None);

    sent.method = Method::POST;
    assert_eq!(sent.reason(&verifier), None, "there is nothing to forge");
    sent.body = b"forged".into();
    assert_eq!(sent.reason(&verifier), Some(Reason::BadSignature));
    let lax = text.replace("name =", "unsigned-body = \"Only the URL counts.\"\nname =");
    let lax: Scheme = toml::from_str(&lax).unwrap();
    let lax = Verifier::new(&lax, &ring(&[SECRET])).unwrap();
    assert_eq!(sent.reason(&lax), None, "the scheme says why");
}

#[test]
fn an_object_is_no_array_of_one() {
    let text = r#"
        name = "first"
        sign = "{json-raw:/0}"
        unsigned-body = "Only the first counts."
        signature = { from = "header:X-Signature", encoding = "hex" }
        rules = [{ digest = "hmac-sha1" }]
    "#;
    for scheme in [preset("segment-batch"), toml::from_str(text).unwrap()] {
        let verifier = Verifier::new(&scheme, &ring(&[SECRET])).unwrap();
        let mut sent = Sent::bare(Method::POST, "/in", br#"[{"a":1},{"b":2}]"#);
        sent.sign(&Signer::new(&scheme, &ring(&[SECRET])).unwrap());
        assert_eq!(sent.reason(&verifier), None);

        sent.body = br#"{"0":{"a":1},"b":2}"#.to_vec();
        assert_eq!(sent.reason(&verifier), Some(Reason::MissingElement));
    }
}

#[test]
fn items_in_another_order_are_the_same_request_and_a_doubled_one_is_none() {
    let one = vector("adyen", "payment-item");
    let mut body: Value = serde_json::from_str(one["body"].as_str().unwrap()).unwrap();
    let first = body["notificationItems"][0].clone();
    let scheme = preset("adyen");
    let secret = one["secret"].as_str().unwrap();
    let signer = Signer::new(&scheme, &ring(&[secret])).unwrap();
    let verifier = Verifier::new(&scheme, &ring(&[secret])).unwrap();
    let mut second = first.clone();
    second["NotificationRequestItem"]["pspReference"] = "another".into();
    let mut key = |items: Vec<&Value>| {
        body["notificationItems"] = items.into_iter().cloned().collect::<Vec<_>>().into();
        let mut sent = Sent::bare(Method::POST, "/in", body.to_string().as_bytes());
        sent.body = signed_body(&signer, &sent);
        sent.check(&verifier)
            .map(|verified| verified.replay_key().unwrap())
    };

    let both = key(vec![&first, &second]).unwrap();
    assert_eq!(key(vec![&second, &first]).unwrap(), both);
    assert_ne!(key(vec![&first]).unwrap(), both);
    let doubled = key(vec![&first, &second, &first]).unwrap_err();
    assert_eq!(doubled.reason(), Reason::DuplicateItem);
}

/// The body with the signatures in it.
fn signed_body(signer: &Signer, sent: &Sent) -> Vec<u8> {
    let written = signer.write(&ToSign {
        method: &sent.method,
        url: PublicUrl::new(&sent.base, &sent.target),
        headers: &sent.headers,
        body: &sent.body,
        id: None,
        now: sent.now,
    });
    written.unwrap().body.unwrap()
}

#[cfg(feature = "rsa")]
#[test]
fn a_notification_for_another_topic_or_time_is_refused() {
    let sent = vector("sns", "v2-notification-subject");
    let own = "arn:aws:sns:us-west-2:123456789012:MyTopic";
    let topics = |topics: &[&str]| {
        let scheme = topics.iter().fold(preset("sns"), |scheme, topic| {
            scheme.with_parameter("topic", topic).unwrap()
        });
        let verdict = crate::vectors::verdict(&sent, scheme).unwrap();
        verdict.err().map(|rejection| rejection.reason())
    };
    assert_eq!(topics(&[]), None);
    assert_eq!(topics(&[own]), None);
    assert_eq!(topics(&["arn:aws:sns:us-west-2:1:Other", own]), None);
    assert_eq!(
        topics(&["arn:aws:sns:us-west-2:1:Other"]),
        Some(Reason::UnmetDemand)
    );

    for (tolerance, later, expected) in [
        (3600, 3600, None),
        (3600, 3601, Some(Reason::StaleTimestamp)),
        (3600, -3601, Some(Reason::FutureTimestamp)),
    ] {
        let mut sent = sent.clone();
        sent["now"] = (sent["now"].as_i64().unwrap() + later).into();
        sent["tolerance_s"] = tolerance.into();
        assert_eq!(judged(&sent), expected, "{later}");
    }
    use std::time::Duration;
    let window = preset("sns").default_window();
    assert_eq!(
        window,
        Some(countersign::Window::new(
            Duration::from_secs(3900),
            Duration::from_secs(300)
        ))
    );
}

#[test]
fn one_key_for_all_customers_is_told_until_the_receiver_is_named() {
    let shared = |scheme: &Scheme| {
        let weaknesses = scheme.weaknesses();
        weaknesses
            .into_iter()
            .find(|weakness| matches!(weakness, Weakness::SharedKey(..)))
    };
    for (name, parameter) in [
        ("sns", "topic"),
        ("wise", "profile"),
        ("fireblocks", "workspace"),
    ] {
        let scheme = preset(name);
        let told = shared(&scheme).unwrap().to_string();
        assert!(told.contains(&format!("`{parameter}`")), "{told}");
        assert_eq!(
            shared(&scheme.with_parameter(parameter, "7").unwrap()),
            None,
            "{name}"
        );
    }
    assert!(shared(&preset("plaid")).is_some());
    assert_eq!(shared(&preset("github")), None);
}

#[test]
fn a_parameter_binds_only_what_is_signed() {
    let text = r#"
        name = "acme"
        sign = "{json:/a}"
        unsigned-body = "So."
        require = [{ from = "json:/b", parameter = "b" }]
        signature = { from = "header:X-Acme", encoding = "hex" }
        rules = [{ digest = "hmac-sha256" }]
    "#;

    let error = toml::from_str::<Scheme>(text).unwrap_err().to_string();
    assert!(error.contains("element of a parameter"), "{error}");
    let signed = text.replace("{json:/a}", "{json:/a}|{json:/b}");
    let scheme: Scheme = toml::from_str(&signed).unwrap();
    assert_eq!(scheme.parameters().collect::<Vec<_>>(), ["b"]);
    assert!(matches!(
        scheme.with_parameter("c", "1"),
        Err(SchemeError::UnknownParameter(_))
    ));
}

#[test]
fn bodies_of_json_are_read_as_json() {
    let text = r#"
        name = "acme"
        sign = "{body}"
        require = [{ from = "json:" }]
        signature = { from = "header:X-Acme", encoding = "hex" }
        rules = [{ digest = "hmac-sha256" }]
    "#;
    let scheme: Scheme = toml::from_str(text).unwrap();
    let verifier = Verifier::new(&scheme, &ring(&[SECRET])).unwrap();
    // The signer of this scheme would not sign what is not JSON.
    let lax: Scheme = toml::from_str(&text.replace("require", "# require")).unwrap();
    let signer = Signer::new(&lax, &ring(&[SECRET])).unwrap();
    for (body, reason) in [
        ("{}", None),
        ("[1]", None),
        ("null", None),
        ("eyJh.eyJi", Some(Reason::MalformedBody)),
        ("", Some(Reason::MalformedBody)),
    ] {
        let mut sent = Sent::bare(Method::POST, "/in", body.as_bytes());
        sent.now = at_millis(1_700_000_000_000);
        sent.sign(&signer);
        assert_eq!(sent.reason(&verifier), reason, "{body}");
    }
}
