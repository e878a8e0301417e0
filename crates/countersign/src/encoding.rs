//! Signatures and keys as text.

use base64::Engine;
use base64::alphabet;
use base64::engine::general_purpose::{GeneralPurpose, PAD_INDIFFERENT, STANDARD, URL_SAFE_NO_PAD};

/// How a signature is written.
#[derive(Clone, Copy, Debug, Eq, PartialEq, serde::Deserialize, serde::Serialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Encoding {
    /// Base64 with its padding.
    Base64,
    /// URL-safe base64 without padding.
    Base64Url,
    /// Hex digits in either case.
    Hex,
    /// Hex digits in lower case only.
    HexLower,
    /// The text itself.
    Text,
}

impl Encoding {
    /// Fills `out` from `text`, which must be the one canonical spelling of exactly that many bytes.
    pub(crate) fn decode(self, text: &[u8], out: &mut [u8]) -> bool {
        match self {
            Self::Base64 => decode_base64(&STANDARD, text, out),
            Self::Base64Url => decode_base64(&URL_SAFE_NO_PAD, text, out),
            Self::Hex => decode_hex(text, out),
            Self::HexLower => !text.iter().any(u8::is_ascii_uppercase) && decode_hex(text, out),
            Self::Text => false,
        }
    }

    /// What `text` spells, however long it is; as strict as [`decode`](Self::decode).
    pub(crate) fn decode_any(self, text: &[u8]) -> Option<Vec<u8>> {
        match self {
            Self::Base64 => STANDARD.decode(text).ok(),
            Self::Base64Url => URL_SAFE_NO_PAD.decode(text).ok(),
            Self::Hex => hex::decode(text).ok(),
            Self::HexLower if text.iter().any(u8::is_ascii_uppercase) => None,
            Self::HexLower => hex::decode(text).ok(),
            Self::Text => Some(text.to_vec()),
        }
    }

    pub(crate) fn encode(self, bytes: &[u8]) -> String {
        match self {
            Self::Base64 => STANDARD.encode(bytes),
            Self::Base64Url => URL_SAFE_NO_PAD.encode(bytes),
            Self::Hex | Self::HexLower => hex::encode(bytes),
            Self::Text => String::from_utf8_lossy(bytes).into_owned(),
        }
    }
}

/// Fills `out` from exactly twice as many hex digits.
pub(crate) fn decode_hex(text: &[u8], out: &mut [u8]) -> bool {
    let (pairs, rest) = text.as_chunks::<2>();
    if pairs.len() != out.len() || !rest.is_empty() {
        return false;
    }
    let mut seen = 0;
    for (pair, out) in pairs.iter().zip(out) {
        let pair = u16::from_be_bytes(*pair);
        let (high, low) = (value(pair >> 8), value(pair & 0xFF));
        seen |= high | low;
        *out = (high << 4 | low) as u8;
    }
    seen < 16
}

/// What a hex digit is worth, or 255 if it is none.
///
/// Without a table, and in 16 bits, so that the compiler reads many at once without a branch.
fn value(digit: u16) -> u16 {
    let number = digit.wrapping_sub(u16::from(b'0'));
    let letter = (digit | 0x20).wrapping_sub(u16::from(b'a'));
    let letter = if letter < 6 {
        letter.wrapping_add(10)
    } else {
        0xFF
    };
    if number < 10 { number } else { letter }
}

/// Decodes a credential: strict base64 with padding, into as much of `buffer` as it fills.
pub(crate) fn decode_credential<'a>(text: &[u8], buffer: &'a mut [u8]) -> Option<&'a [u8]> {
    let length = STANDARD.decode_slice(text, buffer).ok()?;
    buffer.get(..length)
}

/// Decodes key material, leniently: senders hand out base64 keys without padding or with stray bits.
pub(crate) fn decode_base64_key(text: &[u8]) -> Option<Vec<u8>> {
    const KEY: GeneralPurpose = GeneralPurpose::new(
        &alphabet::STANDARD,
        PAD_INDIFFERENT.with_decode_allow_trailing_bits(true),
    );
    KEY.decode(text).ok()
}

/// Decodes key material written in hex.
pub(crate) fn decode_hex_key(text: &[u8]) -> Option<Vec<u8>> {
    hex::decode(text).ok()
}

