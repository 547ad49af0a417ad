//! Sessions: that they were, whose they were, and why they ended. Written down when they start and when they end, so that
//! what ran when a node was killed is known to the next one.

#[cfg(test)]
mod tests;

use rusqlite::{OptionalExtension as _, Row, named_params, params};

use crate::ledger::{Ledger, LedgerError};
use crate::number::{milliseconds, stored};

/// The table, as form 2 of the ledger has it. `id_digest` is the SHA-256 of the id that clients present, in hexadecimal: the id itself
/// opens the session. `post_mortem` is JSON, of no meaning to the ledger.
pub(crate) const SCHEMA: &str = "
    CREATE TABLE sessions (
        name TEXT NOT NULL PRIMARY KEY,
        id_digest TEXT NOT NULL,
        server TEXT NOT NULL,
        principal TEXT NOT NULL,
        runtime TEXT NOT NULL,
        started_ms INTEGER NOT NULL,
        ended_ms INTEGER,
        reason TEXT,
        calls INTEGER,
        post_mortem TEXT
    ) STRICT;
    CREATE INDEX sessions_by_id ON sessions (id_digest);
    CREATE INDEX sessions_open ON sessions (runtime) WHERE ended_ms IS NULL;
    CREATE INDEX sessions_over ON sessions (ended_ms) WHERE ended_ms IS NOT NULL;
";

const COLUMNS: &str = "name, id_digest, server, principal, runtime, started_ms, ended_ms, reason, calls, post_mortem";

/// A session in the ledger.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SessionRow {
    /// Its public name.
    pub name: String,
    /// SHA-256 of the id that its client presents, in hexadecimal.
    pub id_digest: String,
    /// The server it ran.
    pub server: String,
    /// Who owned it: the public id of a principal.
    pub principal: String,
    /// The process that has it, or had it last.
    pub runtime: String,
    /// Milliseconds since 1970.
    pub started_ms: u64,
    /// How it ended, if it has.
    pub end: Option<SessionEnd>,
}

/// The end of a session.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SessionEnd {
    /// Milliseconds since 1970.
    pub ended_ms: u64,
    /// One word.
    pub reason: String,
    /// Requests answered.
    pub calls: u64,
    /// What is known of it, as JSON.
    pub post_mortem: String,
}

impl Ledger {
    /// Writes down that a session has started; or that another process goes on with one of this name.
    ///
    /// # Errors
    /// When the ledger cannot be written.
    pub fn session_started(&self, row: &SessionRow) -> Result<(), LedgerError> {
        let sql = "INSERT INTO sessions (name, id_digest, server, principal, runtime, started_ms)
            VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT (name) DO UPDATE SET runtime = excluded.runtime";
        let SessionRow { name, id_digest, server, principal, runtime, started_ms, .. } = row;
        let values = params![name, id_digest, server, principal, runtime, stored(*started_ms)];
        self.run(|connection| connection.prepare(sql)?.execute(values)).map(drop)
    }

    /// Writes down how a session ended. The first end of a session stays.
    ///
    /// # Errors
    /// When the ledger cannot be written.
    pub fn session_ended(&self, name: &str, end: &SessionEnd) -> Result<(), LedgerError> {
        let sql = "UPDATE sessions SET ended_ms = :ended, reason = :reason, calls = :calls, post_mortem = :post_mortem
            WHERE name = :name AND ended_ms IS NULL";
        let values = named_params! {
            ":name": name,
            ":ended": stored(end.ended_ms),
            ":reason": end.reason,
            ":calls": stored(end.calls),
            ":post_mortem": end.post_mortem,
        };
        self.run(|connection| connection.prepare(sql)?.execute(values)).map(drop)
    }

    /// Sessions that have not ended, of all processes that use this ledger.
    ///
    /// # Errors
    /// When the ledger cannot be read.
    pub fn open_sessions(&self) -> Result<Vec<SessionRow>, LedgerError> {
        let sql = format!("SELECT {COLUMNS} FROM sessions WHERE ended_ms IS NULL");
        self.run(|connection| connection.prepare(&sql)?.query_map([], read)?.collect())
    }

    /// Sessions that have ended, newest first, `limit` at the most.
    ///
    /// # Errors
    /// When the ledger cannot be read.
    pub fn ended_sessions(&self, limit: u32) -> Result<Vec<SessionRow>, LedgerError> {
        let sql = format!("SELECT {COLUMNS} FROM sessions WHERE ended_ms IS NOT NULL ORDER BY ended_ms DESC LIMIT ?");
        self.run(|connection| connection.prepare(&sql)?.query_map([limit], read)?.collect())
    }

    /// The session of this name.
    ///
    /// # Errors
    /// When the ledger cannot be read.
    pub fn session(&self, name: &str) -> Result<Option<SessionRow>, LedgerError> {
        self.one(&format!("SELECT {COLUMNS} FROM sessions WHERE name = ?"), name)
    }

    /// The session whose client presents an id of this SHA-256.
    ///
    /// # Errors
    /// When the ledger cannot be read.
    pub fn session_by_id(&self, id_digest: &str) -> Result<Option<SessionRow>, LedgerError> {
        self.one(&format!("SELECT {COLUMNS} FROM sessions WHERE id_digest = ?"), id_digest)
    }

    /// Forgets sessions that ended before a moment, and all but the newest `keep` that have ended. Returns how many.
    ///
    /// # Errors
    /// When the ledger cannot be written.
    pub fn forget_sessions(&self, before_ms: u64, keep: u32) -> Result<u64, LedgerError> {
        let sql = "DELETE FROM sessions WHERE ended_ms < :before OR (ended_ms IS NOT NULL AND name NOT IN
            (SELECT name FROM sessions WHERE ended_ms IS NOT NULL ORDER BY ended_ms DESC LIMIT :keep))";
        let values = named_params! {":before": stored(before_ms), ":keep": keep};
        Ok(self.run(|connection| connection.execute(sql, values))? as u64)
    }

    fn one(&self, sql: &str, value: &str) -> Result<Option<SessionRow>, LedgerError> {
        self.run(|connection| connection.prepare(sql)?.query_row([value], read).optional())
    }
}

fn read(row: &Row<'_>) -> rusqlite::Result<SessionRow> {
    let end = match row.get::<_, Option<i64>>(6)? {
        None => None,
        Some(_) => Some(SessionEnd {
            ended_ms: milliseconds(row, 6)?,
            reason: row.get(7)?,
            calls: milliseconds(row, 8)?,
            post_mortem: row.get(9)?,
        }),
    };
    Ok(SessionRow {
        name: row.get(0)?,
        id_digest: row.get(1)?,
        server: row.get(2)?,
        principal: row.get(3)?,
        runtime: row.get(4)?,
        started_ms: milliseconds(row, 5)?,
        end,
    })
}
