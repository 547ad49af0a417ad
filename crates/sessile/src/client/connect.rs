//! Opening and closing an MCP session over Streamable HTTP.

use crate::client::error::ClientError;
use crate::client::escape::one_line;
use crate::client::handler::Handler;
use crate::client::target::{Target, is_loopback};
use crate::client::watch::{Watched, Watcher};
use rmcp::model::{ClientRequest, ListToolsRequest, PaginatedRequestParams, ServerResult, Tool};
use rmcp::service::{ClientInitializeError, RunningService, ServiceError};
use rmcp::transport::StreamableHttpClientTransport;
use rmcp::transport::streamable_http_client::{StreamableHttpClientTransportConfig, StreamableHttpError};
use rmcp::{Peer, RoleClient, ServiceExt};
use std::error::Error;
use std::time::Duration;
use url::Url;

/// How long a listening host may take to accept a connection.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
/// How long the end of a session may take; after that it is left to the server's idle timeout.
const CLOSE_TIMEOUT: Duration = Duration::from_secs(5);
/// Pages of a tool list that are asked for.
const MOST_PAGES: usize = 1000;

/// A session with a server. [`Connection::close`] ends it.
pub(crate) struct Connection {
    running: RunningService<RoleClient, Handler>,
    target: Target,
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

/// Connects and agrees on a protocol version (`initialize`).
pub(crate) async fn connect(target: Target, handler: Handler, watcher: Watcher) -> Result<Connection, ClientError> {
    if target.bares_its_key() {
        watcher.printer.note("the key goes over plain http: anyone on the way can read it");
    }
    let mut config = StreamableHttpClientTransportConfig::with_uri(target.url.as_str())
        // A session that is gone took its state with it: that is said, not papered over with a new one.
        .reinit_on_expired_session(false);
    config.auth_header = target.key.as_ref().map(|key| key.reveal().to_owned());
    let inner = StreamableHttpClientTransport::with_client(http_client(&target.url)?, config);
    let patience = watcher.patience.clone();
    let opened = tokio::select! {
        opened = handler.serve(Watched { inner, watcher }) => opened,
        () = patience.run_out() => return Err(ClientError::Silent(patience.limit())),
    };
    match opened {
        Ok(running) => Ok(Connection { running, target }),
        Err(error) => Err(of_start(&target, error)),
    }
}

impl Connection {
    pub(crate) fn peer(&self) -> &Peer<RoleClient> {
        self.running.peer()
    }

    /// Whether the server can send log messages.
    pub(crate) fn has_logging(&self) -> bool {
        self.peer().peer_info().is_some_and(|info| info.capabilities.logging.is_some())
    }

