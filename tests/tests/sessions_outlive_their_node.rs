//! A node is killed, or exchanged for another one: its sessions go on in the next, with what they were doing.

use rustix::process::Signal;
use serde_json::{Value, json};
use sessile_tests::client::text_of;
use sessile_tests::modern::{accept, form};
use sessile_tests::wait::{PATIENCE, until};
use sessile_tests::{Client, Modern, Node, Script};
use std::time::Duration;

/// The same client at the node that came after.
fn at(client: &Client, node: &Node) -> Client {
    client.to(node.endpoint())
}

#[tokio::test]
async fn what_a_server_remembers_is_there_after_a_kill() {
    let node = Node::of("counter", &[]);
    let mut client = Client::open(node.endpoint()).await;
    client.call("increment", json!({})).await;
    let before = node.admin().only_session().await;
    let node = node.restart(Signal::KILL);
    let mut client = at(&client, &node);
    assert_eq!(client.call("increment", json!({})).await, "2");
    let after = node.admin().only_session().await;
    assert_eq!((&after["name"], &after["principal"]), (&before["name"], &before["principal"]));
    assert_eq!(after["calls"].as_u64(), before["calls"].as_u64().map(|calls| calls + 1));
    // As often as it takes.
    let node = node.restart(Signal::KILL);
    assert_eq!(at(&client, &node).call("increment", json!({})).await, "3");
    at(&client, &node).close().await;
    node.stop();
}

#[tokio::test]
async fn a_stateless_client_finds_its_session_again() {
    let node = Node::of("counter", &["--era", "legacy"]);
    let client = Modern::able(node.endpoint());
    client.call("increment", json!({})).await;
    let named = client.clone().session("a-name-of-its-own");
    named.call("increment", json!({ "by": 10 })).await;
    let node = node.restart(Signal::KILL);
    let (client, named) = (client.to(node.endpoint()), named.to(node.endpoint()));
    assert_eq!(named.call("increment", json!({})).await, "11");
    assert_eq!(client.call("increment", json!({})).await, "2");
    assert_eq!(node.admin().sessions().await.len(), 2, "no other session was opened");
}

#[tokio::test]
async fn a_question_that_was_put_before_the_kill_is_answered_after_it() {
    for (fixture, era) in [("asker", "legacy"), ("asker", "modern")] {
        let node = Node::of(fixture, &["--era", era]);
        let client = Modern::able(node.endpoint());
        let parked = client.park("ask", json!({ "rounds": [[form("Who?", "name", "string")]] })).await;
        let node = node.restart(Signal::KILL);
        let client = client.to(node.endpoint());
        let text = client.finish(&parked, &parked.all(&accept(json!({ "name": "Ada" })))).await;
        assert!(text.contains("Ada"), "{era}: {text}");
        let seen: Value = serde_json::from_str(&client.call("seen", json!({ "method": "tools/call" })).await).unwrap();
        let asked = seen.as_array().unwrap().iter().filter(|call| call["params"]["name"] == "ask").count();
        assert_eq!(asked, if era == "legacy" { 1 } else { 2 }, "{era}: as often as the protocol has it: {seen}");
    }
}

#[tokio::test]
async fn a_call_under_way_goes_on_and_its_stream_is_resumed() {
    let node = Node::of("everything", &[]);
    let mut client = Client::open(node.endpoint()).await;
    let arguments = json!({ "steps": 20, "interval_ms": 100 });
    let mut events = client.begin_with_progress("progress", arguments, "t").await;
    let mut all = vec![events.message_event().await, events.message_event().await];
    let last = all[1].0.clone();
    let node = node.restart(Signal::KILL);
    drop(events);
    all.extend(at(&client, &node).resume(&last).await.events().rest().await);
    let steps: Vec<_> = all.iter().filter_map(|(_, message)| message["params"]["progress"].as_f64()).collect();
    assert_eq!(steps, (1..=20).map(f64::from).collect::<Vec<_>>(), "each once, in order");
    assert_eq!(text_of(&all.last().unwrap().1["result"]), "20 steps done");
}

