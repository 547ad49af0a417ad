//! A hundred thousand requests, each wrong in a way of its own: no panic, no hang, every answer well-formed, and the
//! node as well as before. The same requests in every run; `SESSILE_SEED` and `SESSILE_MUTATIONS` choose others.

mod body;
mod dice;
mod framing;
mod request;

use dice::Dice;
use futures_util::future::join_all;
use request::Mutant;
use serde_json::value::RawValue;
use serde_json::{Value, json};
use sessile_tests::node::{Start, manifest, words};
use sessile_tests::raw::{Broken, Raw, RawReply};
use sessile_tests::wait::{PATIENCE, until};
use sessile_tests::{Client, Endpoint, Home, Node, procfs};
use std::collections::BTreeMap;
use std::time::{Duration, Instant};

/// How many requests there are.
const MUTATIONS: usize = 100_000;
/// How many connections they come over at a time, each with a session.
const CONNECTIONS: usize = 8;
/// How many are sent before the first of them is answered.
const PIPELINED: usize = 25;
/// The most that the node may have grown in the end, in bytes.
const GROWTH: u64 = 100 << 20;

/// Sessions go idle soon and calls end soon: some mutants open sessions, and some are never answered by a server
/// that understands their ids otherwise.
const LIMITS: &str = "request_timeout = \"300ms\"\nidle_timeout = \"3s\"\nmessage = \"256KiB\"\nsessions = 16\nsessions_per_principal = 16";

fn number(name: &str, default: usize) -> usize {
    std::env::var(name).map_or(default, |text| text.parse().unwrap_or_else(|_| panic!("{name}={text} is no number")))
}

fn node() -> Node {
    let home = Home::new();
    let command = words(&home.fixture("hostile"), &["answers-twice"]);
    // Sessions are opened elsewhere than they are used, so that failed openings do not stand in the way.
    let text = manifest("", &[("used", &command, LIMITS), ("opened", &command, LIMITS)]);
    // Each refusal is worth a line of the log only to whoever looks for one.
    Start::serve(home, "sessile.toml", &text).option(&["--log", "warn,sessile=error"]).start()
}

/// What the answers were, by status.
type Tally = BTreeMap<u16, usize>;