    /// Every tool of the server, page by page.
    pub(crate) async fn tools(&self) -> Result<Vec<Tool>, ClientError> {
        let mut tools = Vec::new();
        let mut cursor = None;
        for _ in 0..MOST_PAGES {
            let page = PaginatedRequestParams::default().with_cursor(cursor.take());
            let request = ClientRequest::ListToolsRequest(ListToolsRequest::with_param(page));
            let answer = self.peer().send_request(request).await.map_err(|error| self.failure(error))?;
            let ServerResult::ListToolsResult(page) = answer else {
                return Err(self.not_mcp("the answer to tools/list is no list of tools"));
            };
            tools.extend(page.tools);
            match page.next_cursor {
                Some(next) => cursor = Some(next),
                None => return Ok(tools),
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

    /// Ends the session (DELETE) and waits a little for that.
    pub(crate) async fn close(mut self) {
        let _ = self.running.close_with_timeout(CLOSE_TIMEOUT).await;
    }
}

fn of_start(target: &Target, error: ClientInitializeError) -> ClientError {
    match error {
        ClientInitializeError::JsonRpcError(error) => ClientError::rpc(&error),
        ClientInitializeError::TransportError { error, .. } => of_transport(target, error.error.as_ref()),
        other => ClientError::NotMcp { url: target.url.to_string(), why: one_line(&other.to_string()) },
    }
}

/// Finds the cause in a chain of errors of the SDK.
fn of_transport(target: &Target, error: &(dyn Error + 'static)) -> ClientError {
    let not_mcp = |why: &str| ClientError::NotMcp { url: target.url.to_string(), why: one_line(why) };
    let found = chain(error).find_map(|cause| cause.downcast_ref::<StreamableHttpError<reqwest::Error>>());
    match found {
        Some(StreamableHttpError::Client(error)) => of_http(&target.url, error),
        Some(StreamableHttpError::AuthRequired(_)) => of_status(target, 401, ""),
        Some(StreamableHttpError::InsufficientScope(_)) => of_status(target, 403, ""),
        Some(StreamableHttpError::HttpStatus(error)) => of_status(target, error.status, ""),
        Some(StreamableHttpError::SessionExpired) => ClientError::SessionEnded,
        // The SDK has the status of such an answer only in its text: `HTTP 401 Unauthorized: BODY`.
        Some(StreamableHttpError::UnexpectedServerResponse(text)) => {
            let status = text.strip_prefix("HTTP ").and_then(|rest| rest.get(..3)).and_then(|code| code.parse().ok());
            let body = text.split_once(": ").map_or("", |(_, body)| body);
            status.map_or_else(|| not_mcp(text), |status| of_status(target, status, body))
        }
        _ => not_mcp(&whole_chain(error)),
    }
}

/// A request that brought no HTTP answer at all.
fn of_http(url: &Url, error: &reqwest::Error) -> ClientError {
    let url = url.to_string();
    if is_refused(error) {
        return ClientError::NothingListens { url };
    }
    let timed_out = error.is_connect() && error.is_timeout();
    let why = if timed_out { "the host does not answer".to_owned() } else { one_line(&root_cause(error)) };
    ClientError::Unreachable { url, why }
}

/// Whether the host is there and nothing listens on the port.
pub(crate) fn is_refused(error: &reqwest::Error) -> bool {
    chain(error)
        .filter_map(|cause| cause.downcast_ref::<std::io::Error>())
        .any(|error| error.kind() == std::io::ErrorKind::ConnectionRefused)
}

fn of_status(target: &Target, status: u16, body: &str) -> ClientError {
    let url = target.url.to_string();
    let said = serde_json::from_str::<serde_json::Value>(body)
        .ok()
        .and_then(|body| body.pointer("/error/message")?.as_str().map(one_line))
        .unwrap_or_else(|| one_line(&body.chars().take(200).collect::<String>()));
    let why = if said.is_empty() { said } else { format!(": {said}") };
    match status {
        401 if target.key.is_none() => ClientError::KeyNeeded { url, why },
        401 | 403 if target.key.is_some() => ClientError::KeyRefused { url, status, why },
        404 => ClientError::NotMcp { url, why: format!("HTTP 404{why}; look at the path, such as /mcp or /NAME/mcp") },
        _ => ClientError::Http { url, status, why },
    }
}

fn chain<'e>(error: &'e (dyn Error + 'static)) -> impl Iterator<Item = &'e (dyn Error + 'static)> {
    std::iter::successors(Some(error), |error: &&'e (dyn Error + 'static)| (*error).source())
}

/// The innermost cause: what the operating system or the TLS library said.
pub(crate) fn root_cause(error: &(dyn Error + 'static)) -> String {
    chain(error).last().map(ToString::to_string).unwrap_or_default()
}

/// An error with its causes, each said once.
fn whole_chain(error: &(dyn Error + 'static)) -> String {
    let mut text = String::new();
    for cause in chain(error).map(ToString::to_string) {
        if text.is_empty() {
            text = cause;
        } else if !text.contains(&cause) {
            text = format!("{text}: {cause}");
        }
    }
    text
}

#[cfg(test)]
mod tests;
