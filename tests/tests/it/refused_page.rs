//! The page on refused requests holds as it stands: what its commands print is what the commands print.

use std::env;
use std::ffi::OsString;
use std::fs;
use std::path::Path;
use std::process::Command;

use crate::support::{
    ADMIN_TOKEN, Gateway, Request, Setup, binary, countersign, hmac_hex, native_at, now_ms,
    wait_for,
};

const SECRET: &str = "a secret of some length";
const OLD: &str = "an old secret of some length";
const BODY: &str = "{\"order\": 7, \"n\":1}";

#[test]
fn what_the_page_says_of_a_running_gateway_is_what_it_says() {
    let blocks = blocks();
    let flow = |more: &str, keys: &str| {
        format!(
            "[[flows]]\nid = \"orders\"\n{more}auth = {{ scheme = \"designer-cloud\", keys = [{keys}] }}\n"
        )
    };
    let key = format!("{{ id = \"2026\", secret = \"{SECRET}\" }}");
    let old = format!(
        "{key}, {{ id = \"2025\", secret = \"{OLD}\", not_after = \"2020-01-01T00:00:00Z\" }}"
    );

    let gateway = Setup::new().table(&flow("", &key)).start();
    refuse(&gateway, SECRET, 400_500);
    assert_eq!(said(&gateway, &blocks[0]), shape(&blocks[0].printed));

    let gateway = Setup::new().table(&flow("diagnose = true\n", &old)).start();
    refuse(&gateway, OLD, 200);
    wait_for("a closer look", || {
        let page = gateway.admin("/rejections").json();
        page["rejections"][0]["hints"].is_array().then_some(())
    });
    assert_eq!(said(&gateway, &blocks[1]), shape(&blocks[1].printed));
}

#[test]
fn what_the_page_says_of_captured_requests_is_what_explain_says() {
    let blocks = blocks();
    let folder = tempfile::tempdir().unwrap();
    let (compact, body) = ("{\"order\":7}", "{\"order\": 7}");
    let mac = hmac_hex(SECRET, compact.as_bytes());
    let request =
        format!("POST /hooks/x HTTP/1.1\r\nX-Hub-Signature-256: sha256={mac}\r\n\r\n{body}");
    let seconds = now_ms() / 1_000;
    let stripe = hmac_hex(SECRET, format!("{seconds}.{compact}").as_bytes());
    let stripe = format!("-H 'Stripe-Signature: t={seconds},v1={stripe}'");
    let then = seconds - 38 * 3_600;
    let slack = hmac_hex(SECRET, format!("v0:{then}:{compact}").as_bytes());
    let slack =
        format!("-H 'X-Slack-Request-Timestamp: {then}' -H 'X-Slack-Signature: v0={slack}'");

    for (block, file, text) in [
        (&blocks[2], "request.http", request),
        (&blocks[3], "line.txt", curl(&stripe, compact)),
        (&blocks[4], "line.txt", curl(&slack, compact)),
        (&blocks[5], "none", String::new()),
    ] {
        fs::write(folder.path().join(file), text).unwrap();

        let printed = run(&block.command, folder.path(), None);

        assert_eq!(shape(&printed), shape(&block.printed), "{}", block.command);
    }
    assert_eq!(blocks.len(), 6, "each example is one of these");
}

#[test]
fn every_command_that_the_page_names_is_one() {
    let help = countersign(&["rejections", "--help"]);
    let help = String::from_utf8(help.stdout).unwrap();
    for flag in ["--reason", "--follow", "--json", "--flow"] {
        assert!(page().contains(flag) && help.contains(flag), "{flag}");
    }
}

/// A command of the page, and what it prints there.
struct Block {
    command: String,
    printed: String,
}

fn page() -> String {
    let page = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/refused.md");
    fs::read_to_string(page).unwrap()
}

fn blocks() -> Vec<Block> {
    let page = page();
    let blocks = page.split("```console\n$ ").skip(1);
    let blocks = blocks.map(|block| {
        let block = block.split("```").next().unwrap();
        let (command, printed) = block.split_once('\n').unwrap();
        Block {
            command: command.to_owned(),
            printed: printed.to_owned(),
        }
    });
    blocks.collect()
}

/// Has the flow refuse a request that was signed a while ago.
fn refuse(gateway: &Gateway, secret: &str, ago: u128) {
    let signature = native_at(secret, BODY.as_bytes(), now_ms() - ago);
    let request = Request::post("/hooks/orders")
        .header("Content-Type", "application/json")
        .header("X-Webhook-Signature", signature)
        .body(BODY);
    assert_eq!(request.send(gateway.ingress).status, 401);
}

fn said(gateway: &Gateway, block: &Block) -> String {
    let admin = format!("http://{}", gateway.admin);
    shape(&run(&block.command, Path::new("."), Some(&admin)))
}

/// Runs a line of the page in a shell, as whoever reads it would.
fn run(line: &str, folder: &Path, admin: Option<&str>) -> String {
    let mut path = OsString::from(binary().parent().unwrap());
    path.push(":");
    path.push(env::var_os("PATH").unwrap_or_default());
    let mut command = Command::new("sh");
    command
        .args(["-c", line])
        .current_dir(folder)
        .env("PATH", path)
        .env("HOOK_SECRET", SECRET)
        .env("COUNTERSIGN_TOKEN", ADMIN_TOKEN);
    if let Some(admin) = admin {
        command.env("COUNTERSIGN_ADMIN", admin);
    }
    let output = command.output().unwrap();
    assert!(output.stderr.is_empty(), "{line}: {output:?}");
    String::from_utf8(output.stdout).unwrap()
}

fn curl(headers: &str, body: &str) -> String {
    format!("curl -X POST 'https://hooks.example.com/in' {headers} --data-raw '{body}'")
}

/// A text with every run of digits as one 0: times, addresses and numbers are others each time.
fn shape(text: &str) -> String {
    let mut shape = String::new();
    for letter in text.chars() {
        match letter.is_ascii_digit() {
            true if shape.ends_with('0') => {}
            true => shape.push('0'),
            false => shape.push(letter),
        }
    }
    shape
}
