//! What a node keeps in its state directory beyond its own life: the keys of request states, and the ledger.

use super::Failure;
use crate::out;
use sessile_manifest::{Kind, Manifest, Server};
use sessile_runtime::{Keeping, Node};
use sessile_store::{Ledger, Sealer};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;
use tokio_util::sync::CancellationToken;

/// How often old keys and old tasks are looked for.
const TIDY: Duration = Duration::from_secs(60 * 60);

/// Opens what is kept. Without a ledger, servers that make tasks cannot be hosted, and all others can.
pub(crate) fn open(manifest: &Manifest) -> Result<Keeping, Failure> {
    let state_dir = &manifest.node.state_dir;
    let makes_tasks = |server: &Server| server.tasks.promote_after.is_some() && !matches!(server.kind, Kind::Url(_));
    let ledger = match Ledger::open(state_dir) {
        Ok(ledger) => Some(ledger),
        Err(error) if state_dir.is_dir() || manifest.servers.iter().any(makes_tasks) => {
            return Err(Failure::Failed(format!("the ledger: {error}")));
        }
        Err(error) => {
            out::note(&format!("how sessions end will be forgotten with this node: {error}"));
            None
        }
    };
    Ok(Keeping { sealer: sealer(state_dir)?, ledger })
}

/// Keys that outlive the node where they can be kept; else its own.
fn sealer(state_dir: &Path) -> Result<Sealer, Failure> {
    match Sealer::open_or_create(state_dir) {
        Ok(sealer) => Ok(sealer),
        Err(error) if state_dir.is_dir() => Err(Failure::Failed(format!("the keys of request states: {error}"))),
        Err(error) => {
            out::note(&format!("questions to clients will not outlive this node: {error}"));
            Sealer::ephemeral().map_err(|error| Failure::Failed(error.to_string()))
        }
    }
}

/// Rotates keys and forgets old tasks until `stop`.
pub(crate) async fn keep_house(node: Arc<Node>, stop: CancellationToken) {
    loop {
        tokio::select! {
            () = stop.cancelled() => return,
            () = tokio::time::sleep(TIDY) => {}
        }
        let node = Arc::clone(&node);
        // It waits for the disk. If it panicked, the next round tries again.
        let _ = tokio::task::spawn_blocking(move || node.tidy()).await;
    }
}
