//! A policy that could not do its work is not built.

use std::time::SystemTime;

use countersign::{Keyring, PublicUrl, Scheme, Secret, Signed, Verifier, Window};
use http::HeaderMap;

use super::*;

fn signature(preset: &str) -> Auth {
    let keys = Keyring::single(Secret::new("a secret that is long enough"));
    let scheme = Scheme::preset(preset).unwrap();
    Auth::Signature(Verifier::new(&scheme, &keys).unwrap())
}

#[test]
fn it_takes_post_and_a_mebibyte_unless_told_otherwise() {
    let policy = Policy::builder(Auth::None).build().unwrap();

    assert_eq!(policy.methods(), [Method::POST]);
    assert_eq!(policy.body_limit(), 1024 * 1024);
    assert!(!policy.observes());
}

#[test]
fn it_remembers_for_twice_the_window_and_not_where_there_is_none() {
    let remember = |auth| Policy::builder(auth).build().unwrap().remember();

    let twice = Some(Duration::from_secs(600));
    assert_eq!(remember(signature("designer-cloud")), twice);
    assert_eq!(remember(signature("github")), None);
    assert_eq!(remember(Auth::None), None);
}

#[test]
fn any_of_the_windows_that_may_name_a_repeat_is_remembered_twice() {
    let minutes = |minutes: u64| Duration::from_secs(60 * minutes);
    let native = |window| {
        let Auth::Signature(verifier) = signature("designer-cloud") else {
            panic!("a signature");
        };
        let window = Some(Window::symmetric(minutes(window)));
        Auth::Signature(verifier.with_window(window).unwrap())
    };
    let remember = |auth: Option<Auth>| Policy::builder(auth.unwrap()).build().unwrap().remember();
    let any = |members: [Auth; 2]| Auth::any(members).unwrap();

    for (members, longest) in [
        (vec![Auth::None, any([native(1), native(60)])], 60),
        (vec![Auth::None, any([signature("github"), native(60)])], 60),
        (vec![any([signature("github"), native(60)]), native(1)], 60),
        (vec![native(1), any([native(1), native(60)])], 1),
        (vec![any([native(60), native(2)]), native(90)], 60),
    ] {
        assert_eq!(remember(Auth::all(members)), Some(2 * minutes(longest)));
    }
}

#[test]
fn with_another_auth_what_was_said_stays_and_what_followed_from_the_first_one_does_not() {
    let windows = |minutes: u64| {
        let signed = |preset| match signature(preset) {
            Auth::Signature(verifier) => verifier,
            _ => unreachable!("it is a signature"),
        };
        let window = Window::symmetric(Duration::from_secs(minutes * 60));
        let timed = signed("designer-cloud").with_window(Some(window)).unwrap();
        Auth::any([Auth::Signature(timed), signature("github")]).unwrap()
    };
    let timeless = Auth::None
        .verify(&Signed {
            method: &Method::POST,
            url: PublicUrl::default(),
            headers: &HeaderMap::new(),
            body: b"",
            now: SystemTime::UNIX_EPOCH,
        })
        .unwrap();
    let minutes = |minutes: u64| Some(Duration::from_secs(minutes * 60));

    let first = Policy::builder(windows(5)).flow("orders").build().unwrap();
    let second = first.with_auth(windows(10)).build().unwrap();
    assert_eq!(
        (first.remember(), second.remember()),
        (minutes(10), minutes(20))
    );
    assert_eq!(second.remember_this(&timeless), None, "nobody asked for it");
    assert_eq!(second.flow(), "orders");

    let asked = Policy::builder(windows(5)).remember(minutes(30).unwrap());
    let asked = asked
        .build()
        .unwrap()
        .with_auth(windows(10))
        .build()
        .unwrap();
    assert_eq!(asked.remember_this(&timeless), minutes(30));
}

#[test]
fn what_only_observes_remembers_nothing() {
    let policy = Policy::builder(signature("designer-cloud"))
        .observe(true)
        .remember(Duration::from_secs(600));

    assert_eq!(policy.build().unwrap().remember(), None);
}

#[test]
fn a_policy_without_methods_is_not_built() {
    let policy = Policy::builder(Auth::None).methods([]);

    assert_eq!(policy.build().unwrap_err(), PolicyError::NoMethods);
}

#[test]
fn a_public_url_that_no_target_can_follow_is_named_and_explained() {
    for (url, problem) in [
        ("hooks.example.com", "https://"),
        ("ftp://hooks.example.com", "https://"),
        ("https://", "no host"),
        ("https:///hooks", "no host"),
        ("https://hooks.example.com/", "slash"),
        ("https://hooks.example.com?a=b", "query"),
        ("https://hooks.example.com#top", "fragment"),
        ("https://hooks.example.com ", "white space"),
        ("https://höoks.example.com", "ASCII"),
    ] {
        let error = Policy::builder(Auth::None).public_url(url).build();

        let text = error.unwrap_err().to_string();
        assert!(text.contains(url) && text.contains(problem), "{text}");
    }
}

#[test]
fn a_public_url_may_have_the_path_that_a_proxy_takes_off() {
    let policy = Policy::builder(Auth::None).public_url("http://example.com:8080/in");

    assert_eq!(
        policy.build().unwrap().public_url(),
        Some("http://example.com:8080/in")
    );
}

#[test]
fn a_policy_does_not_print_its_secret() {
    let policy = Policy::builder(signature("designer-cloud"))
        .build()
        .unwrap();

    assert!(!format!("{policy:?}").contains("long enough"));
}

#[test]
fn a_memory_shorter_than_a_signature_stays_fresh_is_refused() {
    let built = Policy::builder(signature("designer-cloud"))
        .remember(Duration::from_secs(599))
        .build();

    assert_eq!(
        built.unwrap_err(),
        PolicyError::ShortMemory {
            keep: Duration::from_secs(599),
            least: Duration::from_secs(600),
        }
    );
}

#[test]
fn a_method_that_the_scheme_does_not_sign_is_refused() {
    let built = Policy::builder(signature("designer-cloud"))
        .methods([Method::POST, Method::HEAD])
        .build();

    assert_eq!(
        built.unwrap_err(),
        PolicyError::UnsignedMethod {
            method: Method::HEAD
        }
    );
}
