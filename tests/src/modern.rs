//! A client of the modern era (2026-07-28): every request by itself, on a connection of its own.
//!
//! It keeps the rules that the specification has for clients, and hides nothing: [`Modern::request`] gives the request
//! to bend before it is sent.

use crate::events::Events;
use crate::http::{Ask, Endpoint, Reply};
use http::StatusCode;
use serde_json::{Map, Value, json};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// The version that it speaks.
pub const VERSION: &str = "2026-07-28";
/// The member of `_meta` that names it.
pub const META_VERSION: &str = "io.modelcontextprotocol/protocolVersion";
/// The member of `_meta` that says what the client can do.
pub const META_CAPABILITIES: &str = "io.modelcontextprotocol/clientCapabilities";
/// The member of `_meta` that says who the client is.
pub const META_INFO: &str = "io.modelcontextprotocol/clientInfo";
/// The member of `_meta` that ties a message to its subscription.
pub const META_SUBSCRIPTION: &str = "io.modelcontextprotocol/subscriptionId";
/// The extension for tasks.
pub const TASKS: &str = "io.modelcontextprotocol/tasks";

/// A client. Clones are the same client.
#[derive(Clone, Debug)]
pub struct Modern {
    /// Where it asks.
    pub endpoint: Endpoint,
    /// What it says it can do.
    pub capabilities: Value,
    /// Who it says it is.
    pub info: Value,
    /// Headers of every request besides those of the specification.
    pub headers: Vec<(String, String)>,
    /// Members of `_meta` besides those of the specification.
    pub meta: Map<String, Value>,
    next_id: Arc<AtomicU64>,
}

/// A call that waits for its client's input.
#[derive(Clone, Debug)]
pub struct Parked {
    /// The method of the call.
    pub method: String,
    /// Its parameters, without `_meta`.
    pub params: Value,
    /// What is asked, by key.
    pub requests: Map<String, Value>,
    /// What the retry has to carry.
    pub state: String,
}

impl Parked {
    /// Reads the result that a call ended with.
    ///
    /// # Panics
    /// When it is none that asks for input.
    pub fn of(method: &str, params: &Value, result: &Value) -> Self {
        assert_eq!(result["resultType"], "input_required", "{result}");
        Self {
            method: method.to_owned(),
            params: params.clone(),
            requests: result["inputRequests"].as_object().cloned().unwrap_or_default(),
            state: result["requestState"].as_str().unwrap_or_else(|| panic!("no requestState: {result}")).to_owned(),
        }
    }

    /// An answer to everything that is asked.
    pub fn answers(&self, answer: impl Fn(&Value) -> Value) -> Value {
        self.requests.iter().map(|(key, request)| (key.clone(), answer(request))).collect::<Map<_, _>>().into()
    }

    /// The same answer to everything that is asked.
    pub fn all(&self, answer: &Value) -> Value {
        self.answers(|_| answer.clone())
    }

    /// The key of the only question.
    ///
    /// # Panics
    /// When there is none, or another one.
    pub fn only_key(&self) -> String {
        assert_eq!(self.requests.len(), 1, "{:?}", self.requests);
        self.requests.keys().next().cloned().unwrap_or_default()
    }

    /// The parameters of a retry with these answers.
    pub fn retried(&self, answers: &Value) -> Value {
        let mut params = self.params.clone();
        params["inputResponses"] = answers.clone();
        params["requestState"] = json!(self.state);
        params
    }
}

/// The result of a form that the user has filled in.
pub fn accept(content: Value) -> Value {
    json!({ "action": "accept", "content": content })
}

/// A form with one required field, as a server asks for it.
pub fn form(message: &str, field: &str, kind: &str) -> Value {
    json!({ "method": "elicitation/create", "params": {
        "mode": "form", "message": message,
        "requestedSchema": { "type": "object", "properties": { field: { "type": kind } }, "required": [field] }
    }})
}

impl Modern {
    /// A client that can do nothing.
    pub fn at(endpoint: &Endpoint) -> Self {
        Self {
            endpoint: endpoint.clone(),
            capabilities: json!({}),
            info: json!({ "name": "sessile-tests", "version": "1" }),
            headers: Vec::new(),
            meta: Map::new(),
            next_id: Arc::new(AtomicU64::new(1)),
        }
    }