fn decode_base64(engine: &GeneralPurpose, text: &[u8], out: &mut [u8]) -> bool {
    // The decoder wants room for whole groups: 64 bytes need 66.
    let mut buffer = [0; 72];
    match engine.decode_slice(text, &mut buffer) {
        Ok(length) if length == out.len() => {
            buffer.iter().zip(out).for_each(|(byte, out)| *out = *byte);
            true
        }
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ALL: [Encoding; 4] = [
        Encoding::Base64,
        Encoding::Base64Url,
        Encoding::Hex,
        Encoding::HexLower,
    ];

    #[test]
    fn what_is_encoded_is_decoded() {
        for encoding in ALL {
            for length in [20, 32, 64] {
                let bytes: Vec<u8> = (0..length).map(|byte| byte * 4 + 1).collect();
                let mut out = vec![0; bytes.len()];
                assert!(encoding.decode(encoding.encode(&bytes).as_bytes(), &mut out));
                assert_eq!(out, bytes);
            }
        }
    }

    #[test]
    fn any_other_length_is_refused() {
        for encoding in ALL {
            for length in [0, 1, 19, 31, 33, 48, 63, 65, 66, 67, 1000] {
                let text = encoding.encode(&vec![0xA5; length]);
                assert!(
                    !encoding.decode(text.as_bytes(), &mut [0; 32]),
                    "{encoding:?} {length}"
                );
            }
        }
    }

    #[test]
    fn only_the_alphabet_is_read() {
        let digits = "ab".repeat(31);
        for (last, any, lower) in [
            ("ab", true, true),
            ("AB", true, false),
            ("0x", false, false),
            ("a ", false, false),
            ("a", false, false),
            ("", false, false),
            ("ag", false, false),
            ("ａｂ", false, false),
        ] {
            let text = format!("{digits}{last}");
            assert_eq!(
                Encoding::Hex.decode(text.as_bytes(), &mut [0; 32]),
                any,
                "{last:?}"
            );
            assert_eq!(
                Encoding::HexLower.decode(text.as_bytes(), &mut [0; 32]),
                lower,
                "{last:?}"
            );
        }
    }

    #[test]
    fn every_byte_is_a_hex_digit_or_is_not() {
        for place in 0..8 {
            for byte in 0..=u8::MAX {
                let mut text = *b"00000000";
                text[place] = byte;
                let value = char::from(byte).to_digit(16).filter(|_| byte.is_ascii());
                let mut out = [0; 4];
                assert_eq!(decode_hex(&text, &mut out), value.is_some(), "{byte}");
                if let Some(value) = value {
                    assert_eq!(u32::from_be_bytes(out), value << (28 - 4 * place), "{byte}");
                }
            }
        }
    }

    #[test]
    fn base64_has_one_spelling() {
        let text = Encoding::Base64.encode(&[0xFF; 32]);
        let url = Encoding::Base64Url.encode(&[0xFF; 32]);
        assert!(text.ends_with("8="));
        let bare = text.trim_end_matches('=');
        for other in [
            bare.to_owned(),
            format!("{text}="),
            text.replace("8=", "9="),
            text.replace('/', "_"),
            format!(" {text}"),
            format!("{text}\n"),
        ] {
            assert!(
                !Encoding::Base64.decode(other.as_bytes(), &mut [0; 32]),
                "{other:?}"
            );
        }
        for other in [text, format!("{url}="), url.replace('_', "/")] {
            assert!(
                !Encoding::Base64Url.decode(other.as_bytes(), &mut [0; 32]),
                "{other:?}"
            );
        }
    }

    #[test]
    fn keys_may_lack_padding_and_have_stray_bits() {
        assert_eq!(decode_base64_key(b"/w==").unwrap(), [0xFF]);
        assert_eq!(decode_base64_key(b"/w").unwrap(), [0xFF]);
        assert_eq!(decode_base64_key(b"/x").unwrap(), [0xFF]);
        assert_eq!(decode_base64_key(b"/w=\n"), None);
        assert_eq!(decode_hex_key(b"fF").unwrap(), [0xFF]);
        assert_eq!(decode_hex_key(b"f"), None);
    }
}
