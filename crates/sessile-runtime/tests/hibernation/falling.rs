//! When sessions fall asleep, and what is left of them.

use crate::support::{Settings, World};
use serde_json::json;
use sessile_runtime::StopReason;

#[tokio::test(flavor = "multi_thread")]
async fn a_session_that_nobody_asks_anything_is_on_the_disk_and_takes_nothing_of_the_node() {
    let world = World::new(Settings { limits: "hibernate_after = \"50ms\"", ..Settings::default() }).await;
    let client = world.client("ada").await;
    assert_eq!(client.call("count").await.unwrap(), "1");
    world.until(|world| world.view(&client.name).state == "hibernated").await;
    let view = world.view(&client.name);
    let rest = view.rest.unwrap();
    assert_eq!((rest.kind, view.wakes, view.calls), ("disk", 0, 2));
    assert_eq!(rest.bytes, Some(world.file().metadata().unwrap().len()));
    assert_eq!((world.node.view().sessions.taken, world.node.view().memory.taken), (0, 0));
    assert_eq!(client.call("count").await.unwrap(), "2", "the server remembers");
    assert_eq!(world.view(&client.name).wakes, 1);
    assert_eq!(world.node.view().sessions.taken, 1);
    let metrics = world.telemetry.render_metrics();
    assert!(metrics.contains("sessile_wakes_total{server=\"shell\",kind=\"disk\"} 1"), "{metrics}");
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_word_in_the_manifest_it_is_written_down_when_it_would_have_been_ended() {
    let world = World::new(Settings { limits: "idle_timeout = \"100ms\"", ..Settings::default() }).await;
    let client = world.client("ada").await;
    world.until(|world| world.view(&client.name).state == "hibernated").await;
    assert_eq!(client.call("count").await.unwrap(), "1");
    let never = Settings { limits: "idle_timeout = \"100ms\"\nhibernate_after = \"0s\"", ..Settings::default() };
    let world = World::new(never).await;
    let client = world.client("ada").await;
    let refused = world.node.hibernate_session(&client.name).await.expect_err("never is never");
    assert!(refused.to_string().contains("hibernate_after = \"0s\""), "{refused}");
    world.until(|world| world.view(&client.name).end.is_some()).await;
    assert_eq!(world.view(&client.name).end.unwrap().reason, StopReason::IdleTimeout);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_in_flight_keeps_it_awake() {
    let world = World::new(Settings::default()).await;
    let client = world.client("ada").await;
    let slow = client.call("slow");
    let command = async {
        world.until(|world| world.view(&client.name).in_flight == 1).await;
        let refused = world.node.hibernate_session(&client.name).await.expect_err("a request is in flight");
        assert!(refused.to_string().contains("a request is in flight"), "{refused}");
    };
    let (answer, ()) = tokio::join!(slow, command);
    assert_eq!(answer.unwrap(), "slow");
    client.hibernate().await;
    // Twice is as good.
    client.hibernate().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn half_a_message_is_gone_on_with() {
    let world = World::new(Settings::default()).await;
    let client = world.client("ada").await;
    assert_eq!(client.call("later").await.unwrap(), "soon");
    client.hibernate().await;
    // What the server says next ends the message that it had begun: `half of{"jsonrpc"…` is no JSON. Were the first half lost, the
    // second would be taken for an answer.
    let answer = client.post(json!({ "jsonrpc": "2.0", "id": 9, "method": "ping" }));
    assert!(tokio::time::timeout(std::time::Duration::from_millis(500), answer).await.is_err());
    assert_eq!(client.call("count").await.unwrap(), "1", "and goes on behind it");
}

#[tokio::test(flavor = "multi_thread")]
async fn it_keeps_its_place_among_the_sessions_of_its_owner() {
    let world = World::new(Settings { limits: "sessions_per_principal = 1", ..Settings::default() }).await;
    let client = world.client("ada").await;
    client.hibernate().await;
    let initialize =
        crate::support::parsed(&json!({ "jsonrpc": "2.0", "id": 0, "method": "initialize", "params": {} }));
    let refused = world.node.open(&world.server, &client.principal, initialize).await.expect_err("full");
    assert!(matches!(refused, sessile_runtime::OpenError::PrincipalFull { limit: 1 }), "{refused}");
    world.client("grace").await;
    let (server, id) = (&world.server, &client.id);
    world.node.end(server, &client.principal, id, StopReason::ClientDelete).await.unwrap();
    world.client("ada").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn when_the_disk_is_full_those_that_sleep_longest_go() {
    // Each takes a little more than 1 MiB.
    let world = World::new(Settings { disk: 5 << 19, ..Settings::default() }).await;
    let clients = [world.client("a").await, world.client("b").await, world.client("c").await];
    for client in &clients {
        client.hibernate().await;
        tokio::time::sleep(std::time::Duration::from_millis(5)).await;
    }
    assert_eq!(world.view(&clients[0].name).end.unwrap().reason, StopReason::Evicted);
    assert_eq!(world.files().len(), 4, "two, and what is kept beside each");
    let gone = clients[0].call("count").await.expect_err("evicted");
    assert_eq!(gone.to_error().data.unwrap()["reason"], "evicted");
    assert_eq!(clients[1].call("count").await.unwrap(), "1");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_node_that_ends_leaves_its_sessions_on_the_disk() {
    let world = World::new(Settings::default()).await;
    let client = world.client("ada").await;
    assert_eq!(client.call("count").await.unwrap(), "1");
    let (name, id, principal) = (client.name.clone(), client.id.clone(), client.principal.clone());
    world.node.drain(std::time::Duration::ZERO).await;
    assert_eq!(world.view(&name).state, "hibernated");
    let world = world.after_kill(Settings::default()).await;
    let visit = world.node.find(&world.server, &principal, &id).await.unwrap();
    assert_eq!(visit.name().as_str(), name);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_node_that_ends_writes_nobody_down_who_is_never_to_rest() {
    let world = World::new(Settings { limits: "hibernate_after = \"0s\"", ..Settings::default() }).await;
    let client = world.client("ada").await;
    assert_eq!(client.call("count").await.unwrap(), "1");
    world.node.drain(std::time::Duration::ZERO).await;
    assert_eq!(world.view(&client.name).end.unwrap().reason, StopReason::NodeShutdown);
}
