//! Opening and closing an MCP connection over Streamable HTTP, in either era.

mod dial;
mod era;
mod failure;
mod listing;

pub(crate) use era::{Era, EraChoice};
pub(crate) use failure::{is_refused, root_cause};

use crate::client::error::ClientError;
use crate::client::escape::one_line;
use crate::client::handler::Handler;
use crate::client::target::{Target, is_loopback};
use crate::client::watch::Watcher;
use dial::Dialed;
use failure::{of_transport, whole_chain};
use rmcp::model::{ClientRequest, ListToolsRequest, PaginatedRequestParams, ServerResult, Tool};
use rmcp::service::ServiceError;
use rmcp::{Peer, RoleClient};
use std::time::Duration;
use url::Url;

/// How long a listening host may take to accept a connection.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
/// How long the end of a session may take; after that it is left to the server's idle timeout.
const CLOSE_TIMEOUT: Duration = Duration::from_secs(5);
/// Pages of a tool list that are asked for.
const MOST_PAGES: usize = 1000;

/// A connection to a server: in the legacy era, a session with it. [`Connection::close`] ends it.
pub(crate) struct Connection {
    dialed: Dialed,
    target: Target,
}

/// What a server lists.
#[derive(Debug)]
pub(crate) struct Tools {
    /// What clients can call.
    pub(crate) usable: Vec<Tool>,
    /// What clients leave out, as an `x-mcp-header` of it is not valid.
    pub(crate) barred: Vec<Tool>,
}

/// An HTTP client for `url` that brings no TLS provider of its own choosing.
pub(crate) fn http_client(url: &Url) -> Result<reqwest::Client, ClientError> {
    // A second installation is refused, and the first one serves as well.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let mut client = reqwest::Client::builder().connect_timeout(CONNECT_TIMEOUT).tcp_nodelay(true);
    if is_loopback(url) {
        client = client.no_proxy();
    }
    client.build().map_err(|error| ClientError::Local(format!("no HTTP client: {}", whole_chain(&error))))
}

/// Connects, and settles on an era and a protocol version.
pub(crate) async fn connect(target: Target, handler: Handler, watcher: Watcher) -> Result<Connection, ClientError> {
    if target.bares_its_key() {
        watcher.printer.note("the key goes over plain http: anyone on the way can read it");
    }
    let patience = watcher.patience.clone();
    let dialed = tokio::select! {
        dialed = dial::dial(&target, handler, watcher) => dialed?,
        () = patience.run_out() => return Err(ClientError::Silent(patience.limit())),
    };
    Ok(Connection { dialed, target })
}

impl Connection {
    pub(crate) fn peer(&self) -> &Peer<RoleClient> {
        self.dialed.running.peer()
    }

    /// What answers the server's questions.
    pub(crate) fn handler(&self) -> &Handler {
        self.dialed.running.service()
    }

    pub(crate) fn era(&self) -> Era {
        self.dialed.era
    }

    /// The version, the era and the server's name, as one line.
    pub(crate) fn summary(&self) -> String {
        let info = self.peer().peer_info();
        let version = info.as_ref().map_or_else(String::new, |info| one_line(info.protocol_version.as_str()));
        let name = info.as_ref().and_then(|info| info.server_info.as_ref());
        let name = name.map_or_else(String::new, |it| one_line(&format!(", with {} {}", it.name, it.version)));
        format!("speaking {version}, the {} era{name}", self.dialed.era)
    }

    /// Whether the server can send log messages.
    pub(crate) fn has_logging(&self) -> bool {
        self.peer().peer_info().is_some_and(|info| info.capabilities.logging.is_some())
    }

    /// Every tool of the server, page by page.
    pub(crate) async fn tools(&self) -> Result<Tools, ClientError> {
        let mut usable = Vec::new();
        let mut cursor = None;
        for _ in 0..MOST_PAGES {
            let page = PaginatedRequestParams::default().with_cursor(cursor.take());
            let request = ClientRequest::ListToolsRequest(ListToolsRequest::with_param(page));
            let answer = self.peer().send_request(request).await.map_err(|error| self.failure(error))?;
            let ServerResult::ListToolsResult(page) = answer else {
                return Err(self.not_mcp("the answer to tools/list is no list of tools"));
            };
            usable.extend(page.tools);
            match page.next_cursor {
                Some(next) => cursor = Some(next),
                None => return Ok(Tools { barred: self.dialed.listed.besides(&usable), usable }),
            }
        }
        Err(self.not_mcp("its list of tools has no end"))
    }

    /// What a failed request means.
    pub(crate) fn failure(&self, error: ServiceError) -> ClientError {
        match error {
            ServiceError::McpError(error) => ClientError::rpc(&error),
            ServiceError::TransportSend(error) => of_transport(&self.target, error.error.as_ref()),
            ServiceError::TransportClosed => {
                ClientError::Unreachable { url: self.target.url.to_string(), why: "the connection closed".into() }
            }
            other => self.not_mcp(&other.to_string()),
        }
    }

    pub(crate) fn not_mcp(&self, why: &str) -> ClientError {
        ClientError::NotMcp { url: self.target.url.to_string(), why: one_line(why) }
    }

    /// Ends the session (DELETE), where there is one, and waits a little for that.
    pub(crate) async fn close(mut self) {
        let _ = self.dialed.running.close_with_timeout(CLOSE_TIMEOUT).await;
    }
}
