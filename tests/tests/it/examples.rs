//! The examples do what their text says.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::support::{FLOW_SECRET, Process, Request, binary, example, hmac_hex, native, tool};

#[test]
fn the_sidecar_passes_genuine_requests_to_the_python_receiver() {
    if !tool("python3") {
        return;
    }
    let receiver = Process::start(Command::new("python3").arg(sidecar("receiver.py")).arg("0"));
    let upstream = receiver.line("where it receives", |line| {
        Some(line.strip_prefix("receiving on ")?.to_owned())
    });
    let folder = tempfile::tempdir().unwrap();
    let mut text = fs::read_to_string(sidecar("countersign.toml")).unwrap();
    for (written, here) in [
        ("\"0.0.0.0:8080\"", "\"127.0.0.1:0\""),
        ("\"127.0.0.1:8081\"", "\"127.0.0.1:0\""),
        ("http://127.0.0.1:3000", &upstream),
    ] {
        assert!(text.contains(written), "the example says {written}");
        text = text.replace(written, here);
    }
    fs::write(folder.path().join("countersign.toml"), text).unwrap();
    let gateway = Process::start(
        Command::new(binary())
            .args(["serve", "--config", "countersign.toml"])
            .env("ORDERS_SECRET", FLOW_SECRET)
            .current_dir(folder.path()),
    );
    let (ingress, _) = gateway.ready();

    let forged = Request::post("/orders").body("forged").send(ingress);
    let genuine = Request::post("/orders")
        .header("X-Webhook-Signature", native(FLOW_SECRET, b"{}"))
        .body("{}")
        .send(ingress);

    assert_eq!(forged.status, 401);
    assert_eq!((genuine.status, genuine.text().as_str()), (200, "ok\n"));
    receiver.line("what arrived", |line| {
        line.contains("/orders: 2 bytes, signed with key 2026: b'{}'")
            .then_some(())
    });
    assert!(!receiver.said().contains("forged"));
}

#[test]
fn the_axum_app_accepts_a_signed_request_and_refuses_a_forged_one() {
    let body = b"{\"number\":8}";
    let post = |secret: &str| {
        Request::post("/orders")
            .header("Content-Type", "application/json")
            .header("X-Webhook-Signature", native(secret, body))
            .body(body)
    };
    accepts_and_refuses("example-axum-app", "ORDERS_SECRET", post);
}

#[test]
fn the_plain_hyper_server_accepts_a_signed_request_and_refuses_a_forged_one() {
    let body = b"{\"zen\":true}";
    let post = |secret: &str| {
        Request::post("/github")
            .header("X-GitHub-Event", "ping")
            .header(
                "X-Hub-Signature-256",
                format!("sha256={}", hmac_hex(secret, body)),
            )
            .body(body)
    };
    accepts_and_refuses("example-plain-hyper", "GITHUB_SECRET", post);
}

/// The example says where it listens, takes what is signed, and prints a `curl` line that works.
fn accepts_and_refuses(name: &str, variable: &str, post: impl Fn(&str) -> Request) {
    let server = Process::start(
        Command::new(example(name))
            .env(variable, FLOW_SECRET)
            .env("LISTEN", "127.0.0.1:0"),
    );
    let curl = server.line("what to try", |line| {
        line.starts_with("curl ").then(|| line.to_owned())
    });
    let address: std::net::SocketAddr = curl
        .rsplit_once("http://")
        .and_then(|(_, url)| url.split('/').next()?.parse().ok())
        .expect("the curl line ends with the URL");

    let genuine = post(FLOW_SECRET).send(address);
    let forged = post("another-secret-of-a-good-length").send(address);

    assert_eq!(genuine.status, 200, "{}", genuine.text());
    assert_eq!(forged.status, 401);
    if tool("curl") {
        let said = Command::new("sh").arg("-c").arg(&curl).output().unwrap();
        let said = String::from_utf8_lossy(&said.stdout).into_owned();
        assert!(said.starts_with("HTTP/1.1 200"), "{curl}\n{said}");
    }
}

fn sidecar(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../examples/sidecar")
        .join(name)
}
