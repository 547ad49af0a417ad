//! The modern client against a server that holds it to the rules, and parks what it is told to.

use std::collections::{BTreeMap, BTreeSet};
use std::convert::Infallible;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, Request, Response, StatusCode};
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

use super::calls;
use crate::client::{Ask, Dialect, Endpoint, EndpointArgs};
use crate::measure::Stop;
use crate::workload::{ChurnLoad, ParkLoad, call, churn, park};

#[derive(Default)]
struct Seen {
    /// Sessions by name; requests that named none are counted as `-`.
    sessions: BTreeMap<String, u64>,
    /// States that lead to a parked call.
    parked: BTreeSet<String>,
    most_parked: usize,
    asked: u64,
}

struct Server {
    url: String,
    seen: Arc<Mutex<Seen>>,
    accept: JoinHandle<()>,
}

impl Drop for Server {
    fn drop(&mut self) {
        self.accept.abort();
    }
}

impl Server {
    async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/mcp", listener.local_addr().unwrap());
        let seen = Arc::new(Mutex::new(Seen::default()));
        let shared = Arc::clone(&seen);
        let accept = tokio::spawn(async move {
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                let seen = Arc::clone(&shared);
                tokio::spawn(async move {
                    let service = service_fn(move |request| answer(Arc::clone(&seen), request));
                    let _ = http1::Builder::new().serve_connection(TokioIo::new(stream), service).await;
                });
            }
        });
        Self { url, seen, accept }
    }

    async fn endpoint(&self, dialect: Dialect, ask: Ask, tool: &str) -> Arc<Endpoint> {
        let args = EndpointArgs::new(&self.url, tool, "{}");
        Endpoint::resolve(&EndpointArgs { dialect, ask, ..args }).await.unwrap()
    }

    fn seen(&self) -> MutexGuard<'_, Seen> {
        self.seen.lock().unwrap()
    }
}

async fn answer(seen: Arc<Mutex<Seen>>, request: Request<Incoming>) -> Result<Response<Full<Bytes>>, Infallible> {
    let (head, body) = request.into_parts();
    let message: Value = serde_json::from_slice(&body.collect().await.unwrap().to_bytes()).unwrap();
    let result = result_of(&mut seen.lock().unwrap(), &head.headers, &message);
    let (status, outcome) = match result {
        Some(result) => (StatusCode::OK, ("result", result)),
        None => (StatusCode::BAD_REQUEST, ("error", json!({ "code": -32602, "message": "no" }))),
    };
    let text = json!({ "jsonrpc": "2.0", "id": message["id"], (outcome.0): outcome.1 }).to_string();
    let response = Response::builder().status(status).header("content-type", "application/json");
    Ok(response.body(Full::new(Bytes::from(text))).unwrap())
}

/// `None` for a request that breaks the rules.
fn result_of(seen: &mut Seen, headers: &HeaderMap, message: &Value) -> Option<Value> {
    let header = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
    let params = &message["params"];
    let version = params["_meta"]["io.modelcontextprotocol/protocolVersion"].as_str();
    let is_right = header("mcp-protocol-version") == version
        && version == Some("2026-07-28")
        && header("mcp-method") == message["method"].as_str()
        && header("mcp-name") == params["name"].as_str();
    if !is_right {
        return None;
    }
    *seen.sessions.entry(header("sessile-session").unwrap_or("-").to_owned()).or_default() += 1;
    let done = json!({ "resultType": "complete", "content": [] });
    match (message["method"].as_str()?, params["name"].as_str(), params["requestState"].as_str()) {
        ("tools/list", ..) => Some(json!({ "tools": [{ "name": "ask" }] })),
        ("server/discover", ..) => Some(json!({ "supportedVersions": ["2026-07-28"] })),
        (_, Some("ask"), None) => {
            seen.asked += 1;
            let state = format!("state {}", seen.asked);
            seen.parked.insert(state.clone());
            seen.most_parked = seen.most_parked.max(seen.parked.len());
            let question = json!({ "method": "elicitation/create", "params": { "message": "By how much?" } });
            Some(json!({ "resultType": "input_required", "inputRequests": { "k": question }, "requestState": state }))
        }
        (_, Some("ask"), Some(state)) => {
            let is_answer = params["inputResponses"]["k"] == json!({ "action": "accept", "content": { "by": 1 } });
            (seen.parked.remove(state) && is_answer).then_some(done)
        }
        _ => Some(done),
    }
}

