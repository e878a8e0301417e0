//! Every way of knowing senders, by itself and several at once, and everybody who is none of them.

use std::fs;
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

use crate::support::{
    FLOW_SECRET, Gateway, Reply, Request, Setup, base64, countersign, hmac_hex, native, wait_for,
};

const BODY: &[u8] = b"{\"order\": 7}";

/// Made by libxcrypt: eve, old and bob have "kept elsewhere"; ann has "password", in argon2id of its reference.
const HTPASSWD: &str = "\
# senders

eve:$2y$04$abcdefghijklmnopqrstuuaxSCn9f1oQabaM6bv7D1taiDa1tu1Ae
old:$2a$05$abcdefghijklmnopqrstuuBvTfHJ0HEDQbZFkO3ErjC/9EOM9UFAO
bob:$2b$04$abcdefghijklmnopqrstuuaxSCn9f1oQabaM6bv7D1taiDa1tu1Ae
ann:$argon2id$v=19$m=256,t=2,p=1$c29tZXNhbHQ$nf65EOgLrQMR/uIPnA4rEsF5h7TKyQwu9U1bMCHGi/4
";

fn flow(id: &str, auth: &str) -> String {
    format!("[[flows]]\nid = \"{id}\"\nauth = {auth}\n")
}

fn started(auth: &str) -> Gateway {
    Setup::new().table(&flow("it", auth)).start()
}

fn with_file(users: &[u8], auth: &str) -> Setup {
    let setup = Setup::new().table(&flow("it", auth));
    fs::write(setup.folder().join("users"), users).unwrap();
    setup
}

fn post() -> Request {
    Request::post("/hooks/it").body(BODY)
}

fn basic(pair: &str) -> String {
    format!("Basic {}", base64(pair.as_bytes()))
}

fn signed() -> Request {
    post().header("X-Webhook-Signature", native(FLOW_SECRET, BODY))
}

fn answer(gateway: &Gateway, request: &Request) -> Reply {
    request.send(gateway.ingress)
}

fn status(gateway: &Gateway, request: &Request) -> u16 {
    answer(gateway, request).status
}

/// Waits until the log has told this refusal.
fn told(gateway: &mut Gateway, reason: &str) {
    let words = format!("reason={reason}");
    gateway.process().line(&words, |line| {
        let json = format!("\"reason\":\"{reason}\"");
        (line.contains(&words) || line.contains(&json)).then_some(())
    });
}

#[test]
fn users_of_an_htpasswd_file_are_let_in_by_their_passwords_and_nobody_else_is() {
    let gateway = with_file(
        HTPASSWD.as_bytes(),
        "{ mode = \"basic\", htpasswd = \"users\", users = [{ name = \"inline\", password = \"a:password of good length\" }] }",
    )
    .start();
    let with = |value: &str| status(&gateway, &post().header("Authorization", value));

    for pair in [
        "eve:kept elsewhere",
        "old:kept elsewhere",
        "bob:kept elsewhere",
        "ann:password",
        "inline:a:password of good length",
    ] {
        assert_eq!(with(&basic(pair)), 202, "{pair}");
        assert_eq!(with(&basic(pair)), 202, "{pair}, remembered");
    }
    for pair in [
        "eve:password",
        "eve:kept elsewhere:",
        "eve:",
        ":",
        "Eve:kept elsewhere",
        "nobody:kept elsewhere",
        "inline:kept elsewhere",
        "eve:a:password of good length",
        "a:b:c",
        "# senders:",
    ] {
        assert_eq!(with(&basic(pair)), 401, "{pair}");
    }
    for value in ["Basic", "Basic !!!", "Bearer kept elsewhere", &basic("eve")] {
        assert_eq!(with(value), 401, "{value}");
    }
    let long = basic(&format!("eve:{}", "x".repeat(5000)));
    assert_eq!(with(&long), 401, "an oversize header");
    let twice = post()
        .header("Authorization", basic("eve:kept elsewhere"))
        .header("Authorization", basic("eve:kept elsewhere"));
    assert_eq!(status(&gateway, &twice), 401, "two lines");
    let refused = answer(&gateway, &post());
    let challenge = refused.header("www-authenticate").unwrap();
    assert!(challenge.starts_with("Basic realm="), "{challenge}");
}

