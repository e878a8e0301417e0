//! Why was this refused? What operators are told, and what nobody is.

use std::io::Write as _;
use std::process::{Command, Output};

use serde_json::Value;

use crate::support::{
    ADMIN_TOKEN, FLOW_SECRET, Gateway, Process, Receiver, Request, Setup, ask, binary, connect,
    hmac_hex, native, native_at, now_ms, read_reply, signed, wait_for,
};

#[test]
fn each_refusal_is_told_with_its_reason_and_what_is_known_of_the_request() {
    let gateway = Setup::new().flow("orders", "").start();
    let stale = now_ms() - 400_000;

    for (signature, target) in [
        (native("the-secret-of-nobody", b"body"), "/hooks/orders?a=b"),
        (native_at(FLOW_SECRET, b"body", stale), "/hooks/orders"),
    ] {
        let request = Request::post(target).header("X-Webhook-Signature", signature);
        assert_eq!(request.body("body").send(gateway.ingress).status, 401);
    }
    Request::new("PUT", "/hooks/orders").send(gateway.ingress);
    Request::post("/hooks/nobody")
        .body("x")
        .send(gateway.ingress);

    let page = gateway.admin("/rejections").json();
    let all = page["rejections"].as_array().unwrap();
    let reasons: Vec<_> = all
        .iter()
        .map(|one| one["reason"].as_str().unwrap())
        .collect();
    assert_eq!(
        reasons,
        [
            "unknown_flow",
            "method_not_allowed",
            "stale_timestamp",
            "bad_signature"
        ]
    );
    let (unknown, stale, forged) = (&all[0], &all[2], &all[3]);
    assert!(unknown["flow"].is_null());
    assert_eq!(unknown["target"], "/hooks/nobody");
    assert_eq!(stale["keys"], serde_json::json!(["first"]));
    let difference = stale["clock_difference_ms"].as_i64().unwrap();
    assert!((-460_000..=-400_000).contains(&difference), "{difference}");
    assert_eq!(forged["target"], "/hooks/orders?a=…");
    assert_eq!(
        (&forged["read_bytes"], &forged["declared_bytes"]),
        (&4.into(), &4.into())
    );
    let names = forged["headers"].as_array().unwrap();
    assert!(names.contains(&"x-webhook-signature".into()), "{names:?}");
    assert_eq!(forged["client"], "127.0.0.1");
    assert!(forged["peer"].as_str().unwrap().starts_with("127.0.0.1:"));

    let forged = gateway
        .admin("/rejections?flow=orders&reason=bad_signature")
        .json();
    assert_eq!(forged["rejections"].as_array().unwrap().len(), 1);
    let wrong = gateway.admin("/rejections?reason=bad");
    assert_eq!(wrong.status, 400);
    assert!(wrong.text().contains("bad_signature"), "{}", wrong.text());
}

#[test]
fn what_cannot_be_read_as_a_request_is_listed_with_where_it_came_from() {
    let gateway = Setup::new().flow("orders", "").start();
    let many: String = (0..101).map(|n| format!("x-{n}: y\r\n")).collect();
    for (bytes, status) in [
        ("\x16\x03\x01 no HTTP at all\r\n\r\n".to_owned(), 400),
        (
            "POST /hooks/orders HTTP/1.1\r\nContent-Length: 4\r\nContent-Length: 5\r\n\r\nabcde"
                .to_owned(),
            400,
        ),
        (format!("POST /hooks/orders HTTP/1.1\r\n{many}\r\n"), 431),
    ] {
        let mut stream = connect(gateway.ingress);
        stream.write_all(bytes.as_bytes()).unwrap();
        assert_eq!(read_reply(&mut stream).unwrap().status, status, "{bytes}");
    }

    let all = wait_for("all of them", || {
        let page = gateway.admin("/rejections").json();
        let all = page["rejections"].as_array()?.clone();
        (all.len() == 3).then_some(all)
    });
    for reason in ["malformed_request", "malformed_request", "head_too_large"] {
        assert!(all.iter().any(|one| one["reason"] == reason), "{all:?}");
    }
    for one in &all {
        assert!(one["flow"].is_null() && one["method"] == "" && one["target"] == "");
        assert!(one["peer"].as_str().unwrap().starts_with("127.0.0.1:"));
    }
    let of_one = rejections(&gateway, &["--reason", "head_too_large"]);
    assert!(
        of_one.contains("no flow refused: head_too_large"),
        "{of_one}"
    );
}

