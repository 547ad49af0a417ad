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

/// Opens what is kept. The ledger is there when some server makes tasks.
pub(crate) fn open(manifest: &Manifest) -> Result<Keeping, Failure> {
    let state_dir = &manifest.node.state_dir;
    let makes_tasks = |server: &Server| server.tasks.promote_after.is_some() && !matches!(server.kind, Kind::Url(_));
    let ledger = if manifest.servers.iter().any(makes_tasks) {
        Some(Ledger::open(state_dir).map_err(|error| Failure::Failed(format!("the ledger: {error}")))?)
    } else {
        None
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