#[test]
fn a_flood_of_wrong_passwords_does_not_keep_out_who_is_known() {
    let gateway = with_file(
        HTPASSWD.as_bytes(),
        "{ mode = \"basic\", htpasswd = \"users\" }",
    )
    .start();
    let eve = post().header("Authorization", basic("eve:kept elsewhere"));
    assert_eq!(status(&gateway, &eve), 202);

    thread::scope(|scope| {
        for number in 0..40 {
            let gateway = &gateway;
            scope.spawn(move || {
                let wrong = post().header("Authorization", basic(&format!("user-{number}:wrong")));
                let refused = status(gateway, &wrong);
                assert!(matches!(refused, 401 | 503), "{refused}");
            });
        }
        for _ in 0..10 {
            assert_eq!(status(&gateway, &eve), 202);
        }
    });
}

#[test]
fn one_user_that_nobody_remembers_yet_may_send_many_requests_at_once() {
    // "kept elsewhere" at a cost of a quarter of a second or so.
    let users = b"eve:$2y$12$abcdefghijklmnopqrstuuZuMjFsM6EvOOQ5oTCrTQmgP.rd0WhIm\n";
    let gateway = with_file(users, "{ mode = \"basic\", htpasswd = \"users\" }").start();
    let eve = post().header("Authorization", basic("eve:kept elsewhere"));

    let statuses: Vec<u16> = thread::scope(|scope| {
        let burst = [(); 60].map(|()| scope.spawn(|| status(&gateway, &eve)));
        burst.map(|one| one.join().unwrap()).into()
    });

    assert_eq!(statuses, [202; 60]);
}

#[test]
fn a_flood_of_invented_users_from_one_address_does_not_keep_out_who_comes_from_another() {
    // "kept elsewhere" at a cost at which the flood would take all seats for a quarter of a minute.
    let users = b"eve:$2y$12$abcdefghijklmnopqrstuuZuMjFsM6EvOOQ5oTCrTQmgP.rd0WhIm\n";
    let auth = "{ mode = \"basic\", htpasswd = \"users\" }";
    let gateway = with_file(users, auth)
        .ingress("trusted_proxies = [\"127.0.0.1\"]")
        .start();
    let from = |address: &str, pair: &str| {
        let request = post().header("Authorization", basic(pair));
        request.header("X-Forwarded-For", address)
    };
    let (say, told) = mpsc::sync_channel(60);

    thread::scope(|scope| {
        for number in 0..60 {
            let (gateway, say) = (&gateway, say.clone());
            let wrong = from("192.0.2.1", &format!("user-{number}:wrong"));
            scope.spawn(move || say.send(status(gateway, &wrong)));
        }
        // Sixteen are in line now, and the others need not wait for that.
        let begun = Instant::now();
        for _ in 0..44 {
            let refused = told.recv().unwrap();
            assert!(matches!(refused, 401 | 503), "{refused}");
        }
        assert!(begun.elapsed() < Duration::from_secs(4), "told at once");
        let eve = from("192.0.2.2", "eve:kept elsewhere");
        assert_eq!(status(&gateway, &eve), 202);
    });
}

#[test]
fn a_file_of_users_that_cannot_be_used_is_told_before_anybody_is_served() {
    let auth = "{ mode = \"basic\", htpasswd = \"users\" }";
    let bad = |line: &str| format!("{HTPASSWD}{line}\n").into_bytes();
    for (users, words) in [
        (
            bad("carl:hunter2"),
            "line 7 has a crypt hash, or the password itself",
        ),
        (
            bad("carl:$apr1$abcdefgh$aWp5rfEHxWLf1V8kBrEq8."),
            "line 7 has an MD5 hash (apr1)",
        ),
        (bad("carl:{SHA}aHVudGVyMg=="), "line 7 has a SHA-1 hash"),
        (bad("hunter2"), "line 7 has no colon"),
        (
            bad("carl:$2y$31$abcdefghijklmnopqrstuuaxSCn9f1oQabaM6bv7D1taiDa1tu1Ae"),
            "line 7 has a bcrypt hash of cost 31",
        ),
        (b"b\xe9a:x\n".to_vec(), "not UTF-8"),
        (Vec::new(), "has no users"),
    ] {
        let setup = with_file(&users, auth);
        let path = setup.write();

        let checked = countersign(&["config", "check", path.to_str().unwrap()]);

        let said = String::from_utf8_lossy(&checked.stderr);
        assert_eq!(checked.status.code(), Some(2), "{said}");
        assert!(said.contains(words) && said.contains("users"), "{said}");
        assert!(
            !said.contains("hunter2") && !said.contains("aHVudGVyMg"),
            "{said}"
        );
    }
    let setup = Setup::new().table(&flow("it", auth));
    let path = setup.write();
    let checked = countersign(&["config", "check", path.to_str().unwrap()]);
    let said = String::from_utf8_lossy(&checked.stderr);
    assert_eq!(checked.status.code(), Some(2), "{said}");
    assert!(
        said.contains("cannot be read") && said.contains("htpasswd -B"),
        "{said}"
    );
}

