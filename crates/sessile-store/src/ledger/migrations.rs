//! From whatever form the file has to the newest, one step at a time. The form is SQLite's `user_version`.

use std::path::Path;

use rusqlite::{Connection, TransactionBehavior};

use super::LedgerError;

/// Step N brings form N to form N + 1. Steps are never changed once released; a change is another step.
const STEPS: [&str; 3] = [crate::tasks::SCHEMA, crate::sessions::SCHEMA, crate::hibernation::SCHEMA];

/// Brings the ledger to the newest form.
pub(super) fn run(connection: &mut Connection, path: &Path) -> Result<(), LedgerError> {
    run_steps(connection, path, &STEPS)
}

/// All of it is one transaction: a crash leaves the form that was, and of two processes the second finds it done.
fn run_steps(connection: &mut Connection, path: &Path, steps: &[&str]) -> Result<(), LedgerError> {
    let failed = LedgerError::of(path);
    let known = i64::try_from(steps.len()).unwrap_or(i64::MAX);
    // Most times there is nothing to do, and then nothing is locked.
    if form(connection).map_err(&failed)? == known {
        return Ok(());
    }
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate).map_err(&failed)?;
    let found = form(&transaction).map_err(&failed)?;
    let missing = usize::try_from(found).ok().and_then(|done| steps.get(done..));
    let missing = missing.ok_or_else(|| LedgerError::TooNew { path: path.to_owned(), found, known })?;
    for step in missing {
        transaction.execute_batch(step).map_err(&failed)?;
    }
    transaction.pragma_update(None, "user_version", known).map_err(&failed)?;
    transaction.commit().map_err(&failed)
}

fn form(connection: &Connection) -> rusqlite::Result<i64> {
    connection.pragma_query_value(None, "user_version", |row| row.get(0))
}

#[cfg(test)]
mod tests;
