//! Saving a machine beside its memory, and restoring it: QEMU's migration, from and into a file of this host. The memory itself stays where
//! it is (the capability `x-ignore-shared`): a file that both monitors have as their machine's.

use super::qmp::{Qmp, QmpError};
use serde_json::{Value, json};
use std::os::fd::OwnedFd;
use std::time::Duration;
use tokio::time::{sleep, timeout};

/// How long saving or loading may take: it takes milliseconds. A file that ends too early ends QEMU; one that does not end at all must not
/// keep anybody waiting.
const PATIENCE: Duration = Duration::from_secs(5);

/// How often QEMU is asked whether it is done.
const PACE: Duration = Duration::from_millis(1);

/// QEMU's name for the file.
const FILE: &str = "state";

/// Stops a machine whose memory is in a file, and writes everything else of it into another one. It does not run again.
pub(super) async fn save(qmp: &mut Qmp, into: OwnedFd) -> Result<(), QmpError> {
    qmp.command("stop", Value::Null).await?;
    carry_out(qmp, "migrate", into, PATIENCE).await
}

/// Loads what [`save`] wrote into a machine that waits for it and has that memory, and lets it run.
pub(super) async fn load(qmp: &mut Qmp, from: OwnedFd) -> Result<(), QmpError> {
    carry_out(qmp, "migrate-incoming", from, PATIENCE).await?;
    // If it is written down one day, then with its memory.
    share_memory(qmp, false).await?;
    qmp.command("cont", Value::Null).await.map(drop)
}

/// Gives a command and waits until what it began is over.
async fn carry_out(qmp: &mut Qmp, command: &'static str, file: OwnedFd, patience: Duration) -> Result<(), QmpError> {
    share_memory(qmp, true).await?;
    qmp.give(FILE, file).await?;
    qmp.command(command, json!({ "uri": format!("fd:{FILE}") })).await?;
    let late = QmpError::Refused { command, why: "it came to no end".into() };
    let over = timeout(patience, over(qmp, PACE)).await.map_err(|_| late)?;
    over?.map_err(|why| QmpError::Refused { command, why })
}

/// Says whether memory that others have as well is left where it is.
async fn share_memory(qmp: &mut Qmp, state: bool) -> Result<(), QmpError> {
    let capabilities = json!({ "capabilities": [{ "capability": "x-ignore-shared", "state": state }] });
    qmp.command("migrate-set-capabilities", capabilities).await.map(drop)
}

/// Waits until QEMU has sent, or taken in, a whole state, asking it every `pace`. The inner error is why it gave up, in its words.
pub(super) async fn over(qmp: &mut Qmp, pace: Duration) -> Result<Result<(), String>, QmpError> {
    loop {
        let told = qmp.command("query-migrate", Value::Null).await?;
        match told.get("status").and_then(Value::as_str) {
            Some("completed") => return Ok(Ok(())),
            Some("failed" | "cancelled") => {
                let why = told.get("error-desc").and_then(Value::as_str).unwrap_or("no reason given");
                return Ok(Err(why.to_owned()));
            }
            _ => sleep(pace).await,
        }
    }
}

#[cfg(test)]
mod tests;
