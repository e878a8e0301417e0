//! What is looked at, what is kept, and what another configuration changes.

use std::path::Path;
use std::time::SystemTime;

use arc_swap::ArcSwap;
use countersign::{Keyring, Reason, Scheme, Secret, Signer};
use countersign_queue::{Options, Queue};
use countersign_tower::{MemoryReplayGuard, Policy, Refusal, Refused, VerifyLayer};
use http_body_util::Full;
use tempfile::TempDir;
use tower::{ServiceExt, service_fn};
use tower_layer::Layer;

use super::*;
use crate::config::Config;
use crate::deliver::{Client, Trust};
use crate::handshake::Registrations;
use crate::ingress::endpoint::Backends;
use crate::keysource::Keys;
use crate::rejections::waiting::OF_ONE_FLOW;
use crate::rejections::{Cause, Rejections, Sender as From, Sketch};
use crate::tasks::Tasks;

const SIGNED: &str = "[[flows]]\nid = \"orders\"\ndiagnose = true\nforward = \"http://127.0.0.1:1\"\n\
    auth = { scheme = \"github\", keys = [{ secret = \"the secret of the flow\" }] }\n";
const KEYED: &str = "[[flows]]\nid = \"orders\"\ndiagnose = true\nforward = \"http://127.0.0.1:1\"\n\
    auth = { mode = \"api_key\", keys = [{ secret = \"the secret of the flow\" }] }\n";

const TIMED: &str = "[[flows]]\nid = \"orders\"\ndiagnose = true\nforward = \"http://127.0.0.1:1\"\n\
    auth = { scheme = \"slack\", keys = [{ secret = \"the secret of the flow\" }] }\n";

struct Bench {
    backends: Backends,
    current: Current,
    /// How requests are signed, and how long ago.
    signed: (&'static str, Duration),
    _folder: TempDir,
}

impl Bench {
    fn new(config: &str) -> (Self, Waiting) {
        let folder = tempfile::tempdir().unwrap();
        let store = folder.path().join("events.db");
        let config = Config::parse(config, Path::new("countersign.toml")).unwrap();
        let waiting = Waiting::default();
        let backends = Backends {
            client: Client::new(&config.delivery.addresses, &[]).unwrap(),
            guard: MemoryReplayGuard::new(1),
            keys: Keys::new(
                Client::new(&config.delivery.addresses, &[]).unwrap(),
                Trust::of_this_machine(),
            ),
            queue: Queue::open(&store, Options::default()).unwrap(),
            registrations: Registrations::load(&store).unwrap(),
            rejections: Arc::new(Rejections::new(SystemTime::now(), waiting.clone())),
        };
        let live = Live::new(config, &backends, None);
        let bench = Self {
            backends,
            current: Arc::new(ArcSwap::from_pointee(live)),
            signed: ("github", Duration::ZERO),
            _folder: folder,
        };
        (bench, waiting)
    }

    fn reload(&self, config: &str) {
        let config = Config::parse(config, Path::new("countersign.toml")).unwrap();
        let live = Live::new(config, &self.backends, Some(&self.current.load()));
        self.current.store(Arc::new(live));
    }

    /// Has the flow refuse a request that another secret signed, and notes it.
    async fn refuse(&self, secret: &str, size: usize) -> Arc<Entry> {
        let (refusal, refused) = self.refused(secret, size).await;
        let from = From {
            client: None,
            peer: "127.0.0.1:1".parse().unwrap(),
        };
        let sketch = Sketch::new(refusal, refused.head(), from).looked_at();
        let rejections = &self.backends.rejections;
        let now = SystemTime::now();
        let entry = rejections.note(Some("orders".into()), "default".into(), sketch, 0, now);
        rejections.diagnose(&entry, refused.head(), refused.body().unwrap());
        entry
    }

