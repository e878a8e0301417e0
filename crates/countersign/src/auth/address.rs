//! Lists of client addresses: not who sends, only from where.

use std::error::Error;
use std::fmt;
use std::net::IpAddr;

use crate::{Reason, Rejection};

/// The networks whose addresses may send.
///
/// An address says little about a sender and nothing about what was sent: put it beside a secret.
#[derive(Clone, Debug)]
pub struct Addresses(Vec<Network>);

/// The addresses whose first `length` bits are those of `first`.
#[derive(Clone, Copy, Debug)]
struct Network {
    first: IpAddr,
    length: u8,
}

impl Addresses {
    /// Takes networks, each as an address and how many of its bits all of its addresses share.
    ///
    /// An IPv6 network of mapped IPv4 addresses is the IPv4 network.
    ///
    /// ```
    /// # use countersign::{Addresses, Auth};
    /// let office = Addresses::new([("192.0.2.0".parse()?, 24), ("2001:db8::".parse()?, 32)])?;
    /// let auth = Auth::Address(office);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn new(networks: impl IntoIterator<Item = (IpAddr, u8)>) -> Result<Self, InvalidNetwork> {
        let networks = networks.into_iter();
        let networks = networks.map(|(first, length)| Network::new(first, length));
        Ok(Self(
            networks.collect::<Option<_>>().ok_or(InvalidNetwork(()))?,
        ))
    }

    /// Whether the address is in one of the networks.
    pub fn contains(&self, address: IpAddr) -> bool {
        self.0.iter().any(|network| network.contains(address))
    }

    /// An address that is not known is in no network.
    pub(super) fn check(&self, client: Option<IpAddr>) -> Result<(), Rejection> {
        match client.is_some_and(|address| self.contains(address)) {
            true => Ok(()),
            false => Err(Reason::AddressNotAllowed.into()),
        }
    }
}

impl Network {
    fn new(address: IpAddr, length: u8) -> Option<Self> {
        let first = address.to_canonical();
        let bits = |address: &IpAddr| if address.is_ipv4() { 32 } else { 128 };
        let length = match first == address {
            true => length,
            false => length.checked_sub(MAPPED)?,
        };
        (length <= bits(&first)).then_some(Self { first, length })
    }

    fn contains(&self, address: IpAddr) -> bool {
        match (self.first, address.to_canonical()) {
            (IpAddr::V4(first), IpAddr::V4(address)) => {
                let different = u128::from(first.to_bits() ^ address.to_bits());
                self.begins_with_zeros(different, 32)
            }
            (IpAddr::V6(first), IpAddr::V6(address)) => {
                self.begins_with_zeros(first.to_bits() ^ address.to_bits(), 128)
            }
            _ => false,
        }
    }

    /// Whether the first `length` of a number's `bits` bits are zero.
    fn begins_with_zeros(&self, number: u128, bits: u32) -> bool {
        let rest = bits.saturating_sub(u32::from(self.length));
        number.checked_shr(rest).unwrap_or(0) == 0
    }
}

/// A network with more bits than its addresses have.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct InvalidNetwork(());

impl fmt::Display for InvalidNetwork {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a network has at most 32 bits of an IPv4 address or 128 of an IPv6 address")
    }
}

impl Error for InvalidNetwork {}

/// How many bits come before the IPv4 address in a mapped one.
const MAPPED: u8 = 96;

#[cfg(test)]
mod tests {
    use super::*;

    fn network(text: &str, length: u8) -> Result<Addresses, InvalidNetwork> {
        Addresses::new([(text.parse().unwrap(), length)])
    }

    #[test]
    fn an_address_is_in_a_network_when_the_first_bits_are_the_same() {
        for (first, length, inside, outside) in [
            ("192.0.2.0", 24, "192.0.2.255", "192.0.3.0"),
            ("192.0.2.7", 32, "192.0.2.7", "192.0.2.6"),
            ("192.0.2.128", 25, "192.0.2.128", "192.0.2.127"),
            ("0.0.0.0", 0, "255.255.255.255", "::1"),
            ("2001:db8::", 32, "2001:db8:ffff::1", "2001:db9::"),
            ("2001:db8::1", 128, "2001:db8::1", "2001:db8::2"),
            ("::", 0, "2001:db8::1", "192.0.2.1"),
        ] {
            let network = network(first, length).unwrap();

            assert!(
                network.contains(inside.parse().unwrap()),
                "{inside} in {first}/{length}"
            );
            assert!(
                !network.contains(outside.parse().unwrap()),
                "{outside} in {first}/{length}"
            );
        }
    }

    #[test]
    fn a_mapped_address_is_the_ipv4_address() {
        let plain = network("192.0.2.0", 24).unwrap();
        let mapped = network("::ffff:192.0.2.0", 120).unwrap();

        for list in [plain, mapped] {
            assert!(list.contains("::ffff:192.0.2.9".parse().unwrap()));
            assert!(list.contains("192.0.2.9".parse().unwrap()));
            assert!(!list.contains("192.0.3.9".parse().unwrap()));
        }
    }

    #[test]
    fn a_network_has_no_more_bits_than_its_addresses() {
        for (first, length) in [
            ("192.0.2.0", 33),
            ("::1", 129),
            ("::ffff:192.0.2.0", 95),
            ("::ffff:192.0.2.0", 129),
        ] {
            assert!(network(first, length).is_err(), "{first}/{length}");
        }
    }

    #[test]
    fn nobody_is_let_in_by_an_empty_list_or_without_an_address() {
        let nobody = Addresses::new([]).unwrap();
        let everybody = network("0.0.0.0", 0).unwrap();

        assert!(nobody.check("192.0.2.1".parse().ok()).is_err());
        assert!(everybody.check(None).is_err());
        assert!(everybody.check("192.0.2.1".parse().ok()).is_ok());
    }
}
