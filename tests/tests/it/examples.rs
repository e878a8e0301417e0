//! The examples do what their text says.

use std::fs;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::support::{
    FLOW_SECRET, Process, Request, binary, example, listening, native, refused_address, tool,
    wait_for, wait_until_ready,
};

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
    let ingress = gateway.line("ingress", |line| listening(line, "ingress"));
    wait_until_ready(gateway.line("admin", |line| listening(line, "admin")));

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
    accepts_and_refuses("example-axum-app");
}

#[test]
fn the_plain_hyper_server_accepts_a_signed_request_and_refuses_a_forged_one() {
    accepts_and_refuses("example-plain-hyper");
}

/// Both examples take their address from `LISTEN` and their secret from `WEBHOOK_SECRET`, and receive at `/webhook`.
fn accepts_and_refuses(name: &str) {
    let address = refused_address();
    let _server = Process::start(
        Command::new(example(name))
            .env("LISTEN", address.to_string())
            .env("WEBHOOK_SECRET", FLOW_SECRET),
    );
    let body = b"{\"order\":7}";
    let post = |signature: String| {
        Request::post("/webhook")
            .header("Content-Type", "application/json")
            .header("X-Webhook-Signature", signature)
            .body(body)
    };
    wait_until_listening(address);

    let genuine = post(native(FLOW_SECRET, body)).send(address);
    let forged = post(native("another-secret-of-a-good-length", body)).send(address);

    assert!(
        (200..300).contains(&genuine.status),
        "{}: {}",
        genuine.status,
        genuine.text()
    );
    assert_eq!(forged.status, 401);
}

fn wait_until_listening(address: SocketAddr) {
    wait_for("the example to listen", || {
        std::net::TcpStream::connect(address).ok()
    });
}

fn sidecar(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../examples/sidecar")
        .join(name)
}
