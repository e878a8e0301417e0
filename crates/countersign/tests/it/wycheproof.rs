//! Every digest by itself: known answers of the RFCs, and signatures that were made to be refused.
//!
//! What is malformed is of the kinds that Project Wycheproof tries; the values in `forgeries.json` are our
//! own, made with keys whose private halves were thrown away.

use countersign::{Keyring, Reason, Scheme, SchemeError, Verifier};
#[cfg(any(feature = "ed25519", feature = "rsa"))]
use serde_json::Value;

use crate::support::{Sent, at_millis, key};

#[cfg(any(feature = "ed25519", feature = "rsa"))]
const MESSAGE: &str = r#"{"order":7}"#;

/// A scheme of this digest and nothing else, its key and signatures in hex.
fn tiny(digest: &str) -> Scheme {
    let secret = if digest.starts_with("sha") {
        "{secret}"
    } else {
        ""
    };
    let text = format!(
        r#"
            name = "tiny"
            sign = "{{body}}{secret}"
            signature = {{ from = "header:x-signature", encoding = "hex" }}
            rules = [{{ digest = "{digest}", key = {{ encoding = "hex" }} }}]
        "#
    );
    toml::from_str(&text).unwrap()
}

fn verifier(digest: &str, secret: &str) -> Result<Verifier, SchemeError> {
    let keys = Keyring::new([key("tiny", secret).allow_weak()])?;
    Verifier::new(&tiny(digest), &keys)
}

fn judged(verifier: &Verifier, body: &[u8], signature: &str) -> Option<Reason> {
    let mut sent = Sent {
        method: http::Method::POST,
        base: String::new(),
        target: "/".into(),
        headers: http::HeaderMap::new(),
        body: body.to_vec(),
        now: at_millis(0),
    };
    sent.set("x-signature", signature);
    sent.reason(verifier)
}

