//! Basic authentication and API keys.

use std::time::Duration;

use countersign::{
    ApiKey, Auth, Basic, Given, Key, KeyId, KeyProblem, Keyring, Reason, Secret, Unverified,
    Verified,
};
use http::HeaderMap;
use http::header::{AUTHORIZATION, HeaderName};

use crate::support::{OTHER, SECRET, Sent, header, key, ring, verifier};

fn sent(headers: HeaderMap) -> Sent {
    Sent {
        headers,
        ..Sent::post("github")
    }
}

fn reason(auth: &Auth, headers: HeaderMap) -> Option<Reason> {
    verdict(auth, headers).err()
}

fn verdict(auth: &Auth, headers: HeaderMap) -> Result<Verified, Reason> {
    let sent = sent(headers);
    auth.verify(&sent.as_signed())
        .map_err(|rejection| rejection.reason())
}

fn users() -> Auth {
    let users = [
        ("ann", "a password: with colons"),
        ("bob", "another long password"),
        ("", "nobody in particular"),
    ];
    let users = users.map(|(name, password)| (name.to_owned(), Secret::new(password)));
    Auth::Basic(Basic::new(users).unwrap())
}

fn basic(pair: &str) -> HeaderMap {
    use base64::Engine;
    let text = base64::engine::general_purpose::STANDARD.encode(pair);
    header("authorization", &format!("Basic {text}"))
}

#[test]
fn the_user_is_what_stands_before_the_first_colon() {
    let verified = verdict(&users(), basic("ann:a password: with colons")).unwrap();
    assert_eq!(verified.key().unwrap().as_str(), "ann");
    assert!(verified.replay_key().is_none() && verified.time().is_none());

    assert!(verdict(&users(), basic(":nobody in particular")).is_ok());
}

#[test]
fn every_wrong_pair_fails_alike() {
    for pair in [
        "ann:another long password",
        "bob:a password: with colons",
        "eve:a password: with colons",
        "ann:",
        ":",
        "ann:a password",
        "ann:a password: with colons ",
        "Ann:a password: with colons",
    ] {
        assert_eq!(
            reason(&users(), basic(pair)),
            Some(Reason::BadCredentials),
            "{pair}"
        );
    }
}

#[test]
fn the_scheme_name_is_read_in_any_case() {
    for name in ["Basic", "basic", "BASIC"] {
        let headers = header(
            "authorization",
            &format!("{name}   Ym9iOmFub3RoZXIgbG9uZyBwYXNzd29yZA=="),
        );
        assert!(verdict(&users(), headers).is_ok(), "{name}");
    }
}

#[test]
fn credentials_in_another_form_are_refused() {
    for line in [
        "Basic",
        "Basic ",
        "Bearer Ym9iOmFub3RoZXIgbG9uZyBwYXNzd29yZA==",
        "Basic Ym9i",
        "Basic Ym9iOmFub3RoZXIgbG9uZyBwYXNzd29yZA",
        "Basic Ym9iOmFub3RoZXIgbG9uZyBwYXNzd29yZB==",
        "BasicYm9iOmFub3RoZXIgbG9uZyBwYXNzd29yZA==",
        "Basic Ym9i OmFub3RoZXIg",
        "Basic\tYm9iOmFub3RoZXIgbG9uZyBwYXNzd29yZA==",
        "",
    ] {
        let headers = header("authorization", line);
        assert_eq!(
            reason(&users(), headers.clone()),
            Some(Reason::MalformedCredentials),
            "{line}"
        );
        let Err(rejection) = users().check_head(&http::Method::POST, &headers) else {
            panic!("{line}");
        };
        assert_eq!(rejection.reason(), Reason::MalformedCredentials);
    }
    assert_eq!(
        reason(&users(), HeaderMap::new()),
        Some(Reason::MissingCredentials)
    );
    let long = header("authorization", &format!("Basic {}", "A".repeat(4096)));
    assert_eq!(reason(&users(), long), Some(Reason::HeaderTooLong));
}

