//! What the gateway promises about its start and its end.

use std::path::Path;
use std::sync::Arc;

use tokio::sync::Semaphore as Gate;

use super::*;
use crate::deliver::receiver::{Receiver, answer};
use countersign::KeyId;
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

const KEYED: &str = "[[flows]]\nid = \"orders\"\nauth = { mode = \"api_key\", keys = [\
    { id = \"old\", secret = \"the old key of the flow\" }, { id = \"new\", secret = \"the new key of the flow\" }] }\n";

/// What is known of a key of the flow `orders`.
fn counted(app: &App, id: &str) -> (SystemTime, Option<SystemTime>, u64) {
    let live = app.current.load();
    let tally = live.endpoint("orders").unwrap().ledger.tally();
    let key = tally.key(&KeyId::parse(id).unwrap()).unwrap();
    (key.since(), key.last_seen(), key.uses())
}

#[tokio::test]
async fn what_is_counted_for_keys_spans_restarts_and_what_cannot_be_read_begins_anew() {
    let folder = tempfile::tempdir().unwrap();
    let flows = config(folder.path(), "1s", KEYED);
    let uses = kept::place(&flows.store.path);
    let begun = SystemTime::now() - Duration::from_secs(8 * 86_400);
    let millis = begun.duration_since(SystemTime::UNIX_EPOCH).unwrap();
    let old = format!(
        "{{\"organization\":\"default\",\"flow\":\"orders\",\"key\":\"old\",\"since\":{},\
         \"last_seen\":null,\"uses\":0,\"met\":false}}\n",
        millis.as_millis()
    );
    std::fs::write(&uses, &old).unwrap();

    let app = App::build(flows).await.unwrap();
    {
        let live = app.current.load();
        let endpoint = live.endpoint("orders").unwrap();
        let (auth, now) = (endpoint.policy(), SystemTime::now());
        let tally = endpoint.ledger.tally();
        tally.used(&KeyId::parse("new").unwrap(), now);
        tally.used(&KeyId::parse("brought").unwrap(), now);
        let told = warnings::of_keys(auth.auth(), Some(tally), now);
        assert_eq!((told[0].kind, told.len()), ("key_unused", 1));
    }
    let before = ["old", "new", "brought"].map(|id| counted(&app, id));
    let stop = CancellationToken::new();
    stop.cancel();
    app.run(stop).await.unwrap();

    let again = App::build(config(folder.path(), "1s", KEYED))
        .await
        .unwrap();
    for (id, before) in ["old", "new", "brought"].into_iter().zip(before) {
        let (since, last_seen, uses) = counted(&again, id);
        // To the millisecond.
        let near = |one: SystemTime, other: SystemTime| {
            other.duration_since(one).unwrap_or_default() < Duration::from_millis(1)
        };
        assert!(near(since, before.0), "{id}");
        assert_eq!((last_seen, uses), (before.1, before.2), "{id}");
    }
    let text = std::fs::read_to_string(&uses).unwrap();
    assert!(!text.contains("key of the flow"), "{text}");
    again.queue.clone().close().await;

    for (bytes, remembers) in [
        (format!("{old}not a line\n").into_bytes(), true),
        (b"\x7fELF\xff foreign".to_vec(), false),
    ] {
        std::fs::write(&uses, &bytes).unwrap();
        let anew = App::build(config(folder.path(), "1s", KEYED))
            .await
            .unwrap();
        let known = counted(&anew, "old").0 < begun + Duration::from_secs(86_400);
        assert_eq!(known, remembers);
        let aside = folder.path().join("app.db.uses.damaged");
        assert_eq!(std::fs::read(aside).unwrap(), bytes);
        anew.queue.clone().close().await;
    }
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