/// Opens a session, waiting for a place if need be.
async fn open(endpoint: &Endpoint) -> Client {
    let deadline = Instant::now() + PATIENCE;
    loop {
        let reply = Client::at(endpoint).reply().await;
        if reply.status == 200 && !reply.header("mcp-session-id").is_empty() {
            return Client::resumed(endpoint, reply.header("mcp-session-id"));
        }
        assert!(Instant::now() < deadline, "no session can be opened any more: {}", reply.text().await);
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// One connection after the other, until all its requests are sent.
async fn worker(endpoint: Endpoint, mut dice: Dice, count: usize) -> Tally {
    let mut tally = Tally::new();
    let mut client = open(&endpoint).await;
    let mut left = count;
    while left > 0 {
        let batch: Vec<Mutant> = if dice.one_in(4) {
            vec![framing::mutant(&mut dice, &client)]
        } else {
            (0..PIPELINED.min(left)).map(|_| request::mutant(&mut dice, &client)).collect()
        };
        left -= send(&endpoint, &batch, &mut tally).await.min(left);
        // Some mutants end the session, as they may. One that is gone would refuse all that follow alike.
        if !client.post(r#"{"jsonrpc":"2.0","id":"c","method":"ping"}"#).await.status.is_success() {
            client = open(&endpoint).await;
        }
    }
    tally
}

/// Sends a batch over one connection, and returns how many of it were answered, or refused with the connection.
async fn send(endpoint: &Endpoint, batch: &[Mutant], tally: &mut Tally) -> usize {
    let mut raw = Raw::connect(endpoint.address).await.expect("the node listens");
    let bytes: Vec<u8> = batch.iter().flat_map(|mutant| mutant.bytes.iter().copied()).collect();
    // The node may close before it has read all of it.
    let _closed = raw.send(&bytes).await;
    let well_framed = batch.iter().all(|mutant| mutant.is_framed);
    if !well_framed {
        raw.finish().await;
    }
    let mut answered = 0;
    for mutant in batch {
        match raw.reply(mutant.is_head).await {
            Ok(reply) => {
                check(mutant, &reply);
                *tally.entry(reply.status).or_default() += 1;
                answered += 1;
                if !reply.keeps_alive {
                    break;
                }
            }
            Err(Broken::Closed) if answered > 0 || !well_framed => {
                *tally.entry(0).or_default() += 1;
                break;
            }
            Err(broken) => panic!("{broken:?} after {answered} answers to {:?}", mutant.shown()),
        }
    }
    answered.max(1)
}

/// Whatever was asked, the answer is one.
fn check(mutant: &Mutant, reply: &RawReply) {
    let about =
        || format!("{:?}\n  answered {} {:?}", mutant.shown(), reply.status, String::from_utf8_lossy(&reply.body));
    assert!(
        matches!(reply.status, 200 | 202 | 204 | 400 | 401 | 403..=406 | 408 | 413..=415 | 429 | 431 | 503 | 505),
        "{}",
        about()
    );
    if reply.header("content-type") == "application/json" && !mutant.is_head {
        // Member by member: an id may be a number that no type of this test holds.
        let members: BTreeMap<String, Box<RawValue>> =
            serde_json::from_slice(&reply.body).unwrap_or_else(|error| panic!("{error}: {}", about()));
        if members.contains_key("status") {
            return; // /healthz and /readyz
        }
        assert_eq!(members.get("jsonrpc").map(|version| version.get()), Some("\"2.0\""), "{}", about());
        assert!(members.contains_key("id"), "{}", about());
        let error =
            members.get("error").map_or(Value::Null, |error| serde_json::from_str(error.get()).unwrap_or_default());
        let is_error = error["code"].is_i64() && error["message"].as_str().is_some_and(|text| !text.is_empty());
        assert!(is_error != members.contains_key("result"), "{}", about());
        assert!(is_error || reply.status == 200, "{}", about());
    }
    if matches!(reply.status, 202 | 204) {
        assert!(reply.body.is_empty(), "{}", about());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn no_request_harms_the_node() {
    let node = node();
    let endpoint = node.server("used");
    let seed = number("SESSILE_SEED", 20_261_121);
    let count = number("SESSILE_MUTATIONS", MUTATIONS);
    let (memory, files) = (procfs::resident_bytes(node.pid()), procfs::open_files(node.pid()));
    let began = Instant::now();
    let workers = (0..CONNECTIONS).map(|number| {
        let dice = Dice::new(seed as u64 + number as u64);
        tokio::spawn(worker(endpoint.clone(), dice, count / CONNECTIONS))
    });
    let mut tally = Tally::new();
    for of_one in join_all(workers).await {
        for (status, count) in of_one.expect("a worker found no fault") {
            *tally.entry(status).or_default() += count;
        }
    }
    println!("{count} mutants in {:?}, by status (0: closed): {tally:?}", began.elapsed());
    // Mutants that are all refused for one reason would prove little.
    for status in [200, 202, 400, 403, 404, 405, 406, 413, 415] {
        assert!(tally.get(&status).is_some_and(|count| *count > 20), "too few answers of {status}: {tally:?}");
    }

    assert_eq!(node.endpoint().at("/healthz").get_json().await["status"], "ok");
    let mut client = open(&endpoint).await;
    assert_eq!(client.call("ping", json!({})).await, "pong");
    client.close().await;
    node.admin().all_ended().await;
    until("all connections are closed", PATIENCE, async || (procfs::open_files(node.pid()) <= files + 5).then_some(()))
        .await;
    let growth = procfs::resident_bytes(node.pid()).saturating_sub(memory);
    assert!(growth < GROWTH, "the node grew by {} MiB", growth >> 20);
    node.stop();
}
