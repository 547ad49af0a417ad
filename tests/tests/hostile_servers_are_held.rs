//! A bad server ends, or is borne, and nobody else notices: neither its neighbours nor the node's memory.

use serde_json::{Value, json};
use sessile_tests::client::{last_message, text_of};
use sessile_tests::node::{Start, manifest, words};
use sessile_tests::wait::{PATIENCE, until};
use sessile_tests::{Client, Home, Node, binaries, procfs};
use std::time::{Duration, Instant};
use tokio::task::JoinHandle;

/// The most that the node may grow in the whole of an attack, in bytes.
const GROWTH: u64 = 150 << 20;
/// The longest that a neighbour may wait for nine answers in ten, and for any. Loose: attacks and tests share two cores.
const NEIGHBOUR: [Duration; 2] = [Duration::from_secs(2), Duration::from_secs(10)];

/// Small enough that an attack reaches them at once.
const LIMITS: [&str; 5] =
    ["memory = \"96MiB\"", "pids = 40", "cpu = 0.8", "message = \"4MiB\"", "idle_timeout = \"10m\""];

/// Those limits, and `more` in their place where it names the same.
fn limits(more: &str) -> String {
    let named: Vec<_> = more.lines().filter_map(|line| line.split(" = ").next()).collect();
    let rest = LIMITS.iter().filter(|line| !named.contains(&line.split(" = ").next().unwrap_or_default()));
    rest.copied().chain(more.lines()).collect::<Vec<_>>().join("\n")
}

/// A node with a hostile server and a good one, and a session of each.
struct Siege {
    node: Node,
    bad: Client,
    neighbour: JoinHandle<Vec<Duration>>,
    done: tokio::sync::watch::Sender<bool>,
    memory_before: u64,
    memory: JoinHandle<u64>,
}

impl Siege {
    async fn lay(mode: &str, more: &str) -> Self {
        let home = Home::new();
        let (bad, good) = (words(&home.fixture("hostile"), &[mode]), words(&home.fixture("counter"), &[]));
        let text = manifest("", &[("bad", &bad, &limits(more)), ("good", &good, "")]);
        let node = Start::serve(home, "sessile.toml", &text).start();
        let bad = Client::open(&node.server("bad")).await;
        let good = Client::open(&node.server("good")).await;
        let memory_before = procfs::resident_bytes(node.pid());
        let (done, is_done) = tokio::sync::watch::channel(false);
        let neighbour = tokio::spawn(call_on_and_on(good, is_done.clone()));
        let memory = tokio::spawn(watch_memory(node.pid(), is_done));
        Self { node, bad, neighbour, done, memory_before, memory }
    }

    /// Begins the attack, and returns what its call is answered.
    async fn attack(&mut self) -> Value {
        last_message(self.bad.begin("attack", json!({})).await).await
    }

    /// The end of the hostile session.
    async fn end(&self) -> Value {
        until("the hostile session has ended", PATIENCE, async || {
            let sessions = self.node.admin().sessions().await;
            let bad = sessions.into_iter().find(|session| session["server"] == "bad")?;
            (bad["state"] == "stopped").then(|| bad["end"].clone())
        })
        .await
    }

    async fn still_answers(&mut self) {
        assert_eq!(self.bad.call("ping", json!({})).await, "pong", "the session goes on");
    }

    /// The neighbour was answered all the while, the node has not grown, and nothing is left.
    async fn lift(self) {
        self.done.send(true).unwrap();
        let mut waits = self.neighbour.await.expect("the neighbour was answered");
        waits.sort();
        let (most, worst) = (waits[waits.len() * 9 / 10], waits[waits.len() - 1]);
        assert!(most < NEIGHBOUR[0] && worst < NEIGHBOUR[1], "the neighbour waited {most:?}, and {worst:?}");
        let peak = self.memory.await.unwrap();
        let growth = peak.saturating_sub(self.memory_before);
        assert!(growth < GROWTH, "the node grew by {} MiB", growth >> 20);
        println!("neighbour's worst wait {worst:?}, growth {} KiB", growth >> 10);
        drop(self.bad);
        self.node.stop();
    }
}

