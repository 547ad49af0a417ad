mod modern;

use std::collections::BTreeSet;
use std::convert::Infallible;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use bytes::Bytes;
use http::{Method, Request, Response, StatusCode};
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

use super::{
    Budget, BystanderLoad, CallLoad, ChurnLoad, NewSessionLoad, Pace, ScaleLoad, bystander, call, churn, new_session,
    scale,
};
use crate::client::{Endpoint, EndpointArgs};
use crate::measure::Stop;

/// How the server under the load behaves.
#[derive(Clone, Copy, PartialEq)]
enum Manner {
    Json,
    Stream,
    /// Every other call is answered with the id of another.
    WrongIds,
    /// Every call is answered with `isError`.
    Failing,
    /// Every connection is closed after one answer.
    Closing,
}

#[derive(Default)]
struct Seen {
    live: Mutex<BTreeSet<String>>,
    most: AtomicU64,
    opened: AtomicU64,
    calls: AtomicU64,
}

struct Server {
    endpoint: Arc<Endpoint>,
    seen: Arc<Seen>,
    accept: JoinHandle<()>,
}

impl Drop for Server {
    fn drop(&mut self) {
        self.accept.abort();
    }
}

async fn server(manner: Manner) -> Server {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/mcp", listener.local_addr().unwrap());
    let seen = Arc::new(Seen::default());
    let shared = Arc::clone(&seen);
    let accept = tokio::spawn(async move {
        loop {
            let (stream, _) = listener.accept().await.unwrap();
            let seen = Arc::clone(&shared);
            tokio::spawn(async move {
                let service = service_fn(move |request| answer(manner, Arc::clone(&seen), request));
                let keep_alive = manner != Manner::Closing;
                let _ =
                    http1::Builder::new().keep_alive(keep_alive).serve_connection(TokioIo::new(stream), service).await;
            });
        }
    });
    let endpoint = Endpoint::resolve(&EndpointArgs::new(&url, "increment", "{}")).await.unwrap();
    Server { endpoint, seen, accept }
}

async fn answer(
    manner: Manner,
    seen: Arc<Seen>,
    request: Request<Incoming>,
) -> Result<Response<Full<Bytes>>, Infallible> {
    let (head, body) = request.into_parts();
    let body = body.collect().await.unwrap().to_bytes();
    let header = |name: &str| head.headers.get(name).map(|value| value.to_str().unwrap().to_owned());
    let plain = |status: StatusCode| Ok(Response::builder().status(status).body(Full::default()).unwrap());
    if let Some(session) = header("mcp-session-id") {
        if !seen.live.lock().unwrap().contains(&session)
            || header("mcp-protocol-version").as_deref() != Some("2025-11-25")
        {
            return plain(StatusCode::NOT_FOUND);
        }
        if head.method == Method::DELETE {
            seen.live.lock().unwrap().remove(&session);
            return plain(StatusCode::NO_CONTENT);
        }
    }
    let message: Value = serde_json::from_slice(&body).unwrap();
    let is_call = message["method"] == "tools/call";
    let mut id = message["id"].clone();
    let mut response = Response::builder();
    let result = match message["method"].as_str().unwrap() {
        "initialize" => {
            let session = format!("s{}", seen.opened.fetch_add(1, Ordering::Relaxed));
            response = response.header("mcp-session-id", &session);
            let mut live = seen.live.lock().unwrap();
            live.insert(session);
            seen.most.fetch_max(live.len() as u64, Ordering::Relaxed);
            json!({"protocolVersion": "2025-11-25"})
        }
        "tools/call" => json!({"content": [], "isError": manner == Manner::Failing}),
        _ => return plain(StatusCode::ACCEPTED),
    };
    if is_call && seen.calls.fetch_add(1, Ordering::Relaxed) % 2 == 1 && manner == Manner::WrongIds {
        id = json!(-1);
    }
    let answer = json!({"jsonrpc": "2.0", "id": id, "result": result});
    let (kind, text) = if manner == Manner::Stream {
        let notice = json!({"jsonrpc": "2.0", "method": "notifications/message"});
        ("text/event-stream", format!("id: 0\ndata:\n\ndata: {notice}\n\nid: 1\ndata: {answer}\n\n"))
    } else {
        ("application/json", answer.to_string())
    };
    Ok(response.header("content-type", kind).body(Full::new(Bytes::from(text))).unwrap())
}

fn calls(clients: usize, sessions: usize, requests: u64) -> CallLoad {
    CallLoad { clients, sessions, duration: Duration::from_secs(20), warmup: Duration::ZERO, requests: Some(requests) }
}

#[tokio::test]
async fn calls_are_counted_and_every_session_is_ended() {
    for manner in [Manner::Json, Manner::Stream, Manner::Closing] {
        let server = server(manner).await;
        let sample = call(&server.endpoint, &calls(4, 2, 100), &Stop::default()).await;
        assert_eq!((sample.done, sample.faults.total()), (100, 0), "{sample:?}");
        assert_eq!(sample.latencies.count(), 100);
        assert_eq!(server.seen.opened.load(Ordering::Relaxed), 2);
        assert!(server.seen.live.lock().unwrap().is_empty());
    }
}

