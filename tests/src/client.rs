//! A client of the legacy era, as small as it can be: it does what it is told, and hides nothing.

use crate::events::Events;
use crate::http::{Ask, Endpoint, Reply};
use http::{Method, StatusCode};
use serde_json::{Value, json};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// A session, seen from its client.
#[derive(Clone, Debug)]
pub struct Client {
    /// Where it is.
    pub endpoint: Endpoint,
    /// `Mcp-Session-Id`.
    pub session: String,
    /// What was agreed.
    pub version: String,
    /// The result of `initialize`.
    pub server: Value,
    key: Option<String>,
    /// Shared by the clones of a client, which are one client to the server.
    next_id: Arc<AtomicU64>,
}

/// A client that has not said anything yet.
#[derive(Clone, Debug)]
pub struct Opening {
    endpoint: Endpoint,
    version: String,
    capabilities: Value,
    key: Option<String>,
}

impl Opening {
    /// Which version to ask for, instead of the newest.
    #[must_use]
    pub fn version(mut self, version: &str) -> Self {
        version.clone_into(&mut self.version);
        self
    }

    /// What the client can do, instead of nothing.
    #[must_use]
    pub fn capabilities(mut self, capabilities: Value) -> Self {
        self.capabilities = capabilities;
        self
    }

    /// An API key to send with every request.
    #[must_use]
    pub fn key(mut self, key: &str) -> Self {
        self.key = Some(key.to_owned());
        self
    }

    /// The request that opens the session.
    pub fn initialize(&self) -> Ask {
        let params = json!({
            "protocolVersion": self.version,
            "capabilities": self.capabilities,
            "clientInfo": { "name": "sessile-tests", "version": "1" }
        });
        let body = json!({ "jsonrpc": "2.0", "id": 0, "method": "initialize", "params": params });
        with_key(Ask::post(body.to_string()), self.key.as_deref())
    }

    /// Sends `initialize`, whatever comes of it.
    pub async fn reply(&self) -> Reply {
        self.endpoint.send(self.initialize()).await
    }

    /// Opens the session.
    ///
    /// # Panics
    /// When it does not come about.
    pub async fn open(self) -> Client {
        let reply = self.reply().await;
        let (status, session) = (reply.status, reply.header("mcp-session-id").to_owned());
        assert!(status == StatusCode::OK, "initialize: {status} {}", reply.text().await);
        let answer = last_message(reply).await;
        assert!(answer["result"].is_object() && !session.is_empty(), "initialize: {answer}");
        let mut client = Client {
            endpoint: self.endpoint,
            session,
            version: answer["result"]["protocolVersion"].as_str().unwrap_or_default().to_owned(),
            server: answer["result"].clone(),
            key: self.key,
            next_id: Arc::new(AtomicU64::new(2)),
        };
        client.notify("notifications/initialized", json!({})).await;
        client
    }
}

impl Client {
    /// A client of the newest legacy version that can do nothing.
    pub fn at(endpoint: &Endpoint) -> Opening {
        Opening { endpoint: endpoint.clone(), version: "2025-11-25".into(), capabilities: json!({}), key: None }
    }

    /// A client of a session that is open already.
    pub fn resumed(endpoint: &Endpoint, session: &str) -> Self {
        Self {
            endpoint: endpoint.clone(),
            session: session.to_owned(),
            version: "2025-11-25".into(),
            server: Value::Null,
            key: None,
            next_id: Arc::new(AtomicU64::new(2)),
        }
    }

    /// Opens a session as such a client.
    pub async fn open(endpoint: &Endpoint) -> Self {
        Self::at(endpoint).open().await
    }

    /// The same client at another endpoint.
    #[must_use]
    pub fn to(&self, endpoint: &Endpoint) -> Self {
        Self { endpoint: endpoint.clone(), ..self.clone() }
    }

    /// The same client, naming another session.
    #[must_use]
    pub fn naming(&self, session: &str) -> Self {
        Self { session: session.to_owned(), ..self.clone() }
    }

    /// Adds what every request of this session carries.
    pub fn sign(&self, ask: Ask) -> Ask {
        let ask = ask.header("mcp-session-id", &self.session).header("mcp-protocol-version", &self.version);
        with_key(ask, self.key.as_deref())
    }

    /// An id that this client has not used.
    pub fn fresh_id(&mut self) -> u64 {
        self.next_id.fetch_add(1, Ordering::Relaxed)
    }

