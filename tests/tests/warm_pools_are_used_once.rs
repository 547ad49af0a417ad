//! Sandboxes that are started ahead of need: each becomes one session, and none is left.

use rustix::process::{Pid, Signal, kill_process};
use serde_json::{Value, json};
use sessile_tests::modern::Modern;
use sessile_tests::node::{GONE_WITHIN, Start, table, words};
use sessile_tests::wait::{PATIENCE, until};
use sessile_tests::{Client, Home, Node, Script, procfs};
use std::collections::HashSet;
use std::process::Command;

/// A node that keeps counters warm.
fn pooled(pool: &str) -> Node {
    Node::configured("counter", &[], &format!("pool = {{ {pool} }}"))
}

async fn in_state(node: &Node, state: &str) -> Vec<String> {
    let sessions = node.admin().sessions().await;
    let of_state = sessions.iter().filter(|session| session["state"] == state);
    of_state.map(|session| session["name"].as_str().expect("a session has a name").to_owned()).collect()
}

/// Waits until so many sandboxes are warm, and returns their names.
async fn warm(node: &Node, count: usize) -> Vec<String> {
    until(format!("{count} sandboxes are warm"), PATIENCE, async || {
        let names = in_state(node, "warm").await;
        (names.len() == count).then_some(names)
    })
    .await
}

async fn starts(node: &Node, kind: &str) -> f64 {
    node.admin().metric("sessile_sessions_started_total", &format!("kind=\"{kind}\"")).await
}

async fn ended(node: &Node, reason: &str) -> f64 {
    node.admin().metric("sessile_pool_ended_total", &format!("reason=\"{reason}\"")).await
}

/// The processes of this node's servers.
fn servers(node: &Node) -> Vec<u32> {
    let below = procfs::descendants(node.pid()).into_iter().map(|process| process.pid);
    below.filter(|pid| procfs::command_line(*pid).contains("fixture-counter")).collect()
}

#[tokio::test]
async fn a_session_begins_in_a_sandbox_that_is_there_already() {
    let node = pooled("warm = 2");
    let waiting = warm(&node, 2).await;
    assert_eq!(node.admin().metric("sessile_pool_warm", "").await, 2.0);
    let row = node.admin().sessions().await.remove(0);
    assert_eq!((&row["principal"], &row["calls"], &row["end"]), (&Value::Null, &json!(0), &Value::Null), "{row}");
    let mut client = Client::open(node.endpoint()).await;
    assert_eq!(client.call("increment", json!({})).await, "1");
    let modern = Modern::at(node.endpoint()).session("mine");
    assert_eq!(modern.call("increment", json!({})).await, "1");
    let sessions: Vec<String> = node
        .admin()
        .sessions()
        .await
        .iter()
        .filter(|it| it["calls"] != 0)
        .map(|it| it["name"].as_str().unwrap().to_owned())
        .collect();
    assert_eq!(sessions.iter().collect::<HashSet<_>>(), waiting.iter().collect(), "the names are those of the pool");
    assert_eq!((starts(&node, "warm").await, starts(&node, "cold").await), (2.0, 0.0));
    // Others take their places.
    let fresh = warm(&node, 2).await;
    assert!(fresh.iter().all(|name| !waiting.contains(name)), "{fresh:?}");
    assert_eq!(ended(&node, "used").await, 2.0);
}

#[tokio::test]
async fn nobody_gets_what_another_has_used() {
    let home = Home::new();
    let keys = [home.key("ada"), home.key("bob")];
    let text = table(
        "it",
        &words(&home.fixture("counter"), &[]),
        "pool = { warm = 2 }\nlimits = { sessions_per_principal = 50 }",
    );
    let key_file = home.key_file();
    let node = Start::serve(home, "sessile.toml", &text).option(&["--api-keys", &key_file]).start();
    let mut names = HashSet::new();
    for round in 0..5 {
        warm(&node, 2).await;
        for key in &keys {
            let mut client = Client::at(node.endpoint()).key(key).open().await;
            assert_eq!(client.call("increment", json!({})).await, "1", "it counts from the start");
            let seen = in_state(&node, "idle").await;
            assert_eq!(seen.len(), 1, "{seen:?}");
            assert!(names.insert(seen[0].clone()), "round {round}: {seen:?} was there before");
            client.close().await;
            until("the session is gone", PATIENCE, async || in_state(&node, "idle").await.is_empty().then_some(()))
                .await;
        }
    }
    assert_eq!(starts(&node, "warm").await + starts(&node, "cold").await, 10.0);
    assert!(starts(&node, "warm").await >= 5.0);
}

#[tokio::test]
async fn one_that_dies_is_replaced() {
    let node = pooled("warm = 1");
    let first = warm(&node, 1).await;
    let [server] = servers(&node)[..] else { panic!("one server runs") };
    kill_process(Pid::from_raw(server.cast_signed()).unwrap(), Signal::KILL).unwrap();
    until("another one is warm", PATIENCE, async || {
        let now = in_state(&node, "warm").await;
        (now.len() == 1 && now != first).then_some(())
    })
    .await;
    assert_eq!(ended(&node, "died").await, 1.0);
    assert!(node.log().contains("warm sandbox ended before it was used"), "{}", node.log());
    assert_eq!(Client::open(node.endpoint()).await.call("increment", json!({})).await, "1");
    assert_eq!((starts(&node, "warm").await, starts(&node, "cold").await), (1.0, 0.0));
}