#[test]
fn an_api_key_may_come_in_several_places_and_different_ones_are_refused() {
    let mut gateway = started(
        "{ mode = \"api_key\", header = [\"X-One\", \"X-Two\"], bearer = true, query = \"key\", keys = [\
           { id = \"new\", secret = \"the-new-key-of-a-good-length\" },\
           { id = \"old\", sha256 = \"2d711642b726b04401627ca9fbac32f5c8530fb1903cc4db02258717921a4881\" },\
           { id = \"gone\", secret = \"a-key-whose-time-is-over\", not_after = \"2020-01-01T00:00:00Z\" },\
         ] }",
    );
    let (new, old) = ("the-new-key-of-a-good-length", "x");
    let get = |target: &str, headers: &[(&str, &str)]| {
        let request = Request::post(target).body(BODY);
        let request = headers.iter().fold(request, |request, (name, value)| {
            request.header(name, *value)
        });
        status(&gateway, &request)
    };
    let bearer = format!("Bearer {new}");
    let query = format!("/hooks/it?key={new}");

    assert_eq!(get("/hooks/it", &[("X-One", new)]), 202);
    assert_eq!(
        get("/hooks/it", &[("X-Two", old)]),
        202,
        "known by its SHA-256"
    );
    assert_eq!(get("/hooks/it", &[("Authorization", &bearer)]), 202);
    assert_eq!(get(&query, &[]), 202);
    assert_eq!(
        get(
            &query,
            &[("X-One", new), ("X-Two", new), ("Authorization", &bearer)]
        ),
        202
    );
    for (target, headers) in [
        ("/hooks/it", &[][..]),
        ("/hooks/it", &[("X-API-Key", new)]),
        ("/hooks/it", &[("X-One", "wrong-key-of-a-good-length")]),
        ("/hooks/it", &[("X-One", "a-key-whose-time-is-over")]),
        ("/hooks/it", &[("X-One", new), ("X-One", new)]),
        ("/hooks/it", &[("X-One", new), ("X-Two", old)]),
        (
            "/hooks/it",
            &[("X-One", "wrong"), ("Authorization", &bearer)],
        ),
        (&query, &[("X-Two", "wrong")]),
        ("/hooks/it?key=wrong", &[("Authorization", &bearer)]),
        (
            "/hooks/it?key=wrong&key=wrong",
            &[("Authorization", &bearer)],
        ),
    ] {
        assert_eq!(get(target, headers), 401, "{target} {headers:?}");
    }
    told(&mut gateway, "ambiguous_credentials");
}

#[test]
fn from_another_address_nobody_is_let_in_and_no_header_of_a_stranger_is_believed() {
    let auth = format!(
        "{{ scheme = \"designer-cloud\", keys = [{{ secret = \"{FLOW_SECRET}\" }}], allow_from = [\"192.0.2.0/24\", \"2001:db8::/32\"] }}"
    );
    let mut gateway = started(&auth);

    for request in [
        signed(),
        signed().header("X-Forwarded-For", "192.0.2.7"),
        signed().header("Forwarded", "for=192.0.2.7"),
        signed().header("X-Real-IP", "192.0.2.7"),
    ] {
        let refused = answer(&gateway, &request);
        assert_eq!(refused.status, 401);
        assert!(!refused.text().contains("address"), "{}", refused.text());
        assert_eq!(
            refused.header("www-authenticate"),
            Some("Signature realm=\"webhook\"")
        );
    }
    told(&mut gateway, "address_not_allowed");

    let here = Setup::new()
        .table(&flow("it", &auth.replace("192.0.2.0/24", "127.0.0.0/8")))
        .start();
    assert_eq!(status(&here, &signed()), 202);
    assert_eq!(
        status(&here, &post()),
        401,
        "the signature is asked for, too"
    );
}

