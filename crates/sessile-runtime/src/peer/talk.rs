//! What is said to the server besides the messages: which headers a message needs, and what is learnt from answers. No I/O.

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
    legacy: Legacy,
    mirrored: HashMap<String, MirroredHeaders>,
}

/// Where `initialize` has led to.
#[derive(Debug, PartialEq, Eq)]
enum Legacy {
    /// Nowhere yet: it is not answered.
    No,
    /// To a session of the server's own, if it has given an id, and to a version.
    Yes { session: Option<HeaderValue>, version: Option<HeaderValue> },
}

impl Talk {
    /// The beginning of a conversation. The server may forward or log `name`.
    pub(super) fn new(endpoint: &Endpoint, name: &str) -> Self {
        let value = |text: &str| HeaderValue::from_str(text).unwrap_or(HeaderValue::from_static(""));
        Self {
            path: endpoint.path.as_str().to_owned(),
            host: host(endpoint.port.get()),
            name: value(name),
            legacy: Legacy::No,
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
        let Legacy::Yes { session: Some(_), .. } = &self.legacy else { return None };
        let mut headers = self.common();
        self.legacy(&mut headers);
        Some(self.request(Method::DELETE, headers))
    }

    /// Whether the server has given this session an id of its own.
    pub(super) fn has_own_session(&self) -> bool {
        matches!(self.legacy, Legacy::Yes { session: Some(_), .. })
    }

    /// Whether the server speaks legacy in this session.
    pub(super) fn is_legacy(&self) -> bool {
        self.legacy != Legacy::No
    }

    /// The server has answered `initialize` with a result; `headers` came with it.
    pub(super) fn initialized(&mut self, headers: &HeaderMap, answer: &Message) {
        let session = headers.get(MCP_SESSION_ID).cloned();
        let version = answer.protocol_version().and_then(|version| HeaderValue::from_str(&version).ok());
        self.legacy = Legacy::Yes { session, version };
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
        let Legacy::Yes { session, version } = &self.legacy else { return };
        headers.insert(HeaderName::from_static(MCP_SESSION_ID), session.as_ref().unwrap_or(&self.name).clone());
        if let Some(version) = version {
            headers.insert(HeaderName::from_static(MCP_PROTOCOL_VERSION), version.clone());
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