    async fn refused(&self, secret: &str, size: usize) -> (Refusal, Arc<Refused>) {
        let policy: Arc<Policy> = self.current.load().endpoint("orders").unwrap().policy();
        let inner = service_fn(|_| async { unreachable!("it is refused") });
        let layer = VerifyLayer::new(policy).keep_refused(true);
        let mut request = http::Request::new(Bytes::from(vec![b'x'; size]));
        *request.method_mut() = Method::POST;
        let headers = request.headers_mut();
        for name in ["authorization", "cookie", "x-api-key"] {
            headers.insert(name, "canary".parse().unwrap());
        }
        let (scheme, ago) = self.signed;
        let scheme = Scheme::preset(scheme).unwrap();
        let signer = Signer::new(&scheme, &Keyring::single(Secret::new(secret))).unwrap();
        signer.sign(&mut request, SystemTime::now() - ago).unwrap();
        let service = layer.layer(inner);
        let response: Result<http::Response<_>, std::convert::Infallible> =
            service.oneshot(request.map(Full::new)).await;
        let _: &http::Response<countersign_tower::ReplyBody<Full<Bytes>>> =
            response.as_ref().unwrap();
        let extensions = response.as_ref().unwrap().extensions();
        let refused = extensions.get::<Arc<Refused>>().unwrap();
        (*extensions.get::<Refusal>().unwrap(), Arc::clone(refused))
    }
}

async fn looked_at(entry: &Entry, done: impl Fn(&[Hint]) -> bool) -> Vec<&'static str> {
    loop {
        if let Some(hints) = entry.hints().filter(|hints| done(hints)) {
            return hints.iter().map(|hint| hint.kind).collect();
        }
        sleep(Duration::from_millis(10)).await;
    }
}

#[tokio::test(start_paused = true)]
async fn what_is_kept_is_looked_at_again_under_another_configuration() {
    let (bench, waiting) = Bench::new(SIGNED);
    let tasks = Tasks::new();
    let current = Arc::clone(&bench.current);
    tasks.spawn(move |stop| run(waiting, current, stop));
    let entry = bench.refuse("another secret of some length", 4).await;

    let before = looked_at(&entry, |_| true).await;
    bench.reload(&SIGNED.replace("the secret of the flow", "another secret of some length"));
    tokio::time::advance(SWEEP).await;
    let after = looked_at(&entry, |hints| !hints.is_empty()).await;

    assert_eq!(before, [] as [&str; 0]);
    assert_eq!(after, ["configuration"]);
    tasks.drain(Duration::from_secs(5)).await.unwrap();
}

#[tokio::test]
async fn what_is_only_too_old_stays_too_old_under_another_configuration() {
    let (mut bench, waiting) = Bench::new(TIMED);
    bench.signed = ("slack", Duration::from_secs(3_600));
    let entry = bench.refuse("the secret of the flow", 4).await;
    let case = waiting.next().await;
    assert_eq!(entry.sketch.cause.as_str(), "stale_timestamp");

    bench.reload(&format!("{TIMED}body_limit = \"2MiB\"\n"));
    look(case, &bench.current.load_full(), true).await.unwrap();

    let kinds: Vec<_> = entry
        .hints()
        .unwrap()
        .iter()
        .map(|hint| hint.kind)
        .collect();
    assert_eq!(kinds, ["clock"]);
}

#[tokio::test]
async fn a_flow_that_another_organization_has_by_now_says_nothing_about_what_was_refused_before() {
    let (bench, waiting) = Bench::new(SIGNED);
    let entry = bench.refuse("another secret of some length", 4).await;
    let case = waiting.next().await;

    assert!(entry.is_looked_at());
    let theirs = SIGNED.replace("the secret of the flow", "another secret of some length");
    bench.reload(&format!("{theirs}organization = \"other\"\n"));

    assert!(look(case, &bench.current.load_full(), true).await.is_none());
    assert!(entry.hints().is_none());
    assert!(!entry.is_looked_at(), "nobody waits for what does not come");
}

#[tokio::test]
async fn what_there_is_no_room_for_is_said_to_be_skipped() {
    let (bench, _waiting) = Bench::new(&format!("{SIGNED}body_limit = \"2MiB\"\n"));

    let large = bench
        .refuse("another secret of some length", LARGEST_BODY + 1)
        .await;
    assert_eq!(large.hints().unwrap()[0].kind, SKIPPED);
    assert!(!large.is_looked_at());
    let mut entries = Vec::new();
    for _ in 0..=OF_ONE_FLOW {
        entries.push(bench.refuse("another secret of some length", 4).await);
    }

    let (first, rest) = entries.split_first().unwrap();
    assert_eq!(first.hints().unwrap()[0].kind, SKIPPED);
    let waits = |entry: &Arc<Entry>| entry.hints().is_none() && entry.is_looked_at();
    assert!(rest.iter().all(waits), "the last ones are looked at");
}