#[test]
fn the_command_says_why_and_can_follow() {
    let gateway = Setup::new().flow("orders", "").start();
    forged(&gateway, "orders", b"x");

    let said = rejections(&gateway, &["--flow", "orders"]);
    let json: Value = serde_json::from_str(&rejections(&gateway, &["--json"])).unwrap();
    let none = rejections(&gateway, &["--reason", "in_flight"]);
    let wrong = command(&gateway, &["--reason", "bad"]).output().unwrap();

    assert!(said.contains("orders refused: bad_signature"), "{said}");
    assert!(said.contains("keys tried: first"), "{said}");
    assert_eq!(json["rejections"][0]["reason"], "bad_signature");
    assert!(none.starts_with("nothing was refused since"), "{none}");
    assert_eq!(wrong.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&wrong.stderr).contains("bad_signature"));

    let follower = Process::start(&mut command(&gateway, &["--follow", "--json"]));
    let number = |line: &str| {
        let line: Value = serde_json::from_str(line).ok()?;
        line["number"].as_u64()
    };
    follower.line("the first", |line| {
        number(line).filter(|number| *number == 1)
    });
    forged(&gateway, "orders", b"y");
    follower.line("the second", |line| {
        number(line).filter(|number| *number == 2)
    });
}

#[test]
fn a_follower_outlives_the_gateway_it_follows_and_one_that_finds_none_ends() {
    let setup = Setup::new().flow("orders", "");
    let mut first = setup.start();
    let address = first.admin;
    forged(&first, "orders", b"x");
    let follower = Process::start(&mut command(&first, &["--follow", "--json"]));
    let told = |line: &str| line.contains("bad_signature").then_some(());
    follower.line("the first", told);

    first.stop();
    follower.line("that nobody answers", |line| {
        line.ends_with("asking on").then_some(())
    });
    let alone = command(&first, &["--follow"]).output().unwrap();
    let second = setup.admin(address).start();
    forged(&second, "orders", b"y");

    wait_for("the one after the restart", || {
        let said = follower.said();
        (said.matches("bad_signature").count() == 2).then_some(())
    });
    assert_eq!(alone.status.code(), Some(1));
    assert_eq!(follower.said().matches("asking on").count(), 1);
}

#[test]
fn nothing_that_may_be_secret_is_in_a_rejection_a_flow_or_a_log() {
    let canaries = [
        "canary-in-the-body",
        "canary-in-the-query",
        "canary-in-authorization",
        "canary-in-a-cookie",
        "canary-secret-of-the-flow",
        "canary-key-of-the-flow",
        "canary-key-somebody-sent",
    ];
    let flow = "[[flows]]\nid = \"signed\"\ndiagnose = true\nauth = { scheme = \"designer-cloud\", \
         keys = [{ secret = \"canary-secret-of-the-flow\" }] }\n\
         [[flows]]\nid = \"keyed\"\ndiagnose = true\nauth = { mode = \"api_key\", query = \"k\", \
         keys = [{ secret = \"canary-key-of-the-flow\" }] }\n";
    let setup = Setup::new().table(flow);
    let mut process = Process::start(setup.command().env("COUNTERSIGN_LOG", "trace"));
    let (ingress, admin) = process.ready();
    let body = "{\"a\": \"canary-in-the-body\"}";
    let mac = native("the-secret-of-nobody", body.as_bytes());

    for target in [
        "/hooks/signed?token=canary-in-the-query",
        "/hooks/signed?canary-in-the-query",
        "/hooks/keyed?k=canary-key-somebody-sent",
        "/hooks/nobody?x=canary-in-the-query",
    ] {
        Request::post(target)
            .header("X-Webhook-Signature", mac.as_str())
            .header("Authorization", "Bearer canary-in-authorization")
            .header("Cookie", "canary-in-a-cookie")
            .body(body)
            .send(ingress);
    }
    let page = wait_for("a look at all", || {
        let page = ask(admin, "/rejections").json();
        let looked = page["rejections"].as_array()?.iter();
        (looked.filter(|one| one["hints"].is_array()).count() == 3).then_some(page)
    });
    let flows = ask(admin, "/flows").json();
    let one = ask(admin, "/flows/keyed").json();
    process.signal("TERM");
    process.ended();

    assert_eq!(page["rejections"].as_array().unwrap().len(), 4);
    let signature = mac.split_once("sha256=").unwrap().1;
    for canary in canaries.into_iter().chain([signature]) {
        for (place, text) in [
            ("/rejections", page.to_string()),
            ("/flows", flows.to_string()),
            ("/flows/keyed", one.to_string()),
            ("the log", process.said()),
        ] {
            let line = text.lines().find(|line| line.contains(canary));
            assert_eq!(line, None, "{canary} is in {place}");
        }
    }
}

