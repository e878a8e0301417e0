//! What counts as a sender's key, and for how long.

use super::*;

#[tokio::test]
async fn a_key_counts_no_longer_than_its_certificate_whatever_is_remembered() {
    let root = Authority::root();
    let now = SystemTime::now();
    let first = root.sign("sender.test", now + Duration::from_secs(600), None);
    let second = root.sign("sender.test", now + Duration::from_secs(1200), None);
    let stage = Arc::new(AtomicUsize::new(0));
    let is_at = Arc::clone(&stage);
    let shop = Shop::selling(root, LOOPBACK, move |_| {
        match is_at.load(Ordering::SeqCst) {
            0 => ware(&first),
            1 => answer(StatusCode::SERVICE_UNAVAILABLE),
            _ => ware(&second),
        }
    });
    let shop = shop.await;
    let flow = shop.keys.for_flow();
    let after = |seconds| now + Duration::from_secs(seconds);
    let fetch = async |seconds| {
        let key = flow.fetch(shop.url("/a.pem"), after(seconds)).await;
        key.map(|key| {
            [600, 1200].map(|end| key.covers(after(end - 1)) && !key.covers(after(end + 1)))
        })
    };

    assert_eq!(fetch(0).await, Ok([true, false]));
    stage.store(1, Ordering::SeqCst);
    assert_eq!(fetch(599).await, Ok([true, false]));
    assert_eq!(shop.asked(), 1, "it was remembered");

    assert_eq!(fetch(601).await, Err(NoKey::Unavailable));
    assert_eq!(shop.asked(), 2, "it was fetched again");

    let other = shop.keys.for_flow();
    stage.store(2, Ordering::SeqCst);
    let again = other.fetch(shop.url("/b.pem"), after(601)).await.unwrap();
    assert!(again.covers(after(1199)) && !again.covers(after(1201)));
}

#[tokio::test]
async fn what_is_no_key_of_the_senders_is_untrusted_and_what_fails_is_not_there_now() {
    let root = Authority::root();
    let foreign = Authority::root().sign("sender.test", in_ten_minutes(), None);
    let other = root.sign("other.test", in_ten_minutes(), None);
    let expired = root.sign(
        "sender.test",
        SystemTime::now() - Duration::from_secs(60),
        None,
    );
    let good = root.sign("sender.test", in_ten_minutes(), None);
    let shop = Shop::selling(root, LOOPBACK, move |path| match path {
        "/foreign" => ware(&foreign),
        "/other" => ware(&other),
        "/expired" => ware(&expired),
        "/nothing" => ware("hello"),
        "/large" => ware(&good.repeat(128)),
        "/moved" => {
            let mut moved = answer(StatusCode::FOUND);
            let to = "https://localhost/good".parse().unwrap();
            moved.headers_mut().insert(LOCATION, to);
            moved
        }
        "/forbidden" => answer(StatusCode::FORBIDDEN),
        "/many" => answer(StatusCode::TOO_MANY_REQUESTS),
        _ => answer(StatusCode::INTERNAL_SERVER_ERROR),
    });
    let shop = shop.await;

    for path in [
        "/foreign",
        "/other",
        "/expired",
        "/nothing",
        "/moved",
        "/forbidden",
    ] {
        assert_eq!(shop.outcome(path).await, Err(NoKey::Untrusted), "{path}");
    }
    for path in ["/large", "/many", "/broken"] {
        assert_eq!(shop.outcome(path).await, Err(NoKey::Unavailable), "{path}");
    }
}

#[tokio::test]
async fn a_certificate_that_has_ended_is_no_key_and_is_not_fetched_for_each_request() {
    let root = Authority::root();
    let ended = SystemTime::now() - Duration::from_secs(60);
    let old = root.below_until(Some(ended)).pem;
    let shop = Shop::selling(root, LOOPBACK, move |_| ware(&old)).await;
    let host = format!("localhost:{}", shop.receiver.address.port());
    let flow = shop.keys.for_flow();

    for _ in 0..20 {
        let url = key_url(&host, "/a.pem", None);
        let outcome = flow.fetch(url, SystemTime::now()).await.map(drop);
        assert_eq!(outcome, Err(NoKey::Untrusted));
    }

    assert_eq!(shop.asked(), 1);
}

#[tokio::test]
async fn an_address_that_is_not_open_is_never_connected_to() {
    let root = Authority::root();
    let shop = Shop::selling(root, "192.0.2.0/24", |_| ware("")).await;

    assert_eq!(shop.outcome("/a.pem").await, Err(NoKey::Unavailable));
    assert_eq!(shop.asked(), 0);
}

#[tokio::test]
async fn a_server_that_is_not_what_it_says_is_not_believed() {
    let root = Authority::root();
    let good = root.sign("sender.test", in_ten_minutes(), None);
    let shop = Shop::selling(root, LOOPBACK, move |_| ware(&good)).await;
    let by_address = format!("127.0.0.1:{}", shop.receiver.address.port());

    let url = key_url(&by_address, "/a.pem", Some((&["sender.test"], &[])));
    let outcome = shop.keys.for_flow().fetch(url, SystemTime::now()).await;

    assert_eq!(outcome.map(drop), Err(NoKey::Unavailable));
    assert_eq!(shop.asked(), 0);
}

#[tokio::test]
async fn an_issuer_that_the_sender_leaves_out_is_fetched() {
    let root = Authority::root();
    let between = root.below();
    let issuer = between.certificate.to_vec();
    let issuers = Receiver::answering(move |_| {
        let issuer = Bytes::from(issuer.clone());
        async move { Response::new(issuer) }
    });
    let issuers = issuers.await;
    let host = format!("localhost:{}", issuers.address.port());
    let leaf = between.sign(
        "sender.test",
        in_ten_minutes(),
        Some(&format!("http://{host}/b.cer")),
    );
    let shop = Shop::selling(root, LOOPBACK, move |_| ware(&leaf)).await;
    let own = format!("localhost:{}", shop.receiver.address.port());

    let url = key_url(&own, "/a.pem", Some((&["sender.test"], &[&host])));
    assert!(
        shop.keys
            .for_flow()
            .fetch(url, SystemTime::now())
            .await
            .is_ok()
    );
    assert_eq!(issuers.unseen(), 1);
    assert_eq!(
        shop.outcome("/a.pem").await,
        Err(NoKey::Untrusted),
        "another rule, other issuers"
    );
    drop(shop.root);
}

#[tokio::test]
async fn a_set_of_keys_needs_no_certificate() {
    let set = r#"{"keys":[{"kty":"EC","crv":"P-256","x":"Rxw-dYxJBChbun5TEY7Q9SSt6wdX0lvS-Oew1236cUw","y":"3VIPesqKi5F6zDf1HejwybvjrYWDgucC3CWhLQn3qFg"}]}"#;
    let shop = Shop::selling(Authority::root(), LOOPBACK, move |path| match path {
        "/set" => ware(set),
        _ => ware("{}"),
    });
    let shop = shop.await;
    let host = format!("localhost:{}", shop.receiver.address.port());
    let flow = shop.keys.for_flow();

    let fetch = async |url| flow.fetch(url, SystemTime::now()).await.map(drop);
    assert_eq!(fetch(key_url(&host, "/set", None)).await, Ok(()));
    assert_eq!(
        fetch(key_url(&host, "/none", None)).await,
        Err(NoKey::Untrusted)
    );
}
