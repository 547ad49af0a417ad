//! A task as the ledger holds it.

use std::fmt;

use rusqlite::Row;

use super::TaskStatus;
use crate::number::milliseconds;

/// The columns of a [`TaskRow`], in the order that [`read`] expects.
pub(super) const COLUMNS: &str =
    "id, server, principal, session, status, message, payload, created_ms, updated_ms, ttl_ms";

/// One task. Times are in milliseconds since 1970. `Debug` does not show what opens the task or its session, nor what
/// the task is about.
#[derive(Clone, PartialEq, Eq)]
pub struct TaskRow {
    /// What its client asks for it with: unguessable, as [`new_task_id`](crate::new_task_id) makes it.
    pub id: String,
    /// The server's name in the manifest.
    pub server: String,
    /// The stable id of the principal whose task it is.
    pub principal: String,
    /// The id of the session that it runs in.
    pub session: String,
    /// Where it stands.
    pub status: TaskStatus,
    /// What a person may be told about that.
    pub message: Option<String>,
    /// JSON: the questions, the result or the error, as the status has it.
    pub payload: Option<String>,
    /// When it was made.
    pub created_ms: u64,
    /// When it was last written.
    pub updated_ms: u64,
    /// How long it is kept, from its creation while it runs and from its end after that. In milliseconds; more than
    /// half of what an `i64` holds (146 million years) counts as that.
    pub ttl_ms: u64,
}

impl fmt::Debug for TaskRow {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TaskRow")
            .field("server", &self.server)
            .field("principal", &self.principal)
            .field("status", &self.status)
            .field("created_ms", &self.created_ms)
            .field("updated_ms", &self.updated_ms)
            .field("ttl_ms", &self.ttl_ms)
            .finish_non_exhaustive()
    }
}

pub(super) fn read(row: &Row<'_>) -> rusqlite::Result<TaskRow> {
    Ok(TaskRow {
        id: row.get(0)?,
        server: row.get(1)?,
        principal: row.get(2)?,
        session: row.get(3)?,
        status: row.get(4)?,
        message: row.get(5)?,
        payload: row.get(6)?,
        created_ms: milliseconds(row, 7)?,
        updated_ms: milliseconds(row, 8)?,
        ttl_ms: milliseconds(row, 9)?,
    })
}
