//! From a path to what serves it.

use crate::admin;
use crate::answer::{Failure, Reply, Wrong, json_reply};
use crate::cors::{allow_origin, preflight};
use crate::exec::{self, Desk};
use crate::guard::{self, Hosts};
use crate::post::Call;
use crate::remote::Remote;
use bytes::Bytes;
use http::header::ORIGIN;
use http::{Method, Request, StatusCode};
use http_body::Body;
use sessile_identity::Door;
use sessile_runtime::{Hosted, Node};
use sessile_telemetry::{Event, Telemetry};
use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;

/// What a name in a path leads to.
#[derive(Debug)]
enum Target {
    Hosted(Arc<Hosted>),
    Remote(Arc<Remote>),
}

/// The public side of a node: everything a client can reach.
#[derive(Debug)]
pub struct Public {
    node: Arc<Node>,
    remotes: BTreeMap<String, Arc<Remote>>,
    default: Option<String>,
    door: Door,
    hosts: Hosts,
    sse_2024: bool,
    telemetry: Telemetry,
}

/// The admin side of a node: for operators, on a listener of its own.
#[derive(Debug)]
pub struct Admin {
    node: Arc<Node>,
    hosts: Hosts,
    telemetry: Telemetry,
    desk: Desk,
}

impl Public {
    /// Serves the node's own servers and `remotes`, to those whom `door` admits. `default` is the server that `/mcp`
    /// leads to; without one it leads to the only server there is.
    #[must_use]
    pub fn new(
        node: Arc<Node>,
        remotes: BTreeMap<String, Arc<Remote>>,
        default: Option<String>,
        door: Door,
        hosts: Hosts,
        sse_2024: bool,
        telemetry: Telemetry,
    ) -> Self {
        Self { node, remotes, default, door, hosts, sse_2024, telemetry }
    }

    /// Answers one request. Never fails: what goes wrong is an answer.
    pub(crate) async fn answer<B>(&self, peer: SocketAddr, request: Request<B>) -> Reply
    where
        B: Body<Data = Bytes> + Unpin,
        B::Error: std::fmt::Display,
    {
        let origin = request.headers().get(ORIGIN).cloned();
        let reply = match self.route(peer, request).await {
            Ok(mut reply) => {
                if let Some(origin) = origin {
                    // Only an allowed origin came this far.
                    allow_origin(reply.headers_mut(), origin);
                }
                reply
            }
            Err(failure) => {
                self.telemetry.emit(&Event::Refused { cause: failure.wrong.cause() });
                let not_the_origin = !matches!(*failure.wrong, Wrong::Host(_) | Wrong::Origin(_));
                let mut reply = failure.into_reply();
                if let (true, Some(origin)) = (not_the_origin, origin) {
                    allow_origin(reply.headers_mut(), origin);
                }
                reply
            }
        };
        self.telemetry.emit(&Event::Http { status: reply.status().as_u16() });
        reply
    }

    async fn route<B>(&self, peer: SocketAddr, request: Request<B>) -> Result<Reply, Failure>
    where
        B: Body<Data = Bytes> + Unpin,
        B::Error: std::fmt::Display,
    {
        match request.uri().path() {
            "/healthz" => return Ok(health(true)),
            "/readyz" => return Ok(health(self.node.is_accepting())),
            _ => {}
        }
        self.hosts.check(request.uri(), request.headers())?;
        if request.method() == Method::OPTIONS {
            return Ok(preflight(request.headers()));
        }
        let principal = guard::admit(&self.door, request.headers(), peer)?;
        let path = request.uri().path().to_owned();
        let (target, endpoint) = self.target(&path)?;
        let hosted = match &target {
            Target::Remote(remote) => return remote.forward(&principal, request).await,
            Target::Hosted(hosted) => hosted,
        };
        let call = Call { node: &self.node, server: hosted, principal, loopback: guard::is_loopback(peer) };
        match (endpoint, request.method().clone()) {
            (Endpoint::Mcp, Method::POST) => call.post(request).await,
            (Endpoint::Mcp, Method::GET) => call.get(request.headers()),
            (Endpoint::Mcp, Method::DELETE) => call.delete(request.headers()).await,
            (Endpoint::Mcp, other) => Err(Wrong::Method(other.to_string(), "POST, GET, DELETE").into()),
            (Endpoint::Sse, Method::GET) => {
                let messages = format!("{}/messages", path.trim_end_matches("/sse"));
                call.open_sse(&messages).await
            }
            (Endpoint::Sse, other) => Err(Wrong::Method(other.to_string(), "GET").into()),
            (Endpoint::Messages, Method::POST) => call.post_message(request).await,
            (Endpoint::Messages, other) => Err(Wrong::Method(other.to_string(), "POST").into()),
        }
    }

    /// `/mcp` is the default server, `/NAME/mcp` any.
    fn target(&self, path: &str) -> Result<(Target, Endpoint), Wrong> {
        let unknown = || Wrong::Path(path.to_owned());
        let (prefix, last) = path.rsplit_once('/').ok_or_else(unknown)?;
        let endpoint = match last {
            "mcp" => Endpoint::Mcp,
            "sse" if self.sse_2024 => Endpoint::Sse,
            "messages" if self.sse_2024 => Endpoint::Messages,
            _ => return Err(unknown()),
        };
        let target = match prefix.strip_prefix('/') {
            None if prefix.is_empty() => self.default_target(),
            Some(name) => self.named_target(name),
            None => None,
        };
        match target.ok_or_else(unknown)? {
            Target::Remote(_) if endpoint != Endpoint::Mcp => Err(unknown()),
            target => Ok((target, endpoint)),
        }
    }

    fn named_target(&self, name: &str) -> Option<Target> {
        let hosted = self.node.server(name).map(Target::Hosted);
        hosted.or_else(|| self.remotes.get(name).cloned().map(Target::Remote))
    }

    fn default_target(&self) -> Option<Target> {
        if let Some(name) = &self.default {
            return self.named_target(name);
        }
        let mut names = self.node.servers().keys().chain(self.remotes.keys());
        match (names.next(), names.next()) {
            (Some(only), None) => self.named_target(only),
            _ => None,
        }
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Endpoint {
    Mcp,
    Sse,
    Messages,
}

impl Admin {
    /// The admin side of `node`, answering to `hosts`.
    #[must_use]
    pub fn new(node: Arc<Node>, hosts: Hosts, telemetry: Telemetry) -> Self {
        Self { node, hosts, telemetry, desk: Desk::default() }
    }

    /// Answers one request.
    pub(crate) async fn answer<B>(&self, peer: SocketAddr, request: Request<B>) -> Reply {
        if let Err(wrong) = self.hosts.check(request.uri(), request.headers()) {
            return wrong.into_reply(None);
        }
        if let Some(name) = exec::session_in(request.uri().path()).map(str::to_owned) {
            let answered = self.desk.answer(&self.node, peer, &name, request).await;
            return answered.unwrap_or_else(|wrong| wrong.into_reply(None));
        }
        let answered = admin::answer(&self.node, &self.telemetry, request.method(), request.uri().path()).await;
        answered.unwrap_or_else(|wrong| wrong.into_reply(None))
    }
}

fn health(well: bool) -> Reply {
    let (status, text) = if well {
        (StatusCode::OK, r#"{"status":"ok"}"#)
    } else {
        (StatusCode::SERVICE_UNAVAILABLE, r#"{"status":"draining"}"#)
    };
    json_reply(status, Bytes::from_static(text.as_bytes()))
}
