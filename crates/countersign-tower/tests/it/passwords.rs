//! Passwords that somebody else checks, addresses that somebody else tells, and several auths at once.

use std::{
    future::{pending, ready},
    net::IpAddr,
    sync::{Arc, Mutex},
};

use bytes::Bytes;
use countersign::{Addresses, Auth, Basic, Claim};
use countersign_tower::{
    Answer as Said, Checking, ClientAddress, Passwords, Policy, PolicyBuilder, PolicyError, Verdict,
};
use http::{HeaderValue, Method, Request};
use http_body_util::Full;
use tower::{Layer, ServiceExt};

use crate::support::{
    Answer, BASE, HEADER, Receiver, TARGET, auth, layer, now, send, signed, signed_at,
};

/// Knows eve, and keeps what it was asked.
#[derive(Debug, Default)]
struct Keeper {
    asked: Mutex<Vec<String>>,
}

impl Passwords for Keeper {
    fn check(&self, claim: Claim) -> Checking {
        let user = String::from_utf8_lossy(claim.user()).into_owned();
        let right = user == "eve" && claim.password().expose() == b"kept elsewhere";
        self.asked.lock().unwrap().push(user);
        Box::pin(async move {
            // An answer takes its time.
            tokio::task::yield_now().await;
            match right {
                true => Said::Right,
                false => Said::Wrong,
            }
        })
    }
}

/// Never has time.
#[derive(Debug)]
struct Busy;

impl Passwords for Busy {
    fn check(&self, _: Claim) -> Checking {
        Box::pin(ready(Said::Unavailable))
    }
}

/// Never answers.
#[derive(Debug)]
struct Silent(Arc<()>);

impl Passwords for Silent {
    fn check(&self, _: Claim) -> Checking {
        let held = Arc::clone(&self.0);
        Box::pin(async move {
            let _held = held;
            pending().await
        })
    }
}

const EVE: &str = "Basic ZXZlOmtlcHQgZWxzZXdoZXJl"; // eve:kept elsewhere
const MAL: &str = "Basic bWFsOmtlcHQgZWxzZXdoZXJl"; // mal:kept elsewhere

fn asking(keeper: &Arc<Keeper>) -> PolicyBuilder {
    let keeper: Arc<dyn Passwords> = Arc::clone(keeper) as _;
    Policy::builder(Auth::Basic(Basic::asking())).passwords(keeper)
}

fn with(credentials: &'static str) -> Request<Full<Bytes>> {
    let request = Request::post(TARGET).header("authorization", credentials);
    request.body(Full::from("hello")).unwrap()
}

fn from(mut request: Request<Full<Bytes>>, address: &str) -> Request<Full<Bytes>> {
    let address: IpAddr = address.parse().unwrap();
    request.extensions_mut().insert(ClientAddress(address));
    request
}

async fn answer(policy: PolicyBuilder, request: Request<Full<Bytes>>) -> (Answer, usize) {
    let receiver = Receiver::new();
    let inbox = receiver.inbox.clone();
    let answer = send(layer(policy).layer(receiver), request).await;
    (answer, inbox.len())
}

