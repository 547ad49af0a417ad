//! A server that listens inside its sandbox: it is waited for, and a peer is put before it.

use super::{NotStarted, Origin, Output, Started};
use crate::egress::{Account, WayOut};
use crate::hosted::Hosted;
use crate::input::Input;
use crate::lines::Lines;
use crate::peer::{self, NotReady, Peer, Settings};
use crate::pump::{Outputs, Stdout};
use crate::stderr::Tail;
use sessile_manifest::Endpoint;
use sessile_sandbox::Pipes;
use sessile_telemetry::Telemetry;
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::net::TcpStream;
use tokio_util::task::AbortOnDropHandle;

/// How long the last lines of a server that has ended are waited for.
const LAST_WORDS: Duration = Duration::from_millis(200);

impl Started {
    /// What a sandbox consists of whose server speaks HTTP, as soon as it does. The start `began` then.
    pub(super) async fn over_http(
        server: &Hosted,
        endpoint: &Endpoint,
        origin: Origin<'_>,
        began: Instant,
        telemetry: &Telemetry,
    ) -> Result<Self, NotStarted> {
        let Origin { name, since, mut sandbox, estate, reach, .. } = origin;
        let Pipes { stdin, stdout, stderr } =
            sandbox.take_pipes().ok_or_else(|| "the sandbox has no pipes".to_owned())?;
        // Before it listens, it may want to reach something.
        let way_out = WayOut::take(&mut sandbox, reach)?;
        let way_out = way_out.map(|way_out| way_out.opened(Account::new(server.shared_name(), &name, telemetry)));
        let output = Output::of(server, &name, telemetry);
        let tail = Arc::clone(&output.tail);
        let log = output.log_both(stdout, stderr).map_err(unwatched)?;
        let patience = server.limits().start_timeout;
        if let Err(not_ready) = peer::until_ready(&sandbox, endpoint, began + patience, patience).await {
            return Err(explain(server, &not_ready, log, &tail).await);
        }
        let settings = Settings {
            server: Arc::clone(server.shared_name()),
            name: name.clone(),
            endpoint: endpoint.clone(),
            message: server.message_limit(),
            in_flight: server.open_requests(),
            telemetry: telemetry.clone(),
        };
        let port = sandbox.port(endpoint.port.get());
        let (peer, ends) = Peer::begin(settings, port, &sandbox, stdin).map_err(unwatched)?;
        // A whole message may wait, and as much again of smaller ones.
        let input = Input::new(ends.to_server, server.message_limit().saturating_mul(2), estate.clone());
        let lines = Lines::new(server.message_limit());
        let outputs = Outputs { stdout: Stdout::new(ends.from_server, lines, None), stderr: log, peer: Some(peer) };
        Ok(Self { name, since, sandbox, estate, input, outputs, stderr: tail, way_out })
    }
}

/// Where the server's port is one of the host, another program may have it: that one would be talked to.
pub(super) async fn must_be_free(port: u16) -> Result<(), NotStarted> {
    for address in [IpAddr::from(Ipv4Addr::LOCALHOST), IpAddr::from(Ipv6Addr::LOCALHOST)] {
        if TcpStream::connect((address, port)).await.is_ok() {
            return Err(format!(
                "port {port} of this host is taken by another program; without isolation, the server needs it for itself"
            )
            .into());
        }
    }
    Ok(())
}

/// Why a server is not ready, and what it said itself.
async fn explain(server: &Hosted, why: &NotReady, mut log: AbortOnDropHandle<()>, tail: &Tail) -> NotStarted {
    if matches!(why, NotReady::Ended { .. }) {
        // What it said last is still in the pipes.
        let _ = tokio::time::timeout(LAST_WORDS, &mut log).await;
    }
    let stderr_tail = tail.text();
    let hint = server.missing_paths(&stderr_tail);
    let reason = hint.map_or_else(|| why.to_string(), |hint| format!("{why}; {hint}"));
    NotStarted { reason, stderr_tail }
}

fn unwatched(error: io::Error) -> NotStarted {
    format!("the server's pipes cannot be watched: {error}").into()
}
