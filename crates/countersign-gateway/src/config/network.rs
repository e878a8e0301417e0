//! Networks and listening addresses as people write them.

use std::net::{IpAddr, SocketAddr};

use ipnet::IpNet;

use super::error::Fault;

/// Reads `10.0.0.0/8`, or one address, which is a network of its own.
pub(super) fn network(text: &str) -> Result<IpNet, Fault> {
    const HELP: &str =
        "write a network like \"10.0.0.0/8\" or \"fd00::/8\", or one address like \"192.0.2.7\"";
    if let Ok(address) = text.parse::<IpAddr>() {
        return Ok(IpNet::from(address.to_canonical()));
    }
    let network: IpNet = text
        .parse()
        .map_err(|_| Fault::new("is not a network", HELP))?;
    if network != network.trunc() {
        let help = format!("write \"{}\", or the address alone", network.trunc());
        return Err(Fault::new("names an address inside a network", help));
    }
    Ok(plain(network))
}

/// Addresses are looked at as what they are, so a network of mapped IPv4 addresses is the IPv4 network.
fn plain(network: IpNet) -> IpNet {
    let first = network.addr().to_canonical();
    let length = network.prefix_len().checked_sub(96);
    let mapped = first != network.addr();
    let mapped = length
        .filter(|_| mapped)
        .map(|length| IpNet::new(first, length));
    mapped.and_then(Result::ok).unwrap_or(network)
}

/// Reads an address and a port.
pub(super) fn listen(text: &str) -> Result<SocketAddr, Fault> {
    let fault = || {
        let help = "write it like \"0.0.0.0:8080\", \"127.0.0.1:8081\" or \"[::]:8080\"; port 0 takes any free one";
        Fault::new("is not an address with a port", help)
    };
    text.parse().map_err(|_| fault())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_network_is_an_address_with_a_length_or_alone() {
        for (written, network) in [
            ("10.0.0.0/8", "10.0.0.0/8"),
            ("192.0.2.7", "192.0.2.7/32"),
            ("fd00::/8", "fd00::/8"),
            ("::1", "::1/128"),
            ("::/0", "::/0"),
            ("::ffff:192.0.2.7", "192.0.2.7/32"),
            ("::ffff:10.0.0.0/104", "10.0.0.0/8"),
            ("::ffff:0:0/96", "0.0.0.0/0"),
        ] {
            assert_eq!(super::network(written).unwrap().to_string(), network);
        }
    }

    #[test]
    fn an_address_inside_a_network_is_refused_with_the_network_named() {
        let fault = network("10.1.2.3/8").unwrap_err();

        assert!(fault.help.contains("\"10.0.0.0/8\""));
    }

    #[test]
    fn nonsense_is_refused() {
        for written in [
            "",
            "10",
            "10.0.0.0/33",
            "10.0.0.0/",
            "localhost",
            "10.0.0.0/8 ",
        ] {
            assert!(network(written).is_err(), "{written}");
        }
        for written in ["", ":8080", "8080", "localhost:8080", "0.0.0.0", "::1:80"] {
            let parsed = listen(written);
            assert!(parsed.is_err(), "{written} {parsed:?}");
        }
    }
}
