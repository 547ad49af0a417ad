//! What an IP address is: public, or one that only the list can open; and what it carries inside.
//!
//! The blocks are those of the IANA special-purpose registries (RFC 6890 and successors), plus the addresses at which
//! clouds hand out credentials. What is not public is refused even when a listed name resolves to it, because whoever owns
//! a name says where it points.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// What an address is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AddressKind {
    /// Of the internet at large.
    Public,
    /// The host itself.
    Loopback,
    /// A private network (RFC 1918, RFC 4193, site-local).
    Private,
    /// One cable.
    LinkLocal,
    /// Between a provider and its customers (RFC 6598).
    Shared,
    /// Where a cloud hands out credentials and configuration of its machines.
    Metadata,
    /// Many receivers.
    Multicast,
    /// "This host" or "this network"; many kernels take it for loopback.
    Unspecified,
    /// Everyone on the cable.
    Broadcast,
    /// Examples in texts.
    Documentation,
    /// Set aside for something else, or not given out.
    Reserved,
}

impl fmt::Display for AddressKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Public => "public",
            Self::Loopback => "loopback",
            Self::Private => "private",
            Self::LinkLocal => "link-local",
            Self::Shared => "shared (carrier)",
            Self::Metadata => "cloud metadata",
            Self::Multicast => "multicast",
            Self::Unspecified => "unspecified",
            Self::Broadcast => "broadcast",
            Self::Documentation => "documentation",
            Self::Reserved => "reserved",
        })
    }
}

use AddressKind::{
    Broadcast, Documentation, LinkLocal, Loopback, Metadata, Multicast, Private, Public, Reserved, Shared, Unspecified,
};

/// The narrower block comes first.
const V4: [(Ipv4Addr, u8, AddressKind); 24] = [
    (Ipv4Addr::new(169, 254, 169, 254), 32, Metadata),
    (Ipv4Addr::new(169, 254, 169, 253), 32, Metadata),
    (Ipv4Addr::new(169, 254, 170, 2), 32, Metadata),
    (Ipv4Addr::new(169, 254, 170, 23), 32, Metadata),
    (Ipv4Addr::new(169, 254, 0, 23), 32, Metadata),
    (Ipv4Addr::new(168, 63, 129, 16), 32, Metadata),
    (Ipv4Addr::new(100, 100, 100, 200), 32, Metadata),
    (Ipv4Addr::new(192, 0, 0, 192), 32, Metadata),
    (Ipv4Addr::BROADCAST, 32, Broadcast),
    (Ipv4Addr::new(0, 0, 0, 0), 8, Unspecified),
    (Ipv4Addr::new(10, 0, 0, 0), 8, Private),
    (Ipv4Addr::new(100, 64, 0, 0), 10, Shared),
    (Ipv4Addr::new(127, 0, 0, 0), 8, Loopback),
    (Ipv4Addr::new(169, 254, 0, 0), 16, LinkLocal),
    (Ipv4Addr::new(172, 16, 0, 0), 12, Private),
    (Ipv4Addr::new(192, 0, 0, 0), 24, Reserved),
    (Ipv4Addr::new(192, 0, 2, 0), 24, Documentation),
    (Ipv4Addr::new(192, 88, 99, 0), 24, Reserved),
    (Ipv4Addr::new(192, 168, 0, 0), 16, Private),
    (Ipv4Addr::new(198, 18, 0, 0), 15, Reserved),
    (Ipv4Addr::new(198, 51, 100, 0), 24, Documentation),
    (Ipv4Addr::new(203, 0, 113, 0), 24, Documentation),
    (Ipv4Addr::new(224, 0, 0, 0), 4, Multicast),
    (Ipv4Addr::new(240, 0, 0, 0), 4, Reserved),
];

/// The narrower block comes first. What lies outside 2000::/3 and is not named here is not given out.
const V6: [(Ipv6Addr, u8, AddressKind); 16] = [
    (Ipv6Addr::new(0xfd00, 0xec2, 0, 0, 0, 0, 0, 0x254), 128, Metadata),
    (Ipv6Addr::new(0xfd00, 0xec2, 0, 0, 0, 0, 0, 0x253), 128, Metadata),
    (Ipv6Addr::new(0xfd00, 0xec2, 0, 0, 0, 0, 0, 0x23), 128, Metadata),
    (Ipv6Addr::new(0xfd20, 0xce, 0, 0, 0, 0, 0, 0x254), 128, Metadata),
    (Ipv6Addr::LOCALHOST, 128, Loopback),
    (Ipv6Addr::UNSPECIFIED, 128, Unspecified),
    (Ipv6Addr::new(0x64, 0xff9b, 1, 0, 0, 0, 0, 0), 48, Reserved),
    (Ipv6Addr::new(0x100, 0, 0, 0, 0, 0, 0, 0), 64, Reserved),
    (Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 0), 32, Documentation),
    (Ipv6Addr::new(0x2001, 0, 0, 0, 0, 0, 0, 0), 23, Reserved),
    (Ipv6Addr::new(0x3fff, 0, 0, 0, 0, 0, 0, 0), 20, Documentation),
    (Ipv6Addr::new(0x5f00, 0, 0, 0, 0, 0, 0, 0), 16, Reserved),
    (Ipv6Addr::new(0xfc00, 0, 0, 0, 0, 0, 0, 0), 7, Private),
    (Ipv6Addr::new(0xfe80, 0, 0, 0, 0, 0, 0, 0), 10, LinkLocal),
    (Ipv6Addr::new(0xfec0, 0, 0, 0, 0, 0, 0, 0), 10, Private),
    (Ipv6Addr::new(0xff00, 0, 0, 0, 0, 0, 0, 0), 8, Multicast),
];