/// RFC 2202 and RFC 4231: a key, a message, and their MACs of SHA-1, SHA-256 and SHA-512.
fn macs() -> Vec<(String, Vec<u8>, [&'static str; 3])> {
    let long = "aa".repeat(131);
    vec![
        (
            "0b".repeat(20),
            b"Hi There".to_vec(),
            [
                "b617318655057264e28bc0b6fb378c8ef146be00",
                "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7",
                "87aa7cdea5ef619d4ff0b4241a1d6cb02379f4e2ce4ec2787ad0b30545e17cdedaa833b7d6b8a702038b274eaea3f4e4be9d914eeb61f1702e696c203a126854",
            ],
        ),
        (
            hex::encode("Jefe"),
            b"what do ya want for nothing?".to_vec(),
            [
                "effcdf6ae5eb2fa2d27416d5f184df9c259a7c79",
                "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843",
                "164b7a7bfcf819e2e395fbe73b56e0a387bd64222e831fd610270cd7ea2505549758bf75c05a994a6d034f65f8f0e6fdcaeab1a34d4a6b4b636e070a38bce737",
            ],
        ),
        (
            "aa".repeat(20),
            vec![0xDD; 50],
            [
                "125d7342b9ac11cd91a39af48aa17b4f63f175d3",
                "773ea91e36800e46854db8ebd09181a72959098b3ef8c122d9635514ced565fe",
                "fa73b0089d56a284efb0f0756c890be9b1b5dbdd8ee81a3655f83e33b2279d39bf3e848279a722c806b485a47e67c807b946a337bee8942674278859e13292fb",
            ],
        ),
        (
            "0102030405060708090a0b0c0d0e0f10111213141516171819".to_owned(),
            vec![0xCD; 50],
            [
                "4c9007f4026250c6bc8414f9bf50c86c2d7235da",
                "82558a389a443c0ea4cc819899f2083a85f0faa3e578f8077a2e3ff46729665b",
                "b0ba465637458c6990e5a8c5f61d4af7e576d97ff94b872de76f8050361ee3dba91ca5c11aa25eb4d679275cc5788063a5f19741120c4f2de2adebeb10a298dd",
            ],
        ),
        (
            long.clone(),
            b"Test Using Larger Than Block-Size Key - Hash Key First".to_vec(),
            [
                "90d0dace1c1bdc957339307803160335bde6df2b",
                "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54",
                "80b24263c7c1a3ebb71493c1dd7be8b49b46d1f41b4aeec1121b013783f8f3526b56d037e05f2598bd0fd2215d6a1e5295e64f73f63f0aec8b915a985d786598",
            ],
        ),
        (
            long,
            b"This is a test using a larger than block-size key and a larger than block-size data. The key needs to be hashed before being used by the HMAC algorithm.".to_vec(),
            [
                "217e44bb08b6e06a2d6c30f3cb9f537f97c63356",
                "9b09ffa71b942fcb27635fbcd5b0e944bfdc63644f0713938a7f51535c3a35e2",
                "e37b6a775dc87dbaa4dfa9f96e5e3ffddebd71f8867289865df5a32d20cdc944b6022cac3c4982b10d5eeb55c3e4de15134676fb6de0446065c97440fa8c6a58",
            ],
        ),
    ]
}

#[test]
fn the_macs_of_the_rfcs_are_accepted_at_full_length_and_not_otherwise() {
    for (secret, message, macs) in macs() {
        for (digest, mac) in ["hmac-sha1", "hmac-sha256", "hmac-sha512"].iter().zip(macs) {
            let verifier = verifier(digest, &secret).unwrap();
            let judged = |mac: &str| judged(&verifier, &message, mac);

            assert_eq!(judged(mac), None, "{digest} {mac}");
            assert_eq!(judged(&mac.to_uppercase()), None, "{digest} {mac}");
            // The 128 bits of the fifth case of RFC 4231 are one of these.
            for end in [0, 2, 20, 24, 32, mac.len() - 2, mac.len() - 1] {
                let cut = judged(&mac[..end]);
                assert_eq!(cut, Some(Reason::MalformedSignature), "{digest} {end}");
            }
            for more in ["00", "0", mac] {
                let longer = judged(&format!("{mac}{more}"));
                assert_eq!(longer, Some(Reason::MalformedSignature), "{digest} {more}");
            }
            for digit in 0..mac.len() {
                let mut other = mac.as_bytes().to_vec();
                other[digit] = if other[digit] == b'0' { b'1' } else { b'0' };
                let other = str::from_utf8(&other).unwrap();
                assert_eq!(
                    judged(other),
                    Some(Reason::BadSignature),
                    "{digest} {other}"
                );
            }
        }
    }
}

#[test]
fn a_mac_of_one_digest_is_none_of_another() {
    let (secret, message, macs) = macs().swap_remove(0);
    let digests = ["hmac-sha1", "hmac-sha256", "hmac-sha512", "sha1", "sha256"];
    for digest in digests {
        let verifier = verifier(digest, &secret).unwrap();
        for (of, mac) in digests.iter().zip(macs).filter(|(of, _)| **of != digest) {
            assert!(
                judged(&verifier, &message, mac).is_some(),
                "{of} as {digest}"
            );
        }
    }
}

#[cfg(any(feature = "ed25519", feature = "rsa"))]
fn forgeries() -> Value {
    serde_json::from_str(include_str!("../forgeries.json")).unwrap()
}

#[cfg(any(feature = "ed25519", feature = "rsa"))]
fn text(value: &Value) -> &str {
    value.as_str().unwrap()
}

/// Tries every case and says which came out otherwise.
#[cfg(any(feature = "ed25519", feature = "rsa"))]
#[track_caller]
fn try_all<'a>(verifier: impl Fn(&Value) -> Verifier, cases: impl IntoIterator<Item = &'a Value>) {
    let mut failed = Vec::new();
    for case in cases {
        let verdict = judged(
            &verifier(case),
            MESSAGE.as_bytes(),
            text(&case["signature"]),
        );
        if verdict.is_none() != case["genuine"].as_bool().unwrap() {
            failed.push(format!("{} {verdict:?}", case["name"]));
        }
    }
    assert!(failed.is_empty(), "{failed:?}");
}