#[tokio::test]
async fn a_legacy_client_answers_a_question_of_before() {
    let node = Node::of("asker", &[]);
    let mut client = Client::at(node.endpoint()).capabilities(json!({ "elicitation": {} })).open().await;
    let mut events = client.begin("ask", json!({ "rounds": [[form("Who?", "name", "string")]] })).await.events();
    let question = events.message().await;
    let last = events.last_event_id().to_owned();
    let node = node.restart(Signal::KILL);
    drop(events);
    let client = at(&client, &node);
    client.answer(&question, accept(json!({ "name": "Ada" }))).await;
    let rest = client.resume(&last).await.events().rest().await;
    assert!(text_of(&rest.last().unwrap().1["result"]).contains("Ada"), "{rest:?}");
}

#[tokio::test]
async fn a_node_that_leaves_hands_over_and_ends_well() {
    let node = Node::of("counter", &[]);
    let mut client = Client::open(node.endpoint()).await;
    client.call("increment", json!({})).await;
    let node = node.restart(Signal::USR2);
    assert_eq!(at(&client, &node).call("increment", json!({})).await, "2");
}

#[tokio::test]
async fn the_last_words_of_a_server_are_those_of_before_as_well() {
    let script = Script::new().first("echo before the kill >&2").on("tools/list", "echo after it >&2; exit 3");
    let node = Node::scripted(&script, "");
    let client = Client::open(node.endpoint()).await;
    until("it is read", PATIENCE, async || node.log().contains("before the kill").then_some(())).await;
    let node = node.restart(Signal::KILL);
    let body = at(&client, &node).ask("tools/list", json!({})).await.json().await;
    assert_eq!(body["error"]["data"]["stderrTail"], "before the kill\nafter it", "{body}");
    let end = node.admin().end_of_only_session().await;
    assert_eq!(end["stderr_tail"], "before the kill\nafter it", "{end}");
}

/// However far the node had got with it.
#[tokio::test]
async fn a_session_that_its_client_has_ended_stays_ended() {
    let node = Node::of("counter", &[]);
    let mut clients = Vec::new();
    for _ in 0..10 {
        clients.push(Client::open(node.endpoint()).await);
    }
    for client in &clients {
        client.clone().close().await;
    }
    let node = node.restart(Signal::KILL);
    for client in &clients {
        assert_eq!(at(client, &node).ask("tools/list", json!({})).await.status, 404);
    }
    assert!(node.admin().live().await.is_empty());
    node.stop();
}

#[tokio::test]
async fn the_last_node_leaves_no_place_behind_where_sandboxes_are_found() {
    let node = Node::of("counter", &[]);
    let home = node.home().clone();
    let places = home.state().join("run");
    let mut client = Client::open(node.endpoint()).await;
    client.call("increment", json!({})).await;
    // The second node has sandboxes of the first, and the third of both.
    let node = node.restart(Signal::KILL);
    Client::open(node.endpoint()).await;
    let node = node.restart(Signal::KILL);
    assert_eq!(node.admin().live().await.len(), 2);
    assert_eq!(std::fs::read_dir(&places).unwrap().count(), 1);
    at(&client, &node).close().await;
    node.stop();
    // What the nodes that were killed have started to clear up after them may take a moment longer.
    until("nothing is left", PATIENCE, async || (std::fs::read_dir(&places).unwrap().count() == 0).then_some(())).await;
}

#[tokio::test]
async fn what_nobody_goes_on_with_in_time_is_known_to_be_lost() {
    let node = Node::limited("counter", &[], "adopt_grace = \"1s\"");
    let client = Client::open(node.endpoint()).await;
    let name = node.admin().only_session().await["name"].clone();
    let node = node.restart_after(Signal::KILL, Duration::from_secs(3));
    let reply = at(&client, &node).ask("tools/list", json!({})).await;
    assert_eq!(reply.status, 404);
    let body = reply.json().await;
    assert_eq!(body["error"]["data"]["reason"], "node_lost", "{body}");
    let session = node.admin().session(name.as_str().unwrap()).await;
    assert_eq!((&session["state"], &session["end"]["reason"]), (&json!("stopped"), &json!("node_lost")), "{session}");
}

#[tokio::test]
async fn how_a_session_ended_is_known_after_a_restart() {
    let node = Node::of("counter", &[]);
    let client = Client::open(node.endpoint()).await;
    client.clone().close().await;
    let name = node.admin().sessions().await[0]["name"].clone();
    let node = node.restart(Signal::TERM);
    let session = node.admin().session(name.as_str().unwrap()).await;
    assert_eq!(session["end"]["reason"], "client_delete", "{session}");
    let body = at(&client, &node).ask("tools/list", json!({})).await.json().await;
    assert_eq!(body["error"]["data"]["reason"], "client_delete", "{body}");
}
