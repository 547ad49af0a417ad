//! `sessile check --start`: every server is started once in each era, so that it is known what it speaks.

use super::super::drivers::Drivers;
use super::super::plan::Plan;
use super::super::shutdown::Stops;
use super::super::{Failure, budgets, launch};
use crate::out;
use sessile_manifest::{Kind, Manifest, Pool, Server, Workspace};
use sessile_runtime::{Keeping, Node, NodeLimits, OpenError};
use sessile_store::Sealer;
use sessile_telemetry::Telemetry;
use std::collections::BTreeMap;

/// What came of starting servers.
pub(super) enum Started {
    /// All were tried: why some could be opened in neither era, by server.
    All(BTreeMap<String, String>),
    /// A signal came in between.
    Stopped,
}

/// Starts every server of `manifest` that runs here, and installs what is not installed yet.
pub(super) async fn every_server(
    manifest: &Manifest,
    allow_unsandboxed: bool,
    verbose: bool,
) -> Result<Started, Failure> {
    let mut stops = Stops::new().map_err(|error| Failure::Host(format!("signals cannot be caught: {error}")))?;
    let drivers = Drivers::of(manifest, allow_unsandboxed, None, None).await?;
    let mut problems = BTreeMap::new();
    for server in manifest.servers.iter().filter(|server| !matches!(server.kind, Kind::Url(_))) {
        out::note(&format!("server {}: starting it, to find out what it speaks", server.name));
        let plan = plan_of(manifest, server, allow_unsandboxed);
        let launched = tokio::select! {
            launched = launch::all(&plan, &drivers, verbose) => launched,
            () = stops.next() => return Ok(Started::Stopped),
        };
        let launch::Launched { hosted, leases: _leases } = match launched {
            Ok(launched) => launched,
            Err(failure) => {
                problems.insert(server.name.to_string(), failure.to_string());
                continue;
            }
        };
        let sealer = Sealer::ephemeral().map_err(|error| Failure::Failed(error.to_string()))?;
        let limits = NodeLimits { sessions: 4, ended_sessions_kept: 0, ..budgets::of(&plan.manifest) };
        let node = Node::new(hosted, limits, Keeping { sealer, ledger: None, hibernation: None }, Telemetry::new());
        let found = tokio::select! {
            found = find_eras(&node) => Some(found),
            () = stops.next() => None,
        };
        // When this returns, nothing of the server is left.
        node.stop_all().await;
        match found {
            Some(Ok(())) => {}
            Some(Err(error)) => drop(problems.insert(server.name.to_string(), in_words(&error))),
            None => return Ok(Started::Stopped),
        }
    }
    Ok(Started::All(problems))
}

/// The same manifest with one server: one that is not there does not keep the others from being started.
fn plan_of(manifest: &Manifest, server: &Server, allow_unsandboxed: bool) -> Plan {
    // Nothing is started ahead of what is tried, and nobody's files are touched.
    let mut server = Server { pool: Pool::default(), ..server.clone() };
    if server.files.workspace == Workspace::Principal {
        server.files.workspace = Workspace::Private;
    }
    let manifest = Manifest { servers: vec![server], ..manifest.clone() };
    let lineage = "check".to_owned();
    Plan { manifest, single: false, allow_unsandboxed, warnings: Vec::new(), lineage, args: None }
}

async fn find_eras(node: &Node) -> Result<(), OpenError> {
    for server in node.servers().values() {
        node.find_eras(server).await?;
    }
    Ok(())
}

/// The error, and the last line that the server left behind.
fn in_words(error: &OpenError) -> String {
    let (OpenError::StartFailed { stderr_tail, .. } | OpenError::NotOpened { stderr_tail, .. }) = error else {
        return error.to_string();
    };
    match stderr_tail.lines().rfind(|line| !line.trim().is_empty()) {
        Some(last) => format!("{error}; its last words: {last}"),
        None => error.to_string(),
    }
}
