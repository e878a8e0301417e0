use std::sync::Arc;

use http::StatusCode;
use http::header::{ACCEPT_ENCODING, HOST, LOCATION};
use rcgen::{CertificateParams, Issuer, KeyPair};
use rustls::pki_types::{CertificateDer, PrivatePkcs8KeyDer};
use rustls::{ClientConfig, RootCertStore, ServerConfig};
use tokio::net::TcpListener;

use super::*;
use crate::deliver::receiver::{Receiver, answer};

fn client(origin: Origin, own: &[SocketAddr]) -> Client {
    let guard = Guard::new(origin, &AddressRules::default(), own);
    Client::with_tls(guard, &trusting(RootCertStore::empty()))
}

fn trusting(roots: RootCertStore) -> Tls {
    let provider = rustls::crypto::aws_lc_rs::default_provider();
    let builder = ClientConfig::builder_with_provider(Arc::new(provider));
    let builder = builder.with_safe_default_protocol_versions().unwrap();
    Tls::with_config(builder.with_root_certificates(roots).with_no_client_auth())
}

fn get(url: &str) -> Request<Full<Bytes>> {
    Request::get(url).body(Full::default()).unwrap()
}

async fn failure(client: &Client, url: &str) -> Failure {
    client.send(get(url)).await.map(drop).unwrap_err().failure()
}

#[tokio::test]
async fn a_denied_address_is_never_connected_to() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let client = client(Origin::Api, &[]);

    for host in [
        "127.0.0.1",
        "localhost",
        "[::ffff:127.0.0.1]",
        "127.1",
        "0x7f000001",
        "0.0.0.0",
    ] {
        let denied = failure(&client, &format!("http://{host}:{port}/")).await;
        assert_eq!(denied, Failure::AddressDenied, "{host}");
    }

    let knocked = listener.into_std().unwrap().accept();
    assert_eq!(knocked.unwrap_err().kind(), std::io::ErrorKind::WouldBlock);
}

#[tokio::test]
async fn metadata_services_are_out_of_reach_for_the_operators_file_too() {
    let client = client(Origin::File, &[]);

    for host in [
        "169.254.169.254",
        "[::ffff:169.254.169.254]",
        "[64:ff9b::a9fe:a9fe]",
        "[fd00:ec2::254]",
    ] {
        assert_eq!(
            failure(&client, &format!("http://{host}/latest")).await,
            Failure::AddressDenied,
            "{host}"
        );
    }
}

#[tokio::test]
async fn the_admin_listener_is_out_of_reach_and_its_neighbour_is_not() {
    let mut receiver = Receiver::with_status(StatusCode::OK).await;
    let own = [SocketAddr::new(
        "0.0.0.0".parse().unwrap(),
        receiver.address.port(),
    )];

    assert_eq!(
        failure(&client(Origin::File, &own), &receiver.url("/")).await,
        Failure::AddressDenied
    );
    assert_eq!(receiver.unseen(), 0);

    client(Origin::File, &[])
        .send(get(&receiver.url("/")))
        .await
        .unwrap();
    receiver.request().await;
}

#[tokio::test]
async fn each_failure_has_its_kind() {
    let client = client(Origin::File, &[]);
    let free = TcpListener::bind("127.0.0.1:0")
        .await
        .unwrap()
        .local_addr()
        .unwrap();
    let junk = Receiver::saying(Bytes::from_static(b"SSH-2.0-OpenSSH_9.2\r\n")).await;
    let mute = Receiver::with_status(StatusCode::OK).await.address;

    assert_eq!(
        failure(&client, &format!("http://{free}/")).await,
        Failure::ConnectionRefused
    );
    assert_eq!(
        failure(&client, &format!("http://{junk}/")).await,
        Failure::BadAnswer
    );
    assert_eq!(
        failure(&client, &format!("https://{junk}/")).await,
        Failure::TlsFailed
    );
    assert_eq!(
        failure(&client, &format!("https://{mute}/")).await,
        Failure::TlsFailed
    );
    assert_eq!(
        failure(&client, "http://receiver.invalid/").await,
        Failure::DnsFailed
    );
}

#[tokio::test]
async fn an_endless_head_is_a_bad_answer() {
    let client = client(Origin::File, &[]);
    let long = format!(
        "HTTP/1.1 200 OK\r\nx-long: {}\r\n\r\n",
        "x".repeat(2 * HEAD_LIMIT)
    );
    let many = format!(
        "HTTP/1.1 200 OK\r\n{}\r\n",
        "x: 1\r\n".repeat(HEADERS_LIMIT + 1)
    );

    for head in [long, many] {
        let hostile = Receiver::saying(head.into()).await;
        assert_eq!(
            failure(&client, &format!("http://{hostile}/")).await,
            Failure::BadAnswer
        );
    }
}

