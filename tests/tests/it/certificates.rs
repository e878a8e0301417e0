//! A sender whose certificate is found by a URL in each request, as AWS and PayPal have it: a server of certificates
//! with an authority of its own, and a gateway that trusts that.

use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use rcgen::{
    BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair, PKCS_RSA_SHA256, SigningKey,
};
use rustls::pki_types::PrivatePkcs8KeyDer;
use rustls::{ServerConfig, ServerConnection, StreamOwned};
use serde_json::json;

use crate::support::{Process, Reply, Request, Setup, base64};

/// A sender, its certificates' server, and how often that was asked.
struct Sender {
    asked: Arc<AtomicUsize>,
    key: KeyPair,
    port: u16,
    root: String,
}

impl Sender {
    fn new() -> Self {
        let (root, issuer) = authority();
        let key = KeyPair::generate_for(&PKCS_RSA_SHA256).unwrap();
        let own = |name: &str, issuer: &Issuer<'_, KeyPair>| {
            let params = CertificateParams::new([name.to_owned()]).unwrap();
            params.signed_by(&key, issuer).unwrap().pem()
        };
        let good = own("sender.test", &issuer);
        let renamed = own("other.test", &issuer);
        let foreign = own("sender.test", &authority().1);
        let (asked, port) = serve(&issuer, move |path| match path {
            "/good.pem" => ("200 OK", good.clone()),
            "/renamed.pem" => ("200 OK", renamed.clone()),
            "/foreign.pem" => ("200 OK", foreign.clone()),
            "/broken.pem" => ("500 Internal Server Error", String::new()),
            _ => ("404 Not Found", String::new()),
        });
        Self {
            asked,
            key,
            port,
            root,
        }
    }

    /// A message to a topic, signed, with the URL of a certificate.
    fn message(&self, topic: &str, url: &str, text: &str) -> Request {
        let signed = format!("Message\n{text}\nTopic\n{topic}\n");
        let signature = base64(&self.key.sign(signed.as_bytes()).unwrap());
        let body =
            json!({ "Message": text, "Topic": topic, "KeyURL": url, "Signature": signature });
        Request::post("/hooks/news").body(body.to_string())
    }

    fn url(&self, path: &str) -> String {
        format!("https://localhost:{}{path}", self.port)
    }

    fn asked(&self) -> usize {
        self.asked.load(Ordering::SeqCst)
    }

    /// A gateway with a flow for this sender; `delivery` are lines of its table.
    fn gateway(&self, delivery: &str) -> Gateway {
        let setup = Setup::new().delivery(delivery).table(&format!(
            r#"
[schemes.acme]
sign = "{{line:Message}}{{line:Topic}}"
unsigned-body = "Only what carries meaning is signed."
ambiguous = "Line feeds are not escaped."
shared-key = "All customers have one key."
key-url = {{ from = "json:/KeyURL", https = {{ hosts = ["localhost:{}"], path-ends = ".pem" }}, certificate = {{ names = ["sender.test"] }} }}
require = [{{ from = "json:/Topic", parameter = "topic" }}]
signature = {{ from = "json:/Signature", encoding = "base64" }}
rules = [{{ digest = "rsa-sha256", key = {{ encoding = "public" }} }}]

[[flows]]
id = "news"
auth = {{ scheme = "acme", parameters = {{ topic = ["orders", "bills"] }}, keys = [{{ fetch = true }}] }}
"#,
            self.port
        ));
        let roots = setup.folder().join("roots.pem");
        fs::write(&roots, &self.root).unwrap();
        let process = Process::start(setup.command().env("SSL_CERT_FILE", roots));
        let (ingress, _) = process.ready();
        Gateway {
            ingress,
            _process: process,
            _setup: setup,
        }
    }
}

struct Gateway {
    ingress: SocketAddr,
    // Before the folder, so that the process is gone when its files are removed.
    _process: Process,
    _setup: Setup,
}

