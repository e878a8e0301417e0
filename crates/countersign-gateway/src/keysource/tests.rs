use std::sync::atomic::{AtomicUsize, Ordering};

use bytes::Bytes;
use http::{Request, Response, StatusCode, header::LOCATION};
use rustls::ClientConfig;

use super::authority::{Authority, key_url};
use super::*;
use crate::config::AddressRules;
use crate::deliver::receiver::{Receiver, answer};
use crate::deliver::{Guard, Origin, Tls};

mod trust;

/// A server of certificates, a client that trusts it, and how often it was asked.
struct Shop {
    asked: Arc<AtomicUsize>,
    keys: Keys,
    receiver: Receiver,
    root: Authority,
}

impl Shop {
    /// Sells what `wares` says for a path.
    async fn selling(
        root: Authority,
        open: &str,
        wares: impl Fn(&str) -> Response<Bytes> + Send + Sync + 'static,
    ) -> Self {
        let asked = Arc::new(AtomicUsize::new(0));
        let counted = Arc::clone(&asked);
        let receiver =
            Receiver::answering_over_tls(root.server(), move |request: Request<Bytes>| {
                counted.fetch_add(1, Ordering::SeqCst);
                let answer = wares(request.uri().path());
                async move { answer }
            });
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let tls = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_root_certificates(root.roots())
            .with_no_client_auth();
        let mut rules = AddressRules::default();
        rules.allowed.push(open.parse().unwrap());
        let guard = Guard::new(Origin::Api, &rules, &[]);
        let client = Client::with_tls(guard, &Tls::with_config(tls));
        Self {
            asked,
            keys: Keys::new(client, root.trust()),
            receiver: receiver.await,
            root,
        }
    }

    fn url(&self, path: &str) -> KeyUrl {
        let host = format!("localhost:{}", self.receiver.address.port());
        key_url(&host, path, Some((&["sender.test"], &[])))
    }

    fn asked(&self) -> usize {
        self.asked.load(Ordering::SeqCst)
    }

    async fn outcome(&self, path: &str) -> Result<(), NoKey> {
        self.keys
            .for_flow()
            .fetch(self.url(path), SystemTime::now())
            .await
            .map(drop)
    }
}

const LOOPBACK: &str = "127.0.0.0/8";

fn ware(text: &str) -> Response<Bytes> {
    Response::new(Bytes::from(text.to_owned()))
}

/// A shop that has one good certificate, whatever is asked for.
async fn shop() -> Shop {
    let root = Authority::root();
    let good = root.sign("sender.test", in_ten_minutes(), None);
    Shop::selling(root, LOOPBACK, move |_| ware(&good)).await
}

fn in_ten_minutes() -> SystemTime {
    SystemTime::now() + Duration::from_secs(600)
}

#[tokio::test]
async fn a_key_is_fetched_once_however_many_ask() {
    let shop = shop().await;
    let (one, other) = (shop.keys.for_flow(), shop.keys.for_flow());

    let all = (0..50).map(|n| if n % 2 == 0 { &one } else { &other });
    let all = all.map(|flow| flow.fetch(shop.url("/a.pem"), SystemTime::now()));
    let mut tasks = tokio::task::JoinSet::new();
    all.for_each(|fetching| drop(tasks.spawn(fetching)));
    let found = tasks.join_all().await;

    assert!(found.iter().all(Result::is_ok));
    assert_eq!(shop.asked(), 1);
    assert!(
        one.fetch(shop.url("/a.pem"), SystemTime::now())
            .await
            .is_ok()
    );
    assert_eq!(shop.asked(), 1);
}

#[tokio::test]
async fn whoever_is_dropped_while_fetching_leaves_it_to_the_next() {
    let shop = shop().await;
    let flow = shop.keys.for_flow();

    let mut first = flow.fetch(shop.url("/a.pem"), SystemTime::now());
    let begun = std::future::poll_fn(|cx| std::task::Poll::Ready(first.as_mut().poll(cx))).await;
    assert!(begun.is_pending());
    drop(first);

    assert!(
        flow.fetch(shop.url("/a.pem"), SystemTime::now())
            .await
            .is_ok()
    );
}

#[tokio::test]
async fn whoever_hangs_up_again_and_again_has_no_more_fetched_than_others() {
    let root = Authority::root();
    let shop = Shop::selling(root, LOOPBACK, |_| ware("")).await;
    let flow = shop.keys.for_flow();
    let url = shop.url("/a.pem");

    for begun in 0..100 {
        let mut one = flow.fetch(url.clone(), SystemTime::now());
        let polled = std::future::poll_fn(|cx| std::task::Poll::Ready(one.as_mut().poll(cx))).await;
        assert_eq!(polled.is_pending(), begun < 10, "{begun}");
    }
}

