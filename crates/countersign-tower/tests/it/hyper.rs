//! On a bare hyper service, over a real socket.

use std::net::SocketAddr;

use hyper::server::conn::http1;
use hyper_util::{rt::TokioIo, service::TowerToHyperService};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    task::JoinSet,
};
use tower::Layer;

use crate::support::*;

/// A server for one connection at a time, gone with the set.
async fn serve(receiver: &Receiver) -> (SocketAddr, JoinSet<()>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let service = TowerToHyperService::new(layer(policy()).layer(receiver.clone()));
    let mut tasks = JoinSet::new();
    tasks.spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let connection =
                http1::Builder::new().serve_connection(TokioIo::new(stream), service.clone());
            // How a connection ends is the client's business.
            let _ = connection.await;
        }
    });
    (address, tasks)
}

/// The head of a genuine request with this body, to be finished with an empty line.
fn head(body: &'static str) -> String {
    let signature = signature(&signed(body));
    format!("POST {TARGET} HTTP/1.1\r\nhost: hooks.example.com\r\n{HEADER}: {signature}\r\n")
}

/// All that the server sends before it closes.
async fn talk(address: SocketAddr, request: String) -> String {
    let mut stream = TcpStream::connect(address).await.unwrap();
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    answer
}

#[tokio::test]
async fn a_genuine_request_passes_and_a_forged_one_does_not() {
    let receiver = Receiver::new();
    let (address, _server) = serve(&receiver).await;
    let rest = |body| {
        format!(
            "{}connection: close\r\ncontent-length: 5\r\n\r\n{body}",
            head("hello")
        )
    };

    let genuine = talk(address, rest("hello")).await;
    let forged = talk(address, rest("hellp")).await;

    assert!(genuine.starts_with("HTTP/1.1 202 "), "{genuine}");
    assert!(genuine.ends_with("thanks"), "{genuine}");
    assert!(forged.starts_with("HTTP/1.1 401 "), "{forged}");
    assert_eq!(receiver.inbox.bodies(), ["hello"]);
}

#[tokio::test]
async fn a_chunked_body_is_one_body() {
    let receiver = Receiver::new();
    let (address, _server) = serve(&receiver).await;
    let chunks = "2\r\nhe\r\n1\r\nl\r\n2\r\nlo\r\n0\r\nx-late: 1\r\n\r\n";
    let framing = "connection: close\r\ntransfer-encoding: chunked\r\n\r\n";

    let answer = talk(address, format!("{}{framing}{chunks}", head("hello"))).await;

    assert!(answer.starts_with("HTTP/1.1 202 "), "{answer}");
    assert_eq!(receiver.inbox.bodies(), ["hello"]);
}

#[tokio::test]
async fn a_large_body_is_refused_on_its_word_and_the_connection_closed() {
    let receiver = Receiver::new();
    let (address, _server) = serve(&receiver).await;

    // Not one byte of the body is sent; an answer that waited for it would never come.
    let request = format!("{}content-length: 1000000\r\n\r\n", head("hello"));
    let answer = talk(address, request).await;

    assert!(answer.starts_with("HTTP/1.1 413 "), "{answer}");
    assert_eq!(receiver.inbox.len(), 0);
}

#[tokio::test]
async fn a_sender_that_asks_first_is_told_to_go_on_only_if_its_head_may_pass() {
    let receiver = Receiver::new();
    let (address, _server) = serve(&receiver).await;
    let asking = "expect: 100-continue\r\nconnection: close\r\ncontent-length: 5\r\n\r\n";

    let unsigned = format!("POST {TARGET} HTTP/1.1\r\nhost: hooks.example.com\r\n{asking}");
    let answer = talk(address, unsigned).await;
    assert!(answer.starts_with("HTTP/1.1 401 "), "{answer}");

    let mut stream = TcpStream::connect(address).await.unwrap();
    let request = format!("{}{asking}", head("hello"));
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut go_on = [0; 25];
    stream.read_exact(&mut go_on).await.unwrap();
    assert_eq!(&go_on, b"HTTP/1.1 100 Continue\r\n\r\n");
    stream.write_all(b"hello").await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    assert!(answer.starts_with("HTTP/1.1 202 "), "{answer}");
    assert_eq!(receiver.inbox.bodies(), ["hello"]);
}

#[tokio::test]
async fn a_sender_that_hangs_up_in_its_body_reaches_nobody() {
    let receiver = Receiver::new();
    let (address, _server) = serve(&receiver).await;

    let mut stream = TcpStream::connect(address).await.unwrap();
    let request = format!("{}content-length: 5\r\n\r\nhel", head("hello"));
    stream.write_all(request.as_bytes()).await.unwrap();
    stream.shutdown().await.unwrap();
    let mut answer = Vec::new();
    // The server may answer or hang up; either way it is done when this returns.
    let _ = stream.read_to_end(&mut answer).await;

    assert!(!answer.starts_with(b"HTTP/1.1 2"));
    assert_eq!(receiver.inbox.len(), 0);
}
