//! What verifying costs, beside the hash that no verifier can do without.

#![expect(clippy::unwrap_used, reason = "whatever fails here is to be seen")]

use std::hint::black_box;
use std::time::{Duration, SystemTime};

use countersign::{Keyring, PublicUrl, Scheme, Secret, Signed, Signer, ToSign, Verifier};
use criterion::{Criterion, criterion_group, criterion_main};
use hmac::{Hmac, KeyInit, Mac};
use http::{HeaderMap, Method};
use sha2::{Digest, Sha256};

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

    let secret = Secret::new("MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw");
    let keys = Keyring::single(secret);
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
        let verifier = Verifier::new(&scheme, &keys).unwrap();
        group.bench_function(name, |bencher| {
            bencher.iter(|| {
                let request = Signed {
                    method: &Method::POST,
                    url: PublicUrl::default(),
                    headers: black_box(&headers),
                    body: black_box(&body),
                    now,
                };
                verifier.verify(&request).unwrap()
            });
        });
    }
    group.finish();
}

criterion_group!(benches, verify);
criterion_main!(benches);
