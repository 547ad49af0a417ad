//! Remote servers (`url = …`): proxied without a sandbox, with sessions that still belong to one caller.
//!
//! The remote's session id never leaves: the client gets one of ours, bound to its principal, so that
//! somebody who learns an id cannot use it (invariant 2).

use crate::answer::{Failure, Reply, Wrong};
use crate::body::{self, Answer};
use crate::post::header;
use bytes::Bytes;
use futures_util::Stream;
use http::header::{ACCEPT, CONTENT_TYPE};
use http::{HeaderMap, HeaderName, HeaderValue, Method, Request, Response, StatusCode};
use http_body::Body;
use sessile_identity::Principal;
use sessile_protocol::headers::{LAST_EVENT_ID, MCP_SESSION_ID};
use sessile_runtime::{OpenError, SessionError, SessionId};
use std::collections::HashMap;
use std::pin::Pin;
use std::sync::{Mutex, PoisonError};
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

/// Headers of the client that the remote gets to see, beside those of MCP itself. Credentials for Sessile are not among
/// them.
const FORWARDED: [&str; 6] = ["content-type", "accept", LAST_EVENT_ID, "traceparent", "tracestate", "baggage"];

/// `Mcp-Method`, `Mcp-Name`, `Mcp-Param-*` and whatever else a version of MCP has; but a session's id is not the remote's.
fn is_forwarded(name: &HeaderName) -> bool {
    FORWARDED.contains(&name.as_str()) || (name.as_str().starts_with("mcp-") && name != MCP_SESSION_ID)
}

/// A server that runs elsewhere.
#[derive(Debug)]
pub struct Remote {
    url: String,
    headers: HeaderMap,
    message_limit: usize,
    sessions_limit: usize,
    idle_timeout: Duration,
    client: reqwest::Client,
    sessions: Mutex<HashMap<SessionId, RemoteSession>>,
}

#[derive(Debug)]
struct RemoteSession {
    principal: Principal,
    remote_id: HeaderValue,
    used: Instant,
}

/// What a remote server needs to be known by.
#[derive(Debug)]
pub struct RemoteSettings {
    /// Its MCP endpoint.
    pub url: String,
    /// Headers added to every request, such as its own credentials.
    pub headers: Vec<(String, String)>,
    /// Longest message in bytes.
    pub message_limit: usize,
    /// Sessions held at a time.
    pub sessions_limit: usize,
    /// A session unused for so long is forgotten.
    pub idle_timeout: Duration,
}

impl Remote {
    /// A proxy for one remote server.
    ///
    /// # Errors
    /// A text that names the header that cannot be sent, or why there can be no HTTP client.
    pub fn new(settings: RemoteSettings) -> Result<Self, String> {
        let mut headers = HeaderMap::new();
        for (name, value) in &settings.headers {
            let name = HeaderName::try_from(name.as_str()).map_err(|_| format!("{name:?} is not a header name"))?;
            let mut value = HeaderValue::from_str(value)
                .map_err(|_| format!("the value of header {name} has characters that no header can hold"))?;
            value.set_sensitive(true);
            headers.insert(name, value);
        }
        // Another provider that was installed first serves as well.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let client = reqwest::Client::builder()
            .tcp_nodelay(true)
            .connect_timeout(Duration::from_secs(10))
            .redirect(reqwest::redirect::Policy::none())
            .build()
            .map_err(|error| format!("no HTTP client for {}: {error}", settings.url))?;
        Ok(Self {
            url: settings.url,
            headers,
            message_limit: settings.message_limit,
            sessions_limit: settings.sessions_limit,
            idle_timeout: settings.idle_timeout,
            client,
            sessions: Mutex::default(),
        })
    }

