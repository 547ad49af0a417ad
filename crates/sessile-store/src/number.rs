//! Numbers as SQLite holds them: signed.

use rusqlite::Row;

/// A number as SQLite can hold it, and such that the sum of two is one, too.
pub(crate) fn stored(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX).min(i64::MAX / 2)
}

/// A number of a row, which never holds a negative one.
pub(crate) fn milliseconds(row: &Row<'_>, column: usize) -> rusqlite::Result<u64> {
    let number: i64 = row.get(column)?;
    u64::try_from(number).map_err(|_| rusqlite::Error::IntegralValueOutOfRange(column, number))
}
