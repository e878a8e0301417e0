//! One clear answer to each bad request, and nobody behind is reached.

use std::{future::ready, io, sync::Arc};

use bytes::Bytes;
use countersign::{ApiKey, Auth, Basic, Keyring, Secret};
use countersign_tower::{Policy, Refusal, Refused, VerifyLayer};
use http::{HeaderValue, Method, Request, Response, StatusCode};
use http_body::{Frame, SizeHint};
use http_body_util::Full;
use tower::Layer;

use crate::support::*;

#[tokio::test]
async fn a_genuine_request_reaches_the_receiver_as_it_was_sent() {
    let receiver = Receiver::new();

    let answer = send(layer(policy()).layer(receiver.clone()), signed("hello")).await;

    assert_eq!((answer.status(), answer.text()), (202, "thanks"));
    assert_eq!(answer.refusal(), None);
    assert_eq!(receiver.inbox.bodies(), ["hello"]);
    let verdicts = receiver.inbox.verdicts();
    let verified = verdicts[0].verified().unwrap();
    assert_eq!(verified.key().unwrap().as_str(), "default");
    assert_eq!(verified.time(), Some(now()));
}

#[tokio::test]
async fn a_changed_byte_is_refused() {
    let answer = refused(policy(), forged()).await;

    assert_eq!(
        (answer.status(), answer.refusal()),
        (401, Some("bad_signature"))
    );
}

#[tokio::test]
async fn a_signature_that_is_not_spelled_as_it_should_be_is_refused() {
    let genuine = signature(&signed("hello"));
    let (time, mac) = genuine.split_once(",sha256=").unwrap();
    let (seconds, _) = time.split_at(time.len() - 3);
    let respelled = [
        ("truncated", format!("{time},sha256={}", &mac[..62])),
        ("cut in a byte", format!("{time},sha256={}", &mac[..63])),
        ("empty", format!("{time},sha256=")),
        ("over-long", format!("{time},sha256={mac}00")),
        ("hex prefix", format!("{time},sha256=0x{mac}")),
        (
            "space within",
            format!("{time},sha256={} {}", &mac[..32], &mac[32..]),
        ),
        ("quoted", format!("{time},sha256=\"{mac}\"")),
        ("other digest", format!("{time},sha1={mac}")),
        ("no digest", format!("{time},{mac}")),
        ("no time", format!("sha256={mac}")),
        ("two times", format!("{time},{genuine}")),
        ("another unit", format!("{seconds},sha256={mac}")),
        ("leading zero", genuine.replace("t=", "t=0")),
        ("plus sign", genuine.replace("t=", "t=+")),
        ("fraction", genuine.replace(",sha256", ".0,sha256")),
        ("nothing", String::new()),
    ];

    for (what, value) in respelled {
        let answer = refused(policy(), with_signature(signed("hello"), &value)).await;

        assert_eq!(answer.status(), 401, "{what}");
        assert_eq!(answer.text(), UNAUTHORIZED, "{what}");
    }
}

#[tokio::test]
async fn a_doubled_signature_header_is_refused_even_if_both_are_genuine() {
    let mut request = signed("hello");
    let value = request.headers()[HEADER].clone();
    request.headers_mut().append(HEADER, value);

    let answer = refused(policy(), request).await;

    assert_eq!(
        (answer.status(), answer.refusal()),
        (401, Some("duplicate_header"))
    );
}

#[tokio::test]
async fn a_stale_request_is_refused_with_the_same_answer_as_a_forged_one() {
    let old = now() - std::time::Duration::from_millis(300_001);
    let stale = signed_at(old, "designer-cloud", Method::POST, "hello".into()).map(Full::new);

    let stale = refused(policy(), stale).await;
    let forged = refused(policy(), forged()).await;

    assert_eq!(stale.refusal(), Some("stale_timestamp"));
    assert_eq!(stale.status(), forged.status());
    assert_eq!(stale.text(), forged.text());
    assert_eq!(stale.response.headers(), forged.response.headers());
}

#[tokio::test]
async fn a_request_without_a_signature_is_refused_before_its_body_is_asked_for() {
    let mut request = with_body(signed("hello"), Untouchable(SizeHint::new()));
    request.headers_mut().remove(HEADER);

    let answer = refused(policy(), request).await;

    assert_eq!(
        (answer.status(), answer.refusal()),
        (401, Some("missing_header"))
    );
}

#[tokio::test]
async fn a_method_that_is_not_listed_is_refused_before_the_body_is_asked_for() {
    for method in [
        Method::GET,
        Method::HEAD,
        Method::PUT,
        Method::CONNECT,
        Method::TRACE,
    ] {
        let mut request = with_body(signed("hello"), Untouchable(SizeHint::new()));
        *request.method_mut() = method;
        let policy = policy().methods([Method::POST, Method::PATCH, Method::POST]);

        let answer = refused(policy, request).await;

        assert_eq!(answer.status(), 405);
        assert_eq!(answer.header("allow"), Some("POST, PATCH"));
        assert_eq!(answer.refusal(), Some("method_not_allowed"));
    }
}

