//! What a list allows. The corpus in `tests/` has the many cases; these are the laws.

use super::*;
use proptest::prelude::*;

fn target(text: &str) -> Target {
    Target::parse(text, None).unwrap()
}

proptest! {
    #[test]
    fn the_empty_list_allows_nothing(bits in any::<u32>(), port in 1..=u16::MAX, label in "[a-z]{1,10}") {
        let list = AllowList::default();
        let address = Target { host: Host::Address(bits.to_be_bytes().into()), port };
        prop_assert!(list.check_target(&address).is_err());
        let named = target(&format!("{label}.example:{port}"));
        prop_assert!(list.check_target(&named).is_err());
    }

    /// Only a listing of the address itself opens one that is not public.
    #[test]
    fn no_name_opens_what_is_not_public(bits in any::<u128>(), v4 in any::<bool>(), special in 0u32..6) {
        let list = AllowList::parse(&["*:*", "a.example:*", "*.example:*", "0.0.0.0/0:*", "[::/0]:*"]).unwrap();
        let first = [10u32 << 24, 127 << 24, 0xa9fe_0000, 0xc0a8_0000, 0x6440_0000, 0][special as usize];
        let address: IpAddr = if v4 { (first | (bits as u32 & 0xffff)).to_be_bytes().into() } else { bits.to_be_bytes().into() };
        let public = faces(address).iter().all(|face| address::kind(*face) == AddressKind::Public);
        prop_assert_eq!(list.check_answer(address, 443).is_ok(), public);
        prop_assert_eq!(list.check_target(&Target { host: Host::Address(address), port: 443 }).is_ok(), public);
    }

    #[test]
    fn more_entries_never_allow_less(pick in prop::collection::vec(0..6usize, 0..6), extra in 0..6usize, asked in 0..6usize) {
        let entries = ["a.example:443", "*.a.example:443", "10.0.0.0/8:*", "127.0.0.1:80", "*:443", "[::1]:80"];
        let targets = ["a.example:443", "b.a.example:443", "10.1.1.1:5", "127.0.0.1:80", "8.8.8.8:443", "[::1]:80"];
        let few: Vec<_> = pick.iter().map(|index| entries[*index]).collect();
        let more: Vec<_> = few.iter().copied().chain([entries[extra]]).collect();
        let allows = |list: &[&str]| AllowList::parse(list).unwrap().check_target(&target(targets[asked])).is_ok();
        prop_assert!(!allows(&few) || allows(&more));
    }
}

#[test]
fn a_list_has_an_end() {
    let entries = vec!["a.example:443"; MOST_RULES + 1];
    assert_eq!(AllowList::parse(&entries).unwrap_err().to_string(), "`allow` has 1025 entries; 1024 are the most");
    assert!(AllowList::parse(&entries[1..]).is_ok());
}
