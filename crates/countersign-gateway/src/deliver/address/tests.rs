use proptest::prelude::*;

use super::*;

fn guard(origin: Origin) -> Guard {
    ruled(origin, &[], &[])
}

fn ruled(origin: Origin, denied: &[&str], allowed: &[&str]) -> Guard {
    let rules = AddressRules {
        allowed: nets(allowed),
        denied: nets(denied),
    };
    Guard::new(origin, &rules, &[])
}

fn nets(nets: &[&str]) -> Vec<IpNet> {
    nets.iter().map(|net| net.parse().unwrap()).collect()
}

fn address(ip: &str) -> SocketAddr {
    SocketAddr::new(ip.parse().unwrap(), 443)
}

fn rule(guard: &Guard, ip: &str) -> Option<Rule> {
    guard
        .judge(address(ip), |_| false)
        .err()
        .map(|denied| denied.rule)
}

/// First and last address of every range, and who may reach it.
const RANGES: &[(&str, &str, Reach)] = &[
    ("0.0.0.0", "0.255.255.255", Reach::Nobody),
    ("10.0.0.0", "10.255.255.255", Reach::File),
    ("100.64.0.0", "100.127.255.255", Reach::File),
    ("127.0.0.0", "127.255.255.255", Reach::File),
    ("169.254.0.0", "169.254.255.255", Reach::Never),
    ("172.16.0.0", "172.31.255.255", Reach::File),
    ("192.0.0.0", "192.0.0.255", Reach::Nobody),
    ("192.0.2.0", "192.0.2.255", Reach::Nobody),
    ("192.88.99.0", "192.88.99.255", Reach::Nobody),
    ("192.168.0.0", "192.168.255.255", Reach::File),
    ("198.18.0.0", "198.19.255.255", Reach::Nobody),
    ("198.51.100.0", "198.51.100.255", Reach::Nobody),
    ("203.0.113.0", "203.0.113.255", Reach::Nobody),
    ("224.0.0.0", "239.255.255.255", Reach::Nobody),
    ("240.0.0.0", "255.255.255.254", Reach::Nobody),
    ("255.255.255.255", "255.255.255.255", Reach::Nobody),
    ("168.63.129.16", "168.63.129.16", Reach::Never),
    ("100.100.100.200", "100.100.100.200", Reach::Never),
    ("::", "::", Reach::Nobody),
    ("::1", "::1", Reach::File),
    ("::2", "::ffff:ffff", Reach::Nobody),
    ("::127.0.0.1", "::10.0.0.1", Reach::Nobody),
    ("::ffff:0:8.8.8.8", "::ffff:0:9.9.9.9", Reach::Nobody),
    ("64:ff9b::", "64:ff9b::ffff:ffff", Reach::Nobody),
    (
        "64:ff9b:1::",
        "64:ff9b:1:ffff:ffff:ffff:ffff:ffff",
        Reach::Nobody,
    ),
    ("100::", "100::ffff:ffff:ffff:ffff", Reach::Nobody),
    (
        "2001::",
        "2001:0:ffff:ffff:ffff:ffff:ffff:ffff",
        Reach::Nobody,
    ),
    (
        "2001:2::",
        "2001:1ff:ffff:ffff:ffff:ffff:ffff:ffff",
        Reach::Nobody,
    ),
    (
        "2001:db8::",
        "2001:db8:ffff:ffff:ffff:ffff:ffff:ffff",
        Reach::Nobody,
    ),
    (
        "3fff::",
        "3fff:fff:ffff:ffff:ffff:ffff:ffff:ffff",
        Reach::Nobody,
    ),
    (
        "2002::",
        "2002:ffff:ffff:ffff:ffff:ffff:ffff:ffff",
        Reach::Nobody,
    ),
    (
        "5f00::",
        "5f00:ffff:ffff:ffff:ffff:ffff:ffff:ffff",
        Reach::Nobody,
    ),
    (
        "fc00::",
        "fdff:ffff:ffff:ffff:ffff:ffff:ffff:ffff",
        Reach::File,
    ),
    ("fd00:ec2::254", "fd00:ec2::254", Reach::Never),
    (
        "fe80::",
        "febf:ffff:ffff:ffff:ffff:ffff:ffff:ffff",
        Reach::Never,
    ),
    (
        "fec0::",
        "feff:ffff:ffff:ffff:ffff:ffff:ffff:ffff",
        Reach::Nobody,
    ),
    (
        "ff00::",
        "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff",
        Reach::Nobody,
    ),
];