#[cfg(feature = "ed25519")]
mod ed25519 {
    use super::*;
    use crate::genuine::PUBLIC;

    /// RFC 8032, section 7.1: public key, message, signature.
    const KNOWN: [(&str, &str, &str); 3] = [
        (
            PUBLIC,
            "",
            "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555fb8821590a33bacc61e39701cf9b46bd25bf5f0595bbe24655141438e7a100b",
        ),
        (
            "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c",
            "72",
            "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00",
        ),
        (
            "fc51cd8e6218a1a38da47ed00230f0580816ed13ba3303ac5deb911548908025",
            "af82",
            "6291d657deec24024827e69c3abe01a30ce548a284743a445e3680d7db5ac3ac18ff9b538d16f290ae67f760984dc6594a7c15e9716ed28dc027beceea1ec40a",
        ),
    ];

    #[test]
    fn the_signatures_of_the_rfc_are_accepted_for_their_own_message() {
        for (public, message, signature) in KNOWN {
            let verifier = verifier("ed25519", public).unwrap();
            let message = hex::decode(message).unwrap();
            assert_eq!(judged(&verifier, &message, signature), None);
            let longer = [&*message, b"\0"].concat();
            let refused = judged(&verifier, &longer, signature);
            assert_eq!(refused, Some(Reason::BadSignature));
        }
    }

    #[test]
    fn a_signature_has_one_spelling() {
        let all = forgeries();
        let cases = all["ed25519"]["cases"].as_array().unwrap();
        assert!(cases.len() > 15);
        try_all(|_| verifier("ed25519", PUBLIC).unwrap(), cases);
    }

    #[test]
    fn a_key_is_a_point_of_the_large_group_in_its_one_spelling() {
        let all = &forgeries()["ed25519"];
        let refused = |key: &str| verifier("ed25519", key).is_err();
        let small = all["small_order_keys"].as_array().unwrap();
        let misspelt = all["misspelt_keys"].as_array().unwrap();
        assert!(small.len() >= 8 && !misspelt.is_empty());
        for key in small.iter().chain(misspelt) {
            assert!(refused(text(key)), "{key}");
        }
        // With this one its holder can make signatures that only some verifiers accept.
        let mixed = text(&all["mixed_order_key"]);
        assert!(refused(mixed), "{mixed}");
        assert!(!text(&all["mixed_order_signature"]).is_empty());
        for wrong in ["", &PUBLIC[2..], &format!("{PUBLIC}00"), &"ff".repeat(32)] {
            assert!(refused(wrong), "{wrong}");
        }
    }
}

#[cfg(feature = "ecdsa")]
mod ecdsa {
    use super::*;

    const INFO: &str = "3059301306072a8648ce3d020106082a8648ce3d030107034200";
    const ORDER: &str = "ffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551";
    /// RFC 6979, A.2.5: the key, and the two numbers of its signatures with SHA-256.
    const X: &str = "60fed4ba255a9d31c961eb74c6356d68c049b8923b61fa6ce669622e60f29fb6";
    const Y: &str = "7903fe1008b8bc99a41ae9e95628bc64f2f1b20c2d7e9f5177a3c294d4462299";
    const SAMPLE: [&str; 2] = [
        "efd48b2aacb6a8fd1140dd9cd45e81d69d2c877b56aaf991c34d0ea84eaf3716",
        "f7cb1c942d657c41d436c7a1b6e29f65f3e900dbb9aff4064dc4ab2f843acda8",
    ];
    const TEST: [&str; 2] = [
        "f1abb023518351cd71d881567b1ea663ed3efcf6c5132b354f28d3b0b7d38367",
        "019f4113742a2b14bd25926b49c649155f267e60d3814b4c0cc84250e46f0083",
    ];

    fn public() -> String {
        format!("{INFO}04{X}{Y}")
    }

    /// A number of DER, as short as it can be.
    fn integer(number: &str) -> String {
        let digits = number.trim_start_matches("00");
        let sign = match digits.as_bytes().first() {
            Some(b'0'..=b'7') => "",
            _ => "00",
        };
        tagged("02", &format!("{sign}{digits}"))
    }

