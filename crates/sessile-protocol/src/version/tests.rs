//! Versions are their dates.

use super::*;

#[test]
fn versions_are_ordered_and_read_back() {
    assert!(LegacyVersion::ALL.is_sorted());
    for version in LegacyVersion::ALL {
        assert_eq!(LegacyVersion::parse(version.as_str()), Some(version));
        assert_eq!(Era::parse(version.as_str()), Some(Era::Legacy(version)));
    }
    assert_eq!(Era::parse("2026-07-28"), Some(Era::Modern(ModernVersion::V2026_07_28)));
    assert_eq!(Era::parse("2025-06-19"), None);
}

#[test]
fn each_habit_belongs_to_its_versions() {
    let which = |habit: fn(LegacyVersion) -> bool| -> Vec<_> {
        LegacyVersion::ALL.into_iter().filter(|version| habit(*version)).collect()
    };
    assert_eq!(which(LegacyVersion::batches), [LegacyVersion::V2025_03_26]);
    assert_eq!(which(LegacyVersion::primes_streams), [LegacyVersion::V2025_11_25]);
    assert_eq!(which(LegacyVersion::has_version_header), [LegacyVersion::V2025_06_18, LegacyVersion::V2025_11_25]);
}