#[test]
fn two_authorization_lines_are_refused() {
    let mut headers = basic("bob:another long password");
    headers.append(AUTHORIZATION, headers[AUTHORIZATION].clone());

    assert_eq!(reason(&users(), headers), Some(Reason::DuplicateHeader));
}

#[test]
fn users_without_a_usable_password_are_refused() {
    let one = |name: &str, password: &str| [(name.to_owned(), Secret::new(password))];
    let problem =
        |result: Result<Basic, countersign::KeyError>| result.unwrap_err().problem().clone();

    assert_eq!(problem(Basic::new([])), KeyProblem::None);
    assert_eq!(
        problem(Basic::new(one("ann", "short"))),
        KeyProblem::Short(5)
    );
    assert!(Basic::with_weak_passwords(one("ann", "short")).is_ok());
    assert_eq!(
        problem(Basic::with_weak_passwords(one("", ""))),
        KeyProblem::Empty
    );
    assert_eq!(
        problem(Basic::with_weak_passwords(one("ann", ""))),
        KeyProblem::Empty
    );
    assert_eq!(
        problem(Basic::new(one("a:b", SECRET))),
        KeyProblem::UserWithColon
    );
    let twice = one("ann", SECRET).into_iter().chain(one("ann", OTHER));
    assert_eq!(problem(Basic::new(twice)), KeyProblem::DuplicateId);
    let text = Basic::new(one("ann", "hunter2")).unwrap_err().to_string();
    assert!(
        text.contains("`ann`") && !text.contains("hunter2"),
        "{text}"
    );
}

#[test]
fn an_api_key_comes_in_one_header() {
    let auth = Auth::ApiKey(ApiKey::new(&ring(&[OTHER, SECRET])).unwrap());
    let verified = verdict(&auth, header("x-api-key", SECRET)).unwrap();
    assert_eq!(verified.key().unwrap().as_str(), "1");

    for (headers, expected) in [
        (HeaderMap::new(), Reason::MissingCredentials),
        (header("x-api-key", ""), Reason::MissingCredentials),
        (header("x-api-key", &SECRET[1..]), Reason::BadCredentials),
        (
            header("x-api-key", &SECRET.to_lowercase()),
            Reason::BadCredentials,
        ),
        (
            header("authorization", &format!("Bearer {SECRET}")),
            Reason::MissingCredentials,
        ),
    ] {
        assert_eq!(reason(&auth, headers), Some(expected));
    }
    let mut twice = header("x-api-key", SECRET);
    twice.append("x-api-key", SECRET.parse().unwrap());
    assert_eq!(reason(&auth, twice), Some(Reason::DuplicateHeader));
}

#[test]
fn an_api_key_in_a_query_is_read_only_when_asked_for() {
    let in_header = Auth::ApiKey(ApiKey::new(&ring(&[SECRET])).unwrap());
    let in_query = Auth::ApiKey(ApiKey::new(&ring(&[SECRET])).unwrap().query("key"));
    let reason = |auth: &Auth, target: String| {
        let mut sent = sent(HeaderMap::new());
        sent.target = target;
        auth.verify(&sent.as_signed())
            .err()
            .map(|rejection| rejection.reason())
    };

    let target = format!("/in?a=b&key={SECRET}&c");
    assert_eq!(
        reason(&in_header, target.clone()),
        Some(Reason::MissingCredentials)
    );
    assert_eq!(reason(&in_query, target.clone()), None);
    assert_eq!(
        reason(&in_query, format!("{target}&key=x")),
        Some(Reason::DuplicateCredentials)
    );
    assert_eq!(
        reason(&in_query, "/in".into()),
        Some(Reason::MissingCredentials)
    );
    assert_eq!(
        reason(&in_query, "/in?key=".into()),
        Some(Reason::MissingCredentials)
    );
    assert_eq!(
        reason(&in_query, format!("/in?xkey={SECRET}")),
        Some(Reason::MissingCredentials)
    );
    assert!(
        in_query
            .check_head(&http::Method::POST, &HeaderMap::new())
            .is_ok()
    );
}

