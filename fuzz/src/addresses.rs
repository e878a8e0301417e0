//! What a sender writes into the headers by which proxies tell its address.

use std::net::IpAddr;

use http::{HeaderMap, HeaderValue};

// The reader is private to its crate; its file stands on its own.
#[path = "../../crates/countersign-gateway/src/ingress/client.rs"]
mod client;

/// A line of `X-Forwarded-For` or `Forwarded`, as a sender writes it before our proxy appends the sender's address.
///
/// The address that the proxy appended is the one that is found, or none: never one that the sender wrote.
pub fn client_address(bytes: &[u8]) {
    for (name, appended) in [
        ("x-forwarded-for", &b"192.0.2.7:4711"[..]),
        ("x-forwarded-for", b"192.0.2.7, 10.0.0.2"),
        ("forwarded", b"for=192.0.2.7;proto=https"),
        (
            "forwarded",
            b"for=\"192.0.2.7:4711\";by=\"[fd00::1]\", for=10.0.0.2",
        ),
    ] {
        let Ok(written) = HeaderValue::from_bytes(bytes) else {
            return;
        };
        let Ok(joined) = HeaderValue::from_bytes(&[bytes, b", ", appended].concat()) else {
            return;
        };
        let told = HeaderValue::from_bytes(appended).expect("a header's value");
        let mut lines = HeaderMap::new();
        lines.append(name, written);
        // Whatever it is, it is read.
        let _ = found(&lines);
        lines.append(name, told);

        let sender = Some(IpAddr::from([192, 0, 2, 7]));
        assert_eq!(found(&lines), sender, "in a line of its own");
        let one = HeaderMap::from_iter([(name.parse().expect("a header's name"), joined)]);
        let one = found(&one);
        // An open quote swallows what was appended; then nobody is known.
        assert!(
            one == sender || (one.is_none() && name == "forwarded"),
            "{one:?}"
        );
    }
}

fn found(headers: &HeaderMap) -> Option<IpAddr> {
    let trusts = |address: IpAddr| match address {
        IpAddr::V4(address) => address.octets()[0] == 10,
        IpAddr::V6(address) => address.octets()[0] == 0xfd,
    };
    client::address(IpAddr::from([10, 0, 0, 1]), headers, trusts)
}