#[derive(Clone, Copy, Debug, PartialEq)]
enum Reach {
    /// The operator's file may name it.
    File,
    /// Not even `allowed_addresses` opens it.
    Never,
    /// Only `allowed_addresses` opens it.
    Nobody,
}

#[test]
fn every_special_range_is_closed_to_the_api_from_first_to_last() {
    for (first, last, _) in RANGES {
        for ip in [first, last] {
            assert!(rule(&guard(Origin::Api), ip).is_some(), "{ip}");
        }
    }
}

#[test]
fn the_operators_file_reaches_private_and_loopback_addresses_and_no_more() {
    for (first, last, reach) in RANGES {
        for ip in [first, last] {
            let open = rule(&guard(Origin::File), ip).is_none();
            assert_eq!(open, *reach == Reach::File, "{ip}");
        }
    }
}

#[test]
fn allowed_addresses_open_everything_but_metadata_and_link_local() {
    let open = ruled(Origin::Api, &[], &["0.0.0.0/0", "::/0"]);
    for (first, last, reach) in RANGES {
        for ip in [first, last] {
            assert_eq!(rule(&open, ip).is_some(), *reach == Reach::Never, "{ip}");
        }
    }
}

#[test]
fn neighbours_of_special_ranges_are_public() {
    for ip in [
        "1.0.0.0",
        "9.255.255.255",
        "11.0.0.0",
        "100.63.255.255",
        "100.128.0.0",
        "126.255.255.255",
        "128.0.0.0",
        "169.253.255.255",
        "169.255.0.0",
        "172.15.255.255",
        "172.32.0.0",
        "192.0.1.0",
        "192.0.3.0",
        "192.88.98.255",
        "192.88.100.0",
        "192.167.255.255",
        "192.169.0.0",
        "198.17.255.255",
        "198.20.0.0",
        "198.51.99.255",
        "198.51.101.0",
        "203.0.112.255",
        "203.0.114.0",
        "223.255.255.255",
        "168.63.129.15",
        "168.63.129.17",
        "2001:200::1",
        "2001:4860:4860::8888",
        "2003::1",
        "2600::1",
        "2001:db7:ffff::1",
        "2001:db9::1",
        "3ffe::1",
        "3fff:1000::1",
        "5eff::1",
        "5f01::1",
        "64:ff9a::1",
        "101::1",
        "fbff::1",
    ] {
        for origin in [Origin::Api, Origin::File] {
            assert_eq!(rule(&guard(origin), ip), None, "{ip}");
        }
    }
}

#[test]
fn an_embedded_address_is_judged_too_when_its_prefix_was_opened() {
    let nat64 = ruled(Origin::File, &[], &["64:ff9b::/96"]);

    assert_eq!(rule(&nat64, "64:ff9b::8.8.8.8"), None);
    assert_eq!(
        rule(&nat64, "64:ff9b::169.254.169.254"),
        Some(Rule::Metadata)
    );
    assert_eq!(
        rule(&nat64, "64:ff9b::192.0.2.1"),
        Some(Rule::SpecialPurpose)
    );
}

#[test]
fn denied_addresses_win_over_allowed_ones_in_every_spelling() {
    let rules = ruled(
        Origin::Api,
        &["8.8.8.0/24", "::ffff:9.9.9.0/120"],
        &["8.8.8.8/32"],
    );

    for ip in ["8.8.8.8", "::ffff:8.8.8.8", "::ffff:9.9.9.9"] {
        assert_eq!(rule(&rules, ip), Some(Rule::Configured), "{ip}");
    }
}

