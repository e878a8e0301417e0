//! What verifying costs, beside the hash that no verifier can do without, and beside the same scheme
//! written by hand with the same libraries.

#![expect(clippy::unwrap_used, reason = "whatever fails here is to be seen")]

use std::hint::black_box;
use std::time::{Duration, SystemTime};

use countersign::{Keyring, PublicUrl, Scheme, Secret, Signed, Signer, ToSign, Verifier};
use criterion::{Criterion, criterion_group, criterion_main};
use hmac::{Hmac, KeyInit, Mac};
use http::{HeaderMap, HeaderName, Method};
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

fn verify(criterion: &mut Criterion) {
    let body = vec![b'x'; 1024];
    let mut group = criterion.benchmark_group("1 KiB");
    group.bench_function("raw SHA-256", |bencher| {
        bencher.iter(|| Sha256::digest(black_box(&body)));
    });
    group.bench_function("raw HMAC-SHA-256", |bencher| {
        let key = Hmac::<Sha256>::new_from_slice(b"a secret of more than 16 bytes").unwrap();
        bencher.iter(|| {
            let mut mac = key.clone();
            mac.update(black_box(&body));
            mac.finalize().into_bytes()
        });
    });

    let keys = Keyring::single(Secret::new(SECRET));
    let now = SystemTime::UNIX_EPOCH + Duration::from_millis(1_700_000_000_123);
    for name in ["designer-cloud", "github", "standard-webhooks", "stripe"] {
        let scheme = Scheme::preset(name).unwrap();
        let headers: HeaderMap = Signer::new(&scheme, &keys)
            .unwrap()
            .headers(&ToSign {
                method: &Method::POST,
                url: PublicUrl::default(),
                headers: &HeaderMap::new(),
                body: &body,
                id: Some("msg_2KWPBgLlAfxdpx2AI54pPJ85f4W"),
                now,
            })
            .unwrap()
            .into_iter()
            .collect();
        let request = || Signed {
            method: &Method::POST,
            url: PublicUrl::default(),
            headers: black_box(&headers),
            body: black_box(&body),
            now,
        };
        if name == "designer-cloud" {
            let key = Hmac::<Sha256>::new_from_slice(SECRET.as_bytes()).unwrap();
            group.bench_function("designer-cloud by hand", |bencher| {
                bencher.iter(|| by_hand(&key, &request()).unwrap());
            });
        }
        let verifier = Verifier::new(&scheme, &keys).unwrap();
        group.bench_function(name, |bencher| {
            bencher.iter(|| verifier.verify(&request()).unwrap());
        });
    }
    group.finish();
}

/// `designer-cloud` for POST, with one key and no description: the same checks, nothing else.
fn by_hand(key: &Hmac<Sha256>, request: &Signed<'_>) -> Option<SystemTime> {
    let mut lines = request.headers.get_all(SIGNATURE).iter();
    let line = lines.next()?.to_str().ok()?;
    if lines.next().is_some() || line.len() > countersign::MAX_HEADER {
        return None;
    }
    let mut timestamp = None;
    let mut signatures = [[0; 32]; countersign::MAX_SIGNATURES];
    let mut seen = 0;
    for item in line.split(',') {
        let (name, value) = item.trim().split_once('=')?;
        match name {
            "t" if timestamp.is_some() => return None,
            "t" => timestamp = Some(value),
            "sha256" => {
                hex::decode_to_slice(value, signatures.get_mut(seen)?).ok()?;
                seen += 1;
            }
            _ => {}
        }
    }
    let timestamp = timestamp?;
    let digits = timestamp.bytes().all(|digit| digit.is_ascii_digit());
    if timestamp.len() > 16 || timestamp.starts_with('0') || !digits {
        return None;
    }
    let mut mac = key.clone();
    mac.update(timestamp.as_bytes());
    mac.update(b".");
    mac.update(request.body);
    let tag: [u8; 32] = mac.finalize().into_bytes().into();
    let matching = signatures[..seen]
        .iter()
        .fold(subtle::Choice::from(0), |any, sent| any | tag.ct_eq(sent));
    if !bool::from(matching) {
        return None;
    }
    let time = SystemTime::UNIX_EPOCH + Duration::from_millis(timestamp.parse().ok()?);
    let apart = match request.now.duration_since(time) {
        Ok(age) => age,
        Err(ahead) => ahead.duration(),
    };
    (apart <= Duration::from_secs(300)).then_some(time)
}

const SECRET: &str = "MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
const SIGNATURE: HeaderName = HeaderName::from_static("x-webhook-signature");

criterion_group!(benches, verify);
criterion_main!(benches);
