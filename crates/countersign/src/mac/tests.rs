use super::*;

fn tag(digest: Digest, key: &[u8], pieces: &[&[u8]]) -> String {
    let key = MacKey::new(digest, key).unwrap();
    hex::encode(
        key.tag(pieces.iter().copied())
            .bytes(digest.length().unwrap()),
    )
}

#[test]
fn the_published_hmac_vectors_hold() {
    // RFC 2202 and RFC 4231, case 2.
    let (key, message) = (b"Jefe", b"what do ya want for nothing?".as_slice());

    assert_eq!(
        tag(Digest::HmacSha1, key, &[message]),
        "effcdf6ae5eb2fa2d27416d5f184df9c259a7c79"
    );
    assert_eq!(
        tag(Digest::HmacSha256, key, &[message]),
        "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"
    );
    assert_eq!(
        tag(Digest::HmacSha512, key, &[message]),
        "164b7a7bfcf819e2e395fbe73b56e0a387bd64222e831fd610270cd7ea2505549758bf75c05a994a6d034f65f8\
         f0e6fdcaeab1a34d4a6b4b636e070a38bce737"
    );
}

#[test]
fn pieces_are_one_message() {
    let whole = tag(Digest::HmacSha256, b"Jefe", &[b"what do ya want"]);

    assert_eq!(
        tag(
            Digest::HmacSha256,
            b"Jefe",
            &[b"what ", b"", b"do ya", b" want"]
        ),
        whole
    );
}

#[test]
fn tags_differ_wherever_a_bit_differs() {
    let tag = Tag([0x5A; Tag::ROOM]);
    assert!(bool::from(tag.matches(&tag.clone())));

    for byte in 0..Tag::ROOM {
        for bit in 0..8 {
            let mut other = tag;
            other.0[byte] ^= 1 << bit;
            assert!(!bool::from(tag.matches(&other)), "byte {byte} bit {bit}");
        }
    }
}

#[cfg(feature = "ed25519")]
#[test]
fn a_public_key_of_small_order_is_refused() {
    // The neutral element: every signature (R = S·B) verifies under it.
    let mut neutral = [0; 32];
    neutral[0] = 1;

    assert!(PublicKey::new(Digest::Ed25519, &neutral).is_err());
    assert!(PublicKey::new(Digest::Ed25519, &[0; 31]).is_err());
}
