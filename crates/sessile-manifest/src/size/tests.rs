use proptest::prelude::*;

use super::*;

fn bytes(text: &str) -> Option<u64> {
    text.parse::<Size>().ok().map(Size::bytes)
}

#[test]
fn units_are_binary_or_decimal_as_they_say() {
    assert_eq!(bytes("512MiB"), Some(512 * 1024 * 1024));
    assert_eq!(bytes("1GB"), Some(1_000_000_000));
    assert_eq!(bytes("64 kB"), Some(64_000));
    assert_eq!(bytes("0B"), Some(0));
    assert_eq!(bytes("1.5GiB"), Some(3 * 512 * 1024 * 1024));
    assert_eq!(bytes("0.1GB"), Some(100_000_000));
    assert_eq!(bytes("0.0001KiB"), Some(0));
}

#[test]
fn what_has_no_unit_or_does_not_fit_is_no_size() {
    for text in ["", "512", "MiB", "512M", "512mib", "-1B", "+1B", "1.B", ".5GiB", "1..5GiB", "1.0.0B"] {
        assert_eq!(bytes(text), None, "{text}");
    }
    assert_eq!(bytes("1 MiB "), None);
    assert_eq!(bytes("16777216TiB"), None);
    assert_eq!(bytes("18446744073709551616B"), None);
    assert_eq!(bytes("1.0000000001GiB"), None);
}

#[test]
fn a_size_is_written_in_the_largest_unit_that_divides_it() {
    assert_eq!(Size::mib(512).to_string(), "512MiB");
    assert_eq!(Size::gib(1).to_string(), "1GiB");
    assert_eq!(Size::from_bytes(1_500_000).to_string(), "1500kB");
    assert_eq!(Size::from_bytes(1023).to_string(), "1023B");
    assert_eq!(Size::from_bytes(0).to_string(), "0B");
}

proptest! {
    #[test]
    fn what_is_written_can_be_read(count in any::<u64>()) {
        prop_assert_eq!(bytes(&Size::from_bytes(count).to_string()), Some(count));
    }

    #[test]
    fn no_text_makes_it_panic(text in "[0-9.]{0,30}[kKMGTiB ]{0,5}") {
        let _ = bytes(&text);
    }
}
