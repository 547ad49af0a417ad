//! The blocks at their edges, and what addresses carry.

use super::*;
use proptest::prelude::*;

fn of(text: &str) -> AddressKind {
    kind(text.parse().unwrap())
}

#[test]
fn blocks_end_where_they_end() {
    for (inside, kind, outside) in [
        ("10.255.255.255", Private, "11.0.0.0"),
        ("172.16.0.0", Private, "172.15.255.255"),
        ("172.31.255.255", Private, "172.32.0.0"),
        ("192.168.255.255", Private, "192.169.0.0"),
        ("127.255.255.255", Loopback, "128.0.0.0"),
        ("100.127.255.255", Shared, "100.128.0.0"),
        ("169.254.255.255", LinkLocal, "169.255.0.0"),
        ("0.255.255.255", Unspecified, "1.0.0.0"),
        ("224.0.0.0", Multicast, "223.255.255.255"),
        ("198.19.255.255", Reserved, "198.20.0.0"),
        ("168.63.129.16", Metadata, "168.63.129.17"),
        ("2001:1ff:ffff:ffff:ffff:ffff:ffff:ffff", Reserved, "2001:200::"),
        ("2001:db8:ffff::", Documentation, "2001:db9::"),
        ("3fff:fff:ffff::", Documentation, "3fff:1000::"),
        ("fdff::1", Private, "2620::1"),
    ] {
        assert_eq!(of(inside), kind, "{inside}");
        assert_eq!(of(outside), Public, "{outside}");
    }
    assert_eq!(of("255.255.255.255"), Broadcast);
    assert_eq!(of("255.255.255.254"), Reserved);
    assert_eq!(of("fd00:ec2::254"), Metadata);
    assert_eq!(of("fd00:ec2::255"), Private);
    assert_eq!(of("8000::1"), Reserved);
}

#[test]
fn addresses_carry_others() {
    let carried_by = |text: &str| carried(text.parse().unwrap()).iter().map(ToString::to_string).collect::<Vec<_>>();
    assert_eq!(carried_by("64:ff9b::1.2.3.4"), ["1.2.3.4"]);
    assert_eq!(carried_by("2002:102:304::"), ["1.2.3.4"]);
    assert_eq!(carried_by("2001:0:102:304::fefd:fcfb"), ["1.2.3.4", "1.2.3.4"]);
    assert_eq!(carried_by("::1.2.3.4"), ["1.2.3.4"]);
    assert_eq!(carried_by("::ffff:0:1.2.3.4"), ["1.2.3.4"]);
    assert!(carried_by("::1").is_empty() && carried_by("2606:4700::1").is_empty());
    assert_eq!(faces("::ffff:1.2.3.4".parse().unwrap()), ["1.2.3.4".parse::<IpAddr>().unwrap()]);
    assert_eq!(faces("2606:4700::5efe:1.2.3.4".parse().unwrap()).len(), 2);
}

proptest! {
    /// Whatever the standard library knows to be special is not public here.
    #[test]
    fn nothing_special_is_public(bits in any::<u32>()) {
        let v4 = Ipv4Addr::from_bits(bits);
        let special = v4.is_private() || v4.is_loopback() || v4.is_link_local() || v4.is_multicast()
            || v4.is_broadcast() || v4.is_documentation() || v4.is_unspecified();
        prop_assert!(!special || kind(v4.into()) != Public, "{v4}");
    }

    #[test]
    fn nothing_special_is_public_in_ipv6(high in any::<u128>(), shape in 0..5usize) {
        let base = [0, 0xfe80 << 112, 0xfc00 << 112, 0xff00 << 112, 0x2001_0db8 << 96][shape];
        let kept = [0, 10, 7, 8, 32][shape];
        let v6 = Ipv6Addr::from_bits(base | high.checked_shr(kept).unwrap_or(0));
        let special = v6.is_unicast_link_local() || v6.is_unique_local() || v6.is_multicast() || v6.is_loopback();
        prop_assert!(!(special || shape > 0) || kind(v6.into()) != Public, "{v6}");
    }

    /// A private address stays refused in whatever it is wrapped.
    #[test]
    fn wrapping_makes_nothing_public(low in any::<u16>(), prefix in 0..7usize) {
        let v4 = 0x0a00_0000 | u128::from(low);
        let wrapped = [
            v4,
            0xffff << 32 | v4,
            0xffff << 48 | v4,
            0x0064_ff9b << 96 | v4,
            0x2002 << 112 | v4 << 80,
            0x2001_0000 << 96 | v4 << 64,
            0x2606_4700 << 96 | 0x5efe << 32 | v4,
        ][prefix];
        let seen = faces(IpAddr::V6(Ipv6Addr::from_bits(wrapped)));
        prop_assert!(seen.iter().any(|face| kind(*face) != Public), "{wrapped:x}: {seen:?}");
    }

    #[test]
    fn prefixes_agree_with_division(one in any::<u128>(), other in any::<u128>(), prefix in 1u8..=128) {
        let masked = |bits: u128| bits >> (128 - prefix);
        prop_assert_eq!(same_prefix(one, other, prefix), masked(one) == masked(other));
        prop_assert!(same_prefix(one, other, 0));
    }
}