#[test]
fn behind_proxies_the_sender_is_the_first_from_the_right_that_is_none_of_them() {
    let setup = Setup::new()
        .ingress("trusted_proxies = [\"127.0.0.1\", \"10.0.0.0/8\", \"fd00::/8\"]")
        .table(&flow(
            "it",
            "{ mode = \"none\", allow_from = [\"192.0.2.0/24\", \"2001:db8::/32\"] }",
        ));
    let gateway = setup.start();
    let with = |lines: &[(&str, &str)]| {
        let request = lines.iter().fold(post(), |request, (name, value)| {
            request.header(name, *value)
        });
        status(&gateway, &request)
    };

    for lines in [
        &[("X-Forwarded-For", "192.0.2.7")][..],
        &[("X-Forwarded-For", "192.0.2.7:4711")],
        &[("X-Forwarded-For", "::ffff:192.0.2.7")],
        &[("X-Forwarded-For", "[2001:db8::7]:80, 10.1.1.1")],
        &[("X-Forwarded-For", "nonsense, 192.0.2.7, fd00::1")],
        &[
            ("X-Forwarded-For", "198.51.100.1"),
            ("X-Forwarded-For", "192.0.2.7"),
        ],
        &[(
            "Forwarded",
            "for=198.51.100.1, for=\"192.0.2.7:80\";proto=https, for=10.0.0.2",
        )],
        &[
            ("X-Forwarded-For", "192.0.2.7"),
            ("Forwarded", "for=192.0.2.7"),
        ],
    ] {
        assert_eq!(with(lines), 202, "{lines:?}");
    }
    for lines in [
        &[][..],
        &[("X-Forwarded-For", "192.0.2.7, 198.51.100.1")],
        &[("X-Forwarded-For", "192.0.2.7, 198.51.100.1, 10.0.0.2")],
        &[
            ("X-Forwarded-For", "192.0.2.7"),
            ("X-Forwarded-For", "198.51.100.1"),
        ],
        &[("X-Forwarded-For", "192.0.2.7, unknown")],
        &[("X-Forwarded-For", "192.0.2.7,")],
        &[("X-Forwarded-For", "")],
        &[("Forwarded", "for=192.0.2.7, for=_hidden")],
        &[
            ("X-Forwarded-For", "198.51.100.1"),
            ("Forwarded", "for=192.0.2.7"),
        ],
        &[
            ("X-Forwarded-For", "192.0.2.7"),
            ("Forwarded", "for=198.51.100.1"),
        ],
    ] {
        assert_eq!(with(lines), 401, "{lines:?}");
    }
}

#[test]
fn any_of_several_auths_lets_in_and_its_key_is_named() {
    let auth = format!(
        "{{ any = [\
           {{ scheme = \"designer-cloud\", keys = [{{ id = \"new\", secret = \"{FLOW_SECRET}\" }}], window = \"1m\" }},\
           {{ scheme = \"github\", keys = [{{ id = \"old\", secret = \"the-old-secret-of-a-good-length\" }}] }},\
           {{ mode = \"basic\", users = [{{ name = \"eve\", password = \"a password of good length\" }}] }},\
         ] }}\nreplay = \"off\""
    );
    let gateway = started(&auth);
    let github = |secret: &str| {
        post().header(
            "X-Hub-Signature-256",
            format!("sha256={}", hmac_hex(secret, BODY)),
        )
    };
    let eve = |password: &str| post().header("Authorization", basic(&format!("eve:{password}")));

    for (request, expected) in [
        (signed(), 202),
        (github("the-old-secret-of-a-good-length"), 202),
        (eve("a password of good length"), 202),
        (github("another-secret-of-a-good-length"), 401),
        (eve("another password of good length"), 401),
        (post(), 401),
        (github(FLOW_SECRET), 401),
        (signed().header("X-Hub-Signature-256", "sha256=00"), 202),
    ] {
        assert_eq!(status(&gateway, &request), expected);
    }
    let refused = String::from_utf8(answer_bytes(&gateway, &post())).unwrap();
    for kind in ["Signature", "Basic"] {
        let line = format!("www-authenticate: {kind} realm=").to_lowercase();
        assert_eq!(refused.matches(&line).count(), 1, "{refused}");
    }
}

/// The whole answer as it came.
fn answer_bytes(gateway: &Gateway, request: &Request) -> Vec<u8> {
    use std::io::{Read as _, Write as _};
    let mut stream = std::net::TcpStream::connect(gateway.ingress).unwrap();
    stream
        .write_all(&request.clone().header("Connection", "close").bytes())
        .unwrap();
    let mut bytes = Vec::new();
    stream.read_to_end(&mut bytes).unwrap();
    bytes.to_ascii_lowercase().into_iter().collect()
}