/// The special-purpose block of an address: what it is for, and how many bits name the block. `None` for public ones.
pub(crate) fn block(address: IpAddr) -> Option<(AddressKind, u8)> {
    let found = match address {
        IpAddr::V4(address) => V4
            .iter()
            .find(|(base, prefix, _)| same_prefix(base.to_bits().into(), address.to_bits().into(), prefix + 96))
            .map(|(_, prefix, kind)| (*kind, *prefix)),
        IpAddr::V6(address) => V6
            .iter()
            .find(|(base, prefix, _)| same_prefix(base.to_bits(), address.to_bits(), *prefix))
            .map(|(_, prefix, kind)| (*kind, *prefix)),
    };
    let unassigned = matches!(address, IpAddr::V6(address) if address.to_bits() >> 125 != 1);
    found.or(unassigned.then_some((Reserved, 128)))
}

/// What an address is for. IPv4 within IPv6 is seen through only where the kernel does so ([`canonical`]); the list looks
/// at every address that one carries.
pub fn kind(address: IpAddr) -> AddressKind {
    block(canonical(address)).map_or(Public, |(kind, _)| kind)
}

/// The address that is really dialled: `::ffff:a.b.c.d` is `a.b.c.d`.
pub fn canonical(address: IpAddr) -> IpAddr {
    match address {
        IpAddr::V6(v6) => v6.to_ipv4_mapped().map_or(address, IpAddr::V4),
        IpAddr::V4(_) => address,
    }
}

/// The IPv4 addresses in an address of a block that does nothing but carry IPv4: IPv4-compatible (RFC 4291), translated
/// (RFC 2765), NAT64 (RFC 6052), 6to4 (RFC 3056), Teredo (RFC 4380: server and client).
pub(crate) fn carried(address: Ipv6Addr) -> Vec<Ipv4Addr> {
    let bits = address.to_bits();
    let starts = |base: Ipv6Addr, prefix| same_prefix(base.to_bits(), bits, prefix);
    if address.is_loopback() || address.is_unspecified() {
        Vec::new()
    } else if starts(Ipv6Addr::UNSPECIFIED, 96)
        || starts(Ipv6Addr::new(0, 0, 0, 0, 0xffff, 0, 0, 0), 96)
        || starts(Ipv6Addr::new(0x64, 0xff9b, 0, 0, 0, 0, 0, 0), 96)
    {
        vec![v4_at(bits, 0)]
    } else if starts(Ipv6Addr::new(0x2002, 0, 0, 0, 0, 0, 0, 0), 16) {
        vec![v4_at(bits, 80)]
    } else if starts(Ipv6Addr::new(0x2001, 0, 0, 0, 0, 0, 0, 0), 32) {
        vec![v4_at(bits, 64), Ipv4Addr::from_bits(!v4_at(bits, 0).to_bits())]
    } else {
        Vec::new()
    }
}

/// Everything that a network on the way could take an address for; each has to be allowed.
pub(crate) fn faces(address: IpAddr) -> Vec<IpAddr> {
    let own = canonical(address);
    let IpAddr::V6(v6) = own else { return vec![own] };
    let inside = carried(v6);
    if !inside.is_empty() {
        return inside.into_iter().map(IpAddr::V4).collect();
    }
    // ISATAP (RFC 5214) hides IPv4 behind any prefix, which counts as well.
    if (v6.to_bits() >> 32) & 0xfcff_ffff == 0x0000_5efe {
        return vec![own, IpAddr::V4(v4_at(v6.to_bits(), 0))];
    }
    vec![own]
}

fn v4_at(bits: u128, shift: u32) -> Ipv4Addr {
    Ipv4Addr::from_bits(((bits >> shift) & 0xffff_ffff) as u32)
}

/// Whether the first `prefix` of 128 bits agree.
pub(crate) fn same_prefix(one: u128, other: u128, prefix: u8) -> bool {
    (one ^ other).checked_shr(128 - u32::from(prefix.min(128))).unwrap_or(0) == 0
}

#[cfg(test)]
mod tests;