impl Gateway {
    fn send(&self, request: &Request) -> Reply {
        request.send(self.ingress)
    }
}

const OPEN: &str = "allowed_addresses = [\"127.0.0.0/8\", \"::1\"]";

#[test]
fn a_certificate_is_fetched_checked_and_remembered() {
    let sender = Sender::new();
    let gateway = sender.gateway(OPEN);
    let good = sender.url("/good.pem");

    for (topic, text) in [("orders", "one"), ("bills", "two"), ("orders", "three")] {
        let reply = gateway.send(&sender.message(topic, &good, text));
        assert_eq!(reply.status, 202, "{}", reply.text());
    }
    assert_eq!(sender.asked(), 1);

    let status = |topic: &str, url: &str| gateway.send(&sender.message(topic, url, "x")).status;
    assert_eq!(status("somebody else's", &good), 401);
    let other = Sender::new();
    let forged = other.message("orders", &good, "x");
    assert_eq!(gateway.send(&forged).status, 401);
    assert_eq!(status("orders", &other.url("/good.pem")), 401);
    assert_eq!(status("orders", "https://localhost/good.pem"), 401);
    assert_eq!(
        (sender.asked(), other.asked()),
        (1, 0),
        "nothing more is fetched"
    );

    assert_eq!(status("orders", &sender.url("/renamed.pem")), 401);
    assert_eq!(status("orders", &sender.url("/foreign.pem")), 401);
    assert_eq!(status("orders", &sender.url("/none.pem")), 401);
    assert_eq!(sender.asked(), 4);
}

#[test]
fn a_certificate_that_is_not_to_be_had_now_is_told_as_that() {
    let sender = Sender::new();
    let broken = sender.message("orders", &sender.url("/broken.pem"), "x");

    let reply = sender.gateway(OPEN).send(&broken);
    assert_eq!(reply.status, 503);
    assert!(reply.header("retry-after").is_some());

    let closed = sender.gateway("");
    let reply = closed.send(&sender.message("orders", &sender.url("/good.pem"), "x"));
    assert_eq!(reply.status, 503, "loopback addresses are not open");
    assert_eq!(sender.asked(), 1);
}

fn authority() -> (String, Issuer<'static, KeyPair>) {
    let key = KeyPair::generate().unwrap();
    let mut params = CertificateParams::new(Vec::new()).unwrap();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let pem = params.self_signed(&key).unwrap().pem();
    (pem, Issuer::new(params, key))
}

/// Serves over TLS as `localhost`, one request for each connection.
fn serve(
    issuer: &Issuer<'_, KeyPair>,
    answer: impl Fn(&str) -> (&'static str, String) + Send + 'static,
) -> (Arc<AtomicUsize>, u16) {
    let key = KeyPair::generate().unwrap();
    let params = CertificateParams::new(["localhost".to_owned()]).unwrap();
    let own = params.signed_by(&key, issuer).unwrap();
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(
            vec![own.der().clone()],
            PrivatePkcs8KeyDer::from(key.serialize_der()).into(),
        );
    let config = Arc::new(config.unwrap());
    let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let port = listener.local_addr().unwrap().port();
    let asked = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&asked);
    thread::spawn(move || {
        for socket in listener.incoming() {
            let connection = ServerConnection::new(Arc::clone(&config)).unwrap();
            let mut stream = BufReader::new(StreamOwned::new(connection, socket.unwrap()));
            let mut line = String::new();
            // Whoever does not trust us hangs up.
            if stream.read_line(&mut line).is_err() {
                continue;
            }
            counted.fetch_add(1, Ordering::SeqCst);
            let (status, body) = answer(line.split(' ').nth(1).unwrap_or_default());
            let length = body.len();
            let reply = format!(
                "HTTP/1.1 {status}\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n{body}"
            );
            let stream = stream.get_mut();
            let _ = stream.write_all(reply.as_bytes());
            stream.conn.send_close_notify();
            let _ = stream.flush();
        }
    });
    (asked, port)
}