#[tokio::test]
async fn interim_answers_are_passed_over() {
    let client = client(Origin::File, &[]);
    let flood = "HTTP/1.1 103 Early Hints\r\nlink: </style.css>\r\n\r\n".repeat(1000);
    let receiver = Receiver::saying(format!("{flood}HTTP/1.1 204 No Content\r\n\r\n").into()).await;

    let response = client
        .send(get(&format!("http://{receiver}/")))
        .await
        .unwrap();

    assert_eq!(response.status(), StatusCode::NO_CONTENT);
}

#[tokio::test]
async fn a_redirect_is_an_answer_and_nothing_is_asked_for_but_what_was_sent() {
    let elsewhere = Receiver::with_status(StatusCode::OK).await;
    let location = elsewhere.url("/secret");
    let mut receiver = Receiver::answering(move |_| {
        let mut redirect = answer(StatusCode::TEMPORARY_REDIRECT);
        redirect
            .headers_mut()
            .insert(LOCATION, location.parse().unwrap());
        async { redirect }
    })
    .await;

    let response = client(Origin::File, &[])
        .send(get(&receiver.url("/in?a=%20b")))
        .await
        .unwrap();

    assert_eq!(response.status(), StatusCode::TEMPORARY_REDIRECT);
    assert_eq!(elsewhere.unseen(), 0);
    let request = receiver.request().await;
    assert_eq!(request.uri(), "/in?a=%20b");
    assert_eq!(request.headers()[HOST], receiver.address.to_string());
    assert_eq!(request.headers().get(ACCEPT_ENCODING), None);
    assert_eq!(request.headers().len(), 1);
}

#[tokio::test]
async fn a_certificate_is_checked_unless_the_target_says_otherwise() {
    let authority = authority();
    let config = authority.server("localhost");
    let mut receiver = Receiver::over_tls(config).await;
    let url = format!("https://localhost:{}/", receiver.address.port());
    let guard = Guard::new(Origin::File, &AddressRules::default(), &[]);
    let mut roots = RootCertStore::empty();
    roots.add(authority.certificate).unwrap();

    let knowing = Client::with_tls(guard.clone(), &trusting(roots));
    let strange = Client::with_tls(guard, &trusting(RootCertStore::empty()));

    assert_eq!(
        knowing.send(get(&url)).await.unwrap().status(),
        StatusCode::OK
    );
    assert_eq!(failure(&strange, &url).await, Failure::TlsFailed);
    let by_address = format!("https://{}/", receiver.address);
    assert_eq!(failure(&knowing, &by_address).await, Failure::TlsFailed);
    receiver.request().await;
    assert_eq!(receiver.unseen(), 0);

    assert_eq!(
        strange
            .dangerous_send(get(&by_address))
            .await
            .unwrap()
            .status(),
        StatusCode::OK
    );
}

#[tokio::test]
async fn what_was_accepted_unchecked_stays_unknown_to_the_checking_half() {
    let receiver = Receiver::over_tls(authority().server("localhost")).await;
    let url = format!("https://localhost:{}/", receiver.address.port());
    let client = client(Origin::File, &[]);

    client.dangerous_send(get(&url)).await.unwrap();

    assert_eq!(failure(&client, &url).await, Failure::TlsFailed);
}

#[test]
fn an_error_tells_its_causes_once() {
    let denied = ConnectError::from(Denied {
        address: "169.254.169.254".parse().unwrap(),
        rule: crate::deliver::address::Rule::Metadata,
    });
    let wrapped = std::io::Error::other(std::io::Error::other(denied));
    let error = SendError {
        failure: Failure::AddressDenied,
        source: wrapped.into(),
    };

    let told = error.chain();

    assert_eq!(
        told,
        "169.254.169.254 may not be reached: link-local and metadata addresses are never reachable"
    );
}

struct Authority {
    certificate: CertificateDer<'static>,
    issuer: Issuer<'static, KeyPair>,
}

fn authority() -> Authority {
    let key = KeyPair::generate().unwrap();
    let mut params = CertificateParams::new(Vec::new()).unwrap();
    params.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
    let certificate = params.self_signed(&key).unwrap().der().clone();
    Authority {
        certificate,
        issuer: Issuer::new(params, key),
    }
}

impl Authority {
    fn server(&self, name: &str) -> ServerConfig {
        let key = KeyPair::generate().unwrap();
        let params = CertificateParams::new([name.to_owned()]).unwrap();
        let certificate = params.signed_by(&key, &self.issuer).unwrap().der().clone();
        let provider = rustls::crypto::aws_lc_rs::default_provider();
        ServerConfig::builder_with_provider(Arc::new(provider))
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(
                vec![certificate],
                PrivatePkcs8KeyDer::from(key.serialize_der()).into(),
            )
            .unwrap()
    }
}