    /// A client that can do everything that a server may ask.
    pub fn able(endpoint: &Endpoint) -> Self {
        Self::at(endpoint).capabilities(json!({
            "elicitation": { "form": {}, "url": {} }, "sampling": { "tools": {} }, "roots": {}
        }))
    }

    /// The same client at another endpoint.
    #[must_use]
    pub fn to(&self, endpoint: &Endpoint) -> Self {
        Self { endpoint: endpoint.clone(), ..self.clone() }
    }

    /// What the client can do.
    #[must_use]
    pub fn capabilities(mut self, capabilities: Value) -> Self {
        self.capabilities = capabilities;
        self
    }

    /// The name of the client application.
    #[must_use]
    pub fn named(mut self, name: &str) -> Self {
        self.info["name"] = json!(name);
        self
    }

    /// A header for every request.
    #[must_use]
    pub fn header(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }

    /// An API key for every request.
    #[must_use]
    pub fn key(self, key: &str) -> Self {
        self.header("authorization", &format!("Bearer {key}"))
    }

    /// The session that every request names.
    #[must_use]
    pub fn session(self, name: &str) -> Self {
        self.header("sessile-session", name)
    }

    /// A member of `_meta` for every request.
    #[must_use]
    pub fn meta(mut self, name: &str, value: Value) -> Self {
        self.meta.insert(name.to_owned(), value);
        self
    }

    /// An id that this client has not used.
    pub fn fresh_id(&self) -> u64 {
        self.next_id.fetch_add(1, Ordering::Relaxed)
    }

    /// `params` with the `_meta` of every request; members of `_meta` that are there already stay.
    pub fn params(&self, mut params: Value) -> Value {
        let mut meta = Map::from_iter([
            (META_VERSION.to_owned(), json!(VERSION)),
            (META_CAPABILITIES.to_owned(), self.capabilities.clone()),
            (META_INFO.to_owned(), self.info.clone()),
        ]);
        meta.extend(self.meta.clone());
        if let Some(own) = params.get("_meta").and_then(Value::as_object) {
            meta.extend(own.clone());
        }
        params["_meta"] = meta.into();
        params
    }

    /// A message with an id of the test's own.
    pub fn message(&self, id: &Value, method: &str, params: Value) -> Value {
        json!({ "jsonrpc": "2.0", "id": id, "method": method, "params": self.params(params) })
    }

    /// A request with the headers that a message must have.
    pub fn post(&self, message: &Value) -> Ask {
        let (method, params) = (message["method"].as_str().unwrap_or_default(), &message["params"]);
        let mut ask =
            Ask::post(message.to_string()).header("mcp-protocol-version", VERSION).header("mcp-method", method);
        let name = match method {
            "tools/call" | "prompts/get" => params["name"].as_str(),
            "resources/read" => params["uri"].as_str(),
            "tasks/get" | "tasks/update" | "tasks/cancel" => params["taskId"].as_str(),
            _ => None,
        };
        if let Some(name) = name {
            ask = ask.header("mcp-name", name);
        }
        self.headers.iter().fold(ask, |ask, (name, value)| ask.header(name, value))
    }

    /// A request as it is sent.
    pub fn request(&self, method: &str, params: Value) -> Ask {
        self.post(&self.message(&json!(self.fresh_id()), method, params))
    }

    /// Sends a request, and returns what its answer begins with.
    ///
    /// # Panics
    /// When it is taken, and the answer does not say which session it belongs to.
    pub async fn send(&self, method: &str, params: Value) -> Reply {
        let reply = self.endpoint.send(self.request(method, params)).await;
        if reply.status == StatusCode::OK {
            assert!(!reply.header("sessile-session").is_empty(), "{method}: {:?}", reply.headers);
        }
        reply
    }

    /// Sends a request, and returns the message that answers it, whatever comes before.
    pub async fn answer_to(&self, method: &str, params: Value) -> Value {
        crate::client::last_message(self.send(method, params).await).await
    }

