//! What a node keeps in its state directory beyond its own life: the keys of request states, and the ledger.

use super::Failure;
use crate::out;
use sessile_manifest::{Isolation, Kind, Manifest, Server};
use sessile_runtime::{HibernationPlace, Keeping, Node};
use sessile_store::{Hibernation, Ledger, Sealer};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;
use tokio_util::sync::CancellationToken;

/// How often hibernated sessions are looked for whose life is over.
const ROUND: Duration = Duration::from_secs(60);
/// In how many such rounds old keys and old tasks are looked for once.
const ROUNDS: u64 = 60;

/// Opens what is kept. Without a ledger, servers that make tasks cannot be hosted, and all others can.
///
/// Sessions of this node, and of those before it of the same `lineage`, are hibernated where some can be.
pub(crate) fn open(manifest: &Manifest, lineage: &str) -> Result<Keeping, Failure> {
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
    let hibernation =
        if ledger.is_some() && may_hibernate(manifest) { Some(hibernation(manifest, lineage)?) } else { None };
    Ok(Keeping { sealer: sealer(state_dir)?, ledger, hibernation })
}

/// Whether a session may be written to the disk, or has been.
fn may_hibernate(manifest: &Manifest) -> bool {
    let node = &manifest.node;
    let is_machine = |server: &Server| server.isolation == Isolation::Microvm && !matches!(server.kind, Kind::Url(_));
    node.state_dir.join("hibernated").is_dir()
        || node.hibernation_disk.bytes() > 0 && manifest.servers.iter().any(is_machine)
}

fn hibernation(manifest: &Manifest, lineage: &str) -> Result<HibernationPlace, Failure> {
    let store = Hibernation::open(&manifest.node.state_dir);
    let store = store.map_err(|error| Failure::Failed(format!("hibernated sessions: {error}")))?;
    Ok(HibernationPlace { store, lineage: lineage.to_owned(), disk: manifest.node.hibernation_disk.bytes() })
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

/// Ends what sleeps for too long, rotates keys and forgets old tasks until `stop`.
pub(crate) async fn keep_house(node: Arc<Node>, stop: CancellationToken) {
    let mut rounds = 0_u64;
    loop {
        tokio::select! {
            () = stop.cancelled() => return,
            () = tokio::time::sleep(ROUND) => {}
        }
        node.end_sleepers().await;
        rounds += 1;
        if !rounds.is_multiple_of(ROUNDS) {
            continue;
        }
        let node = Arc::clone(&node);
        // It waits for the disk. If it panicked, the next round tries again.
        let _ = tokio::task::spawn_blocking(move || node.tidy()).await;
    }
}
