//! The hashes were made by libxcrypt and by the reference implementation of argon2.

use countersign::{Auth, Basic, Given, PublicUrl, Signed, Unverified};
use http::{HeaderMap, HeaderValue, Method};
use std::future::poll_fn;
use std::net::IpAddr;
use std::pin::pin;
use std::task::Poll;
use std::time::SystemTime;

use super::*;

const EVE: &str = "$2y$04$abcdefghijklmnopqrstuuaxSCn9f1oQabaM6bv7D1taiDa1tu1Ae"; // kept elsewhere
const OLD: &str = "$2a$05$abcdefghijklmnopqrstuuBvTfHJ0HEDQbZFkO3ErjC/9EOM9UFAO"; // kept elsewhere
const LONG: &str = "$2y$04$abcdefghijklmnopqrstuubzadhGtS2zEF.gu0yd0opP6cVzb.e0i"; // 80 times x
const ANN: &str =
    "$argon2id$v=19$m=256,t=2,p=1$c29tZXNhbHQ$nf65EOgLrQMR/uIPnA4rEsF5h7TKyQwu9U1bMCHGi/4"; // password

fn parse(text: &str) -> Result<Htpasswd, Bad> {
    Htpasswd::parse(text, [7; 32], Seats::new(1))
}

fn users() -> Htpasswd {
    parse(&format!(
        "# people\n\neve:{EVE}\r\nold:{OLD}\nann:{ANN}\nlong:{LONG}\n"
    ))
    .unwrap()
}

/// The claim of a request with these credentials.
fn claim(user: &str, password: &str) -> Claim {
    claim_from(None, user, password)
}

fn claim_from(client: Option<IpAddr>, user: &str, password: &str) -> Claim {
    use base64::Engine as _;
    let pair = base64::engine::general_purpose::STANDARD.encode(format!("{user}:{password}"));
    let value = HeaderValue::try_from(format!("Basic {pair}")).unwrap();
    let headers = HeaderMap::from_iter([(http::header::AUTHORIZATION, value)]);
    let signed = Signed {
        method: &Method::POST,
        url: PublicUrl::default(),
        headers: &headers,
        body: b"",
        now: SystemTime::UNIX_EPOCH,
    };
    let given = Given {
        client,
        ..Given::default()
    };
    match Auth::Basic(Basic::asking()).judge(&signed, given) {
        Err(Unverified::Ask(claim)) => claim,
        other => panic!("{other:?}"),
    }
}

async fn ask(users: &Htpasswd, user: &str, password: &str) -> Answer {
    users.check(claim(user, password)).await
}

#[tokio::test]
async fn the_right_password_of_the_right_user_is_right_whatever_the_hash() {
    let users = users();

    for (user, password) in [
        ("eve", "kept elsewhere"),
        ("old", "kept elsewhere"),
        ("ann", "password"),
    ] {
        assert_eq!(ask(&users, user, password).await, Answer::Right, "{user}");
        // Remembered, now.
        assert_eq!(ask(&users, user, password).await, Answer::Right, "{user}");
    }
    for (user, password) in [
        ("eve", "password"),
        ("eve", "kept elsewhere "),
        ("Eve", "kept elsewhere"),
        ("ann", "kept elsewhere"),
        ("nobody", "kept elsewhere"),
        ("nobody", "password"),
        ("", "password"),
        ("#", "people"),
    ] {
        assert_eq!(
            ask(&users, user, password).await,
            Answer::Wrong,
            "{user}:{password}"
        );
    }
}

#[tokio::test]
async fn of_a_password_for_bcrypt_72_bytes_count() {
    let users = users();

    assert_eq!(ask(&users, "long", &"x".repeat(80)).await, Answer::Right);
    assert_eq!(ask(&users, "long", &"x".repeat(72)).await, Answer::Right);
    assert_eq!(ask(&users, "long", &"x".repeat(71)).await, Answer::Wrong);
}