#[tokio::test]
async fn a_body_that_says_it_is_too_large_is_refused_before_it_is_asked_for() {
    let mut by_hint = SizeHint::new();
    by_hint.set_lower(LIMIT as u64 + 1);
    let request = with_body(signed("hello"), Untouchable(by_hint));
    let answer = refused(policy(), request).await;
    assert_eq!(
        (answer.status(), answer.refusal()),
        (413, Some("body_too_large"))
    );

    for length in ["1025", "9223372036854775807", "18446744073709551615"] {
        let mut request = with_body(signed("hello"), Untouchable(SizeHint::new()));
        let length = HeaderValue::from_static(length);
        request.headers_mut().insert("content-length", length);
        let answer = refused(policy(), request).await;
        assert_eq!(answer.status(), 413);
    }
}

#[tokio::test]
async fn a_body_that_grows_too_large_is_cut_off_at_the_limit() {
    let body = Frames::data([vec![b'x'; LIMIT], vec![b'x'], vec![b'x'; LIMIT]]);
    let polled = body.polled();

    let answer = refused(policy(), with_body(signed("hello"), body)).await;

    assert_eq!(
        (answer.status(), answer.refusal()),
        (413, Some("body_too_large"))
    );
    assert_eq!(*polled.lock().unwrap(), 2);
}

#[tokio::test]
async fn a_body_at_exactly_the_limit_passes() {
    let receiver = Receiver::new();
    let request = signed(vec![b'x'; LIMIT]);

    let answer = send(layer(policy()).layer(receiver.clone()), request).await;

    assert_eq!(answer.status(), 202);
    assert_eq!(receiver.inbox.bodies()[0].len(), LIMIT);
}

#[tokio::test]
async fn a_body_that_breaks_off_is_refused() {
    let broken = |kind: io::ErrorKind| {
        let body = Frames::new([Ok(Frame::data("hel".into())), Err(kind.into())]);
        refused(policy(), with_body(signed("hello"), body))
    };

    let reset = broken(io::ErrorKind::ConnectionReset).await;
    let slow = broken(io::ErrorKind::TimedOut).await;

    assert_eq!(
        (reset.status(), reset.refusal()),
        (400, Some("body_failed"))
    );
    assert_eq!(
        (slow.status(), slow.refusal()),
        (408, Some("body_timed_out"))
    );
}

#[tokio::test]
async fn an_unknown_flow_is_refused_before_the_body_is_asked_for() {
    let receiver = Receiver::new();
    let layer = VerifyLayer::resolve(|request: &http::request::Parts| {
        let path = request.uri.path().to_owned();
        async move {
            match path.as_str() {
                "/hooks/orders" => Ok(Arc::new(policy().build().unwrap())),
                "/hooks/elsewhere" => Err(Refusal::Unavailable),
                _ => Err(Refusal::UnknownFlow),
            }
        }
    });
    let service = layer.clock(now).layer(receiver.clone());
    let to = |path: &str| {
        let mut request = with_body(signed("hello"), Untouchable(SizeHint::new()));
        *request.uri_mut() = path.parse().unwrap();
        request
    };

    let unknown = send(service.clone(), to("/hooks/nobody")).await;
    let unavailable = send(service.clone(), to("/hooks/elsewhere")).await;
    assert_eq!(
        (unknown.status(), unknown.refusal()),
        (404, Some("unknown_flow"))
    );
    assert_eq!(
        (unavailable.status(), unavailable.refusal()),
        (503, Some("unavailable"))
    );
    assert_eq!(unavailable.header("retry-after"), Some("10"));
    assert_eq!(receiver.inbox.len(), 0);

    let known = send(service, signed("hello")).await;
    assert_eq!(known.status(), 202);
    assert_eq!(receiver.inbox.len(), 1);
}

