//! The native signature, made here from the HMAC alone, and base64, so that the product is not its own witness.

use std::time::{SystemTime, UNIX_EPOCH};

use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

/// The value of `X-Webhook-Signature` for `message` (the body, or the URL of a GET) signed now.
pub(crate) fn native(secret: &str, message: &[u8]) -> String {
    native_at(secret, message, now_ms())
}

/// The same, signed at `time` in whatever unit the flow expects.
pub(crate) fn native_at(secret: &str, message: &[u8], time: u128) -> String {
    format!(
        "t={time},sha256={}",
        native_mac(secret, message, &time.to_string())
    )
}

/// The MAC of a native signature whose time is the text `time`.
pub(crate) fn native_mac(secret: &str, message: &[u8], time: &str) -> String {
    hmac_hex(secret, &[time.as_bytes(), b".", message].concat())
}

/// Whether `header` is a native signature of `message` by `secret`, made within the last minute.
pub(crate) fn signed_by(secret: &str, message: &[u8], header: Option<&str>) -> bool {
    let Some((time, mac)) =
        header.and_then(|value| value.strip_prefix("t=")?.split_once(",sha256="))
    else {
        return false;
    };
    let recent = time
        .parse::<u128>()
        .is_ok_and(|time| now_ms().abs_diff(time) < 60_000);
    recent && mac == native_mac(secret, message, time)
}

pub(crate) fn hmac_hex(secret: &str, message: &[u8]) -> String {
    let mut mac = Hmac::<Sha256>::new_from_slice(secret.as_bytes()).unwrap();
    mac.update(message);
    hex::encode(mac.finalize().into_bytes())
}

/// Base64 with padding.
pub(crate) fn base64(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut text = String::new();
    for three in bytes.chunks(3) {
        let bits = three
            .iter()
            .fold(0_u32, |bits, byte| bits << 8 | u32::from(*byte));
        let bits = bits << (8 * (3 - three.len()));
        for at in 0..4 {
            match at <= three.len() {
                true => text.push(char::from(DIGITS[(bits >> (18 - 6 * at)) as usize & 63])),
                false => text.push('='),
            }
        }
    }
    text
}

pub(crate) fn now_ms() -> u128 {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap()
        .as_millis()
}