#[test]
fn a_user_that_there_is_not_costs_the_hash_of_one_that_there_is_always_the_same() {
    let users = users();
    let stand_in = |name: &str| &users.0.stand_in(name.as_bytes()).unwrap().name;

    let names: Vec<_> = (0..200).map(|number| format!("user-{number}")).collect();
    let mut found: Vec<_> = names.iter().map(|name| stand_in(name)).collect();
    found.sort();
    found.dedup();

    assert_eq!(found, ["ann", "eve", "long", "old"], "every hash serves");
    assert!(names.iter().all(|name| stand_in(name) == stand_in(name)));
}

#[tokio::test(start_paused = true)]
async fn a_password_is_known_again_for_a_minute_after_its_last_use_and_by_nobody_else() {
    let users = users();
    let remembers = |user: &str, password: &str| {
        let claim = claim(user, password);
        users.0.remembers(&claim, &users.0.mark(&claim))
    };
    ask(&users, "eve", "kept elsewhere").await;
    ask(&users, "old", "wrong").await;

    assert!(remembers("eve", "kept elsewhere"));
    assert!(!remembers("eve", "kept elsewher"));
    assert!(!remembers("old", "kept elsewhere"));
    assert!(!remembers("old", "wrong"));
    for _ in 0..3 {
        tokio::time::advance(MEMORY - Duration::from_secs(1)).await;
        assert!(remembers("eve", "kept elsewhere"));
    }
    tokio::time::advance(MEMORY).await;
    assert!(!remembers("eve", "kept elsewhere"));
}

#[test]
fn a_name_and_a_password_do_not_run_into_one_another() {
    let users = users();
    let mark = |user: &str, password: &str| users.0.mark(&claim(user, password));

    assert_ne!(mark("ab", "c"), mark("a", "bc"));
}

#[tokio::test(start_paused = true)]
async fn who_gets_no_turn_is_told_to_come_again_and_who_is_known_needs_none() {
    let users = users();
    assert_eq!(ask(&users, "eve", "kept elsewhere").await, Answer::Right);
    let elsewhere = users.0.seats.line_up(Some([192, 0, 2, 1].into()), [1; 32]);
    let taken = elsewhere.unwrap().seat().await.unwrap();

    assert_eq!(ask(&users, "eve", "kept elsewhere").await, Answer::Right);
    assert_eq!(
        ask(&users, "old", "kept elsewhere").await,
        Answer::Unavailable
    );
    drop(taken);
    assert_eq!(ask(&users, "old", "kept elsewhere").await, Answer::Right);
}

#[tokio::test(start_paused = true)]
async fn who_finds_a_full_line_before_a_check_is_told_at_once_and_who_comes_from_elsewhere_is_checked()
 {
    let users = users();
    let address = Some([192, 0, 2, 1].into());
    let line: Vec<_> = (0..=u8::MAX)
        .map_while(|number| users.0.seats.line_up(address, [number; 32]))
        .collect();
    let began = Instant::now();

    let flooding = users.check(claim_from(address, "eve", "kept elsewhere"));
    assert_eq!(flooding.await, Answer::Unavailable);
    assert_eq!(began.elapsed(), Duration::ZERO);
    assert_eq!(ask(&users, "eve", "kept elsewhere").await, Answer::Right);
    let known = users.check(claim_from(address, "eve", "kept elsewhere"));
    assert_eq!(known.await, Answer::Right, "wherever it comes from");
    assert!(line.len() > 1);
}

#[test]
fn a_check_whose_sender_went_away_gives_its_seat_back() {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .max_blocking_threads(1)
        .enable_time()
        .build()
        .unwrap();
    runtime.block_on(async {
        let users = users();
        // While the only thread for checks is taken, none ends.
        let (free, taken) = std::sync::mpsc::sync_channel::<()>(1);
        let busy = spawn_blocking(move || taken.recv());

        drop(users.check(claim("eve", "kept elsewhere")));
        let mut begun = users.check(claim("eve", "kept elsewhere"));
        let mut next = pin!(users.0.seats.line_up(None, [1; 32]).unwrap().seat());
        poll_fn(|cx| {
            assert!(begun.as_mut().poll(cx).is_pending());
            assert!(next.as_mut().poll(cx).is_pending(), "the seat is taken");
            Poll::Ready(())
        })
        .await;
        drop(begun);
        drop(free);

        assert!(next.await.is_some());
        assert!(busy.await.unwrap().is_err());
    });
}

