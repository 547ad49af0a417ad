//! Durable tasks (SEP-2663): calls that go on after their request was answered, and their results.
//!
//! A task is `working` or `input_required` until it is over; how it ended is written once and never changes. It is kept
//! for its time to live from creation while it runs, and for the same time again from its end.

mod id;
mod row;
mod status;

#[cfg(test)]
mod tests;

use rusqlite::{OptionalExtension as _, named_params, params};

use crate::ledger::{Ledger, LedgerError};
use crate::number::{milliseconds, stored};
use row::{COLUMNS, read};

pub use id::new_task_id;
pub use row::TaskRow;
pub use status::TaskStatus;

/// The table, as form 1 of the ledger has it. `expires_ms` is when a task that is over may be forgotten.
pub(crate) const SCHEMA: &str = "
    CREATE TABLE tasks (
        id TEXT NOT NULL PRIMARY KEY,
        server TEXT NOT NULL,
        principal TEXT NOT NULL,
        session TEXT NOT NULL,
        status TEXT NOT NULL CHECK (status IN ('working', 'input_required', 'completed', 'failed', 'cancelled')),
        message TEXT,
        payload TEXT,
        created_ms INTEGER NOT NULL,
        updated_ms INTEGER NOT NULL,
        ttl_ms INTEGER NOT NULL,
        expires_ms INTEGER NOT NULL
    ) STRICT;
    CREATE INDEX tasks_of_session ON tasks (session, created_ms);
    CREATE INDEX tasks_of_principal ON tasks (principal, status);
    CREATE INDEX tasks_over ON tasks (expires_ms) WHERE status IN ('completed', 'failed', 'cancelled');
";

/// How many tasks there are.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct TaskCounts {
    /// Working, or waiting for the client.
    pub running: u64,
    /// Over, and not forgotten yet.
    pub over: u64,
}

impl Ledger {
    /// Writes a new task. When this returns, the task can be found, which SEP-2663 demands before a client learns its id.
    ///
    /// The length of its texts is for the caller to bound.
    ///
    /// # Errors
    /// When the ledger cannot be written, or has a task with that id.
    pub fn create_task(&self, task: &TaskRow) -> Result<(), LedgerError> {
        let kept_from = if task.status.is_over() { task.updated_ms } else { task.created_ms };
        let sql = format!("INSERT INTO tasks ({COLUMNS}, expires_ms) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)");
        self.run(|connection| {
            connection.execute(
                &sql,
                params![
                    task.id,
                    task.server,
                    task.principal,
                    task.session,
                    task.status,
                    task.message,
                    task.payload,
                    stored(task.created_ms),
                    stored(task.updated_ms),
                    stored(task.ttl_ms),
                    stored(kept_from) + stored(task.ttl_ms),
                ],
            )
        })?;
        Ok(())
    }

    /// Writes where a task stands; message and payload are replaced. Returns whether it was written: `false` where there
    /// is no such task, or it is over, so that of a result and a cancellation the first stays.
    ///
    /// # Errors
    /// When the ledger cannot be written.
    pub fn update_task(
        &self,
        id: &str,
        status: TaskStatus,
        message: Option<&str>,
        payload: Option<&str>,
        now_ms: u64,
    ) -> Result<bool, LedgerError> {
        let sql = "UPDATE tasks SET status = :status, message = :message, payload = :payload, updated_ms = :now,
                expires_ms = CASE WHEN :over THEN :now + ttl_ms ELSE expires_ms END
            WHERE id = :id AND status IN ('working', 'input_required')";
        let changed = self.run(|connection| {
            connection.execute(
                sql,
                named_params! {
                    ":id": id,
                    ":status": status,
                    ":message": message,
                    ":payload": payload,
                    ":now": stored(now_ms),
                    ":over": status.is_over(),
                },
            )
        })?;
        Ok(changed > 0)
    }

    /// The task with that id. Whether the caller may see it, by its principal, is for whoever asks to check.
    ///
    /// # Errors
    /// When the ledger cannot be read.
    pub fn task(&self, id: &str) -> Result<Option<TaskRow>, LedgerError> {
        let sql = format!("SELECT {COLUMNS} FROM tasks WHERE id = ?");
        self.run(|connection| connection.query_row(&sql, [id], read).optional())
    }

    /// The tasks of a session, oldest first, `limit` at the most.
    ///
    /// # Errors
    /// When the ledger cannot be read.
    pub fn tasks_of_session(&self, session: &str, limit: u32) -> Result<Vec<TaskRow>, LedgerError> {
        let sql = format!("SELECT {COLUMNS} FROM tasks WHERE session = ? ORDER BY created_ms, id LIMIT ?");
        self.run(|connection| connection.prepare(&sql)?.query_map(params![session, limit], read)?.collect())
    }

    /// Ends every task that is not over as failed, but those of the sessions in `but`, with `error_json` (a JSON-RPC error) as its payload, and returns how
    /// many there were. For the start of a node that is the only one in its state directory: what ran in the one
    /// before has nobody left who would end it.
    ///
    /// # Errors
    /// When the ledger cannot be written.
    pub fn lose_running(&self, now_ms: u64, error_json: &str, but: &[&str]) -> Result<u64, LedgerError> {
        let sql = "UPDATE tasks SET status = :failed, message = NULL, payload = :error, updated_ms = :now,
                expires_ms = :now + ttl_ms
            WHERE status IN ('working', 'input_required') AND session NOT IN (SELECT value FROM json_each(:but))";
        let but = serde_json::json!(but).to_string();
        let values = named_params! {
            ":failed": TaskStatus::Failed, ":error": error_json, ":now": stored(now_ms), ":but": but
        };
        Ok(self.run(|connection| connection.execute(sql, values))? as u64)
    }

    /// Forgets the tasks that are over and past their time, and returns how many there were. One that runs is never
    /// forgotten, however old.
    ///
    /// # Errors
    /// When the ledger cannot be written.
    pub fn forget_expired(&self, now_ms: u64) -> Result<u64, LedgerError> {
        let sql = "DELETE FROM tasks WHERE status IN ('completed', 'failed', 'cancelled') AND expires_ms <= ?";
        Ok(self.run(|connection| connection.execute(sql, [stored(now_ms)]))? as u64)
    }

    /// How many tasks there are.
    ///
    /// # Errors
    /// When the ledger cannot be read.
    pub fn count_tasks(&self) -> Result<TaskCounts, LedgerError> {
        self.count("SELECT status, count(*) FROM tasks GROUP BY status", [])
    }

    /// How many tasks a principal has, for a bound on them.
    ///
    /// # Errors
    /// When the ledger cannot be read.
    pub fn count_tasks_of(&self, principal: &str) -> Result<TaskCounts, LedgerError> {
        self.count("SELECT status, count(*) FROM tasks WHERE principal = ? GROUP BY status", [principal])
    }

    fn count(&self, sql: &str, values: impl rusqlite::Params) -> Result<TaskCounts, LedgerError> {
        self.run(|connection| {
            let mut counts = TaskCounts::default();
            let mut statement = connection.prepare(sql)?;
            let mut rows = statement.query(values)?;
            while let Some(row) = rows.next()? {
                let number = milliseconds(row, 1)?;
                let status: TaskStatus = row.get(0)?;
                if status.is_over() { counts.over += number } else { counts.running += number }
            }
            Ok(counts)
        })
    }
}
