//! A node from its first listener to its last session.

use super::drivers::Drivers;
use super::plan::Plan;
use super::shutdown::Stops;
use super::{Failure, launch, listen};
use crate::out;
use sessile_front::{Admin, Hosts, Public, Remote, RemoteSettings, Side};
use sessile_identity::{Anonymous, Door, KeyFile, refuse_open_listener};
use sessile_manifest::{Kind, Manifest, Server};
use sessile_runtime::{Node, NodeLimits};
use sessile_telemetry::Telemetry;
use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::process::ExitCode;
use std::sync::Arc;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

/// Connections open at a time on the public listener.
const CONNECTIONS: usize = 16_384;
/// Connections open at a time on the admin listener.
const ADMIN_CONNECTIONS: usize = 256;

/// Hosts what `plan` says until a signal comes.
pub(crate) async fn host(plan: Plan, verbose: bool) -> Result<ExitCode, Failure> {
    let mut stops = Stops::new().map_err(|error| Failure::Host(format!("signals cannot be caught: {error}")))?;
    let door = door(&plan.manifest)?;
    let settings = &plan.manifest.node;
    for (key, address) in [("node.listen", settings.listen), ("node.admin", settings.admin)] {
        let no_keys = Door::new(None, Anonymous::LoopbackOnly);
        // The admin listener has no authentication of its own yet: it stays on this machine.
        let door = if key == "node.admin" { &no_keys } else { &door };
        refuse_open_listener(key, address, door).map_err(|error| Failure::Usage(error.to_string()))?;
    }
    let public_socket = listen::bind(settings.listen, "--listen", "node.listen").await?;
    let admin_socket = listen::bind(settings.admin, "--admin", "node.admin").await?;
    let (public_address, admin_address) = (listen::address(&public_socket)?, listen::address(&admin_socket)?);

    let drivers = Drivers::of(&plan.manifest, plan.allow_unsandboxed)?;
    drivers.report_shortfalls();
    // The leases are held until the node ends.
    let launch::Launched { hosted, leases: _leases } = tokio::select! {
        launched = launch::all(&plan, &drivers, verbose) => launched?,
        () = stops.next() => return Ok(ExitCode::from(130)),
    };
    let telemetry = Telemetry::new();
    let default = settings.default_server.as_ref().map(|name| name.as_str().to_owned());
    let limits = NodeLimits {
        sessions: settings.sessions,
        ended_sessions_kept: usize::try_from(settings.ended_sessions_kept).unwrap_or(usize::MAX),
    };
    let node = Arc::new(Node::new(hosted, limits, telemetry.clone()));
    let stop = CancellationToken::new();
    let hosts = |address| Hosts::new(address, &settings.allowed_hosts, &settings.allowed_origins);
    let public = Public::new(
        Arc::clone(&node),
        remotes(&plan.manifest)?,
        default,
        door,
        hosts(public_address),
        settings.sse_2024,
        telemetry.clone(),
    );
    let admin = Admin::new(Arc::clone(&node), hosts(admin_address), telemetry);
    let listeners = [
        spawn(public_socket, Side::Public(Arc::new(public)), CONNECTIONS, &stop),
        spawn(admin_socket, Side::Admin(Arc::new(admin)), ADMIN_CONNECTIONS, &stop),
    ];
    say_ready(&plan, public_address, admin_address);

    stops.next().await;
    out::note("stopping: calls in flight may finish; a second signal stops at once");
    tokio::select! {
        () = node.drain(settings.drain) => {}
        () = stops.next() => node.stop_all().await,
    }
    stop.cancel();
    for listener in listeners {
        // A listener that panicked has nothing left to close.
        let _ = listener.await;
    }
    Ok(ExitCode::SUCCESS)
}

fn spawn(socket: tokio::net::TcpListener, side: Side, connections: usize, stop: &CancellationToken) -> JoinHandle<()> {
    tokio::spawn(sessile_front::serve(socket, side, connections, stop.clone()))
}

fn door(manifest: &Manifest) -> Result<Door, Failure> {
    let keys = match &manifest.node.api_keys {
        Some(path) => Some(KeyFile::load(path).map_err(|error| Failure::Usage(error.to_string()))?),
        None => None,
    };
    let anonymous = Anonymous::from_settings(manifest.node.allow_anonymous, keys.is_some());
    Ok(Door::new(keys, anonymous))
}

fn remotes(manifest: &Manifest) -> Result<BTreeMap<String, Arc<Remote>>, Failure> {
    let remote = |server: &Server| match &server.kind {
        Kind::Url(remote) => Some(RemoteSettings {
            url: remote.url.as_str().to_owned(),
            headers: remote.headers.iter().map(|(name, value)| (name.to_owned(), value.to_owned())).collect(),
            message_limit: usize::try_from(server.limits.message.bytes()).unwrap_or(usize::MAX),
            sessions_limit: usize::try_from(server.limits.sessions).unwrap_or(usize::MAX),
            idle_timeout: server.limits.idle_timeout,
        }),
        Kind::Command(_) | Kind::Package(_) => None,
    };
    let mut remotes = BTreeMap::new();
    for server in &manifest.servers {
        if let Some(settings) = remote(server) {
            let proxy =
                Remote::new(settings).map_err(|error| Failure::Usage(format!("server {}: {error}", server.name)))?;
            remotes.insert(server.name.as_str().to_owned(), Arc::new(proxy));
        }
    }
    Ok(remotes)
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