#[test]
fn a_line_that_is_no_user_is_refused_with_its_number_and_without_what_stands_there() {
    let good = format!("eve:{EVE}\n# hunter2\n");
    for (line, words) in [
        ("hunter2", "no colon"),
        (":hunter2", "no name"),
        ("a\tb:hunter2", "no name"),
        ("bob:", "no hash"),
        ("bob:hunter2", "the password itself"),
        ("bob:abhunter2gkY", "a crypt hash"),
        ("bob:$apr1$abcdefgh$aWp5rfEHxWLf1V8kBrEq8.", "apr1"),
        ("bob:$1$abc$XNOm7X6WNFBCyJHX1DsON1", "MD5"),
        ("bob:{SHA}aHVudGVyMg==", "SHA-1"),
        (
            "bob:$5$abc$9EDDcTy05Xq9gYzwxyGZQZVqwfhM9KGfi8fxy3OZUr4",
            "SHA-256",
        ),
        ("bob:$6$abc$hunter2", "SHA-512"),
        (
            "bob:$2x$04$abcdefghijklmnopqrstuuaxSCn9f1oQabaM6bv7D1taiDa1tu1Ae",
            "2x",
        ),
        ("bob:$2y$04$hunter2", "bcrypt hash that is damaged"),
        (
            "bob:$2y$03$abcdefghijklmnopqrstuuaxSCn9f1oQabaM6bv7D1taiDa1tu1Ae",
            "cost 3",
        ),
        (
            "bob:$2y$15$abcdefghijklmnopqrstuuaxSCn9f1oQabaM6bv7D1taiDa1tu1Ae",
            "cost 15",
        ),
        (
            "bob:$2y$31$abcdefghijklmnopqrstuuaxSCn9f1oQabaM6bv7D1taiDa1tu1Ae",
            "cost 31",
        ),
        (
            "bob:$argon2i$v=19$m=256,t=2,p=1$c29tZXNhbHQ$nf65EOgLrQMR/uIPnA4rEsF5h7TKyQwu9U1bMCHGi/4",
            "another kind",
        ),
        (
            "bob:$argon2id$v=19$m=262144,t=2,p=1$c29tZXNhbHQ$eP4eyR+zqlZX1y5xCFTkw9m5GYx0L5YWwvCFvtlbLow",
            "m=262144",
        ),
        (
            "bob:$argon2id$v=19$m=256,t=99,p=1$c29tZXNhbHQ$nf65EOgLrQMR/uIPnA4rEsF5h7TKyQwu9U1bMCHGi/4",
            "t=99",
        ),
        ("bob:$argon2id$v=19$m=256,t=2,p=1$c29tZXNhbHQ", "damaged"),
        ("bob:$argon2id$hunter2", "damaged"),
        (&format!("eve:{OLD}"), "there already"),
    ] {
        let bad = parse(&format!("{good}{line}\n")).unwrap_err();

        assert_eq!(bad.line, Some(3), "{line}");
        assert!(bad.message.contains(words), "{line}: {}", bad.message);
        assert!(
            !bad.message.contains("hunter2") && !bad.help.is_empty(),
            "{bad:?}"
        );
    }
}

#[test]
fn a_file_without_users_is_refused() {
    for text in ["", "\n\n", "# nobody\n"] {
        let bad = parse(text).unwrap_err();
        assert_eq!(bad.line, None);
        assert!(bad.message.contains("no users"));
    }
}

#[test]
fn it_shows_neither_names_nor_hashes() {
    let shown = format!("{:?}", users());

    assert!(!shown.contains("eve") && !shown.contains("$2"), "{shown}");
}

proptest::proptest! {
    #[test]
    fn any_text_is_read_without_panic(text in ".*", hash in "[$0-9a-zA-Z,=./]{0,70}") {
        let _ = parse(&text);
        let _ = parse(&format!("eve:{hash}"));
        let _ = parse(&format!("eve:$2y${hash}"));
        let _ = parse(&format!("eve:$argon2id${hash}"));
    }
}