#[tokio::test]
async fn one_of_old_code_is_replaced() {
    let home = Home::new();
    let script = |word: &str| {
        let answer =
            format!(r#"{{"jsonrpc":"2.0","id":ID,"result":{{"content":[{{"type":"text","text":"{word}"}}]}}}}"#);
        Script::new().answer("tools/call", &answer)
    };
    let command = script("old").command(&home, "it");
    let text = table("it", &command, "pool = { warm = 1 }");
    let node = Start::serve(home.clone(), "sessile.toml", &text).start();
    warm(&node, 1).await;
    script("newer").command(&home, "it");
    // At once, whether the pool has noticed or not.
    assert_eq!(Client::open(node.endpoint()).await.call("which", json!({})).await, "newer");
    warm(&node, 1).await;
    script("the newest").command(&home, "it");
    until("the pool has noticed by itself", PATIENCE, async || (ended(&node, "stale").await >= 2.0).then_some(()))
        .await;
    warm(&node, 1).await;
    assert_eq!(Client::open(node.endpoint()).await.call("which", json!({})).await, "the newest");
}

#[tokio::test]
async fn a_pool_that_nobody_uses_is_emptied_until_somebody_comes() {
    let node = pooled("warm = 2, idle = \"1s\"");
    warm(&node, 2).await;
    warm(&node, 0).await;
    assert_eq!(ended(&node, "idle").await, 2.0);
    until("no server runs", PATIENCE, async || servers(&node).is_empty().then_some(())).await;
    let client = Client::open(node.endpoint()).await;
    assert_eq!(starts(&node, "cold").await, 1.0);
    warm(&node, 2).await;
    client.close().await;
}

#[tokio::test]
async fn what_it_said_before_is_its_sessions() {
    let script = Script::new().first("echo 'reading the licence' >&2").on("tools/call", "exit 7");
    let home = Home::new();
    let command = script.command(&home, "it");
    let node = Start::serve(home, "sessile.toml", &table("it", &command, "pool = { warm = 1 }")).start();
    warm(&node, 1).await;
    let mut client = Client::open(node.endpoint()).await;
    let answer = client.answer_to("tools/call", json!({ "name": "x" })).await;
    assert_eq!(answer["error"]["data"]["reason"], "server_exit", "{answer}");
    assert_eq!(answer["error"]["data"]["stderrTail"], "reading the licence", "{answer}");
    assert_eq!(starts(&node, "warm").await, 1.0);
}

#[tokio::test]
async fn it_gives_way_to_a_start_that_waits() {
    let home = Home::new();
    let command = words(&home.fixture("counter"), &[]);
    let text = format!(
        "[node]\nsessions = 2\nqueue_timeout = \"20s\"\n{}{}",
        table("pooled", &command, "pool = { warm = 2 }"),
        table("plain", &command, "")
    );
    let node = Start::serve(home, "sessile.toml", &text).start();
    warm(&node, 2).await;
    let plain = node.server("plain");
    let (one, other) = (Client::open(&plain).await, Client::open(&plain).await);
    assert_eq!(ended(&node, "made_room").await, 2.0);
    let view = node.admin().endpoint().at("/admin/v1/node").get_json().await;
    assert_eq!((&view["sessions"], &view["warm"]), (&json!({ "taken": 2, "limit": 2 }), &json!(0)), "{view}");
    one.close().await;
    other.close().await;
    warm(&node, 2).await;
}

#[tokio::test]
async fn run_keeps_some_and_a_node_that_stops_leaves_none() {
    let home = Home::new();
    let command = words(&home.fixture("counter"), &[]);
    let mut node = Start::run(home, &command).option(&["--warm", "3"]).start();
    let names = warm(&node, 3).await;
    let mut footprint = node.footprint();
    footprint.look(node.pid());
    assert_eq!(servers(&node).len(), 3);
    let admin = node.admin().endpoint().url();
    let sessile = |words: &[&str]| {
        let output = Command::new(sessile_tests::binaries::sessile()).args(words).output().expect("sessile starts");
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).expect("text")
    };
    let listing = sessile(&["sessions", "--admin", &admin]);
    assert_eq!(listing.lines().filter(|line| line.contains(" warm ")).count(), 3, "{listing}");
    let stopped = sessile(&["sessions", "stop", &names[0], "--admin", &admin]);
    assert!(stopped.contains(&names[0]), "{stopped}");
    until("it was replaced", PATIENCE, async || {
        let now = in_state(&node, "warm").await;
        (now.len() == 3 && !now.contains(&names[0])).then_some(())
    })
    .await;
    footprint.look(node.pid());
    node.signal(Signal::TERM);
    assert!(node.wait(PATIENCE).success());
    footprint.is_gone(GONE_WITHIN).unwrap_or_else(|left| panic!("{left}"));
}

/// Whatever a pool is doing at that moment.
#[tokio::test]
async fn a_node_that_stops_while_it_fills_leaves_none() {
    for count in 0..12 {
        let home = Home::new();
        let command = words(&home.fixture("counter"), &[]);
        let node = Start::run(home, &command).option(&["--warm", "30"]).start();
        until("some are warm", PATIENCE, async || (in_state(&node, "warm").await.len() >= count).then_some(())).await;
        node.stop();
    }
}