#[test]
fn an_api_key_may_be_a_bearer_token_or_stand_in_a_header_of_its_own() {
    let keys = ApiKey::new(&ring(&[SECRET])).unwrap();
    let bearer = Auth::ApiKey(keys.clone().bearer());
    let own = Auth::ApiKey(keys.header(HeaderName::from_static("x-token")));

    assert_eq!(
        reason(
            &bearer,
            header("authorization", &format!("bearer {SECRET}"))
        ),
        None
    );
    assert_eq!(
        reason(&bearer, header("authorization", SECRET)),
        Some(Reason::MalformedCredentials)
    );
    assert_eq!(reason(&own, header("x-token", SECRET)), None);
    assert_eq!(
        reason(&own, header("x-api-key", SECRET)),
        Some(Reason::MissingCredentials)
    );
}

#[test]
fn an_api_key_may_come_in_any_of_several_places() {
    let auth = Auth::ApiKey(
        ApiKey::new(&ring(&[SECRET]))
            .unwrap()
            .header(HeaderName::from_static("x-token"))
            .bearer()
            .query("key"),
    );
    let basic = basic("bob:another long password");
    let with_token = |mut headers: HeaderMap| {
        headers.append("x-token", SECRET.parse().unwrap());
        headers
    };

    for headers in [
        header("x-token", SECRET),
        header("authorization", &format!("Bearer {SECRET}")),
        with_token(header("authorization", &format!("Bearer {SECRET}"))),
        with_token(basic.clone()),
    ] {
        assert_eq!(reason(&auth, headers), None);
    }
    for (headers, expected) in [
        (header("x-api-key", SECRET), Reason::MissingCredentials),
        (basic, Reason::MalformedCredentials),
        (header("x-token", ""), Reason::MissingCredentials),
        (header("x-token", &"x".repeat(5000)), Reason::HeaderTooLong),
    ] {
        assert_eq!(reason(&auth, headers), Some(expected));
    }
}

#[test]
fn different_keys_in_two_places_are_refused_whichever_is_right() {
    let auth = Auth::ApiKey(
        ApiKey::new(&ring(&[SECRET, OTHER]))
            .unwrap()
            .header(HeaderName::from_static("x-token"))
            .bearer()
            .query("key"),
    );
    let reason = |token: &str, bearer: &str, target: String| {
        let mut headers = header("x-token", token);
        let bearer = format!("Bearer {bearer}").parse().unwrap();
        headers.append(AUTHORIZATION, bearer);
        let mut sent = sent(headers);
        sent.target = target;
        let verdict = auth.verify(&sent.as_signed());
        verdict.err().map(|rejection| rejection.reason())
    };
    let in_query = |key: &str| format!("/in?key={key}");

    assert_eq!(reason(SECRET, SECRET, in_query(SECRET)), None);
    for (token, bearer, query) in [
        (SECRET, OTHER, SECRET),
        (SECRET, SECRET, OTHER),
        (SECRET, SECRET, "wrong"),
        ("wrong", SECRET, SECRET),
        (OTHER, SECRET, ""),
    ] {
        assert_eq!(
            reason(token, bearer, in_query(query)),
            Some(Reason::AmbiguousCredentials),
            "{token} {bearer} {query}"
        );
    }
}