#[test]
fn the_admin_listener_is_out_of_reach_on_its_own_port_only() {
    let rules = AddressRules {
        allowed: nets(&["127.0.0.0/8", "0.0.0.0/8"]),
        denied: Vec::new(),
    };
    let guard = Guard::new(Origin::File, &rules, &["127.0.0.1:8081".parse().unwrap()]);
    let rule = |address: &str| {
        guard
            .judge(address.parse().unwrap(), |_| false)
            .err()
            .map(|denied| denied.rule)
    };

    assert_eq!(rule("127.0.0.1:8081"), Some(Rule::Own));
    assert_eq!(rule("[::ffff:127.0.0.1]:8081"), Some(Rule::Own));
    assert_eq!(rule("0.0.0.0:8081"), Some(Rule::Own));
    assert_eq!(rule("127.0.0.1:8080"), None);
    assert_eq!(rule("127.0.0.2:8081"), None);
}

#[test]
fn an_admin_listener_on_every_address_is_out_of_reach_on_every_local_address() {
    for bound in ["0.0.0.0:8081", "[::]:8081"] {
        let guard = Guard {
            own: vec![bound.parse().unwrap()],
            ..guard(Origin::File)
        };
        let local = |ip: IpAddr| ip.is_loopback() || ip.to_string() == "10.0.0.7";
        let rule = |address: &str| {
            guard
                .judge(address.parse().unwrap(), local)
                .err()
                .map(|denied| denied.rule)
        };

        assert_eq!(rule("127.0.0.1:8081"), Some(Rule::Own));
        assert_eq!(rule("10.0.0.7:8081"), Some(Rule::Own));
        assert_eq!(rule("[::1]:8081"), Some(Rule::Own));
        assert_eq!(rule("10.0.0.8:8081"), None);
        assert_eq!(rule("10.0.0.7:8080"), None);
    }
}

#[test]
fn this_machine_knows_its_own_addresses() {
    assert!(is_this_machine(IpAddr::V4(Ipv4Addr::LOCALHOST)));
    assert!(!is_this_machine("192.0.2.1".parse().unwrap()));
}

#[test]
fn of_several_addresses_only_the_open_ones_are_left() {
    let guard = guard(Origin::Api);
    let open = address("8.8.8.8");

    assert_eq!(
        guard.vet([address("10.0.0.1"), open, address("::1")]),
        Ok(vec![open])
    );
    assert_eq!(
        guard.vet([address("10.0.0.1")]).unwrap_err().rule,
        Rule::SpecialPurpose
    );
    assert_eq!(guard.vet([]), Ok(Vec::new()));
}

/// Every way to write an IPv4 address inside an IPv6 one.
fn disguises(ip: Ipv4Addr) -> [Ipv6Addr; 7] {
    let low = u128::from(ip.to_bits());
    let at =
        |prefix: &str| Ipv6Addr::from_bits(prefix.parse::<Ipv6Addr>().unwrap().to_bits() | low);
    [
        ip.to_ipv6_mapped(),
        at("::"),
        at("::ffff:0:0:0"),
        at("64:ff9b::"),
        at("64:ff9b:1::"),
        Ipv6Addr::from_bits(0x2002 << 112 | low << 80),
        Ipv6Addr::from_bits(0x2001 << 112 | u128::from(!ip.to_bits())),
    ]
}

proptest! {
    #[test]
    fn no_disguise_reaches_an_address_that_is_closed(bits in any::<u32>(), special in any::<prop::sample::Index>()) {
        let nets: Vec<_> = SPECIAL.iter().chain(&METADATA).collect();
        let from_list = match special.get(&nets).network() {
            IpAddr::V4(ip) => ip,
            IpAddr::V6(_) => Ipv4Addr::LOCALHOST,
        };
        for ip in [Ipv4Addr::from_bits(bits), from_list] {
            for origin in [Origin::Api, Origin::File] {
                let plain = guard(origin).judge((ip, 443).into(), |_| false);
                for disguise in disguises(ip) {
                    // Opening the prefixes on purpose opens nothing behind them.
                    let opened = ruled(origin, &[], &PREFIXES);
                    for guard in [guard(origin), opened] {
                        let seen = guard.judge((disguise, 443).into(), |_| false);
                        prop_assert!(plain.is_ok() || seen.is_err(), "{ip} as {disguise}");
                    }
                }
            }
        }
    }
}

/// The prefixes of [`disguises`].
const PREFIXES: [&str; 7] = [
    "::/96",
    "::ffff:0:0/96",
    "::ffff:0:0:0/96",
    "64:ff9b::/96",
    "64:ff9b:1::/48",
    "2002::/16",
    "2001::/32",
];