#[tokio::test]
async fn wrong_answers_are_faults_and_not_calls() {
    let wrong = server(Manner::WrongIds).await;
    let sample = call(&wrong.endpoint, &calls(1, 1, 20), &Stop::default()).await;
    assert_eq!((sample.done, sample.faults.by_kind["wrong_id"]), (10, 10), "{sample:?}");
    let failing = server(Manner::Failing).await;
    // Twenty faults in a row end a worker, however many calls were asked for.
    let sample = call(&failing.endpoint, &calls(1, 1, 1_000), &Stop::default()).await;
    assert_eq!((sample.done, sample.faults.by_kind["tool_failed"]), (0, 20), "{sample:?}");
}

#[tokio::test]
async fn new_sessions_come_one_after_another() {
    let server = server(Manner::Json).await;
    let load = NewSessionLoad { count: 5, pause: Duration::ZERO, at_most: Duration::from_secs(20) };
    let sample = new_session(&server.endpoint, &load, &Stop::default()).await;
    assert_eq!((sample.done, sample.faults.total()), (5, 0), "{sample:?}");
    assert_eq!(server.seen.most.load(Ordering::Relaxed), 1);
    assert!(server.seen.live.lock().unwrap().is_empty());
}

#[tokio::test]
async fn churn_holds_its_number_and_its_rate() {
    let server = server(Manner::Stream).await;
    let load =
        ChurnLoad { concurrency: 4, duration: Duration::from_secs(20), per_second: Some(100.0), sessions: Some(30) };
    let began = Instant::now();
    let sample = churn(&server.endpoint, &load, &Stop::default()).await;
    assert_eq!((sample.done, sample.faults.total()), (30, 0), "{sample:?}");
    assert!(began.elapsed() >= Duration::from_millis(290), "30 sessions at 100 per second take 0.3 s");
    assert!(server.seen.most.load(Ordering::Relaxed) <= 4);
    assert!(server.seen.live.lock().unwrap().is_empty());
}

#[tokio::test]
async fn a_bystander_calls_beside_churn() {
    let server = server(Manner::Json).await;
    let load = BystanderLoad { per_second: 100.0, duration: Duration::from_millis(300) };
    let beside = ChurnLoad { concurrency: 2, duration: load.duration, per_second: Some(50.0), sessions: None };
    let (calm, churned) = bystander(&server.endpoint, &load, Some(&beside), &Stop::default()).await;
    assert!((10..=31).contains(&calm.done), "{calm:?}");
    assert!((5..=16).contains(&churned.done), "{churned:?}");
    assert_eq!(calm.faults.total() + churned.faults.total(), 0);
    assert!(server.seen.live.lock().unwrap().is_empty());
}

#[tokio::test]
async fn scale_climbs_and_comes_back() {
    let server = server(Manner::Json).await;
    let load = ScaleLoad { steps: vec![2, 20], duration: Duration::from_millis(20), pid: Some(std::process::id()) };
    let steps = scale(&server.endpoint, &load, &Stop::default()).await;
    assert_eq!(steps.iter().map(|step| step.sessions).collect::<Vec<_>>(), [2, 20, 2]);
    for step in &steps {
        assert!(step.sample.done > 0 && step.sample.faults.total() == 0, "{step:?}");
        assert!(step.sample.resident_kib.is_some());
    }
    assert_eq!(server.seen.most.load(Ordering::Relaxed), 20);
    assert!(server.seen.live.lock().unwrap().is_empty());
}

#[tokio::test]
async fn a_stop_ends_the_load_and_leaves_no_session() {
    let server = server(Manner::Json).await;
    let stop = Stop::default();
    let load = CallLoad { requests: None, ..calls(2, 2, 0) };
    let began = Instant::now();
    let (sample, ()) = tokio::join!(call(&server.endpoint, &load, &stop), async {
        tokio::time::sleep(Duration::from_millis(100)).await;
        stop.set();
    });
    assert!(began.elapsed() < Duration::from_secs(10));
    assert!(sample.done > 0);
    assert!(server.seen.live.lock().unwrap().is_empty());
}

#[tokio::test]
async fn an_address_that_nobody_listens_on_is_a_fault() {
    let endpoint = Endpoint::resolve(&EndpointArgs::new("http://127.0.0.1:1/mcp", "increment", "{}")).await.unwrap();
    let sample = call(&endpoint, &calls(1, 1, 5), &Stop::default()).await;
    assert_eq!((sample.done, sample.faults.by_kind["connection"]), (0, 1), "{sample:?}");
}

#[tokio::test]
async fn load_goes_to_this_machine_unless_told_otherwise() {
    let mut args = EndpointArgs::new("http://192.0.2.1/mcp", "increment", "{}");
    let error = Endpoint::resolve(&args).await.unwrap_err();
    assert!(error.to_string().contains("--allow-remote"), "{error}");
    args.allow_remote = true;
    assert!(Endpoint::resolve(&args).await.is_ok());
}

#[test]
fn a_budget_is_spent_once() {
    let budget = Budget::new(Some(2));
    assert_eq!([budget.take(), budget.take(), budget.take()], [true, true, false]);
}

#[test]
fn a_pace_is_even_and_does_not_catch_up_after_a_stall() {
    let begin = Instant::now();
    let pace = Pace::new(100.0, begin);
    let at = |millis: u64| begin + Duration::from_millis(millis);
    assert_eq!([pace.next(begin), pace.next(begin), pace.next(begin)], [at(0), at(10), at(20)]);
    // Five seconds of stall: only the last 200 ms of missed starts are made up for.
    assert_eq!(pace.next(at(5_000)), at(4_800));
    assert_eq!(pace.next(at(5_000)), at(4_810));
}
