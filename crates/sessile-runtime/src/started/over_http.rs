//! A server that listens inside its sandbox: a new one is waited for, and a peer is put before it.

use super::{NotStarted, Origin, Output, Started};
use crate::egress::{Account, WayOut};
use crate::estate::Estate;
use crate::hosted::Hosted;
use crate::input::{Input, Kept, Lent};
use crate::lines::Lines;
use crate::memory::Epoch;
use crate::peer::{self, Broken, Conversation, NotReady, Peer, Settings};
use crate::pump::{Outputs, Stdout};
use crate::session_id::SessionName;
use crate::stderr::Tail;
use bytes::Bytes;
use sessile_manifest::Endpoint;
use sessile_sandbox::{Pipes, Sandbox};
use sessile_telemetry::Telemetry;
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::os::fd::OwnedFd;
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
        let output = Output::of(server, &name, estate.as_deref(), telemetry);
        let tail = Arc::clone(&output.tail);
        let log = output.log_both(stdout, stderr).map_err(unwatched)?;
        let patience = server.limits().start_timeout;
        if let Err(not_ready) = peer::until_ready(&sandbox, endpoint, began + patience, patience).await {
            return Err(explain(server, &not_ready, log, &tail).await);
        }
        let facing = Facing { server, name, since, sandbox, estate, stdin, stderr: tail, log, way_out };
        facing.with_peer(Conversation::new(endpoint.clone()), Vec::new(), telemetry).map_err(unwatched)
    }

    /// The same of a sandbox that another runtime left, in the middle of a conversation: the `rest` of what its server was saying is
    /// asked for, and what was `unsent` is sent. The server runs, and is not waited for.
    pub(super) fn again_over_http(
        server: &Hosted,
        origin: Origin<'_>,
        conversation: Conversation,
        rest: Vec<Broken>,
        unsent: Bytes,
        telemetry: &Telemetry,
    ) -> Result<Self, String> {
        let Origin { name, since, mut sandbox, estate, reach, .. } = origin;
        let Pipes { stdin, stdout, stderr } = sandbox.take_pipes().ok_or("the sandbox has no pipes")?;
        let way_out = WayOut::take(&mut sandbox, reach)?;
        let output = Output::of(server, &name, estate.as_deref(), telemetry);
        let tail = Arc::clone(&output.tail);
        let failed = |error: io::Error| format!("the server's pipes cannot be watched: {error}");
        let log = output.log_both(stdout, stderr).map_err(failed)?;
        let facing = Facing { server, name, since, sandbox, estate, stdin, stderr: tail, log, way_out };
        let mut started = facing.with_peer(conversation, rest, telemetry).map_err(failed)?;
        started.input.push(unsent);
        Ok(started)
    }
}

/// A sandbox whose server can be talked to, and that nobody talks to yet.
struct Facing<'a> {
    server: &'a Hosted,
    name: SessionName,
    since: Epoch,
    sandbox: Sandbox,
    estate: Option<Arc<Estate>>,
    stdin: OwnedFd,
    stderr: Arc<Tail>,
    log: AbortOnDropHandle<()>,
    way_out: Option<WayOut>,
}

impl Facing<'_> {
    /// Puts a peer before it.
    fn with_peer(self, conversation: Conversation, rest: Vec<Broken>, telemetry: &Telemetry) -> io::Result<Started> {
        let Self { server, name, since, sandbox, estate, stdin, stderr, log, way_out } = self;
        let settings = Settings {
            server: Arc::clone(server.shared_name()),
            name: name.clone(),
            message: server.message_limit(),
            in_flight: server.open_requests(),
            telemetry: telemetry.clone(),
            estate: estate.clone(),
        };
        let kept = match &estate {
            Some(estate) => Kept::Lent(Lent::new(conversation.clone(), estate.written())),
            None => Kept::Nothing,
        };
        let (peer, ends) = Peer::begin(settings, conversation, rest, &sandbox, stdin)?;
        // A whole message may wait, and as much again of smaller ones.
        let input = Input::new(ends.to_server, server.message_limit().saturating_mul(2), kept);
        // The peer holds the server to the limit; a line has a mark besides its message.
        let lines = Lines::new(server.message_limit().saturating_add(peer::MAX_MARK));
        let outputs = Outputs { stdout: Stdout::new(ends.from_server, lines, None), stderr: log, peer: Some(peer) };
        Ok(Started { name, since, sandbox, estate, input, outputs, stderr, way_out })
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