#[test]
fn a_flood_on_one_flow_is_counted_and_leaves_the_others_entries_alone() {
    let gateway = Setup::new().flow("flooded", "").flow("quiet", "").start();
    forged(&gateway, "quiet", b"x");

    std::thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| {
                for _ in 0..100 {
                    forged(&gateway, "flooded", b"x");
                }
            });
        }
    });

    let flow = gateway.admin("/flows/flooded").json();
    let page = gateway.admin("/rejections?limit=500").json();
    let of = |flow: &str| {
        let all = page["rejections"].as_array().unwrap().iter();
        all.filter(|one| one["flow"] == flow).count() as u64
    };
    assert_eq!(flow["refused"]["bad_signature"], 800);
    assert_eq!(of("quiet"), 1);
    assert!(of("flooded") <= 100);
    let kept_back = page["not_logged"]["flooded"].as_u64().unwrap();
    assert_eq!(of("flooded") + kept_back, 800);
    assert!(page["not_logged"]["quiet"].is_null());
}

#[test]
fn a_flood_of_strangers_hides_no_refusal_that_only_a_sender_can_cause() {
    let gateway = Setup::new().flow("orders", "").start();
    let flood = || {
        for _ in 0..60 {
            forged(&gateway, "orders", b"x");
        }
    };

    flood();
    let stale = native_at(FLOW_SECRET, b"body", now_ms() - 400_000);
    let request = Request::post("/hooks/orders").header("X-Webhook-Signature", stale);
    assert_eq!(request.body("body").send(gateway.ingress).status, 401);
    flood();

    let told = gateway.admin("/rejections?reason=stale_timestamp").json();
    assert_eq!(told["rejections"].as_array().unwrap().len(), 1);
    assert!(told["not_logged"]["orders"].as_u64().unwrap() > 20);
}

