//! Hibernated sessions in the ledger: which there are, and how far each is.

use super::Label;
use crate::ledger::{Ledger, LedgerError};
use crate::number::{milliseconds, stored};
use rusqlite::types::{FromSql, FromSqlError, FromSqlResult, ToSql, ToSqlOutput, ValueRef};
use rusqlite::{Row, params};

/// The table, as form 3 of the ledger has it. `identity` is sealed under the key of hibernated sessions.
pub(crate) const SCHEMA: &str = "
    CREATE TABLE hibernated (
        session TEXT NOT NULL PRIMARY KEY,
        server TEXT NOT NULL,
        principal TEXT NOT NULL,
        generation INTEGER NOT NULL,
        lineage TEXT NOT NULL,
        runtime TEXT NOT NULL,
        driver TEXT NOT NULL,
        stage TEXT NOT NULL,
        bytes INTEGER NOT NULL,
        opened_ms INTEGER NOT NULL,
        since_ms INTEGER NOT NULL,
        expires_ms INTEGER NOT NULL,
        calls INTEGER NOT NULL,
        wakes INTEGER NOT NULL,
        identity BLOB NOT NULL
    ) STRICT;
";

const COLUMNS: &str = "session, server, principal, generation, lineage, runtime, driver, stage, bytes, opened_ms, since_ms, \
    expires_ms, calls, wakes, identity";

/// How far a hibernated session is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stage {
    /// It is being written.
    Writing,
    /// It can be woken.
    Asleep,
    /// It was taken to be woken. It runs, or its runtime was killed before it did.
    Waking,
}

impl Stage {
    /// The word in the ledger.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Writing => "writing",
            Self::Asleep => "asleep",
            Self::Waking => "waking",
        }
    }
}

impl ToSql for Stage {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(self.as_str().into())
    }
}

impl FromSql for Stage {
    fn column_result(value: ValueRef<'_>) -> FromSqlResult<Self> {
        let text = value.as_str()?;
        let all = [Self::Writing, Self::Asleep, Self::Waking];
        all.into_iter().find(|stage| stage.as_str() == text).ok_or(FromSqlError::InvalidType)
    }
}

/// A hibernated session in the ledger. Times are milliseconds since 1970.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HibernatedRow {
    /// Whose file it is.
    pub label: Label,
    /// Of which nodes it is: one that was started as this one was.
    pub lineage: String,
    /// The process that has it.
    pub runtime: String,
    /// Which driver wrote it.
    pub driver: String,
    /// How far it is.
    pub stage: Stage,
    /// Bytes of its file.
    pub bytes: u64,
    /// When the session was opened.
    pub opened_ms: u64,
    /// Since when it sleeps.
    pub since_ms: u64,
    /// When its life is over.
    pub expires_ms: u64,
    /// Requests answered before.
    pub calls: u64,
    /// How often it was woken before.
    pub wakes: u64,
    /// Who it is; sealed.
    pub identity: Vec<u8>,
}

impl Ledger {
    /// Writes down that a session is about to be written; an earlier row of it is replaced.
    ///
    /// # Errors
    /// When the ledger cannot be written.
    pub fn hibernation_begins(&self, row: &HibernatedRow) -> Result<(), LedgerError> {
        let sql = format!("INSERT OR REPLACE INTO hibernated ({COLUMNS}) VALUES (?,?,?,?,?,?,?,?,?,?,?,?,?,?,?)");
        let HibernatedRow { label, lineage, runtime, driver, .. } = row;
        let values = params![
            label.session,
            label.server,
            label.principal,
            stored(label.generation),
            lineage,
            runtime,
            driver,
            Stage::Writing,
            stored(row.bytes),
            stored(row.opened_ms),
            stored(row.since_ms),
            stored(row.expires_ms),
            stored(row.calls),
            stored(row.wakes),
            row.identity,
        ];
        self.run(|connection| connection.prepare(&sql)?.execute(values)).map(drop)
    }

    /// Writes down that a session was written, in a file of so many bytes. `false` if no row of it is there.
    ///
    /// # Errors
    /// When the ledger cannot be written.
    pub fn hibernation_done(&self, label: &Label, bytes: u64) -> Result<bool, LedgerError> {
        let sql = "UPDATE hibernated SET stage = 'asleep', bytes = ? WHERE session = ? AND generation = ? AND stage = 'writing'";
        let values = params![stored(bytes), label.session, stored(label.generation)];
        self.run(|connection| connection.execute(sql, values)).map(|rows| rows == 1)
    }

    /// Writes down that a session is being woken. `false` if it is not asleep.
    ///
    /// # Errors
    /// When the ledger cannot be written.
    pub fn hibernation_wakes(&self, label: &Label) -> Result<bool, LedgerError> {
        self.stage(label, Stage::Asleep, Stage::Waking)
    }

    /// Writes down that a session was not woken after all. `false` if it was not about to be.
    ///
    /// # Errors
    /// When the ledger cannot be written.
    pub fn hibernation_goes_on(&self, label: &Label) -> Result<bool, LedgerError> {
        self.stage(label, Stage::Waking, Stage::Asleep)
    }

    fn stage(&self, label: &Label, from: Stage, to: Stage) -> Result<bool, LedgerError> {
        let sql = "UPDATE hibernated SET stage = ? WHERE session = ? AND generation = ? AND stage = ?";
        let values = params![to, label.session, stored(label.generation), from];
        self.run(|connection| connection.execute(sql, values)).map(|rows| rows == 1)
    }

    /// Forgets that a session was hibernated.
    ///
    /// # Errors
    /// When the ledger cannot be written.
    pub fn hibernation_over(&self, label: &Label) -> Result<(), LedgerError> {
        let sql = "DELETE FROM hibernated WHERE session = ? AND generation = ?";
        let values = params![label.session, stored(label.generation)];
        self.run(|connection| connection.execute(sql, values)).map(drop)
    }

    /// All of them, of all processes that use this ledger; those that sleep longest first.
    ///
    /// # Errors
    /// When the ledger cannot be read.
    pub fn hibernated(&self) -> Result<Vec<HibernatedRow>, LedgerError> {
        let sql = format!("SELECT {COLUMNS} FROM hibernated ORDER BY since_ms, session");
        self.run(|connection| connection.prepare(&sql)?.query_map([], read)?.collect())
    }

    /// Makes the process `to` the one that has a session, if `row` still says whose it is. `false` if another one was faster.
    ///
    /// # Errors
    /// When the ledger cannot be written.
    pub fn hibernation_taken_over(&self, row: &HibernatedRow, to: &str) -> Result<bool, LedgerError> {
        let sql = "UPDATE hibernated SET runtime = ? WHERE session = ? AND generation = ? AND runtime = ?";
        let values = params![to, row.label.session, stored(row.label.generation), row.runtime];
        self.run(|connection| connection.execute(sql, values)).map(|rows| rows == 1)
    }
}

fn read(row: &Row<'_>) -> rusqlite::Result<HibernatedRow> {
    let label =
        Label { session: row.get(0)?, server: row.get(1)?, principal: row.get(2)?, generation: milliseconds(row, 3)? };
    Ok(HibernatedRow {
        label,
        lineage: row.get(4)?,
        runtime: row.get(5)?,
        driver: row.get(6)?,
        stage: row.get(7)?,
        bytes: milliseconds(row, 8)?,
        opened_ms: milliseconds(row, 9)?,
        since_ms: milliseconds(row, 10)?,
        expires_ms: milliseconds(row, 11)?,
        calls: milliseconds(row, 12)?,
        wakes: milliseconds(row, 13)?,
        identity: row.get(14)?,
    })
}
