//! Several ways of knowing senders on one flow: any of them, or all of them at once.

use countersign::{
    Addresses, ApiKey, Auth, Basic, Given, Keyring, Reason, Secret, Signer, Unverified, Verified,
    Verifier,
};
use http::{HeaderMap, Method};
use proptest::prelude::*;

use crate::support::{OTHER, SECRET, Sent, key, preset, ring};

/// The native scheme under a key of this name.
fn native(id: &str, secret: &str) -> Auth {
    let keys = Keyring::new([key(id, secret)]).unwrap();
    Auth::Signature(Verifier::new(&preset("designer-cloud"), &keys).unwrap())
}

fn github(id: &str) -> Auth {
    let keys = Keyring::new([key(id, OTHER)]).unwrap();
    Auth::Signature(Verifier::new(&preset("github"), &keys).unwrap())
}

fn token() -> Auth {
    let keys = Keyring::new([key("token", OTHER)]).unwrap();
    Auth::ApiKey(ApiKey::new(&keys).unwrap())
}

fn office() -> Auth {
    Auth::Address(Addresses::new([("192.0.2.0".parse().unwrap(), 24)]).unwrap())
}

fn keeper() -> Auth {
    Auth::Basic(Basic::asking())
}

fn any(members: impl IntoIterator<Item = Auth>) -> Auth {
    Auth::any(members).unwrap()
}

fn all(members: impl IntoIterator<Item = Auth>) -> Auth {
    Auth::all(members).unwrap()
}

/// A request that is signed natively and by GitHub's scheme, and carries the token and Basic credentials.
fn everything() -> Sent {
    let mut sent = Sent::signed("designer-cloud", Method::POST, b"hello");
    sent.sign(&Signer::new(&preset("github"), &ring(&[OTHER])).unwrap());
    sent.set("x-api-key", OTHER);
    sent.set("authorization", "Basic ZXZlOmtlcHQgZWxzZXdoZXJl"); // eve:kept elsewhere
    sent
}

fn without(names: &[&str]) -> Sent {
    let mut sent = everything();
    for name in names {
        sent.headers.remove(*name);
    }
    sent
}

fn from(client: &str) -> Given<'static> {
    Given {
        client: client.parse().ok(),
        ..Given::default()
    }
}

fn judge(auth: &Auth, sent: &Sent, given: Given<'_>) -> Result<Verified, Reason> {
    auth.judge(&sent.as_signed(), given)
        .map_err(|unverified| match unverified {
            Unverified::Ask(_) | Unverified::Fetch(_) => panic!("it asks"),
            Unverified::Rejected(rejection) => rejection.reason(),
        })
}

fn name(verified: &Verified) -> &str {
    verified.key().map_or("nobody", |key| key.as_str())
}

#[test]
fn of_any_the_first_that_verifies_makes_the_verdict() {
    let auth = any([native("new", SECRET), github("old"), token()]);
    let verdict = |sent| judge(&auth, &sent, Given::default());

    let first = verdict(everything()).unwrap();
    assert_eq!(name(&first), "new");
    assert!(first.time().is_some() && first.replay_key().is_some());
    let second = verdict(without(&["x-webhook-signature"])).unwrap();
    assert_eq!(name(&second), "old");
    assert!(second.time().is_none() && second.replay_key().is_some());
    let third = verdict(without(&["x-webhook-signature", "x-hub-signature-256"])).unwrap();
    assert_eq!(name(&third), "token");
    assert!(third.replay_key().is_none());
}

