//! HTTP+SSE of 2024-11-05: one stream that everything comes on, where the manifest switches it on.

use http::{Method, StatusCode};
use serde_json::{Value, json};
use sessile_tests::node::{Start, manifest};
use sessile_tests::{Ask, Endpoint, Events, Home, Node};

/// A session of the old transport.
struct Old {
    events: Events,
    messages: Endpoint,
}

impl Old {
    async fn open(node: &Node, path: &str) -> Self {
        let reply = node.endpoint().at(path).send(Ask::new(Method::GET).header("accept", "text/event-stream")).await;
        assert_eq!(reply.status, StatusCode::OK);
        let mut events = reply.events();
        let first = events.next().await.expect("a first event");
        assert_eq!(first.event.as_deref(), Some("endpoint"));
        let messages = node.endpoint().at(std::str::from_utf8(&first.data).unwrap());
        Self { events, messages }
    }

    async fn post(&self, message: Value) {
        let reply = self.messages.send(Ask::post(message.to_string())).await;
        assert_eq!(reply.status, StatusCode::ACCEPTED, "{message}");
    }

    /// Sends a request and returns the answer that comes on the stream.
    async fn ask(&mut self, id: u64, method: &str, params: Value) -> Value {
        self.post(json!({ "jsonrpc": "2.0", "id": id, "method": method, "params": params })).await;
        loop {
            let message = self.events.message().await;
            if message["id"] == id {
                return message;
            }
        }
    }

    async fn initialize(&mut self) {
        let params = json!({ "protocolVersion": "2024-11-05", "capabilities": { "roots": {} },
            "clientInfo": { "name": "old", "version": "1" } });
        let answer = self.ask(1, "initialize", params).await;
        assert_eq!(answer["result"]["protocolVersion"], "2024-11-05", "{answer}");
        self.post(json!({ "jsonrpc": "2.0", "method": "notifications/initialized" })).await;
    }
}

fn node(switched_on: bool) -> Node {
    let home = Home::new();
    let command = [home.fixture("everything")];
    let text = manifest(&format!("sse_2024 = {switched_on}"), &[("it", &command, "")]);
    Start::serve(home, "sessile.toml", &text).start()
}

#[tokio::test]
async fn a_session_from_its_first_event_to_its_last() {
    let node = node(true);
    for path in ["/sse", "/it/sse"] {
        let mut old = Old::open(&node, path).await;
        old.initialize().await;
        let answer = old.ask(2, "tools/call", json!({ "name": "add", "arguments": { "a": 2, "b": 3 } })).await;
        assert_eq!(answer["result"]["content"][0]["text"], "5");
        let progress = json!({ "name": "progress", "arguments": { "steps": 2 }, "_meta": { "progressToken": "p" } });
        old.post(json!({ "jsonrpc": "2.0", "id": 3, "method": "tools/call", "params": progress })).await;
        for step in 1..=2 {
            let message = old.events.message().await;
            assert_eq!(message["params"]["progress"].as_f64(), Some(f64::from(step)), "{message}");
        }
        assert_eq!(old.events.message().await["id"], 3);
        // A question of the server comes on the stream as well, and its answer by POST.
        old.post(json!({ "jsonrpc": "2.0", "id": 4, "method": "tools/call", "params": { "name": "list_roots" } }))
            .await;
        let question = old.events.message().await;
        assert_eq!(question["method"], "roots/list");
        let roots = json!({ "roots": [{ "uri": "file:///x" }] });
        old.post(json!({ "jsonrpc": "2.0", "id": question["id"], "result": roots })).await;
        assert_eq!(old.events.message().await["result"]["content"][0]["text"], "file:///x");
    }
    node.admin().all_ended().await;
    for session in node.admin().sessions().await {
        assert_eq!(session["end"]["reason"], "client_gone", "the stream was the session: {session}");
    }
}

#[tokio::test]
async fn only_a_known_session_takes_messages() {
    let node = node(true);
    let old = Old::open(&node, "/sse").await;
    let ping = json!({ "jsonrpc": "2.0", "id": 1, "method": "ping" }).to_string();
    let at = |path: &str| node.endpoint().at(path);
    at("/messages").send(Ask::post(ping.clone())).await.expect_error(400, -32600).await;
    at("/messages?sessionId=nobody").send(Ask::post(ping.clone())).await.expect_error(404, -32001).await;
    old.messages.send(Ask::post("no json")).await.expect_error(400, -32700).await;
    assert_eq!(at("/sse").send(Ask::post(ping)).await.status, StatusCode::METHOD_NOT_ALLOWED);
}

#[tokio::test]
async fn it_is_off_unless_switched_on() {
    let node = node(false);
    let reply = node.endpoint().at("/sse").send(Ask::new(Method::GET).header("accept", "text/event-stream")).await;
    assert_eq!(reply.status, StatusCode::NOT_FOUND);
}
