//! A node from its first listener to its last session.

use super::drivers::Drivers;
use super::plan::Plan;
use super::public::{self, PublicListener};
use super::shutdown::{Asked, Stops};
use super::{Failure, budgets, keeping, launch, listen, reach, reload, workspaces};
use crate::out;
use sessile_front::{Admin, Hosts, Side};
use sessile_identity::{Anonymous, Door, refuse_open_listener};
use sessile_runtime::{Adoption, Node};
use sessile_telemetry::Telemetry;
use std::net::SocketAddr;
use std::process::ExitCode;
use std::sync::Arc;
use tokio_util::sync::CancellationToken;
use tokio_util::task::AbortOnDropHandle;

/// Connections open at a time on the admin listener.
const ADMIN_CONNECTIONS: usize = 256;

/// Hosts what `plan` says until a signal comes.
pub(crate) async fn host(plan: Plan, verbose: bool) -> Result<ExitCode, Failure> {
    let mut stops = Stops::new().map_err(|error| Failure::Host(format!("signals cannot be caught: {error}")))?;
    let settings = &plan.manifest.node;
    let door = public::checked_door(&plan.manifest, settings.listen)?;
    // The admin listener has no authentication of its own yet: it stays on this machine.
    let no_keys = Door::new(None, Anonymous::LoopbackOnly);
    refuse_open_listener("node.admin", settings.admin, &no_keys).map_err(|error| Failure::Usage(error.to_string()))?;
    let mut given = listen::Given::from_env()?;
    let public_socket = given.public_or(settings.listen).await?;
    let admin_socket = given.admin_or(settings.admin).await?;
    let admin_address = listen::address(&admin_socket)?;

    reach::check(&plan.manifest)?;
    reach::warn_of_idle_lists(&plan.manifest);
    reach::upstream_in_words(&plan.manifest).iter().for_each(|line| out::note(line));
    let rendezvous =
        launch::has_state_dir(&settings.state_dir).then(|| settings.state_dir.join("run").join(&plan.lineage));
    let telemetry = Telemetry::new();
    let drivers = Drivers::of(&plan.manifest, plan.allow_unsandboxed, rendezvous, Some(&telemetry)).await?;
    drivers.report_shortfalls();
    workspaces::report_shortfalls(&plan.manifest);
    // The leases are held until the node ends.
    let launch::Launched { hosted, leases: _leases } = tokio::select! {
        launched = launch::all(&plan, &drivers, verbose) => launched?,
        () = stops.next() => return Ok(ExitCode::from(130)),
    };
    let node = Arc::new(Node::new(
        hosted,
        budgets::of(&plan.manifest),
        keeping::open(&plan.manifest, &plan.lineage)?,
        telemetry.clone(),
    ));
    // Whoever connects meanwhile waits: nobody is told that a session is gone which is about to be found.
    say_adopted(node.adopt().await);
    let stop = CancellationToken::new();
    let housekeeping = tokio::spawn(keeping::keep_house(Arc::clone(&node), stop.clone()));
    let mut public = PublicListener::open(&plan.manifest, Arc::clone(&node), telemetry.clone(), public_socket, door)?;
    let admin_hosts = Hosts::new(admin_address, &settings.allowed_hosts, &settings.allowed_origins);
    let admin = Side::Admin(Arc::new(Admin::new(Arc::clone(&node), admin_hosts, telemetry)));
    let admin = tokio::spawn(sessile_front::serve(admin_socket, admin, ADMIN_CONNECTIONS, stop.clone()));
    let preparing = AbortOnDropHandle::new(tokio::spawn({
        let node = Arc::clone(&node);
        async move { node.prepare().await }
    }));
    say_ready(&plan, public.address(), admin_address);
    // Where no service manager waits for it, nobody hears it.
    let _ = sd_notify::notify(&[sd_notify::NotifyState::Ready]);

    let ended = serve_until_stopped(&mut stops, &plan, &node, &mut public).await;
    let _ = sd_notify::notify(&[sd_notify::NotifyState::Stopping]);
    let failed = match ended {
        Ok(Asked::Leave) => {
            out::note("leaving: sessions live on for the next process");
            public.close().await;
            node.leave();
            // Not a return: what would be dropped is not this process's any more.
            std::process::exit(0);
        }
        ended => ended.err(),
    };
    out::note("stopping: calls in flight may finish; a second signal stops at once");
    tokio::select! {
        () = node.drain(settings.drain) => {}
        () = stops.next() => node.stop_all().await,
    }
    drop(preparing);
    public.close().await;
    stop.cancel();
    for task in [admin, housekeeping] {
        // What panicked has nothing left to close.
        let _ = task.await;
    }
    failed.map_or(Ok(ExitCode::SUCCESS), Err)
}

/// Serves until a signal to stop or to leave; a hangup reads the lists of what servers may reach again and opens the public
/// listener anew.
async fn serve_until_stopped(
    stops: &mut Stops,
    plan: &Plan,
    node: &Node,
    public: &mut PublicListener<'_>,
) -> Result<Asked, Failure> {
    loop {
        match stops.next_or_hangup().await {
            Asked::Reopen => {
                reload::lists(plan, node);
                public.reopen().await?;
            }
            asked => return Ok(asked),
        }
    }
}

fn say_adopted(adoption: Adoption) {
    let Adoption { adopted, asleep, lost } = adoption;
    if adopted > 0 {
        out::note(&format!("goes on with {adopted} sessions of the node before"));
    }
    if asleep > 0 {
        out::note(&format!("knows {asleep} hibernated sessions again"));
    }
    if lost > 0 {
        out::note(&format!("{lost} sessions of the node before could not be gone on with; the log says why"));
    }
}

fn say_ready(plan: &Plan, public: SocketAddr, admin: SocketAddr) {
    if plan.single {
        out::line(&format!("ready http://{public}/mcp"));
    } else {
        for server in &plan.manifest.servers {
            out::line(&format!("ready http://{public}/{}/mcp", server.name));
        }
    }
    out::line(&format!("admin http://{admin}"));
}
