//! The public listener, which can be opened anew while sessions, and calls that wait for their clients, live on.

use super::listen::{self, Again, Socket};
use super::Failure;
use crate::out;
use sessile_front::{Hosts, Public, Remote, RemoteSettings, Side};
use sessile_identity::{Anonymous, Door, KeyFile, refuse_open_listener};
use sessile_manifest::{Kind, Manifest, Server};
use sessile_runtime::Node;
use sessile_telemetry::Telemetry;
use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

/// Connections open at a time.
const CONNECTIONS: usize = 16_384;

/// The public listener of a node.
pub(crate) struct PublicListener<'a> {
    manifest: &'a Manifest,
    node: Arc<Node>,
    remotes: BTreeMap<String, Arc<Remote>>,
    telemetry: Telemetry,
    address: SocketAddr,
    again: Again,
    open: Option<Open>,
}

struct Open {
    task: JoinHandle<()>,
    stop: CancellationToken,
}

impl<'a> PublicListener<'a> {
    /// Serves on `socket` those whom `door` admits.
    pub(crate) fn open(
        manifest: &'a Manifest,
        node: Arc<Node>,
        telemetry: Telemetry,
        socket: Socket,
        door: Door,
    ) -> Result<Self, Failure> {
        let (address, again) = (listen::address(&socket.listener)?, socket.again());
        let remotes = remotes(manifest)?;
        let mut listener = Self { manifest, node, remotes, telemetry, address, again, open: None };
        listener.serve(socket.listener, door);
        Ok(listener)
    }

    /// Where it listens.
    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    /// Closes the listener and its connections, reads the API keys anew and listens on the same address again. With
    /// unreadable keys everything stays as it is.
    ///
    /// # Errors
    /// When the address cannot be had again: nobody is served then.
    pub(crate) async fn reopen(&mut self) -> Result<(), Failure> {
        let door = match checked_door(self.manifest, self.address) {
            Ok(door) => door,
            Err(failure) => {
                out::note(&format!("not opened anew, all stays as it was: {failure}"));
                return Ok(());
            }
        };
        self.close().await;
        let socket = self.again.listen(self.address).await?;
        self.serve(socket, door);
        out::note(&format!("listening anew on http://{}; sessions and waiting calls live on", self.address));
        Ok(())
    }

    /// Closes the listener; open connections may finish their answers for a short while.
    pub(crate) async fn close(&mut self) {
        if let Some(open) = self.open.take() {
            open.stop.cancel();
            // A listener that panicked has nothing left to close.
            let _ = open.task.await;
        }
    }

    fn serve(&mut self, socket: TcpListener, door: Door) {
        let settings = &self.manifest.node;
        let public = Public::new(
            Arc::clone(&self.node),
            self.remotes.clone(),
            settings.default_server.as_ref().map(|name| name.as_str().to_owned()),
            door,
            Hosts::new(self.address, &settings.allowed_hosts, &settings.allowed_origins),
            settings.sse_2024,
            self.telemetry.clone(),
        );
        let stop = CancellationToken::new();
        let side = Side::Public(Arc::new(public));
        let task = tokio::spawn(sessile_front::serve(socket, side, CONNECTIONS, stop.clone()));
        self.open = Some(Open { task, stop });
    }
}

/// Who is let in at `address`, if that is safe.
pub(crate) fn checked_door(manifest: &Manifest, address: SocketAddr) -> Result<Door, Failure> {
    let keys = match &manifest.node.api_keys {
        Some(path) => Some(KeyFile::load(path).map_err(|error| Failure::Usage(error.to_string()))?),
        None => None,
    };
    let anonymous = Anonymous::from_settings(manifest.node.allow_anonymous, keys.is_some());
    let door = Door::new(keys, anonymous);
    refuse_open_listener("node.listen", address, &door).map_err(|error| Failure::Usage(error.to_string()))?;
    Ok(door)
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
