//! What the gateway promises about its start and its end.

use std::path::Path;
use std::sync::Arc;

use tokio::sync::Semaphore as Gate;

use super::*;
use crate::deliver::receiver::{Receiver, answer};
use http::StatusCode;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

fn config(folder: &Path, grace: &str, flows: &str) -> Config {
    let text = format!(
        "[ingress]\nlisten = \"127.0.0.1:0\"\ngrace = \"{grace}\"\n[admin]\nlisten = \"127.0.0.1:0\"\n\
         [store]\nurl = \"sqlite:{}\"\n{flows}",
        folder.join("app.db").display()
    );
    Config::parse(&text, Path::new("test.toml")).unwrap()
}

#[tokio::test(start_paused = true)]
async fn a_store_that_does_not_close_does_not_keep_the_process() {
    assert!(!close(std::future::pending()).await);
    assert!(close(std::future::ready(())).await);
}

#[test]
fn the_store_takes_whatever_the_largest_flow_lets_in() {
    let flow = "[[flows]]\nid = \"orders\"\nauth = { mode = \"none\" }\nbody_limit = ";
    let folder = Path::new("/nowhere");

    let large = queue_options(&config(folder, "1s", &format!("{flow}\"256MiB\"\n")));
    let small = queue_options(&config(folder, "1s", &format!("{flow}\"1KiB\"\n")));

    assert!(large.max_event_bytes > 256 << 20);
    assert!(large.waiting_bytes >= large.max_event_bytes);
    assert_eq!(small.max_event_bytes, Options::default().max_event_bytes);
}

#[tokio::test]
async fn a_stuck_request_takes_no_time_from_deliveries_that_would_finish() {
    let folder = tempfile::tempdir().unwrap();
    let mut stuck = Receiver::answering(|_| std::future::pending()).await;
    let gate = Arc::new(Gate::new(0));
    let opened = Arc::clone(&gate);
    let mut slow = Receiver::answering(move |_| {
        let opened = Arc::clone(&opened);
        async move {
            let _ = opened.acquire().await;
            answer(StatusCode::OK)
        }
    })
    .await;
    let flows = format!(
        "[delivery]\nmax_retries = 0\n\
         [[flows]]\nid = \"side\"\nauth = {{ mode = \"none\" }}\nforward = \"{}\"\n\
         [[flows]]\nid = \"orders\"\nauth = {{ mode = \"none\" }}\n\
         steps = [{{ name = \"slow\", url = \"{}\" }}]\n",
        stuck.url(""),
        slow.url("/")
    );
    let app = App::build(config(folder.path(), "1s", &flows))
        .await
        .unwrap();
    let (address, stop) = (app.ingress_address(), CancellationToken::new());
    let queue = app.queue.clone();

    let told = async {
        let _held = post(address, "side").await;
        stuck.request().await;
        let mut sender = post(address, "orders").await;
        let mut head = [0; 12];
        sender.read_exact(&mut head).await.unwrap();
        assert_eq!(&head, b"HTTP/1.1 202");
        slow.request().await;
        stop.cancel();
        // Not before claiming has stopped, and while the stuck request is still held.
        gate.add_permits(Gate::MAX_PERMITS);
        loop {
            let stats = queue.stats().await.unwrap();
            if stats.lanes.iter().any(|lane| lane.done == 1) {
                break;
            }
            tokio::task::yield_now().await;
        }
    };
    let (ended, ()) = tokio::join!(app.run(stop.clone()), told);

    assert!(ended.is_ok());
}

async fn post(address: SocketAddr, flow: &str) -> TcpStream {
    let mut stream = TcpStream::connect(address).await.unwrap();
    let request = format!(
        "POST /hooks/{flow} HTTP/1.1\r\nhost: localhost\r\ncontent-type: text/plain\r\ncontent-length: 2\r\n\r\nhi"
    );
    stream.write_all(request.as_bytes()).await.unwrap();
    stream
}
