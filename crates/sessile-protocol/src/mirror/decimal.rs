//! Numbers compared by value, of any length: `42`, `42.0` and `4.2e1` are one number, and no two numbers become one
//! by rounding.

/// Digits of an exponent that are looked at. No number that a program holds needs more.
const MAX_EXPONENT_DIGITS: usize = 9;

/// A number as its sign, its digits without zeros at either end, and the power of ten of the last of them.
#[derive(PartialEq, Eq)]
struct Decimal {
    negative: bool,
    digits: String,
    exponent: i64,
}

/// Whether two spellings, both in the syntax of JSON (RFC 8259, section 6), are the same number.
pub(super) fn same(one: &str, other: &str) -> bool {
    matches!((Decimal::read(one), Decimal::read(other)), (Some(one), Some(other)) if one == other)
}

impl Decimal {
    fn read(text: &str) -> Option<Self> {
        let (negative, text) = text.strip_prefix('-').map_or((false, text), |rest| (true, rest));
        let (mantissa, exponent) = match text.split_once(['e', 'E']) {
            Some((mantissa, exponent)) => (mantissa, read_exponent(exponent)?),
            None => (text, 0),
        };
        let (whole, fraction) = match mantissa.split_once('.') {
            Some((whole, fraction)) => (whole, Some(fraction)),
            None => (mantissa, None),
        };
        if !is_digits(whole) || (whole.len() > 1 && whole.starts_with('0')) || !fraction.is_none_or(is_digits) {
            return None;
        }
        let fraction = fraction.unwrap_or_default();
        let all = format!("{whole}{fraction}");
        let trimmed = all.trim_end_matches('0');
        let digits = trimmed.trim_start_matches('0').to_owned();
        if digits.is_empty() {
            return Some(Self { negative: false, digits, exponent: 0 });
        }
        let zeros = i64::try_from(all.len() - trimmed.len()).ok()?;
        let places = i64::try_from(fraction.len()).ok()?;
        Some(Self { negative, digits, exponent: exponent - places + zeros })
    }
}

fn read_exponent(text: &str) -> Option<i64> {
    let (negative, digits) = match text.strip_prefix('-') {
        Some(digits) => (true, digits),
        None => (false, text.strip_prefix('+').unwrap_or(text)),
    };
    if !is_digits(digits) {
        return None;
    }
    let digits = digits.trim_start_matches('0');
    if digits.len() > MAX_EXPONENT_DIGITS {
        return None;
    }
    let size: i64 = if digits.is_empty() { 0 } else { digits.parse().ok()? };
    Some(if negative { -size } else { size })
}

fn is_digits(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use super::same;
    use proptest::prelude::*;

    #[test]
    fn one_number_has_many_spellings() {
        for (one, other) in [
            ("42", "42.0"),
            ("42", "4.2e1"),
            ("42", "4200E-2"),
            ("0", "-0"),
            ("0", "0.00e7"),
            ("-7", "-7.000"),
            ("9007199254740993", "9007199254740993.0"),
            ("1e3", "1000"),
        ] {
            assert!(same(one, other) && same(other, one), "{one} {other}");
        }
    }

    #[test]
    fn what_rounding_would_join_stays_apart() {
        for (one, other) in [
            ("9007199254740993", "9007199254740992"),
            ("42", "-42"),
            ("42", "420"),
            ("42", "42.00000000000000000001"),
            ("1", "1e1"),
        ] {
            assert!(!same(one, other), "{one} {other}");
        }
    }

    #[test]
    fn what_is_no_number_is_like_nothing() {
        for text in ["", "-", "+1", "01", "1.", ".5", "1e", "1e+", "0x1", " 1", "1 ", "NaN", "1e99999999999", "１"] {
            assert!(!same(text, text), "{text:?}");
        }
    }

    proptest! {
        #[test]
        fn integers_are_the_same_only_as_themselves(one in any::<i64>(), other in any::<i64>(), zeros in 0_usize..30) {
            prop_assert_eq!(same(&one.to_string(), &other.to_string()), one == other);
            let point = format!("{one}.{}", "0".repeat(zeros + 1));
            prop_assert!(same(&point, &one.to_string()));
        }

        #[test]
        fn a_neighbour_is_another_number(number in -(1_i64 << 53)..=1_i64 << 53) {
            prop_assert!(!same(&number.to_string(), &(number + 1).to_string()));
        }
    }
}
