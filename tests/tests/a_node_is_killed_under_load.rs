//! A node is killed again and again while sessions are busy, and its place is taken by another one: no session is lost, no call is run
//! twice, and clients see a pause. One that is asked to leave answers every call before.
//!
//! `SESSILE_KILLS=20 SESSILE_BUSY=50` tries harder than the default, and `--nocapture` shows the pauses.

use rustix::process::Signal;
use serde_json::json;
use sessile_tests::client::text_of;
use sessile_tests::http::{Connection, Reply};
use sessile_tests::node::{Start, table, words};
use sessile_tests::{Ask, Client, Home};
use std::net::TcpListener;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

/// How long sessions work between two kills.
const WORK: Duration = Duration::from_millis(700);

fn number(variable: &str, usual: usize) -> usize {
    std::env::var(variable).ok().and_then(|text| text.parse().ok()).unwrap_or(usual)
}

/// What one client saw.
#[derive(Debug, Default)]
struct Seen {
    sent: i64,
    answered: i64,
    /// The last count it was told.
    count: i64,
    longest_pause: Duration,
}

/// Asks on a connection that is kept, as clients do, for as long as the node keeps it.
async fn ask(client: &Client, kept: &mut Option<Connection>, call: String) -> Result<Reply, String> {
    let mut connection = match kept.take() {
        Some(connection) => connection,
        None => Connection::open(client.endpoint.address).await?,
    };
    let reply = connection.send(client.sign(Ask::post(call)), &client.endpoint.path).await?;
    *kept = Some(connection);
    Ok(reply)
}

/// Counts in its session until it is told to stop. A call that breaks off is not repeated: the next one is another call.
async fn count(client: Client, is_over: Arc<AtomicBool>) -> Seen {
    let mut seen = Seen::default();
    let mut last = Instant::now();
    let mut kept = None;
    while !is_over.load(Ordering::Relaxed) {
        seen.sent += 1;
        let call = json!({ "jsonrpc": "2.0", "id": seen.sent, "method": "tools/call", "params": { "name": "increment", "arguments": {} } });
        let Ok(reply) = ask(&client, &mut kept, call.to_string()).await else { continue };
        assert_eq!(reply.status, 200, "the session is there");
        let is_last = reply.header("connection") == "close";
        let answer = reply.try_json().await;
        if is_last || answer.is_none() {
            kept = None;
        }
        let Some(answer) = answer else { continue };
        let error = &answer["error"]["data"]["reason"];
        if error == "node_lost" {
            continue;
        }
        let count: i64 = text_of(&answer["result"]).parse().unwrap_or_else(|_| panic!("{answer}"));
        assert!(count > seen.count, "told {count} after {}", seen.count);
        assert!(count <= seen.sent, "counted {count} of {} calls: one was run twice", seen.sent);
        seen.count = count;
        seen.answered += 1;
        seen.longest_pause = seen.longest_pause.max(last.elapsed());
        last = Instant::now();
    }
    seen
}

#[tokio::test(flavor = "multi_thread")]
async fn no_session_is_lost_and_no_call_is_run_twice() {
    end_and_count(Signal::KILL, "counter", &[], "", number("SESSILE_BUSY", 16)).await;
}

/// As a service manager exchanges it for the next version: calls are answered, on connections that are kept from call to call.
#[tokio::test(flavor = "multi_thread")]
async fn calls_are_answered_when_it_leaves() {
    let tally = end_and_count(Signal::USR2, "counter", &[], "", number("SESSILE_BUSY", 16)).await;
    // Only on a machine that stands still may a client be too late with its next one.
    let handed_over = i64::try_from(number("SESSILE_KILLS", 4) * number("SESSILE_BUSY", 16)).unwrap();
    assert!(tally.sent - tally.answered <= handed_over / 10, "{} of {} calls", tally.answered, tally.sent);
}

/// The connections to such servers end with each node.
#[tokio::test(flavor = "multi_thread")]
async fn nor_of_servers_that_speak_http() {
    end_and_count(Signal::KILL, "http", &["--era", "legacy"], "port = 8000", number("SESSILE_BUSY", 16) / 2).await;
}

/// What all clients saw.
struct Tally {
    sent: i64,
    answered: i64,
}

async fn end_and_count(how: Signal, fixture: &str, arguments: &[&str], keys: &str, busy: usize) -> Tally {
    let kills = number("SESSILE_KILLS", 4);
    let socket = Arc::new(TcpListener::bind("127.0.0.1:0").unwrap());
    let home = Home::new();
    let command = words(&home.fixture(fixture), arguments);
    let limits = "limits = { sessions = 200, sessions_per_principal = 200 }";
    let manifest = table("it", &command, &format!("{keys}\n{limits}"));
    let mut node = Start::serve(home, "sessile.toml", &manifest).given(&socket).start();
    let is_over = Arc::new(AtomicBool::new(false));
    let mut clients = Vec::new();
    for _ in 0..busy {
        let client = Client::open(node.endpoint()).await;
        clients.push((client.clone(), tokio::spawn(count(client, Arc::clone(&is_over)))));
    }
    for _ in 0..kills {
        tokio::time::sleep(WORK).await;
        node = tokio::task::spawn_blocking(move || node.restart(how)).await.unwrap();
        assert_eq!(node.admin().live().await.len(), busy, "{}", node.log());
    }
    tokio::time::sleep(WORK).await;
    is_over.store(true, Ordering::Relaxed);
    let (mut sent, mut answered, mut pauses) = (0, 0, Vec::new());
    for (mut client, task) in clients {
        let seen = task.await.unwrap();
        // The server's own word, at the end: every answer was counted once, and no call twice.
        let count: i64 = client.call("increment", json!({ "by": 0 })).await.parse().unwrap();
        assert!(seen.answered <= count && count <= seen.sent, "{count}: {seen:?}");
        assert_eq!(client.endpoint, *node.endpoint());
        (sent, answered) = (sent + seen.sent, answered + seen.answered);
        pauses.push(seen.longest_pause);
    }
    pauses.sort();
    println!(
        "{busy} sessions, {kills} times {how:?}, {sent} calls sent, {answered} answered; longest pause of a client: median {:?}, most {:?}",
        pauses[pauses.len() / 2],
        pauses.last().unwrap()
    );
    node.stop();
    Tally { sent, answered }
}