#[tokio::test]
async fn a_password_that_is_kept_elsewhere_is_asked_for_once_and_the_right_one_passes() {
    let keeper = Arc::default();

    let (right, reached) = answer(asking(&keeper), with(EVE)).await;
    assert_eq!((right.status(), reached), (202, 1));
    let (wrong, reached) = answer(asking(&keeper), with(MAL)).await;
    assert_eq!((wrong.status(), reached), (401, 0));
    assert_eq!(wrong.refusal(), Some("bad_credentials"));
    let challenge = wrong.header("www-authenticate");
    assert_eq!(challenge, Some(r#"Basic realm="webhook", charset="UTF-8""#));

    assert_eq!(*keeper.asked.lock().unwrap(), ["eve", "mal"]);
}

#[tokio::test]
async fn nobody_is_asked_about_a_request_that_fails_anyway() {
    let keeper = Arc::<Keeper>::default();
    let both = || {
        let auth = Auth::all([Auth::Basic(Basic::asking()), auth("designer-cloud")]).unwrap();
        let keeper: Arc<dyn Passwords> = Arc::clone(&keeper) as _;
        Policy::builder(auth).passwords(keeper)
    };
    let forged = |mut request: Request<Full<Bytes>>| {
        *request.body_mut() = Full::from("hellp");
        request
    };
    let signed_by_eve = || {
        let mut request = signed("hello");
        let eve = HeaderValue::from_static(EVE);
        request.headers_mut().insert("authorization", eve);
        request
    };

    let (refused, _) = answer(both(), forged(signed_by_eve())).await;
    assert_eq!(refused.refusal(), Some("bad_signature"));
    let (refused, _) = answer(both(), with(EVE)).await;
    assert_eq!(refused.refusal(), Some("missing_header"));
    assert!(keeper.asked.lock().unwrap().is_empty());
    let (passed, reached) = answer(both(), signed_by_eve()).await;
    assert_eq!((passed.status(), reached), (202, 1));
}

#[tokio::test]
async fn a_keeper_without_time_is_503_and_a_caller_that_goes_away_is_let_go() {
    let policy = Policy::builder(Auth::Basic(Basic::asking())).passwords(Arc::new(Busy));
    let (busy, reached) = answer(policy, with(EVE)).await;
    assert_eq!((busy.status(), reached), (503, 0));
    assert!(busy.header("retry-after").is_some());

    let held = Arc::new(());
    let silent = Arc::new(Silent(Arc::clone(&held)));
    let policy = Policy::builder(Auth::Basic(Basic::asking())).passwords(silent);
    let service = layer(policy).layer(Receiver::new());
    let mut waiting = Box::pin(service.oneshot(with(EVE)));
    assert!(futures_are_pending(&mut waiting).await);
    assert_eq!(Arc::strong_count(&held), 3);
    drop(waiting);
    assert_eq!(Arc::strong_count(&held), 1);
}

async fn futures_are_pending<F: Future + Unpin>(future: &mut F) -> bool {
    tokio::select! {
        biased;
        _ = future => false,
        () = ready(()) => true,
    }
}

#[tokio::test]
async fn an_observed_request_is_asked_about_too() {
    let keeper = Arc::default();
    let receiver = Receiver::new();
    let inbox = receiver.inbox.clone();
    let service = layer(asking(&keeper).observe(true)).layer(receiver);

    send(service.clone(), with(EVE)).await;
    send(service, with(MAL)).await;

    assert!(matches!(
        inbox.verdicts()[..],
        [Verdict::Verified(_), Verdict::Observed(_)]
    ));
}

#[tokio::test]
async fn an_observed_request_passes_though_the_keeper_has_no_time() {
    let policy = Policy::builder(Auth::Basic(Basic::asking())).passwords(Arc::new(Busy));

    let (passed, reached) = answer(policy.observe(true), with(EVE)).await;

    assert_eq!((passed.status(), reached), (202, 1));
}

#[test]
fn a_policy_that_asks_has_somebody_to_ask() {
    let policy = Policy::builder(Auth::Basic(Basic::asking())).build();

    assert_eq!(policy.unwrap_err(), PolicyError::NoPasswords);
}

#[tokio::test]
async fn an_address_is_told_by_whoever_knows_it_and_no_header_is_believed() {
    let policy = || {
        let office = Addresses::new([("192.0.2.0".parse().unwrap(), 24)]).unwrap();
        let auth = Auth::all([Auth::Address(office), auth("designer-cloud")]).unwrap();
        Policy::builder(auth)
    };
    let spoofed = || {
        let mut request = signed("hello");
        for (name, value) in [
            ("x-forwarded-for", "192.0.2.7"),
            ("forwarded", "for=192.0.2.7"),
            ("x-real-ip", "192.0.2.7"),
        ] {
            request
                .headers_mut()
                .insert(name, HeaderValue::from_static(value));
        }
        request
    };

    for (request, status) in [
        (from(signed("hello"), "192.0.2.7"), 202),
        (from(signed("hello"), "::ffff:192.0.2.7"), 202),
        (from(spoofed(), "198.51.100.7"), 401),
        (spoofed(), 401),
    ] {
        let (answer, reached) = answer(policy(), request).await;
        assert_eq!(
            (answer.status(), reached),
            (status, usize::from(status == 202))
        );
        if status == 401 {
            assert_eq!(answer.refusal(), Some("address_not_allowed"));
            assert_eq!(
                answer.header("www-authenticate"),
                Some(r#"Signature realm="webhook""#)
            );
        }
    }
}

#[tokio::test]
async fn each_kind_of_several_auths_is_challenged_once() {
    let keeper = Arc::<Keeper>::default();
    let members = [
        auth("designer-cloud"),
        Auth::Basic(Basic::asking()),
        auth("github"),
    ];
    let policy = Policy::builder(Auth::any(members).unwrap()).passwords(keeper);

    let (refused, _) = answer(policy, with(MAL)).await;

    let challenges = refused.response.headers().get_all("www-authenticate");
    let kinds: Vec<_> = challenges
        .iter()
        .map(|value| value.to_str().unwrap().split(' ').next().unwrap())
        .collect();
    assert_eq!(kinds, ["Signature", "Basic"]);
}

#[tokio::test]
async fn what_a_policy_demands_of_signatures_it_demands_of_each() {
    let either = |members: [&str; 2]| Policy::builder(Auth::any(members.map(auth)).unwrap());
    let remembered = |policy: PolicyBuilder| policy.build().unwrap().remember();

    let error = either(["github", "designer-cloud"])
        .methods([Method::POST, Method::GET])
        .public_url(BASE)
        .build();
    assert!(error.is_ok(), "github signs whatever the method: {error:?}");
    let error = either(["github", "designer-cloud"])
        .methods([Method::POST, Method::GET])
        .build()
        .unwrap_err();
    assert_eq!(
        error,
        PolicyError::NoPublicUrl {
            method: Method::GET
        }
    );

    let native = remembered(Policy::builder(auth("designer-cloud")));
    assert!(native.is_some());
    assert_eq!(remembered(either(["github", "designer-cloud"])), native);
    let both = |members: [&str; 2]| Policy::builder(Auth::all(members.map(auth)).unwrap());
    assert_eq!(remembered(both(["designer-cloud", "github"])), native);
    assert_eq!(remembered(both(["github", "designer-cloud"])), native);
    assert_eq!(remembered(both(["github", "gitlab"])), None);
}

#[tokio::test]
async fn a_captured_get_does_not_pass_as_a_post_of_its_url_where_there_are_several_auths() {
    let policy = || {
        let auth = Auth::any([auth("github"), auth("designer-cloud")]).unwrap();
        Policy::builder(auth)
            .methods([Method::POST, Method::GET])
            .public_url(BASE)
    };
    let get = signed_at(now(), "designer-cloud", Method::GET, Bytes::new()).map(Full::new);
    let signature = get.headers()[HEADER].clone();
    let mut post = Request::post(TARGET)
        .body(Full::<Bytes>::from(format!("{BASE}{TARGET}")))
        .unwrap();
    post.headers_mut().insert(HEADER, signature);

    let (got, _) = answer(policy(), get).await;
    let (posted, reached) = answer(policy(), post).await;

    assert_eq!(got.status(), 202);
    assert_eq!((posted.status(), reached), (401, 0));
    assert_eq!(posted.refusal(), Some("ambiguous_body"));
}