    fn tagged(tag: &str, content: &str) -> String {
        format!("{tag}{:02x}{content}", content.len() / 2)
    }

    fn der([r, s]: [&str; 2]) -> String {
        tagged("30", &(integer(r) + &integer(s)))
    }

    /// Of 33 bytes, so that nothing is lost; negative where `sign` is.
    fn plus(one: &str, other: &str, sign: i32) -> String {
        let bytes = |text: &str| hex::decode(format!("{text:0>66}")).unwrap();
        let mut sum = bytes(one);
        let mut carry = 0;
        for (place, byte) in sum.iter_mut().zip(bytes(other)).rev() {
            let total = i32::from(*place) + sign * i32::from(byte) + carry;
            *place = total.rem_euclid(256) as u8;
            carry = total.div_euclid(256);
        }
        hex::encode(sum)
    }

    #[test]
    fn the_signatures_of_the_rfc_are_accepted_for_their_own_message() {
        let as_der = verifier("ecdsa-p256", &public()).unwrap();
        let fixed = verifier("ecdsa-p256-fixed", &public()).unwrap();
        for (message, numbers) in [(b"sample".as_slice(), SAMPLE), (b"test", TEST)] {
            assert_eq!(judged(&as_der, message, &der(numbers)), None);
            assert_eq!(judged(&fixed, message, &numbers.concat()), None);
            // The other number that ECDSA allows, which says the same of the same message.
            let high = plus(ORDER, numbers[1], -1)[2..].to_owned();
            assert_eq!(
                judged(&fixed, message, &(numbers[0].to_owned() + &high)),
                None
            );
            let refused = judged(&as_der, b"other", &der(numbers));
            assert_eq!(refused, Some(Reason::BadSignature));
        }
    }

    #[test]
    fn numbers_out_of_range_are_refused() {
        let [r, s] = SAMPLE;
        let zero = "00".repeat(32);
        let most = "ff".repeat(32);
        let as_der = verifier("ecdsa-p256", &public()).unwrap();
        let fixed = verifier("ecdsa-p256-fixed", &public()).unwrap();
        for [r, s] in [
            [&*zero, s],
            [r, &*zero],
            [&*zero, &*zero],
            [ORDER, s],
            [r, ORDER],
            [ORDER, ORDER],
            [&*most, s],
            [r, &*most],
            [r, &plus(ORDER, "01", 1)[2..]],
            [r, &plus(ORDER, "01", -1)[2..]],
            [&format!("{:0>64}", "01"), &format!("{:0>64}", "01")],
            [s, r],
        ] {
            assert!(
                judged(&fixed, b"sample", &format!("{r}{s}")).is_some(),
                "{r} {s}"
            );
            assert!(
                judged(&as_der, b"sample", &der([r, s])).is_some(),
                "{r} {s}"
            );
        }
        // The same residues, one order higher.
        let higher = [plus(r, ORDER, 1), plus(s, ORDER, 1)];
        for numbers in [
            [&*higher[0], s],
            [r, &*higher[1]],
            [&*higher[0], &*higher[1]],
        ] {
            assert!(
                judged(&as_der, b"sample", &der(numbers)).is_some(),
                "{numbers:?}"
            );
        }
    }