    /// Passes one request on and streams the answer back.
    pub(crate) async fn forward<B>(&self, principal: &Principal, request: Request<B>) -> Result<Reply, Failure>
    where
        B: Body<Data = Bytes> + Unpin,
        B::Error: std::fmt::Display,
    {
        let (head, body) = request.into_parts();
        let known = self.known(principal, &head.headers)?;
        let body = body::read(body, self.message_limit).await?;
        let mut onward = self.client.request(head.method.clone(), &self.url).body(body);
        for (name, value) in head.headers.iter().filter(|(name, _)| is_forwarded(name)) {
            onward = onward.header(name, value);
        }
        onward = onward.headers(self.headers.clone());
        if let Some((_, remote_id)) = &known {
            onward = onward.header(MCP_SESSION_ID, remote_id);
        }
        let answer = onward.send().await.map_err(|error| Wrong::Remote(without_url(error)))?;
        let status = answer.status();
        if let Some((id, _)) = &known
            && (status == StatusCode::NOT_FOUND || (head.method == Method::DELETE && status.is_success()))
        {
            self.lock().remove(id);
        }
        let mut reply = Response::new(Answer::empty());
        *reply.status_mut() = status;
        for name in [CONTENT_TYPE, ACCEPT, http::header::CACHE_CONTROL, http::header::ALLOW] {
            if let Some(value) = answer.headers().get(&name) {
                reply.headers_mut().insert(name, value.clone());
            }
        }
        if let Some(remote_id) = answer.headers().get(MCP_SESSION_ID)
            && known.is_none()
        {
            let id = self.remember(principal, remote_id.clone())?;
            if let Ok(id) = HeaderValue::from_str(id.expose()) {
                reply.headers_mut().insert(HeaderName::from_static(MCP_SESSION_ID), id);
            }
        }
        *reply.body_mut() = Answer::Remote(RemoteBody(Box::pin(answer.bytes_stream())));
        Ok(reply)
    }

    /// The remote's id for the session that a request names.
    fn known(&self, principal: &Principal, headers: &HeaderMap) -> Result<Option<(SessionId, HeaderValue)>, Wrong> {
        let Some(id) = header(headers, MCP_SESSION_ID).map(SessionId::from_client) else { return Ok(None) };
        match self.lock().get_mut(&id) {
            Some(session) if session.principal == *principal => {
                session.used = Instant::now();
                Ok(Some((id, session.remote_id.clone())))
            }
            _ => Err(SessionError::NotFound { ended: None }.into()),
        }
    }

    fn remember(&self, principal: &Principal, remote_id: HeaderValue) -> Result<SessionId, Wrong> {
        let id = SessionId::random().map_err(|error| OpenError::NoRandomness(error.to_string()))?;
        let now = Instant::now();
        let mut sessions = self.lock();
        sessions.retain(|_, session| now.duration_since(session.used) < self.idle_timeout);
        if sessions.len() >= self.sessions_limit {
            let limit = u32::try_from(self.sessions_limit).unwrap_or(u32::MAX);
            return Err(OpenError::ServerFull { limit }.into());
        }
        let session = RemoteSession { principal: principal.clone(), remote_id, used: now };
        sessions.insert(id.clone(), session);
        Ok(id)
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, HashMap<SessionId, RemoteSession>> {
        self.sessions.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The address may hold a key; the error must not.
fn without_url(error: reqwest::Error) -> String {
    use std::error::Error as _;
    let error = error.without_url();
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        text.push_str(": ");
        text.push_str(&cause.to_string());
        source = cause.source();
    }
    text
}

/// What a remote server answers, as it comes.
pub(crate) struct RemoteBody(Pin<Box<dyn Stream<Item = reqwest::Result<Bytes>> + Send>>);

impl std::fmt::Debug for RemoteBody {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("RemoteBody(…)")
    }
}

impl RemoteBody {
    /// The next bytes. A remote that breaks off ends the stream; the client's own framing shows it.
    pub(crate) fn poll_data(&mut self, cx: &mut Context<'_>) -> Poll<Option<Bytes>> {
        self.0.as_mut().poll_next(cx).map(|item| item.and_then(Result::ok))
    }
}