#[test]
fn all_of_several_auths_have_to_hold() {
    let auth = format!(
        "{{ all = [\
           {{ scheme = \"designer-cloud\", keys = [{{ id = \"signs\", secret = \"{FLOW_SECRET}\" }}] }},\
           {{ mode = \"basic\", htpasswd = \"users\", allow_from = [\"127.0.0.1\"] }},\
         ] }}"
    );
    let mut gateway = with_file(HTPASSWD.as_bytes(), &auth).start();
    let eve = basic("eve:kept elsewhere");

    let both = answer(&gateway, &signed().header("Authorization", eve.clone()));
    assert_eq!(both.status, 202, "{}", both.text());
    for request in [
        signed(),
        post().header("Authorization", eve.clone()),
        signed().header("Authorization", basic("eve:wrong")),
        post()
            .header(
                "X-Webhook-Signature",
                native("another-secret-of-a-good-length", BODY),
            )
            .header("Authorization", eve),
    ] {
        assert_eq!(status(&gateway, &request), 401);
    }
    told(&mut gateway, "bad_signature");
}

#[test]
fn a_repeat_is_known_by_the_signature_of_all_that_signs_a_time() {
    let auth = format!(
        "{{ all = [\
           {{ mode = \"api_key\", keys = [{{ id = \"key\", secret = \"a-key-of-a-good-length\" }}] }},\
           {{ scheme = \"gitlab\", keys = [{{ id = \"token\", secret = \"a-token-of-a-good-length\" }}] }},\
           {{ scheme = \"github\", keys = [{{ id = \"github\", secret = \"the-old-secret-of-a-good-length\" }}] }},\
           {{ scheme = \"designer-cloud\", keys = [{{ id = \"signs\", secret = \"{FLOW_SECRET}\" }}] }},\
         ] }}"
    );
    let gateway = started(&auth);
    let github = hmac_hex("the-old-secret-of-a-good-length", BODY);
    let request = signed()
        .header("X-API-Key", "a-key-of-a-good-length")
        .header("X-Gitlab-Token", "a-token-of-a-good-length")
        .header("X-Hub-Signature-256", format!("sha256={github}"));

    let first = answer(&gateway, &request);
    let second = answer(&gateway, &request);

    assert_eq!((first.status, second.status), (202, 202));
    assert_eq!(first.json()["id"], second.json()["id"]);
    assert_eq!(second.json()["duplicate"], true);
}

#[test]
fn what_would_be_refused_by_several_auths_is_observed_and_let_in() {
    let upstream = crate::support::Receiver::start();
    let auth = format!(
        "{{ all = [\
           {{ scheme = \"designer-cloud\", keys = [{{ secret = \"{FLOW_SECRET}\" }}] }},\
           {{ mode = \"none\", allow_from = [\"192.0.2.0/24\"] }},\
         ] }}\nforward = \"{}\"\nobserve = true",
        upstream.url("")
    );
    let gateway = started(&auth);

    let reply = answer(&gateway, &signed());

    assert_eq!(reply.status, 200, "{}", reply.text());
    let seen = wait_for("the request to be passed on", || upstream.received().pop());
    assert_eq!(
        seen.header("countersign-observed"),
        Some("address_not_allowed")
    );
}

#[test]
fn a_captured_request_is_judged_as_the_flow_would_with_its_users_and_addresses() {
    let setup = with_file(
        HTPASSWD.as_bytes(),
        "{ mode = \"basic\", htpasswd = \"users\", allow_from = [\"192.0.2.0/24\"] }",
    );
    let config = setup.write();
    let request = setup.folder().join("request.http");
    let verified = |pair: &str, client: &[&str]| {
        let captured = post().header("Authorization", basic(pair));
        fs::write(&request, captured.bytes()).unwrap();
        let words = ["verify", request.to_str().unwrap(), "--config"];
        let words = [
            &words[..],
            &[config.to_str().unwrap(), "--flow", "it"],
            client,
        ]
        .concat();
        let output = countersign(&words);
        let said = String::from_utf8_lossy(&output.stdout).into_owned();
        (output.status.code(), said)
    };

    let (code, said) = verified("eve:kept elsewhere", &["--client", "192.0.2.7"]);
    assert_eq!(code, Some(0), "{said}");
    for (pair, client, reason) in [
        (
            "eve:wrong",
            &["--client", "192.0.2.7"][..],
            "bad_credentials",
        ),
        (
            "eve:kept elsewhere",
            &["--client", "192.0.3.7"],
            "address_not_allowed",
        ),
        ("eve:kept elsewhere", &[], "address_not_allowed"),
    ] {
        let (code, said) = verified(pair, client);
        assert_eq!(code, Some(1), "{said}");
        assert!(said.contains(reason), "{said}");
    }
}
