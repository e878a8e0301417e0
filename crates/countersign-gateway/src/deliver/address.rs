//! Which addresses a delivery may reach.
//!
//! [`Guard`] decides, purely, on the final socket address; `client` asks it after every look-up and connects
//! only to what it let through. Addresses that carry an IPv4 address inside (mapped, compatible, translated,
//! 6to4, Teredo) are judged by both.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket};

use ipnet::IpNet;

use crate::config::AddressRules;

/// Decides whether a connection to an address may be opened.
#[derive(Clone, Debug)]
pub(crate) struct Guard {
    origin: Origin,
    own: Vec<SocketAddr>,
    rules: AddressRules,
}

/// Who wrote the URL.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub(crate) enum Origin {
    /// A user of the API, or a sender: only public addresses, unless opened on purpose.
    Api,
    /// The operator, in the configuration file: private and loopback addresses, too.
    File,
}

/// An address no delivery may reach, and the rule that says so.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[error("{address} may not be reached: {rule}")]
pub(crate) struct Denied {
    /// The address that was refused.
    pub(crate) address: IpAddr,
    /// The rule that refused it.
    pub(crate) rule: Rule,
}

/// The rules of [`Guard`].
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
pub(crate) enum Rule {
    /// The operator denied it.
    #[error("it is one of `denied_addresses`")]
    Configured,
    /// Link-local, or a cloud's metadata service.
    #[error("link-local and metadata addresses are never reachable")]
    Metadata,
    /// One of the gateway's own listeners.
    #[error("it is the gateway's own admin listener")]
    Own,
    /// Set apart from the public internet.
    #[error("it is in a special-purpose range; `allowed_addresses` would open it")]
    SpecialPurpose,
}

impl Guard {
    /// Applies the built-in ranges for `origin` and the operator's `rules`; `own` are the listeners of the
    /// gateway, as bound, that no delivery may reach.
    pub(crate) fn new(origin: Origin, rules: &AddressRules, own: &[SocketAddr]) -> Self {
        Self {
            origin,
            own: own.to_vec(),
            rules: rules.clone(),
        }
    }

    /// Whether a connection to `address` may be opened.
    pub(crate) fn check(&self, address: SocketAddr) -> Result<(), Denied> {
        self.judge(address, is_this_machine)
    }

    /// The addresses out of `found` that may be reached, or why none of them may.
    pub(crate) fn vet(
        &self,
        found: impl IntoIterator<Item = SocketAddr>,
    ) -> Result<Vec<SocketAddr>, Denied> {
        let mut vetted = Vec::new();
        let mut refused = None;
        for address in found {
            match self.check(address) {
                Ok(()) => vetted.push(address),
                Err(denied) => refused = Some(denied),
            }
        }
        match refused {
            Some(denied) if vetted.is_empty() => Err(denied),
            _ => Ok(vetted),
        }
    }

    fn judge(&self, address: SocketAddr, is_local: impl Fn(IpAddr) -> bool) -> Result<(), Denied> {
        let ip = address.ip().to_canonical();
        let deny = |rule| Err(Denied { address: ip, rule });
        for face in faces(ip) {
            if self.is_own(face, address.port(), &is_local) {
                return deny(Rule::Own);
            }
            if holds(&METADATA, face) {
                return deny(Rule::Metadata);
            }
            // The address as it was written counts too: the operator may have denied the mapped range.
            if self
                .rules
                .denied
                .iter()
                .any(|net| net.contains(&face) || net.contains(&address.ip()))
            {
                return deny(Rule::Configured);
            }
            if !self.is_open(face) {
                return deny(Rule::SpecialPurpose);
            }
        }
        Ok(())
    }

    fn is_open(&self, ip: IpAddr) -> bool {
        !holds(&SPECIAL, ip)
            || (self.origin == Origin::File && holds(&PRIVATE, ip))
            || holds(&self.rules.allowed, ip)
    }

    fn is_own(&self, ip: IpAddr, port: u16, is_local: &impl Fn(IpAddr) -> bool) -> bool {
        self.own.iter().any(|own| {
            let bound = own.ip().to_canonical();
            // A listener on the unspecified address answers on every address of the machine, and a connection
            // to the unspecified address reaches the machine itself.
            own.port() == port
                && (bound == ip || ip.is_unspecified() || (bound.is_unspecified() && is_local(ip)))
        })
    }
}

/// Whether the address belongs to this machine: only then can a socket be bound to it.
fn is_this_machine(ip: IpAddr) -> bool {
    ip.is_loopback() || UdpSocket::bind((ip, 0)).is_ok()
}

/// The address itself and the IPv4 address it carries inside, if any.
fn faces(ip: IpAddr) -> impl Iterator<Item = IpAddr> {
    let inner = match ip {
        IpAddr::V4(_) => None,
        IpAddr::V6(ip) => inner_v4(ip).map(IpAddr::V4),
    };
    [Some(ip), inner].into_iter().flatten()
}