#[test]
fn a_flow_that_diagnoses_says_what_would_have_made_a_request_genuine() {
    let gateway = Setup::new()
        .table(&format!(
            "[[flows]]\nid = \"orders\"\ndiagnose = true\nmethods = [\"POST\", \"GET\"]\n\
             auth = {{ scheme = \"designer-cloud\", keys = [{{ id = \"new\", secret = \"{FLOW_SECRET}\" }}, \
             {{ id = \"old\", secret = \"{OLD}\", not_after = \"2020-01-01T00:00:00Z\" }}] }}\n\
             [[flows]]\nid = \"theirs\"\norganization = \"other\"\nauth = {{ scheme = \"github\", \
             keys = [{{ secret = \"{THEIRS}\" }}] }}\n\
             [[flows]]\nid = \"other\"\nauth = {{ scheme = \"github\", keys = [{{ secret = \"{OTHER}\" }}] }}\n\
             [[flows]]\nid = \"keyed\"\ndiagnose = true\nauth = {{ mode = \"api_key\", keys = [\
             {{ id = \"now\", secret = \"an api key that counts\" }}, \
             {{ id = \"then\", secret = \"an api key that is over\", not_after = \"2020-01-01T00:00:00Z\" }}] }}\n"
        ))
        .start();
    let post = |name: &str, value: String, body: &str| {
        let request = Request::post("/hooks/orders").header(name, value);
        let reply = request.body(body).send(gateway.ingress);
        assert_eq!(reply.status, 401);
    };
    let native_header = |secret: &str, body: &str| native(secret, body.as_bytes());
    let github = |secret: &str, body: &str| format!("sha256={}", hmac_hex(secret, body.as_bytes()));
    let stripe = |time: u128, body: &str| {
        format!(
            "t={time},v1={}",
            hmac_hex(FLOW_SECRET, format!("{time}.{body}").as_bytes())
        )
    };
    let seconds = now_ms() / 1_000;
    let url = native(
        FLOW_SECRET,
        b"https://hooks.example.com:443/hooks/orders?q=secret-value",
    );

    post("X-Webhook-Signature", native_header(OLD, "a"), "a");
    post(
        "X-Webhook-Signature",
        native_at(FLOW_SECRET, b"b", seconds),
        "b",
    );
    post(
        "X-Webhook-Signature",
        native_header(FLOW_SECRET, "c"),
        "c\n",
    );
    post(
        "X-Webhook-Signature",
        native_header(FLOW_SECRET, "{\"d\":1}"),
        "{\"d\": 1}",
    );
    post("Stripe-Signature", stripe(seconds, "e"), "e");
    post("X-Hub-Signature-256", github(OTHER, "f"), "f");
    post("X-Hub-Signature-256", github(THEIRS, "g"), "g");
    Request::get("/hooks/orders?q=secret-value")
        .header("X-Webhook-Signature", url)
        .send(gateway.ingress);
    Request::post("/hooks/keyed")
        .header("X-API-Key", "an api key that is over")
        .body("i")
        .send(gateway.ingress);

    let hints = wait_for("a look at all", || {
        let page = gateway.admin("/rejections").json();
        let hints = page["rejections"].as_array()?.iter().rev();
        let hints: Vec<_> = hints.map(|one| one["hints"].clone()).collect();
        hints.iter().all(Value::is_array).then_some(hints)
    });
    let expected = [
        ("key", "with the key `old` of this flow, which expired"),
        (
            "unit",
            "with the timestamp in seconds: `timestamp = \"seconds\"`",
        ),
        ("line_end", "without the LF that ends the body"),
        ("json", "with the JSON body written without spaces"),
        ("scheme", "as `scheme = \"stripe\"`"),
        ("flow", "for the flow `other`"),
        ("missing", "`designer-cloud` reads `x-webhook-signature`"),
        (
            "url",
            "for the public URL https://hooks.example.com:443/hooks/orders?…",
        ),
        ("key", "with the key `then` of this flow, which expired"),
    ];
    assert_eq!(hints.len(), expected.len());
    for ((kind, text), hints) in expected.into_iter().zip(&hints) {
        let hints = hints.as_array().unwrap();
        let found = hints
            .iter()
            .any(|hint| hint["kind"] == kind && hint["message"].as_str().unwrap().contains(text));
        assert!(
            found || kind == "none" && hints.is_empty(),
            "{kind}: {hints:?}"
        );
    }
    let said = rejections(&gateway, &["--flow", "orders"]);
    assert!(
        said.contains("hint: genuine as `scheme = \"stripe\"`"),
        "{said}"
    );
    assert!(
        said.contains(
            "hint: `designer-cloud` reads `x-webhook-signature`, and the request does not have it"
        ),
        "{said}"
    );
    let mut gateway = gateway;
    let logged = "genuine with the key `old`";
    gateway
        .process()
        .line(logged, |line| line.contains(logged).then_some(()));
    let warned = "keeps refused requests with their bodies";
    gateway
        .process()
        .line(warned, |line| line.contains(warned).then_some(()));
    assert!(!gateway.process().said().contains("secret-value"));
}

