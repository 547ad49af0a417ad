//! Amounts of bytes, as a manifest writes them.

use std::fmt;
use std::str::FromStr;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Serialize};

/// An amount of bytes, written with its unit: `512MiB`, `1.5GiB`, `64kB`.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub struct Size(u64);

/// Units that are read, with their bytes. The first of each amount that divides evenly is written.
const UNITS: [(&str, u64); 9] = [
    ("TiB", 1 << 40),
    ("GiB", 1 << 30),
    ("MiB", 1 << 20),
    ("KiB", 1 << 10),
    ("TB", 1_000_000_000_000),
    ("GB", 1_000_000_000),
    ("MB", 1_000_000),
    ("kB", 1_000),
    ("B", 1),
];

impl Size {
    /// `count` bytes.
    pub const fn from_bytes(count: u64) -> Self {
        Self(count)
    }

    /// `count` times 1024 bytes.
    pub const fn kib(count: u64) -> Self {
        Self(count << 10)
    }

    /// `count` times 1024² bytes.
    pub const fn mib(count: u64) -> Self {
        Self(count << 20)
    }

    /// `count` times 1024³ bytes.
    pub const fn gib(count: u64) -> Self {
        Self(count << 30)
    }

    /// The amount in bytes.
    pub const fn bytes(self) -> u64 {
        self.0
    }

    /// The amount in bytes, for buffers: the largest `usize` where that is smaller.
    pub fn as_usize(self) -> usize {
        usize::try_from(self.0).unwrap_or(usize::MAX)
    }
}

/// Text that is not a size.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NotASize;

impl fmt::Display for NotASize {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(
            "not a size; write a number and a unit of B, KiB, MiB, GiB, TiB, kB, MB, GB or TB, such as \"512MiB\"",
        )
    }
}

impl std::error::Error for NotASize {}

impl FromStr for Size {
    type Err = NotASize;

    fn from_str(text: &str) -> Result<Self, NotASize> {
        let number_end = text.find(|c: char| !c.is_ascii_digit() && c != '.').ok_or(NotASize)?;
        let (number, unit) = text.split_at(number_end);
        let unit = unit.trim_start();
        let (_, bytes) = UNITS.iter().find(|(name, _)| *name == unit).ok_or(NotASize)?;
        let (whole, fraction) = number.split_once('.').unwrap_or((number, "0"));
        let whole: u64 = whole.parse().map_err(|_| NotASize)?;
        let total = whole.checked_mul(*bytes).ok_or(NotASize)?;
        total.checked_add(fraction_of(fraction, *bytes)?).map(Self).ok_or(NotASize)
    }
}

/// `0.fraction` of `unit`, rounded down. In integers, so that `0.1GB` is 100,000,000 and not nearly so.
fn fraction_of(fraction: &str, unit: u64) -> Result<u64, NotASize> {
    // Nine digits tell every byte of a gigabyte apart; more would be somebody's typing error.
    if fraction.is_empty() || fraction.len() > 9 {
        return Err(NotASize);
    }
    let numerator: u128 = fraction.parse().map_err(|_| NotASize)?;
    let denominator = fraction.bytes().fold(1_u128, |power, _| power * 10);
    u64::try_from(u128::from(unit) * numerator / denominator).map_err(|_| NotASize)
}

impl fmt::Display for Size {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let fits = UNITS.iter().find(|(_, bytes)| self.0 >= *bytes && self.0.is_multiple_of(*bytes));
        let (unit, bytes) = fits.unwrap_or(&("B", 1));
        write!(f, "{}{unit}", self.0 / bytes)
    }
}

impl fmt::Debug for Size {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")
    }
}

impl From<Size> for String {
    fn from(size: Size) -> Self {
        size.to_string()
    }
}

impl TryFrom<String> for Size {
    type Error = NotASize;

    fn try_from(text: String) -> Result<Self, NotASize> {
        text.parse()
    }
}

impl JsonSchema for Size {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Size".into()
    }

    fn inline_schema() -> bool {
        true
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "type": "string",
            "pattern": r"^[0-9]+(\.[0-9]{1,9})? *(B|KiB|MiB|GiB|TiB|kB|MB|GB|TB)$",
            "x-value": "size",
        })
    }
}

#[cfg(test)]
mod tests;