    #[test]
    fn der_has_one_spelling() {
        let (r, s) = (integer(SAMPLE[0]), integer(SAMPLE[1]));
        let content = format!("{r}{s}");
        let length = content.len() / 2;
        let verifier = verifier("ecdsa-p256", &public()).unwrap();
        assert_eq!(judged(&verifier, b"sample", &tagged("30", &content)), None);
        let bare = |number: &str| tagged("02", number);
        for (what, malformed) in [
            ("nothing", String::new()),
            ("a tag alone", "30".into()),
            ("no content", "3000".into()),
            ("another tag", tagged("31", &content)),
            (
                "a number of another type",
                tagged("30", &content.replacen("02", "03", 1)),
            ),
            (
                "a length in the long form",
                format!("3081{length:02x}{content}"),
            ),
            (
                "a length in the longest form",
                format!("3084000000{length:02x}{content}"),
            ),
            (
                "a number's length in the long form",
                tagged("30", &format!("0281{}{s}", &r[2..])),
            ),
            ("an indefinite length", format!("3080{content}0000")),
            (
                "a length too short",
                format!("30{:02x}{content}", length - 1),
            ),
            (
                "a length too long",
                format!("30{:02x}{content}", length + 1),
            ),
            ("bytes after it", tagged("30", &content) + "00"),
            (
                "bytes after the numbers",
                tagged("30", &format!("{content}0500")),
            ),
            ("a third number", tagged("30", &format!("{content}{s}"))),
            ("one number", tagged("30", &r)),
            (
                "a zero too many",
                tagged("30", &format!("{}{s}", bare(&format!("0000{}", SAMPLE[0])))),
            ),
            (
                "no zero, so a negative number",
                tagged("30", &format!("{}{s}", bare(SAMPLE[0]))),
            ),
            ("an empty number", tagged("30", &format!("0200{s}"))),
            ("cut", tagged("30", &content[..content.len() - 2])),
            ("the fixed form", SAMPLE.concat()),
            (
                "a number that is too long by far",
                tagged("30", &format!("{}{s}", bare(&"01".repeat(90)))),
            ),
        ] {
            assert!(
                judged(&verifier, b"sample", &malformed).is_some(),
                "{what}: {malformed}"
            );
        }
    }

    #[test]
    fn the_fixed_form_has_64_bytes() {
        let verifier = verifier("ecdsa-p256-fixed", &public()).unwrap();
        let all = SAMPLE.concat();
        for wrong in [
            "",
            &all[2..],
            &all[..126],
            &format!("{all}00"),
            &format!("00{all}"),
            &der(SAMPLE),
        ] {
            assert_eq!(
                judged(&verifier, b"sample", wrong),
                Some(Reason::MalformedSignature)
            );
        }
    }

    #[test]
    fn a_key_is_a_point_of_the_curve() {
        let off = format!("{INFO}04{X}{}", X);
        let other_curve = public().replace("2a8648ce3d030107", "2a8648ce3d030108");
        let infinity = format!("{INFO}00");
        let high = format!("{INFO}04{}{Y}", "ff".repeat(32));
        for wrong in [
            off,
            other_curve,
            infinity,
            high,
            public() + "00",
            public()[..180].into(),
        ] {
            for digest in ["ecdsa-p256", "ecdsa-p256-fixed"] {
                assert!(verifier(digest, &wrong).is_err(), "{wrong}");
            }
        }
    }
}

#[cfg(feature = "rsa")]
mod rsa {
    use super::*;

    #[test]
    fn a_padding_is_as_pkcs_1_says_to_the_last_byte() {
        let all = &forgeries()["rsa"];
        let cases = all["cases"].as_array().unwrap();
        assert!(cases.len() > 30);
        let verifier = |case: &Value| verifier(text(&case["digest"]), text(&all["key"])).unwrap();
        try_all(verifier, cases);
    }

    #[test]
    fn a_cube_root_is_no_signature() {
        let all = &forgeries()["rsa_of_exponent_3"];
        let verifier = verifier("rsa-sha256", text(&all["key"])).unwrap();
        let judged = |signature: &Value| judged(&verifier, MESSAGE.as_bytes(), text(signature));

        assert_eq!(judged(&all["genuine"]), None);
        assert_eq!(judged(&all["forged"]), Some(Reason::BadSignature));
    }

    #[test]
    fn a_key_of_1024_bits_verifies_nothing() {
        let all = &forgeries()["rsa_of_1024_bits"];
        let accepted = verifier("rsa-sha256", text(&all["key"])).is_ok_and(|verifier| {
            judged(&verifier, MESSAGE.as_bytes(), text(&all["signature"])).is_none()
        });
        assert!(!accepted);
        let refused = verifier("rsa-sha256", text(&all["key"]));
        assert!(
            refused.is_err(),
            "and its owner learns so before the first request"
        );
    }
}
