use super::*;

#[test]
fn bytes_take_the_largest_unit_that_leaves_a_whole_part() {
    assert_eq!(bytes(1023), "1023 B");
    assert_eq!(bytes(1536), "1.5 KiB");
    assert_eq!(bytes(3 << 30), "3.0 GiB");
}

#[test]
fn durations_show_two_units_at_most() {
    assert_eq!(duration(350), "350ms");
    assert_eq!(duration(185_400), "3m 5s");
    assert_eq!(duration(90_061_000), "1day 1h");
}
