use http::HeaderValue;
use proptest::prelude::*;

use super::*;

const PROXY: &str = "10.0.0.1";

/// 10.0.0.0/8 and fd00::/8 are proxies of ours.
fn trusts(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(address) => address.octets()[0] == 10,
        IpAddr::V6(address) => address.octets()[0] == 0xfd,
    }
}

fn headers(lines: &[(&'static str, &str)]) -> HeaderMap {
    let mut headers = HeaderMap::new();
    for (name, value) in lines {
        headers.append(*name, HeaderValue::from_bytes(value.as_bytes()).unwrap());
    }
    headers
}

fn seen(peer: &str, lines: &[(&'static str, &str)]) -> Option<String> {
    let peer = peer.parse().unwrap();
    address(peer, &headers(lines), trusts).map(|address| address.to_string())
}

fn xff(lines: &[&str]) -> Option<String> {
    let lines: Vec<_> = lines
        .iter()
        .map(|line| ("x-forwarded-for", *line))
        .collect();
    seen(PROXY, &lines)
}

fn forwarded_by(lines: &[&str]) -> Option<String> {
    let lines: Vec<_> = lines.iter().map(|line| ("forwarded", *line)).collect();
    seen(PROXY, &lines)
}

#[test]
fn a_peer_that_is_not_trusted_speaks_for_nobody() {
    for lines in [
        &[("x-forwarded-for", "192.0.2.7")][..],
        &[("forwarded", "for=192.0.2.7")],
        &[("x-real-ip", "192.0.2.7")],
        &[],
    ] {
        assert_eq!(seen("198.51.100.1", lines).as_deref(), Some("198.51.100.1"));
    }
    assert_eq!(
        seen("::ffff:198.51.100.1", &[]).as_deref(),
        Some("198.51.100.1")
    );
}

#[test]
fn a_proxy_that_says_nothing_speaks_for_itself() {
    assert_eq!(seen(PROXY, &[]).as_deref(), Some(PROXY));
    assert_eq!(seen("::ffff:10.0.0.1", &[]).as_deref(), Some(PROXY));
    assert_eq!(
        seen(PROXY, &[("x-real-ip", "192.0.2.7")]).as_deref(),
        Some(PROXY)
    );
}

#[test]
fn the_first_from_the_right_that_is_no_proxy_is_the_sender() {
    for (lines, address) in [
        (&["192.0.2.7"][..], "192.0.2.7"),
        (&["203.0.113.9, 192.0.2.7"], "192.0.2.7"),
        (&["203.0.113.9, 192.0.2.7, 10.0.0.2, 10.0.0.3"], "192.0.2.7"),
        (&["203.0.113.9", "192.0.2.7", "10.0.0.2"], "192.0.2.7"),
        (&["203.0.113.9, 192.0.2.7", "10.0.0.2"], "192.0.2.7"),
        (&["nonsense, 192.0.2.7"], "192.0.2.7"),
        (&["", "192.0.2.7"], "192.0.2.7"),
        (&["10.0.0.9, 10.0.0.2"], "10.0.0.9"),
        (&[" 192.0.2.7\t,\t10.0.0.2 "], "192.0.2.7"),
        (&["192.0.2.7:4711"], "192.0.2.7"),
        (&["2001:db8::7"], "2001:db8::7"),
        (&["[2001:db8::7]"], "2001:db8::7"),
        (&["[2001:db8::7]:4711"], "2001:db8::7"),
        (&["::ffff:192.0.2.7"], "192.0.2.7"),
        (&["[::ffff:192.0.2.7]:1"], "192.0.2.7"),
        (&["192.0.2.7, ::ffff:10.0.0.2, fd00::1"], "192.0.2.7"),
    ] {
        assert_eq!(xff(lines).as_deref(), Some(address), "{lines:?}");
    }
}

#[test]
fn what_cannot_be_read_ends_the_walk() {
    for lines in [
        &[""][..],
        &["192.0.2.7,"],
        &["192.0.2.7, "],
        &["192.0.2.7, unknown"],
        &["192.0.2.7", "x"],
        &["192.0.2.7, 10.0.0.2,, 10.0.0.3"],
        &["192.0.2.7 10.0.0.2"],
        &["192.0.2.07"],
        &["192.0.2"],
        &["192.0.2.7:"],
        &["192.0.2.7:x"],
        &["192.0.2.7:+80"],
        &["192.0.2.7:65536"],
        &["192.0.2.7:80:80"],
        &["192.0.2.0/24"],
        &["\"192.0.2.7\""],
        &["[192.0.2.7]"],
        &["[2001:db8::7"],
        &["2001:db8::7]"],
        &["[2001:db8::7]80"],
        &["[fe80::1%eth0]"],
        &["fe80::1%1"],
        &["192.0.2.7\u{e9}"],
    ] {
        assert_eq!(xff(lines), None, "{lines:?}");
    }
}

#[test]
fn forwarded_is_read_as_its_rfc_says() {
    for (lines, address) in [
        (&["for=192.0.2.7"][..], "192.0.2.7"),
        (&["For=\"[2001:db8:cafe::17]:4711\""], "2001:db8:cafe::17"),
        (&["for=192.0.2.60;proto=http;by=203.0.113.43"], "192.0.2.60"),
        (
            &["by=10.0.0.1 ; for=192.0.2.7;host=\"a;b,c\\\"for=1.1.1.1\""],
            "192.0.2.7",
        ),
        (
            &["for=203.0.113.9, for=192.0.2.7;proto=https,for=10.0.0.2"],
            "192.0.2.7",
        ),
        (
            &["for=203.0.113.9", "for=192.0.2.7", "for=10.0.0.2"],
            "192.0.2.7",
        ),
        (&["for=\"192.0.2.7:47011\""], "192.0.2.7"),
        (&["for=\"[::ffff:192.0.2.7]\""], "192.0.2.7"),
        (&["for=\"open", "for=192.0.2.7"], "192.0.2.7"),
        (&["for=_hidden, for=192.0.2.7"], "192.0.2.7"),
    ] {
        assert_eq!(forwarded_by(lines).as_deref(), Some(address), "{lines:?}");
    }
    for lines in [
        &[""][..],
        &["for="],
        &["for"],
        &["192.0.2.7"],
        &["for=192.0.2.7:80"],
        &["for=[2001:db8::7]"],
        &["for=unknown"],
        &["for=192.0.2.7, for=_hidden"],
        &["for=192.0.2.7, by=10.0.0.1"],
        &["for=192.0.2.7;for=192.0.2.7"],
        &["for=192.0.2.7,"],
        &["for=192.0.2.7;"],
        &["for=\"192.0.2.7"],
        &["for=\"192.0.2.7\\\"\""],
        &["for=\"192.0.2.7\"x"],
        &["fo r=192.0.2.7"],
        &["=192.0.2.7"],
        &["for =192.0.2.7"],
    ] {
        assert_eq!(forwarded_by(lines), None, "{lines:?}");
    }
}

#[test]
fn two_headers_have_to_agree() {
    let both = |listed: &str, forwarded: &str| {
        seen(
            PROXY,
            &[("x-forwarded-for", listed), ("forwarded", forwarded)],
        )
    };

    assert_eq!(
        both("203.0.113.9, 192.0.2.7", "for=192.0.2.7").as_deref(),
        Some("192.0.2.7")
    );
    assert_eq!(both("192.0.2.7", "for=192.0.2.8"), None);
    assert_eq!(both("192.0.2.7", "for=unknown"), None);
    assert_eq!(both("unknown", "for=unknown"), None);
}

proptest! {
    /// Whatever a sender wrote before, the address that our proxy appended is the one that is found.
    #[test]
    fn a_sender_cannot_write_itself_another_address(
        before in "[ -~]{0,60}",
        sender in prop_oneof![
            (1..=9_u8, any::<[u8; 3]>()).prop_map(|(a, [b, c, d])| IpAddr::from([a, b, c, d])),
            any::<[u16; 7]>().prop_map(|[b, c, d, e, f, g, h]| IpAddr::from([0x2001, b, c, d, e, f, g, h])),
        ],
        port: Option<u16>,
        extra in prop::sample::select(vec!["", ";proto=https", ";host=\"a\"", ";by=\"[fd00::1]\""]),
        same_line: bool,
        behind: bool,
    ) {
        let node = match (sender, port) {
            (IpAddr::V4(address), Some(port)) => format!("{address}:{port}"),
            (IpAddr::V6(address), Some(port)) => format!("[{address}]:{port}"),
            (address, None) => address.to_string(),
        };
        let quoted = match sender {
            IpAddr::V6(_) if port.is_none() => format!("\"[{node}]\""),
            _ => format!("\"{node}\""),
        };
        let appended = [node, format!("for={quoted}{extra}")];
        for ((name, appended), proxy) in ["x-forwarded-for", "forwarded"].into_iter().zip(appended).zip([", 10.0.0.7", ", for=10.0.0.7"]) {
            let appended = match behind {
                true => format!("{appended}{proxy}"),
                false => appended,
            };
            let joined = format!("{before}, {appended}");
            let found = match same_line {
                true => seen(PROXY, &[(name, &joined)]),
                false => seen(PROXY, &[(name, &before), (name, &appended)]),
            };
            let right = Some(sender.to_string());
            // An open quote may swallow what was appended; then nobody is known.
            let unknown = name == "forwarded" && same_line && found.is_none();
            prop_assert!(found == right || unknown, "{name}: {joined}: {found:?}");
        }
    }

    #[test]
    fn any_bytes_are_read_without_panic(one in "\\PC{0,80}", other in prop::collection::vec(32_u8..=255, 0..80)) {
        let other = HeaderValue::from_bytes(&other).unwrap_or(HeaderValue::from_static(""));
        for name in ["x-forwarded-for", "forwarded"] {
            let mut headers = HeaderMap::new();
            if let Ok(one) = HeaderValue::from_bytes(one.as_bytes()) {
                headers.append(name, one);
            }
            headers.append(name, other.clone());
            let _ = address("10.0.0.1".parse().unwrap(), &headers, trusts);
        }
    }
}
