//! Commands of operators in sessions, over the admin listener: a request that becomes a connection of frames ([`wire`]).
//!
//! [`Desk`] takes the request, of whom it is to be taken; `relay` is what the connection carries afterwards; `who` what is known of
//! the other end.

mod relay;
mod who;
pub mod wire;

use crate::answer::{Reply, Wrong, empty_reply};
use http::header::{CONNECTION, ORIGIN, UPGRADE};
use http::{HeaderMap, HeaderValue, Method, Request, StatusCode};
use hyper_util::rt::TokioIo;
use sessile_runtime::Node;
use std::net::SocketAddr;
use std::sync::Arc;
use tokio::sync::Semaphore;
use who::Who;

/// Connections of this kind at a time, of the whole node.
const CONNECTIONS: usize = 64;

/// The end of the path.
const SUFFIX: &str = "/exec";

/// The admin side's part in it.
#[derive(Debug)]
pub(crate) struct Desk {
    places: Arc<Semaphore>,
}

impl Default for Desk {
    fn default() -> Self {
        Self { places: Arc::new(Semaphore::new(CONNECTIONS)) }
    }
}

/// The session whose `exec` a path names.
pub(crate) fn session_in(path: &str) -> Option<&str> {
    path.strip_prefix(crate::admin::SESSIONS)?.strip_prefix('/')?.strip_suffix(SUFFIX)
}

impl Desk {
    /// Answers a request to run a command in the session called `name`, and serves the connection that it becomes.
    pub(crate) async fn answer<B>(
        &self,
        node: &Arc<Node>,
        peer: SocketAddr,
        name: &str,
        mut request: Request<B>,
    ) -> Result<Reply, Wrong> {
        if request.method() != Method::POST {
            return Err(Wrong::Method(request.method().to_string(), "POST"));
        }
        // Whatever page it is of: a browser has no business here.
        if request.headers().contains_key(ORIGIN) {
            return Err(Wrong::Page);
        }
        if !asks_for_upgrade(request.headers()) {
            return Err(Wrong::Upgrade);
        }
        let session = node.session_to_enter(name)?;
        let who = Who::at(peer).await;
        if !who.is_operator() {
            session.refuse_exec(&who.to_string());
            return Err(Wrong::NotOperator(who.to_string()));
        }
        let place = Arc::clone(&self.places).try_acquire_owned().map_err(|_| Wrong::Execs(CONNECTIONS))?;
        let connection = hyper::upgrade::on(&mut request);
        let node = Arc::clone(node);
        // It ends with its client, or with the session, whichever is first.
        tokio::spawn(async move {
            if let Ok(connection) = connection.await {
                relay::serve(TokioIo::new(connection), &node, &session, &who.to_string()).await;
            }
            drop(place);
        });
        let mut reply = empty_reply(StatusCode::SWITCHING_PROTOCOLS);
        reply.headers_mut().insert(CONNECTION, HeaderValue::from_static("upgrade"));
        reply.headers_mut().insert(UPGRADE, HeaderValue::from_static(wire::PROTOCOL));
        Ok(reply)
    }
}

fn asks_for_upgrade(headers: &HeaderMap) -> bool {
    let names = |header, word: &str| {
        let values = headers.get_all(header).iter().filter_map(|value| value.to_str().ok());
        values.flat_map(|value| value.split(',')).any(|part| part.trim().eq_ignore_ascii_case(word))
    };
    names(CONNECTION, "upgrade") && names(UPGRADE, wire::PROTOCOL)
}