#[test]
fn a_password_that_is_kept_elsewhere_is_asked_for_once_nothing_else_is_left() {
    let keeper = Auth::Basic(Basic::asking());
    let Auth::Basic(known) = users() else {
        panic!("they are users")
    };
    let both = Auth::Basic(known.or_asks());
    let judge = |auth: &Auth, headers: HeaderMap, password| {
        let given = Given {
            password,
            ..Given::default()
        };
        auth.judge(&sent(headers).as_signed(), given)
    };

    for auth in [&keeper, &both] {
        let asked = judge(auth, basic("eve:kept: elsewhere"), None).unwrap_err();
        let Unverified::Ask(claim) = asked else {
            panic!("{asked:?}")
        };
        assert_eq!(claim.user(), b"eve");
        assert_eq!(claim.password().expose(), b"kept: elsewhere");
        assert!(!format!("{claim:?}").contains("kept"), "{claim:?}");

        let right = judge(auth, basic("eve:kept: elsewhere"), Some(true)).unwrap();
        assert_eq!(right.key().unwrap().as_str(), "eve");
        for (headers, answer, expected) in [
            (
                basic("eve:kept: elsewhere"),
                Some(false),
                Reason::BadCredentials,
            ),
            (basic("eve:"), None, Reason::BadCredentials),
            (basic("eve:"), Some(true), Reason::BadCredentials),
            (HeaderMap::new(), None, Reason::MissingCredentials),
            (HeaderMap::new(), Some(true), Reason::MissingCredentials),
            (
                header("authorization", "Basic !!"),
                Some(true),
                Reason::MalformedCredentials,
            ),
        ] {
            let refused = judge(auth, headers, answer).unwrap_err();
            assert!(
                matches!(refused, Unverified::Rejected(it) if it.reason() == expected),
                "{refused:?}"
            );
        }
        assert_eq!(
            reason(auth, basic("eve:kept: elsewhere")),
            Some(Reason::BadCredentials)
        );
    }
    let known = judge(&both, basic("bob:another long password"), Some(false)).unwrap();
    assert_eq!(known.key().unwrap().as_str(), "bob");
    let not_asked = judge(&users(), basic("eve:x"), Some(true)).unwrap_err();
    assert!(matches!(not_asked, Unverified::Rejected(_)));
}

#[test]
fn an_api_key_may_be_known_by_its_hash_only_and_only_for_a_time() {
    // printf %s MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw | sha256sum
    let sha256 = "0c47dd30c7da14ce8078bc464742122187d516456e901ac0c3006dabcec0f743";
    let now = Sent::post("github").now;
    let hashed = |until| {
        let key = Key::hashed(KeyId::parse("a").unwrap(), sha256)
            .unwrap()
            .not_after(until);
        Auth::ApiKey(ApiKey::new(&Keyring::new([key]).unwrap()).unwrap())
    };

    let live = hashed(now + Duration::from_secs(1));
    assert_eq!(reason(&live, header("x-api-key", SECRET)), None);
    assert_eq!(
        reason(&live, header("x-api-key", sha256)),
        Some(Reason::BadCredentials)
    );
    assert_eq!(
        reason(&hashed(now), header("x-api-key", SECRET)),
        Some(Reason::NoActiveKey)
    );
}

#[test]
fn a_short_api_key_is_refused() {
    let error = ApiKey::new(&Keyring::new([key("a", "short")]).unwrap()).unwrap_err();
    assert_eq!(error.problem(), &KeyProblem::Short(5));
    assert!(ApiKey::new(&Keyring::new([key("a", "short").allow_weak()]).unwrap()).is_ok());
}

#[test]
fn nobody_is_asked_only_where_that_is_written_out() {
    let verified = verdict(&Auth::None, HeaderMap::new()).unwrap();
    assert!(verified.key().is_none());

    let modes = [
        Auth::None,
        users(),
        Auth::ApiKey(ApiKey::new(&ring(&[SECRET])).unwrap()),
        Auth::Signature(verifier("github")),
    ];
    assert_eq!(
        modes.map(|auth| auth.mode()),
        ["none", "basic", "api_key", "signature"]
    );
}

#[test]
fn credentials_do_not_print() {
    let keys = Auth::ApiKey(ApiKey::new(&ring(&[SECRET])).unwrap());
    let text = format!("{:?} {keys:?}", users());

    assert!(
        !text.contains("password") && !text.contains(SECRET),
        "{text}"
    );
}