/// Calls again and again, and returns how long each answer took.
async fn call_on_and_on(mut client: Client, done: tokio::sync::watch::Receiver<bool>) -> Vec<Duration> {
    let mut waits = Vec::new();
    let mut count = 0;
    loop {
        // At least once after the attack, too.
        let last = *done.borrow();
        let began = Instant::now();
        count += 1;
        assert_eq!(client.call("increment", json!({})).await, count.to_string());
        waits.push(began.elapsed());
        if last {
            return waits;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

async fn watch_memory(pid: u32, done: tokio::sync::watch::Receiver<bool>) -> u64 {
    let mut peak = 0;
    while !*done.borrow() {
        peak = peak.max(procfs::resident_bytes(pid));
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    peak
}

/// Attacks after which the answer comes, and the session goes on.
async fn is_borne(mode: &str, answer: &str) {
    let mut siege = Siege::lay(mode, "").await;
    let answered = siege.attack().await;
    assert_eq!(text_of(&answered["result"]), answer, "{mode}");
    siege.still_answers().await;
    siege.lift().await;
}

/// Attacks that end their session, for `reason`, with an error to the call.
async fn ends(mode: &str, limits: &str, reason: &str) -> Value {
    let mut siege = Siege::lay(mode, limits).await;
    let answered = siege.attack().await;
    assert_eq!(answered["error"]["code"], -32000, "{mode}: {answered}");
    assert_eq!(answered["error"]["data"]["reason"], reason, "{mode}: {answered}");
    let end = siege.end().await;
    assert_eq!(end["reason"], reason, "{mode}: {end}");
    siege.lift().await;
    end
}

#[tokio::test]
async fn answering_twice_is_noticed() {
    let mut siege = Siege::lay("answers-twice", "").await;
    let answered = siege.attack().await;
    assert_eq!(text_of(&answered["result"]), "first", "the first answer is the answer");
    siege.still_answers().await;
    assert!(siege.node.admin().metric("sessile_dropped_total", "answer").await >= 1.0, "the second is counted");
    siege.lift().await;
}

#[tokio::test]
async fn answers_to_requests_never_made_reach_nobody() {
    is_borne("unknown-ids", "and this one was asked for").await;
}

#[tokio::test]
async fn a_flood_of_stderr_is_shed() {
    let mut siege = Siege::lay("stderr-flood", "request_timeout = \"5s\"").await;
    // A GiB does not fit into the rate that is read, so the call does not end before its timeout.
    let answered = siege.attack().await;
    assert_eq!(answered["error"]["code"], -32007, "{answered}");
    until("lines are shed", PATIENCE, async || {
        (siege.node.admin().metric("sessile_dropped_total", "stderr_shed").await > 1000.0).then_some(())
    })
    .await;
    assert!(siege.node.log().len() < 10 << 20, "the log is bounded: {} bytes", siege.node.log().len());
    siege.bad.clone().close().await;
    assert_eq!(siege.end().await["reason"], "client_delete");
    siege.lift().await;
}

#[tokio::test]
async fn bytes_that_are_no_text_end_the_session() {
    ends("binary", "", "protocol_violation").await;
}

#[tokio::test]
async fn an_answer_nested_without_end_is_no_message() {
    let mut siege = Siege::lay("depth-bomb", "request_timeout = \"2s\"").await;
    // The line is no message, so nothing answers the call but its timeout; one such line ends no session.
    let answered = siege.attack().await;
    assert!(answered["error"]["code"].is_i64(), "{answered}");
    siege.still_answers().await;
    siege.lift().await;
}

#[tokio::test]
async fn an_answer_of_a_gib_in_one_line_is_never_held() {
    ends("long-line", "", "protocol_violation").await;
}

#[tokio::test]
async fn an_answer_that_never_ends_is_given_up() {
    let mut siege = Siege::lay("half-line", "request_timeout = \"2s\"").await;
    let answered = siege.attack().await;
    assert_eq!(answered["error"]["code"], -32007, "{answered}");
    siege.bad.clone().close().await;
    assert_eq!(siege.end().await["reason"], "client_delete");
    siege.lift().await;
}

#[tokio::test]
async fn a_server_that_closes_its_mouth_is_no_server() {
    ends("close-stdout", "", "protocol_violation").await;
}

#[tokio::test]
async fn an_exit_in_the_middle_of_a_call_is_told() {
    let end = ends("exit-mid-call", "", "server_exit").await;
    assert_eq!(end["exit"], "exit code 7");
    assert!(end["stderr_tail"].as_str().unwrap().contains("leaving without an answer"), "{end}");
}

#[tokio::test]
async fn memory_is_bounded_and_its_end_is_named() {
    if binaries::host_enforces("out_of_memory") {
        let end = ends("memory-hog", "", "out_of_memory").await;
        assert!(end["memory_peak"].as_u64().is_some_and(|peak| peak > 50 << 20 && peak < 120 << 20), "{end}");
    } else {
        // Without a cgroup an allocation fails, and what comes of that is up to the server.
        let end = ends("memory-hog", "", "server_exit").await;
        assert!(end["stderr_tail"].as_str().unwrap().contains("memory allocation"), "{end}");
    }
}

#[tokio::test]
async fn a_fork_bomb_stays_in_its_box() {
    let mut siege = Siege::lay("fork-bomb", "request_timeout = \"2s\"\nmemory = \"512MiB\"").await;
    let answered = siege.attack().await;
    assert!(answered["error"]["code"].is_i64(), "{answered}");
    let inside = procfs::descendants(siege.node.pid()).len();
    assert!(inside <= 40 + 20, "{inside} processes below the node; the bad session may have 40");
    siege.bad.clone().close().await;
    assert_eq!(siege.end().await["reason"], "client_delete");
    siege.lift().await;
}

#[tokio::test]
async fn a_process_that_hides_ends_with_its_session() {
    let mut siege = Siege::lay("double-fork", "").await;
    let answered = siege.attack().await;
    assert!(text_of(&answered["result"]).starts_with("left process"), "{answered}");
    siege.still_answers().await;
    let footprint = siege.node.footprint();
    let good_remains = |left: &str| left.contains("fixture-counter") || !left.starts_with("process");
    let hidden = |footprint: &sessile_tests::leaks::Footprint| {
        footprint.remains().into_iter().filter(|left| left.contains("fixture-hostile") && !good_remains(left)).count()
    };
    assert!(hidden(&footprint) >= 2, "the server and what it left behind: {:?}", footprint.remains());
    siege.bad.clone().close().await;
    siege.end().await;
    let gone = until("the hidden process is gone", PATIENCE, async || (hidden(&footprint) == 0).then_some(true));
    assert!(gone.await);
    siege.lift().await;
}

#[tokio::test]
async fn a_server_that_does_not_listen_does_not_fill_the_node() {
    let mut siege = Siege::lay("never-reads-stdin", "in_flight = 64").await;
    assert_eq!(text_of(&siege.attack().await["result"]), "not listening any more");
    // Notifications need no place in flight; they pile up until there is no room, and then are refused.
    let text = "x".repeat(1 << 20);
    let body = json!({ "jsonrpc": "2.0", "method": "notifications/roots/list_changed", "params": { "x": text } });
    let (mut taken, body) = (0, body.to_string());
    let refused = loop {
        let reply = siege.bad.post(body.clone()).await;
        if reply.status != 202 {
            break reply;
        }
        taken += 1;
        assert!(taken < 20, "20 MiB are held for a server that does not read, with a limit of 4 MiB for a message");
    };
    refused.expect_error(429, -32003).await;
    assert!(taken >= 4, "a whole message may wait: {taken} MiB");
    siege.bad.clone().close().await;
    assert_eq!(siege.end().await["reason"], "client_delete");
    siege.lift().await;
}

#[tokio::test]
async fn a_server_that_will_not_go_is_made_to() {
    let mut siege = Siege::lay("ignores-term", "").await;
    assert_eq!(text_of(&siege.attack().await["result"]), "staying");
    let began = Instant::now();
    siege.bad.clone().close().await;
    let end = siege.end().await;
    assert_eq!((&end["reason"], &end["exit"]), (&json!("client_delete"), &json!("killed by the runtime")), "{end}");
    assert!(began.elapsed() < Duration::from_secs(10), "it took {:?}", began.elapsed());
    siege.lift().await;
}