/// The IPv4 address that a packet to `ip` ends up at, where the prefix says there is one.
fn inner_v4(ip: Ipv6Addr) -> Option<Ipv4Addr> {
    let [a, b, c, d, e, f, g, h] = ip.segments();
    let v4 =
        |high: u16, low: u16| Some(Ipv4Addr::from_bits(u32::from(high) << 16 | u32::from(low)));
    match [a, b, c, d, e, f] {
        // IPv4-compatible, all but the loopback address.
        [0, 0, 0, 0, 0, 0] if (g, h) != (0, 1) => v4(g, h),
        // Mapped (canonicalised before, so only met here when called directly) and translated.
        [0, 0, 0, 0, 0, 0xffff] | [0, 0, 0, 0, 0xffff, 0] => v4(g, h),
        // NAT64, well-known and local-use.
        [0x64, 0xff9b, 0, 0, 0, 0] | [0x64, 0xff9b, 1, ..] => v4(g, h),
        // 6to4.
        [0x2002, high, low, ..] => v4(high, low),
        // Teredo keeps the client's address inverted.
        [0x2001, 0, ..] => v4(!g, !h),
        _ => None,
    }
}

fn holds(nets: &[IpNet], ip: IpAddr) -> bool {
    nets.iter().any(|net| net.contains(&ip))
}

const fn v4(a: u8, b: u8, c: u8, d: u8, length: u8) -> IpNet {
    IpNet::new_assert(IpAddr::V4(Ipv4Addr::new(a, b, c, d)), length)
}

const fn v6(a: u16, b: u16, c: u16, d: u16, length: u8) -> IpNet {
    IpNet::new_assert(IpAddr::V6(Ipv6Addr::new(a, b, c, d, 0, 0, 0, 0)), length)
}

/// Never reachable, whatever the configuration says.
const METADATA: [IpNet; 5] = [
    v4(100, 100, 100, 200, 32),
    v4(168, 63, 129, 16, 32),
    v4(169, 254, 0, 0, 16),
    IpNet::new_assert(
        IpAddr::V6(Ipv6Addr::new(0xfd00, 0xec2, 0, 0, 0, 0, 0, 0x254)),
        128,
    ),
    v6(0xfe80, 0, 0, 0, 10),
];

/// What the operator's own file may name: loopback, private networks, and the carrier-grade range that clouds
/// hand out inside clusters.
const PRIVATE: [IpNet; 7] = [
    v4(10, 0, 0, 0, 8),
    v4(100, 64, 0, 0, 10),
    v4(127, 0, 0, 0, 8),
    v4(172, 16, 0, 0, 12),
    v4(192, 168, 0, 0, 16),
    IpNet::new_assert(IpAddr::V6(Ipv6Addr::LOCALHOST), 128),
    v6(0xfc00, 0, 0, 0, 7),
];

/// The special-purpose ranges of both families, those that lead from IPv6 back to IPv4 included.
const SPECIAL: [IpNet; 30] = [
    v4(0, 0, 0, 0, 8),
    v4(10, 0, 0, 0, 8),
    v4(100, 64, 0, 0, 10),
    v4(127, 0, 0, 0, 8),
    v4(169, 254, 0, 0, 16),
    v4(172, 16, 0, 0, 12),
    v4(192, 0, 0, 0, 24),
    v4(192, 0, 2, 0, 24),
    v4(192, 88, 99, 0, 24),
    v4(192, 168, 0, 0, 16),
    v4(198, 18, 0, 0, 15),
    v4(198, 51, 100, 0, 24),
    v4(203, 0, 113, 0, 24),
    v4(224, 0, 0, 0, 4),
    v4(240, 0, 0, 0, 4),
    // Unspecified, loopback and IPv4-compatible; then IPv4-translated.
    v6(0, 0, 0, 0, 96),
    IpNet::new_assert(IpAddr::V6(Ipv6Addr::new(0, 0, 0, 0, 0xffff, 0, 0, 0)), 96),
    v6(0x64, 0xff9b, 0, 0, 96),
    v6(0x64, 0xff9b, 1, 0, 48),
    v6(0x100, 0, 0, 0, 64),
    v6(0x100, 0, 0, 1, 64),
    // Teredo, benchmarking and overlay identifiers are in here.
    v6(0x2001, 0, 0, 0, 23),
    v6(0x2001, 0xdb8, 0, 0, 32),
    v6(0x2002, 0, 0, 0, 16),
    v6(0x3fff, 0, 0, 0, 20),
    v6(0x5f00, 0, 0, 0, 16),
    v6(0xfc00, 0, 0, 0, 7),
    v6(0xfe80, 0, 0, 0, 10),
    v6(0xfec0, 0, 0, 0, 10),
    v6(0xff00, 0, 0, 0, 8),
];

#[cfg(test)]
mod tests;