    /// Posts a body as it is.
    pub async fn post(&self, body: impl Into<bytes::Bytes>) -> Reply {
        self.endpoint.send(self.sign(Ask::post(body))).await
    }

    /// Sends a request, and returns what its answer begins with.
    pub async fn ask(&mut self, method: &str, params: Value) -> Reply {
        let body = json!({ "jsonrpc": "2.0", "id": self.fresh_id(), "method": method, "params": params });
        self.post(body.to_string()).await
    }

    /// Sends a request and waits for the message that answers it, whatever comes before.
    pub async fn answer_to(&mut self, method: &str, params: Value) -> Value {
        let reply = self.ask(method, params).await;
        last_message(reply).await
    }

    /// Sends a request and returns its result.
    ///
    /// # Panics
    /// When the answer is an error.
    pub async fn result_of(&mut self, method: &str, params: Value) -> Value {
        let answer = self.answer_to(method, params).await;
        assert!(answer["error"].is_null(), "{method}: {answer}");
        answer["result"].clone()
    }

    /// Begins to call a tool.
    pub async fn begin(&mut self, tool: &str, arguments: Value) -> Reply {
        self.ask("tools/call", json!({ "name": tool, "arguments": arguments })).await
    }

    /// Begins to call a tool, with progress.
    pub async fn begin_with_progress(&mut self, tool: &str, arguments: Value, token: &str) -> Events {
        let params = json!({ "name": tool, "arguments": arguments, "_meta": { "progressToken": token } });
        self.ask("tools/call", params).await.events()
    }

    /// Calls a tool, and returns the text of its result.
    ///
    /// # Panics
    /// When the answer is an error.
    pub async fn call(&mut self, tool: &str, arguments: Value) -> String {
        let result = self.result_of("tools/call", json!({ "name": tool, "arguments": arguments })).await;
        text_of(&result)
    }

    /// Sends a notification.
    ///
    /// # Panics
    /// When it is not taken.
    pub async fn notify(&mut self, method: &str, params: Value) {
        let body = json!({ "jsonrpc": "2.0", "method": method, "params": params });
        self.expect_accepted(body).await;
    }

    /// Answers a request of the server.
    ///
    /// # Panics
    /// When the answer is not taken.
    pub async fn answer(&self, request: &Value, result: Value) {
        let body = json!({ "jsonrpc": "2.0", "id": request["id"], "result": result });
        self.expect_accepted(body).await;
    }

    async fn expect_accepted(&self, body: Value) {
        let reply = self.post(body.to_string()).await;
        assert_eq!(reply.status, StatusCode::ACCEPTED, "{body}");
        assert_eq!(reply.bytes().await, "", "202 has no body: {body}");
    }

    /// Opens a stream for what belongs to no request.
    pub async fn listen(&self) -> Events {
        self.endpoint.send(self.sign(Ask::listen())).await.events()
    }

    /// Comes back for what a broken stream still had to say.
    pub async fn resume(&self, last_event_id: &str) -> Reply {
        self.endpoint.send(self.sign(Ask::listen()).header("last-event-id", last_event_id)).await
    }

    /// Sends `DELETE`.
    pub async fn delete(&self) -> Reply {
        self.endpoint.send(self.sign(Ask::new(Method::DELETE))).await
    }

    /// Ends the session.
    ///
    /// # Panics
    /// When it does not.
    pub async fn close(self) {
        assert_eq!(self.delete().await.status, StatusCode::NO_CONTENT);
    }
}

/// The last message of an answer: the one that it is for. What comes before it need not even be readable.
pub async fn last_message(reply: Reply) -> Value {
    if !reply.is_events() {
        return reply.json().await;
    }
    let (mut events, mut last) = (reply.events(), None);
    while let Some(event) = events.next().await {
        last = Some(event.data);
    }
    let data = last.expect("a stream of a request holds its answer");
    serde_json::from_slice(&data).unwrap_or_else(|error| panic!("{error}: {data:?}"))
}

/// The text of a tool's result.
pub fn text_of(result: &Value) -> String {
    result["content"][0]["text"].as_str().unwrap_or_else(|| panic!("a result without text: {result}")).to_owned()
}

fn with_key(ask: Ask, key: Option<&str>) -> Ask {
    match key {
        Some(key) => ask.header("authorization", format!("Bearer {key}")),
        None => ask,
    }
}