#[tokio::test]
async fn a_key_counts_on_while_it_cannot_be_had_again_and_made_up_urls_do_not_keep_it_out() {
    let root = Authority::root();
    let good = root.sign("sender.test", in_ten_minutes(), None);
    let broken = Arc::new(AtomicUsize::new(0));
    let is_broken = Arc::clone(&broken);
    let shop = Shop::selling(root, LOOPBACK, move |path| {
        match (path, is_broken.load(Ordering::SeqCst)) {
            ("/good.pem", 0) => ware(&good),
            ("/good.pem", 1) => answer(StatusCode::SERVICE_UNAVAILABLE),
            _ => answer(StatusCode::NOT_FOUND),
        }
    });
    let shop = shop.await;
    let flow = shop.keys.for_flow();
    let fetch = async |path: &str| {
        flow.fetch(shop.url(path), SystemTime::now())
            .await
            .map(drop)
    };
    // Not paused in between, where it would jump to the next deadline.
    let hours = async |hours: u64| {
        tokio::time::pause();
        tokio::time::advance(Duration::from_secs(hours * 3600 + 60)).await;
        tokio::time::resume();
    };
    let exhaust = async || {
        for n in 0..40 {
            let _ = fetch(&format!("/{n}.pem")).await;
        }
        assert_eq!(fetch("/other.pem").await, Err(NoKey::Unavailable));
    };
    assert_eq!(fetch("/good.pem").await, Ok(()));

    hours(1).await;
    exhaust().await;
    let asked = shop.asked();
    assert_eq!(fetch("/good.pem").await, Ok(()));
    assert_eq!(shop.asked(), asked + 1, "it was fetched again");

    broken.store(1, Ordering::SeqCst);
    hours(1).await;
    exhaust().await;
    for wait in [4, 3] {
        hours(wait).await;
        let outcome = if wait == 4 {
            Ok(())
        } else {
            Err(NoKey::Unavailable)
        };
        assert_eq!(fetch("/good.pem").await, outcome, "{wait}");
    }

    broken.store(0, Ordering::SeqCst);
    hours(1).await;
    assert_eq!(fetch("/good.pem").await, Ok(()));
    broken.store(2, Ordering::SeqCst);
    hours(1).await;
    assert_eq!(
        fetch("/good.pem").await,
        Err(NoKey::Untrusted),
        "it is gone"
    );
}

#[tokio::test]
async fn made_up_urls_are_fetched_in_measure_and_what_is_known_stays_known() {
    let root = Authority::root();
    let good = root.sign("sender.test", in_ten_minutes(), None);
    let shop = Shop::selling(root, LOOPBACK, move |path| match path {
        "/good.pem" => ware(&good),
        _ => answer(StatusCode::NOT_FOUND),
    });
    let shop = shop.await;
    let flow = shop.keys.for_flow();
    assert!(
        flow.fetch(shop.url("/good.pem"), SystemTime::now())
            .await
            .is_ok()
    );

    let mut outcomes = Vec::new();
    for n in 0..40 {
        outcomes.push(
            flow.fetch(shop.url(&format!("/{n}.pem")), SystemTime::now())
                .await
                .map(drop),
        );
    }

    assert_eq!(outcomes[..9], vec![Err(NoKey::Untrusted); 9]);
    assert!(
        outcomes[12..]
            .iter()
            .all(|outcome| *outcome == Err(NoKey::Unavailable))
    );
    assert!(shop.asked() <= 13, "{}", shop.asked());
    assert!(
        flow.fetch(shop.url("/good.pem"), SystemTime::now())
            .await
            .is_ok()
    );
    // What is known to lead to nothing is not asked for again.
    assert_eq!(
        flow.fetch(shop.url("/0.pem"), SystemTime::now())
            .await
            .map(drop),
        Err(NoKey::Untrusted)
    );
    // Another flow has its own measure.
    let other = shop
        .keys
        .for_flow()
        .fetch(shop.url("/x.pem"), SystemTime::now())
        .await;
    assert_eq!(other.map(drop), Err(NoKey::Untrusted));
}

#[tokio::test]
async fn a_host_in_other_letters_is_the_same_place() {
    let shop = shop().await;
    let flow = shop.keys.for_flow();

    for host in ["localhost", "LOCALHOST", "LocalHost"] {
        let host = format!("{host}:{}", shop.receiver.address.port());
        let url = key_url(&host, "/a.pem", Some((&["sender.test"], &[])));
        assert!(flow.fetch(url, SystemTime::now()).await.is_ok());
    }

    assert_eq!(shop.asked(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_server_that_never_answers_is_given_up() {
    let root = Authority::root();
    let config = root.server();
    let silent = Receiver::answering_over_tls(config, |_| std::future::pending());
    let shop = Shop::selling(root, LOOPBACK, |_| ware("")).await;
    let host = format!("localhost:{}", silent.await.address.port());

    let url = key_url(&host, "/a.pem", Some((&["sender.test"], &[])));
    let outcome = shop.keys.for_flow().fetch(url, SystemTime::now()).await;

    assert_eq!(outcome.map(drop), Err(NoKey::Unavailable));
}

#[test]
fn what_is_worth_least_goes_first() {
    let url = |n: usize| key_url("keys.example.com", &format!("/{n}"), None);
    // A number is what is known: odd ones are worth keeping, those from 100 on do not count any more.
    let mut store = Store::<usize>::new(3);
    let mut find = |n: usize, value: Option<usize>| {
        store.find(
            &url(n),
            |known| *known < 100,
            |known| known % 2 == 1,
            |_| value,
        )
    };

    assert_eq!(find(0, Some(1)), Some(1));
    assert_eq!(find(1, Some(2)), Some(2));
    assert_eq!(find(2, Some(3)), Some(3));
    assert_eq!(find(1, None), Some(2));
    assert_eq!(find(3, None), None, "nothing is begun and nothing goes");
    assert_eq!(find(3, Some(5)), Some(5));
    assert_eq!(
        find(1, None),
        None,
        "it was not worth keeping, though wanted last"
    );
    assert_eq!(find(0, None), Some(1));
    assert_eq!(find(4, Some(101)), Some(101));
    assert_eq!(find(2, None), None, "nobody wanted it for longest");
    assert_eq!(
        find(4, Some(7)),
        Some(7),
        "what does not count is begun again"
    );
}