    /// Sends a request, and returns its result.
    ///
    /// # Panics
    /// When the answer is an error, or a result of no type.
    pub async fn result_of(&self, method: &str, params: Value) -> Value {
        let answer = self.answer_to(method, params).await;
        assert!(answer["error"].is_null(), "{method}: {answer}");
        assert!(answer["result"]["resultType"].is_string(), "{method}: {answer}");
        answer["result"].clone()
    }

    /// Begins to call a tool.
    pub async fn begin(&self, tool: &str, arguments: Value) -> Reply {
        self.send("tools/call", json!({ "name": tool, "arguments": arguments })).await
    }

    /// Calls a tool, and returns the text of its result.
    ///
    /// # Panics
    /// When the answer is an error, or no complete result.
    pub async fn call(&self, tool: &str, arguments: Value) -> String {
        let result = self.result_of("tools/call", json!({ "name": tool, "arguments": arguments })).await;
        assert_eq!(result["resultType"], "complete", "{result}");
        crate::client::text_of(&result)
    }

    /// Calls a tool that asks for input.
    ///
    /// # Panics
    /// When it does not.
    pub async fn park(&self, tool: &str, arguments: Value) -> Parked {
        self.park_request("tools/call", json!({ "name": tool, "arguments": arguments })).await
    }

    /// Sends a request that asks for input.
    ///
    /// # Panics
    /// When it does not.
    pub async fn park_request(&self, method: &str, params: Value) -> Parked {
        let result = self.result_of(method, params.clone()).await;
        Parked::of(method, &params, &result)
    }

    /// Retries with answers, and returns what its answer begins with.
    pub async fn begin_retry(&self, parked: &Parked, answers: &Value) -> Reply {
        self.send(&parked.method, parked.retried(answers)).await
    }

    /// Retries with answers, and returns the message that answers it.
    pub async fn retry(&self, parked: &Parked, answers: &Value) -> Value {
        crate::client::last_message(self.begin_retry(parked, answers).await).await
    }

    /// Retries with answers, and returns the text of the tool's result.
    ///
    /// # Panics
    /// When the answer is no complete result.
    pub async fn finish(&self, parked: &Parked, answers: &Value) -> String {
        let answer = self.retry(parked, answers).await;
        assert_eq!(answer["result"]["resultType"], "complete", "{answer}");
        crate::client::text_of(&answer["result"])
    }

    /// Retries with answers, and returns what is asked next.
    ///
    /// # Panics
    /// When nothing is.
    pub async fn ask_on(&self, parked: &Parked, answers: &Value) -> Parked {
        let answer = self.retry(parked, answers).await;
        Parked::of(&parked.method, &parked.params, &answer["result"])
    }

    /// The names in a list: `tools`, `prompts`, `resources`.
    pub async fn list(&self, kind: &str) -> Vec<String> {
        let result = self.result_of(&format!("{kind}/list"), json!({})).await;
        names(&result, kind)
    }

    /// Opens a stream of notifications; returns it with its subscription's id and what was agreed on.
    ///
    /// # Panics
    /// When the acknowledgement does not come first.
    pub async fn listen(&self, filter: Value) -> (Events, Value, Value) {
        let id = json!(format!("listen-{}", self.fresh_id()));
        let message = self.message(&id, "subscriptions/listen", json!({ "notifications": filter }));
        let reply = self.endpoint.send(self.post(&message)).await;
        assert_eq!(reply.status, StatusCode::OK, "{}", message);
        assert!(!reply.header("sessile-session").is_empty(), "{:?}", reply.headers);
        let mut events = reply.events();
        let first = events.message().await;
        assert_eq!(first["method"], "notifications/subscriptions/acknowledged", "{first}");
        assert_eq!(first["params"]["_meta"][META_SUBSCRIPTION], id, "{first}");
        (events, id, first["params"]["notifications"].clone())
    }
}

/// The names in a page of a list.
pub fn names(result: &Value, kind: &str) -> Vec<String> {
    let items = result[kind].as_array().unwrap_or_else(|| panic!("no {kind}: {result}"));
    items.iter().map(|item| item["name"].as_str().unwrap_or_default().to_owned()).collect()
}