#[test]
fn a_sender_behind_our_proxy_is_told_by_its_own_address() {
    for (trusted, client) in [("[\"127.0.0.0/8\"]", "203.0.113.7"), ("[]", "127.0.0.1")] {
        let gateway = Setup::new()
            .ingress(&format!("trusted_proxies = {trusted}"))
            .flow("orders", "")
            .start();

        Request::post("/hooks/orders")
            .header("X-Forwarded-For", "203.0.113.7")
            .body("x")
            .send(gateway.ingress);

        let page = gateway.admin("/rejections").json();
        assert_eq!(page["rejections"][0]["client"], client, "{trusted}");
    }
}

#[test]
fn what_an_observing_flow_lets_in_is_told_as_such() {
    let upstream = Receiver::start();
    let gateway = Setup::new()
        .flow(
            "side",
            &format!(
                "observe = true\ndiagnose = true\nforward = \"{}\"",
                upstream.url("")
            ),
        )
        .start();

    assert_eq!(signed("side", b"good").send(gateway.ingress).status, 200);
    assert_eq!(forged(&gateway, "side", b"bad"), 200);
    let added = signed("side", b"body").body("body\n");
    assert_eq!(added.send(gateway.ingress).status, 200);

    let page = gateway.admin("/rejections").json();
    let one = &page["rejections"][1];
    assert_eq!(
        (&one["reason"], &one["observed"]),
        (&"bad_signature".into(), &true.into())
    );
    assert_eq!(one["read_bytes"], 3);
    let flow = gateway.admin("/flows/side").json();
    assert_eq!(flow["observed"], serde_json::json!({ "bad_signature": 2 }));
    assert_eq!(flow["refused"], serde_json::json!({}));
    assert_eq!(flow["accepted"], 1);
    let kind = wait_for("a look at what was let in", || {
        let page = gateway.admin("/rejections").json();
        page["rejections"][0]["hints"][0]["kind"]
            .as_str()
            .map(str::to_owned)
    });
    assert_eq!(kind, "line_end");
}

#[test]
fn a_captured_request_is_explained_with_the_secrets_of_a_flow() {
    let setup = Setup::new().flow("orders", "");
    let config = setup.write();
    let request = format!(
        "POST /hooks/orders HTTP/1.1\r\nX-Hub-Signature-256: sha256={}\r\n\r\nbody",
        hmac_hex(FLOW_SECRET, b"body")
    );
    let file = setup.folder().join("request.http");
    std::fs::write(&file, request).unwrap();

    let output = Command::new(binary())
        .arg("explain")
        .arg("--config")
        .arg(config)
        .args(["--flow", "orders"])
        .arg(&file)
        .output()
        .unwrap();

    let said = String::from_utf8_lossy(&output.stdout);
    assert_eq!(output.status.code(), Some(1), "{said}");
    assert!(
        said.contains("hint: genuine as `scheme = \"github\"`"),
        "{said}"
    );
    assert!(!said.contains(FLOW_SECRET), "{said}");
}

const OLD: &str = "the-old-secret-of-the-flow";
const OTHER: &str = "the-secret-of-another-flow";
const THEIRS: &str = "the-secret-of-another-organization";

fn forged(gateway: &Gateway, flow: &str, body: &[u8]) -> u16 {
    Request::post(&format!("/hooks/{flow}"))
        .header("X-Webhook-Signature", native("the-secret-of-nobody", body))
        .body(body)
        .send(gateway.ingress)
        .status
}

fn rejections(gateway: &Gateway, words: &[&str]) -> String {
    let output: Output = command(gateway, words).output().unwrap();
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    String::from_utf8(output.stdout).unwrap()
}

fn command(gateway: &Gateway, words: &[&str]) -> Command {
    let mut command = Command::new(binary());
    command
        .arg("rejections")
        .args(words)
        .env("COUNTERSIGN_ADMIN", format!("http://{}", gateway.admin))
        .env("COUNTERSIGN_TOKEN", ADMIN_TOKEN);
    command
}