#[test]
fn of_any_that_all_refuse_the_most_telling_reason_is_told() {
    let auth = any([token(), native("a", SECRET), github("b")]);
    let verdict = |sent: &Sent| judge(&auth, sent, Given::default()).unwrap_err();
    let mut nothing = everything();
    nothing.headers.clear();
    let mut forged = Sent::signed("designer-cloud", Method::POST, b"hello");
    forged.body = b"hellp".into();
    let mut stale = Sent::signed("designer-cloud", Method::POST, b"hello");
    stale.now += std::time::Duration::from_secs(3600);
    stale.set("x-hub-signature-256", format!("sha256={}", "0".repeat(64)));

    assert_eq!(verdict(&nothing), Reason::MissingCredentials);
    assert_eq!(verdict(&forged), Reason::BadSignature);
    assert_eq!(verdict(&stale), Reason::StaleTimestamp);
    let head = auth.check_head(&Method::POST, &HeaderMap::new());
    assert_eq!(head.unwrap_err().reason(), Reason::MissingCredentials);
    assert!(auth.check_head(&Method::POST, &forged.headers).is_ok());
}

#[test]
fn that_one_of_any_has_no_key_yet_hides_nothing_that_is_wrong_with_another() {
    let awaiting = Verifier::new(&preset("asana"), &Keyring::awaiting()).unwrap();
    let auth = any([Auth::Signature(awaiting), github("b")]);
    let reason = |sent: &Sent| {
        let given = Given::default();
        let head = auth.check_head(&Method::POST, &sent.headers);
        (
            judge(&auth, sent, given).unwrap_err(),
            head.err().map(|rejection| rejection.reason()),
        )
    };
    let mut forged = everything();
    forged.body = b"hellp".into();
    let mut malformed = everything();
    malformed.set("x-hub-signature-256", "sha256=x");

    assert_eq!(reason(&forged), (Reason::BadSignature, None));
    let malformed = reason(&malformed);
    let expected = Reason::MalformedSignature;
    assert_eq!(malformed, (expected, Some(expected)));
    let unsigned = reason(&without(&["x-hub-signature-256"]));
    assert_eq!(unsigned, (Reason::NoActiveKey, Some(Reason::NoActiveKey)));
}

#[test]
fn of_all_every_one_has_to_hold_and_the_first_that_signs_a_time_makes_the_verdict() {
    let auth = all([office(), token(), native("new", SECRET), github("old")]);
    let inside = from("192.0.2.7");

    let verified = judge(&auth, &everything(), inside).unwrap();
    let alone = judge(&native("new", SECRET), &everything(), inside).unwrap();

    assert_eq!(name(&verified), "new");
    let last = all([token(), github("old"), native("new", SECRET)]);
    assert_eq!(name(&judge(&last, &everything(), inside).unwrap()), "new");
    assert_eq!(verified.time(), alone.time());
    assert_eq!(verified.replay_key(), alone.replay_key());
    for (sent, given, expected) in [
        (everything(), Given::default(), Reason::AddressNotAllowed),
        (everything(), from("192.0.3.7"), Reason::AddressNotAllowed),
        (without(&["x-api-key"]), inside, Reason::MissingCredentials),
        (
            without(&["x-webhook-signature"]),
            inside,
            Reason::MissingHeader,
        ),
        (
            without(&["x-hub-signature-256"]),
            inside,
            Reason::MissingHeader,
        ),
    ] {
        assert_eq!(judge(&auth, &sent, given).unwrap_err(), expected);
        let head = auth.check_head_from(given.client, &Method::POST, &sent.headers);
        assert_eq!(head.unwrap_err().reason(), expected);
    }
    let mut changed = everything();
    changed.body = b"hellp".into();
    assert_eq!(
        judge(&auth, &changed, inside).unwrap_err(),
        Reason::BadSignature
    );
}

#[test]
fn without_a_signature_the_first_who_is_named_makes_the_verdict() {
    let auth = all([office(), Auth::None, token()]);

    let verified = judge(&auth, &everything(), from("192.0.2.7")).unwrap();

    assert_eq!(name(&verified), "token");
}