#[tokio::test]
async fn the_answer_to_a_refusal_tells_its_status_and_no_reason() {
    let answer = refused(policy(), forged()).await;

    assert_eq!(
        answer.header("content-type"),
        Some("application/problem+json")
    );
    assert_eq!(answer.text(), UNAUTHORIZED);
    assert_eq!(
        answer.header("www-authenticate"),
        Some(r#"Signature realm="webhook""#)
    );
}

#[tokio::test]
async fn a_wrong_password_is_challenged_and_the_right_one_passes() {
    let policy = || {
        let users = [("ann".to_owned(), Secret::new("long enough: a password"))];
        Policy::builder(Auth::Basic(Basic::new(users).unwrap()))
    };
    let with = |credentials: &'static str| {
        let mut request = Request::post(TARGET)
            .body(Full::<Bytes>::from("hello"))
            .unwrap();
        let credentials = HeaderValue::from_static(credentials);
        request.headers_mut().insert("authorization", credentials);
        request
    };

    // ann:long enough: another
    let wrong = refused(policy(), with("Basic YW5uOmxvbmcgZW5vdWdoOiBhbm90aGVy")).await;
    assert_eq!(wrong.status(), 401);
    let challenge = wrong.header("www-authenticate");
    assert_eq!(challenge, Some(r#"Basic realm="webhook", charset="UTF-8""#));

    // ann:long enough: a password
    let right = with("Basic YW5uOmxvbmcgZW5vdWdoOiBhIHBhc3N3b3Jk");
    let answer = send(layer(policy()).layer(Receiver::new()), right).await;
    assert_eq!(answer.status(), 202);
}

#[tokio::test]
async fn a_wrong_api_key_is_refused_and_the_right_one_passes() {
    let policy = || {
        let keys = Keyring::single(Secret::new("key-0123456789abcdef"));
        Policy::builder(Auth::ApiKey(ApiKey::new(&keys).unwrap()))
    };
    let with = |key: &'static str| {
        let mut request = Request::post(TARGET)
            .body(Full::<Bytes>::from("hello"))
            .unwrap();
        request
            .headers_mut()
            .insert("x-api-key", HeaderValue::from_static(key));
        request
    };

    let wrong = refused(policy(), with("key-0123456789abcdee")).await;
    assert_eq!(
        (wrong.status(), wrong.refusal()),
        (401, Some("bad_credentials"))
    );
    assert_eq!(
        wrong.header("www-authenticate"),
        Some(r#"ApiKey realm="webhook""#)
    );

    let right = with("key-0123456789abcdef");
    let answer = send(layer(policy()).layer(Receiver::new()), right).await;
    assert_eq!(answer.status(), 202);
}

#[tokio::test]
async fn a_function_can_choose_the_answer() {
    let receiver = Receiver::new();
    let layer = layer(policy()).respond(|refusal: &Refusal, policy: Option<&Policy>| {
        let text = format!("{} {}", policy.unwrap().flow(), refusal.as_str());
        let mut response = Response::new(Bytes::from(text));
        *response.status_mut() = StatusCode::IM_A_TEAPOT;
        response
    });
    let answer = send(layer.layer(receiver.clone()), forged()).await;

    assert_eq!(
        (answer.status(), answer.text()),
        (418, "orders bad_signature")
    );
    assert_eq!(answer.refusal(), Some("bad_signature"));
    assert_eq!(receiver.inbox.len(), 0);
}

#[tokio::test]
async fn a_decoy_policy_makes_an_unknown_flow_look_like_a_wrong_signature() {
    let decoy = Arc::new(policy().flow("nobody").build().unwrap());
    let layer = VerifyLayer::resolve(move |_: &http::request::Parts| ready(Ok(Arc::clone(&decoy))));

    let unknown = send(layer.clock(now).layer(Receiver::new()), forged()).await;
    let known = refused(policy(), forged()).await;

    assert_eq!(unknown.status(), known.status());
    assert_eq!(unknown.text(), known.text());
    assert_eq!(unknown.response.headers(), known.response.headers());
}

const UNAUTHORIZED: &str = r#"{"type":"about:blank","title":"Unauthorized","status":401}"#;

#[tokio::test]
async fn a_refused_request_is_kept_for_whoever_asks_and_shows_nothing_by_itself() {
    let kept = |keep, request| async move {
        let layer = layer(policy()).keep_refused(keep);
        let answer = send(layer.layer(Receiver::new()), request).await;
        answer.response.extensions().get::<Arc<Refused>>().cloned()
    };

    let judged = kept(true, forged()).await.unwrap();
    let early = kept(true, with_signature(signed("hello"), ""))
        .await
        .unwrap();

    assert_eq!(judged.body().unwrap(), "hellp");
    assert_eq!((judged.body_len(), early.body_len()), (Some(5), None));
    assert_eq!(judged.head().uri, TARGET);
    assert!(judged.head().headers.contains_key(HEADER));
    assert_eq!(
        early.body(),
        None,
        "it was refused before its body was read"
    );
    let shown = format!("{judged:?}");
    assert!(
        !shown.contains("hellp") && !shown.contains("sha256"),
        "{shown}"
    );
    assert!(kept(false, forged()).await.is_none());
    assert!(kept(true, signed("hello")).await.is_none());
}

#[tokio::test]
async fn where_all_is_read_a_request_is_refused_for_its_head_with_its_body_at_hand() {
    let mut request = signed("hello");
    request.headers_mut().remove(HEADER);
    let layer = layer(policy().read_all(true)).keep_refused(true);

    let answer = send(layer.layer(Receiver::new()), request).await;

    assert_eq!(answer.refusal(), Some("missing_header"));
    let kept = answer.response.extensions().get::<Arc<Refused>>().unwrap();
    assert_eq!(kept.body().unwrap(), "hello");
}

#[test]
fn every_refusal_has_a_label_of_its_own() {
    let labels: Vec<_> = Refusal::labels().collect();
    let different: std::collections::BTreeSet<_> = labels.iter().collect();

    assert_eq!(different.len(), labels.len());
    assert!(labels.contains(&"in_flight") && labels.contains(&"bad_signature"));
}