#[tokio::test]
async fn credentials_are_not_kept_and_requests_that_are_nothing_else_not_at_all() {
    let token = SIGNED.replace("\"github\"", "\"gitlab\"");
    let several = format!(
        "{}replay = \"off\"\n[[flows.auth.any]]\n{}[[flows.auth.any]]\n{}",
        "[[flows]]\nid = \"orders\"\ndiagnose = true\nforward = \"http://127.0.0.1:1\"\n",
        "scheme = \"github\"\nkeys = [{ id = \"a\", secret = \"the secret of the flow\" }]\n",
        "scheme = \"slack\"\nkeys = [{ id = \"b\", secret = \"the second of the flow\" }]\n"
    );
    let keyed = several.replace("scheme = \"slack\"", "mode = \"api_key\"");
    for (config, kept) in [
        (SIGNED, true),
        (KEYED, false),
        (&token, false),
        (&several, true),
        (&keyed, false),
    ] {
        let (bench, waiting) = Bench::new(config);
        bench.refuse("another secret of some length", 4).await;
        let case = waiting.next().await;
        let flow = Arc::clone(bench.current.load().flow("orders").unwrap());

        let case = case.kept_for(&flow);

        assert_eq!(case.is_some(), kept, "{config}");
        for name in ["authorization", "cookie"] {
            assert!(
                !case.iter().any(|case| case.headers.contains_key(name)),
                "{name}"
            );
        }
        assert!(
            case.iter()
                .all(|case| case.headers.contains_key("x-hub-signature-256"))
        );
    }
}

#[tokio::test]
async fn an_api_key_that_is_not_the_flows_is_told_as_that_and_shown_nowhere() {
    let (bench, waiting) = Bench::new(KEYED);
    let entry = bench.refuse("another secret of some length", 4).await;

    look(waiting.next().await, &bench.current.load_full(), false).await;

    let hints = entry.hints().unwrap();
    assert_eq!((hints.len(), hints[0].kind), (1, "credentials"));
    assert!(hints[0].text.contains("API key"), "{}", hints[0].text);
    assert!(!hints[0].text.contains("canary"), "{}", hints[0].text);
}

#[tokio::test]
async fn a_request_to_a_flow_that_is_gone_gets_no_hint() {
    let (bench, waiting) = Bench::new(SIGNED);
    let entry = bench.refuse("another secret of some length", 4).await;
    let case = waiting.next().await;

    bench.reload("");
    let live = bench.current.load_full();

    assert!(look(case, &live, false).await.is_none());
    assert!(entry.hints().is_none());
    assert_eq!(
        entry.sketch.cause,
        Cause::Refused(Refusal::Rejected(Reason::BadSignature.into()))
    );
}

#[tokio::test]
async fn a_secret_that_nobody_waited_for_is_told_as_that() {
    let (bench, waiting) =
        Bench::new("[[flows]]\nid = \"orders\"\ndiagnose = true\nauth = { scheme = \"asana\" }\n");
    let request = http::Request::post("/hooks/orders")
        .header("x-hook-secret", "b537207f20cbfa02357cf448134da559");
    let (head, ()) = request.body(()).unwrap().into_parts();
    let from = From {
        client: None,
        peer: "127.0.0.1:1".parse().unwrap(),
    };
    let refusal = Refusal::Rejected(Reason::MissingHeader.into());
    let sketch = Sketch::new(refusal, &head, from).looked_at();
    let rejections = &bench.backends.rejections;
    let entry = rejections.note(
        Some("orders".into()),
        "default".into(),
        sketch,
        0,
        SystemTime::now(),
    );
    rejections.diagnose(&entry, &head, &Bytes::new());

    let live = bench.current.load_full();
    let case = look(waiting.next().await, &live, false).await.unwrap();

    let hints = entry.hints().unwrap();
    assert_eq!(hints[0].kind, "handshake");
    assert!(hints[0].text.contains("`countersign handshake orders`"));
    let flow = live.flow("orders").unwrap();
    let mut signed = case.clone();
    let mut without = case.clone();
    without.headers.remove("x-hook-secret");
    for case in [&mut signed, &mut without] {
        let headers = &mut case.headers;
        headers.insert("x-hook-signature", "00".repeat(32).parse().unwrap());
    }
    for (case, kept) in [(case, false), (signed, false), (without, true)] {
        assert_eq!(
            case.kept_for(flow).is_some(),
            kept,
            "no secret outlives its look"
        );
    }
}
