//! What is said to the server besides the messages: which headers a message needs, and what is learnt from answers. No I/O.

use super::conversation::Settled;
use http::header::{ACCEPT, CONTENT_TYPE, HOST};
use http::{HeaderMap, HeaderName, HeaderValue, Method, Request};
use sessile_manifest::Endpoint;
use sessile_protocol::headers::{
    AGENTCORE_SESSION, LAST_EVENT_ID, MCP_METHOD, MCP_NAME, MCP_PARAM_PREFIX, MCP_PROTOCOL_VERSION, MCP_SESSION_ID,
    SESSILE_SESSION,
};
use sessile_protocol::mirror::{MirroredHeaders, encode};
use sessile_protocol::modern::name_member;
use sessile_protocol::{Message, Object};
use std::collections::HashMap;

/// What answers to a POST may be.
const EITHER: HeaderValue = HeaderValue::from_static("application/json, text/event-stream");
const EVENTS: HeaderValue = HeaderValue::from_static("text/event-stream");
const JSON: HeaderValue = HeaderValue::from_static("application/json");

/// Tools whose mirrored arguments are remembered.
const TOOLS: usize = 4096;

/// What is known of the conversation with one server.
#[derive(Debug)]
pub(super) struct Talk {
    path: String,
    host: HeaderValue,
    /// The session's public name.
    name: HeaderValue,
    /// Where `initialize` has led to; none while it is not answered.
    settled: Option<Settled>,
    mirrored: HashMap<String, MirroredHeaders>,
}

impl Talk {
    /// A conversation of which so much is `settled`. The server may forward or log `name`.
    pub(super) fn new(endpoint: &Endpoint, name: &str, settled: Option<Settled>) -> Self {
        let value = |text: &str| HeaderValue::from_str(text).unwrap_or(HeaderValue::from_static(""));
        Self {
            path: endpoint.path.as_str().to_owned(),
            host: host(endpoint.port.get()),
            name: value(name),
            settled,
            mirrored: HashMap::new(),
        }
    }

    /// The head of the POST that carries `message`.
    pub(super) fn post(&self, message: &Message) -> Request<()> {
        let mut headers = self.common();
        headers.insert(ACCEPT, EITHER);
        headers.insert(CONTENT_TYPE, JSON);
        match message.modern_version() {
            Some(version) => self.modern(&mut headers, message, &version),
            None if message.method().is_some_and(|method| *method == "initialize") => {}
            None => self.legacy(&mut headers),
        }
        self.request(Method::POST, headers)
    }

    /// The head of the GET that opens the stream of a legacy server, or resumes one after `last`.
    pub(super) fn get(&self, last: Option<&str>) -> Request<()> {
        let mut headers = self.common();
        headers.insert(ACCEPT, EVENTS);
        self.legacy(&mut headers);
        if let Some(last) = last.and_then(|last| HeaderValue::from_str(last).ok()) {
            headers.insert(HeaderName::from_static(LAST_EVENT_ID), last);
        }
        self.request(Method::GET, headers)
    }

    /// The head of the DELETE that ends the server's own session, if it has one.
    pub(super) fn delete(&self) -> Option<Request<()>> {
        self.has_own_session().then_some(())?;
        let mut headers = self.common();
        self.legacy(&mut headers);
        Some(self.request(Method::DELETE, headers))
    }

    /// Whether the server has given this session an id of its own.
    pub(super) fn has_own_session(&self) -> bool {
        self.settled.as_ref().is_some_and(|settled| settled.session.is_some())
    }

    /// Whether the server speaks legacy in this session.
    pub(super) fn is_legacy(&self) -> bool {
        self.settled.is_some()
    }

    /// The server has answered `initialize` with a result; `headers` came with it. Returns what that settles.
    pub(super) fn initialized(&mut self, headers: &HeaderMap, answer: &Message) -> Settled {
        // Ids are visible ASCII (2025-11-25, streamable HTTP, "Session Management").
        let session = headers.get(MCP_SESSION_ID).and_then(|id| id.to_str().ok()).map(str::to_owned);
        let settled = Settled { session, version: answer.protocol_version() };
        self.settled = Some(settled.clone());
        settled
    }

    /// The server has told its tools.
    pub(super) fn learn_tools(&mut self, result: &str) {
        let Some(result) = Object::parse(result) else { return };
        let tools: Vec<Object<'_>> =
            result.get("tools").and_then(|tools| serde_json::from_str(tools).ok()).unwrap_or_default();
        for tool in tools {
            let (Some(name), Some(schema)) = (tool.string("name"), tool.get("inputSchema")) else { continue };
            // A definition with a wrong annotation has no headers.
            let headers = MirroredHeaders::of_schema(schema).unwrap_or_default();
            if headers.is_empty() {
                self.mirrored.remove(&name);
            } else if self.mirrored.len() < TOOLS {
                self.mirrored.insert(name, headers);
            }
        }
    }

    fn common(&self) -> HeaderMap {
        let mut headers = HeaderMap::new();
        headers.insert(HOST, self.host.clone());
        for name in [SESSILE_SESSION, AGENTCORE_SESSION] {
            headers.insert(HeaderName::from_static(name), self.name.clone());
        }
        headers
    }

    fn request(&self, method: Method, headers: HeaderMap) -> Request<()> {
        let mut request = Request::new(());
        *request.method_mut() = method;
        // The manifest has checked that it is a path.
        *request.uri_mut() = self.path.parse().unwrap_or_default();
        *request.headers_mut() = headers;
        request
    }

    /// What a message of the legacy era carries once `initialize` is answered. A server without sessions of its own is told
    /// the name of ours, as managed runtimes do.
    fn legacy(&self, headers: &mut HeaderMap) {
        let Some(Settled { session, version }) = &self.settled else { return };
        let value = |text: &Option<String>| text.as_deref().and_then(|text| HeaderValue::from_str(text).ok());
        headers.insert(HeaderName::from_static(MCP_SESSION_ID), value(session).unwrap_or_else(|| self.name.clone()));
        if let Some(version) = value(version) {
            headers.insert(HeaderName::from_static(MCP_PROTOCOL_VERSION), version);
        }
    }

    /// What a request of the modern era carries (2026-07-28, streamable HTTP, "Request Metadata").
    fn modern(&self, headers: &mut HeaderMap, message: &Message, version: &str) {
        let mut put = |name: &str, value: &str| {
            if let (Ok(name), Ok(value)) = (name.parse::<HeaderName>(), HeaderValue::from_str(value)) {
                headers.insert(name, value);
            }
        };
        put(MCP_PROTOCOL_VERSION, version);
        let Some(method) = message.method() else { return };
        put(MCP_METHOD, method);
        let Some(params) = message.params().and_then(Object::parse) else { return };
        let Some(name) = name_member(method).and_then(|member| params.string(member)) else { return };
        put(MCP_NAME, &encode(&name));
        if *method == "tools/call"
            && let Some(mirrored) = self.mirrored.get(&name)
        {
            for (header, value) in mirrored.of_arguments(params.get("arguments")) {
                put(&format!("{MCP_PARAM_PREFIX}{header}"), &value);
            }
        }
    }
}

/// What every request to `port` names as its host: servers that look at it expect their own address.
pub(super) fn host(port: u16) -> HeaderValue {
    HeaderValue::from_str(&format!("127.0.0.1:{port}")).unwrap_or(HeaderValue::from_static("127.0.0.1"))
}