#[test]
fn a_password_is_asked_for_only_if_the_verdict_hangs_on_it() {
    let asks = |auth: &Auth, sent: &Sent| {
        let judged = auth.judge(&sent.as_signed(), Given::default());
        matches!(judged, Err(Unverified::Ask(_)))
    };
    let unsigned = without(&["x-webhook-signature"]);
    let either = any([keeper(), native("a", SECRET)]);
    let both = all([keeper(), native("a", SECRET)]);

    assert!(!asks(&either, &everything()));
    assert!(asks(&either, &unsigned));
    assert!(asks(&both, &everything()));
    assert!(!asks(&both, &unsigned));
    let right = Given {
        password: Some(true),
        ..Given::default()
    };
    let wrong = Given {
        password: Some(false),
        ..Given::default()
    };
    assert_eq!(name(&judge(&either, &unsigned, right).unwrap()), "eve");
    assert_eq!(name(&judge(&both, &everything(), right).unwrap()), "a");
    assert_eq!(
        judge(&both, &everything(), wrong).unwrap_err(),
        Reason::BadCredentials
    );
    assert!(either.asks() && both.asks() && !token().asks());
}

#[test]
fn nothing_is_no_way_of_knowing_senders() {
    assert!(Auth::any([]).is_none());
    assert!(Auth::all([]).is_none());
}

#[test]
fn what_is_said_of_several_is_said_of_their_parts() {
    let auth = any([all([office(), native("a", SECRET)]), keeper(), Auth::None]);

    let parts: Vec<_> = auth.parts().map(Auth::mode).collect();
    let keys: Vec<_> = auth.keys().into_iter().map(|(id, _)| id).collect();

    assert_eq!(auth.mode(), "any");
    assert_eq!(parts, ["address", "signature", "basic", "none"]);
    assert_eq!(keys.len(), 1);
    assert!(auth.reads_address() && !token().reads_address());
    assert!(auth.reads(&"authorization".parse().unwrap()));
    assert!(auth.reads(&"x-webhook-signature".parse().unwrap()));
    assert!(!auth.reads(&"x-api-key".parse().unwrap()));
    assert!(!format!("{auth:?}").contains(SECRET));
}

#[test]
fn users_of_any_are_known_by_their_own_passwords_only() {
    let user = |name: &str| {
        let user = (
            name.to_owned(),
            Secret::new(format!("the password of {name}")),
        );
        Auth::Basic(Basic::new([user]).unwrap())
    };
    let auth = any([user("ann"), user("bob")]);
    let mut sent = Sent::post("github");
    sent.set("authorization", "Basic YW5uOnRoZSBwYXNzd29yZCBvZiBib2I="); // ann:the password of bob

    assert_eq!(
        judge(&auth, &sent, Given::default()).unwrap_err(),
        Reason::BadCredentials
    );
}

proptest! {
    /// Against the definition: each member by itself.
    #[test]
    fn any_holds_where_one_does_and_all_where_every_one_does(
        members in prop::collection::vec(0_usize..4, 1..6),
        missing in prop::collection::vec(0_usize..3, 0..3),
        inside: bool,
    ) {
        let make = |which: &usize| match which {
            0 => native("a", SECRET),
            1 => github("b"),
            2 => token(),
            _ => office(),
        };
        let names = ["x-webhook-signature", "x-hub-signature-256", "x-api-key"];
        let missing: Vec<_> = missing.into_iter().map(|which| names[which]).collect();
        let sent = without(&missing);
        let given = from(if inside { "192.0.2.7" } else { "198.51.100.7" });
        let holds = |auth: &Auth| judge(auth, &sent, given).is_ok();
        let passes = |auth: &Auth| {
            auth.check_head_from(given.client, &Method::POST, &sent.headers).is_ok()
        };
        let each: Vec<_> = members.iter().map(|which| holds(&make(which))).collect();
        let heads: Vec<_> = members.iter().map(|which| passes(&make(which))).collect();
        let (any, all) = (any(members.iter().map(make)), all(members.iter().map(make)));

        prop_assert_eq!(holds(&any), each.contains(&true));
        prop_assert_eq!(holds(&all), !each.contains(&false));
        prop_assert_eq!(passes(&any), heads.contains(&true));
        prop_assert_eq!(passes(&all), !heads.contains(&false));
    }
}