#[tokio::test]
async fn each_session_of_a_modern_client_has_a_name_of_its_own() {
    let server = Server::start().await;
    let endpoint = server.endpoint(Dialect::Modern, Ask::Call, "increment").await;
    let sample = call(&endpoint, &calls(4, 2, 100), &Stop::default()).await;
    assert_eq!((sample.done, sample.faults.total()), (100, 0), "{sample:?}");
    let seen = server.seen();
    assert_eq!(seen.sessions.len(), 2, "{:?}", seen.sessions);
    assert_eq!(seen.sessions.values().sum::<u64>(), 102, "each session is opened with a call that does not count");
}

#[tokio::test]
async fn a_stateless_client_names_no_session_whatever_it_asks() {
    let server = Server::start().await;
    for ask in [Ask::Call, Ask::ListTools, Ask::Discover] {
        let endpoint = server.endpoint(Dialect::Stateless, ask, "increment").await;
        let sample = call(&endpoint, &calls(2, 2, 10), &Stop::default()).await;
        assert_eq!((sample.done, sample.faults.total()), (10, 0), "{ask:?}: {sample:?}");
    }
    let endpoint = server.endpoint(Dialect::Stateless, Ask::Call, "increment").await;
    let load = ChurnLoad { concurrency: 2, duration: Duration::from_secs(20), per_second: None, sessions: Some(10) };
    assert_eq!(churn(&endpoint, &load, &Stop::default()).await.done, 10);
    assert_eq!(server.seen().sessions, BTreeMap::from([("-".to_owned(), 46)]));
}

#[tokio::test]
async fn calls_wait_until_all_are_parked_and_each_is_answered() {
    let server = Server::start().await;
    let endpoint = server.endpoint(Dialect::Modern, Ask::Call, "ask").await;
    let load =
        ParkLoad { calls: 30, sessions: 12, at_least: 50, answer: json!({ "by": 1 }), pid: Some(std::process::id()) };
    let sample = park(&endpoint, &load, &Stop::default()).await;
    assert_eq!((sample.done, sample.faults.total()), (60, 0), "{sample:?}");
    let weight = sample.parked.unwrap();
    assert_eq!((weight.calls, weight.sessions), (30, 12));
    assert!(weight.message_kib_per_call() > 0.2 && weight.kib_beyond_messages().is_some(), "{weight:?}");
    assert!(weight.after.unwrap().threads > 0);
    let seen = server.seen();
    assert_eq!((seen.most_parked, seen.parked.len(), seen.sessions.len()), (30, 0, 12));
}

#[tokio::test]
async fn calls_that_cannot_be_parked_are_faults_and_weigh_nothing() {
    let server = Server::start().await;
    let endpoint = server.endpoint(Dialect::Modern, Ask::Call, "increment").await;
    let load = ParkLoad { calls: 3, sessions: 1, at_least: 1, answer: json!({}), pid: None };
    let sample = park(&endpoint, &load, &Stop::default()).await;
    assert_eq!((sample.done, sample.parked, sample.faults.by_kind["malformed"]), (0, None, 4), "{sample:?}");
}

#[tokio::test]
async fn a_legacy_client_cannot_discover() {
    let args = EndpointArgs { ask: Ask::Discover, ..EndpointArgs::new("http://127.0.0.1:1/mcp", "x", "{}") };
    let error = Endpoint::resolve(&args).await.unwrap_err();
    assert!(error.to_string().contains("--dialect modern"), "{error}");
}
