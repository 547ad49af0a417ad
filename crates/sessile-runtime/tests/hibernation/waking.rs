//! Whoever comes wakes a session, once.

use crate::support::{Settings, World, call};
use serde_json::json;
use sessile_identity::Principal;
use sessile_runtime::{OpenError, SessionError, StopReason};
use std::time::Duration;

#[tokio::test(flavor = "multi_thread")]
async fn however_many_come_at_once_one_machine_runs() {
    let world = World::new(Settings::default()).await;
    let client = world.client("ada").await;
    client.hibernate().await;
    world.driver.delay_wakes(Duration::from_millis(100));
    let calls = futures_util::future::join_all((0..20).map(|_| client.call("count"))).await;
    let mut counts: Vec<u32> = calls.into_iter().map(|call| call.unwrap().parse().unwrap()).collect();
    counts.sort_unstable();
    assert_eq!(counts, (1..=20).collect::<Vec<_>>());
    assert_eq!(world.driver.counts(), (1, 1));
    world.until(|world| world.files().is_empty()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn it_sleeps_and_wakes_many_times() {
    let world = World::new(Settings::default()).await;
    let client = world.client("ada").await;
    for round in 1..=10 {
        assert_eq!(client.call("count").await.unwrap(), round.to_string());
        client.hibernate().await;
        if round % 2 == 0 {
            world.node.resume_session(&client.name).await.unwrap();
        }
    }
    assert_eq!(client.call("count").await.unwrap(), "11");
    assert_eq!(world.view(&client.name).wakes, 10);
}

#[tokio::test(flavor = "multi_thread")]
async fn requests_and_commands_in_any_order_lose_nothing() {
    let world =
        World::new(Settings { limits: "hibernate_after = \"10ms\"\nsessions = 50", ..Settings::default() }).await;
    let (one, two) = (world.client("ada").await, world.client("grace").await);
    let calls = async |client: &crate::support::Legacy<'_>| {
        for round in 1..=20 {
            assert_eq!(client.call("count").await.unwrap(), round.to_string());
            tokio::time::sleep(Duration::from_millis(round * 7 % 40)).await;
        }
    };
    let commands = async {
        for round in 0..25_u64 {
            let _ = world.node.hibernate_session(&one.name).await;
            tokio::time::sleep(Duration::from_millis(round * 5 % 23)).await;
            let _ = world.node.resume_session(&two.name).await;
        }
    };
    tokio::join!(calls(&one), calls(&two), commands);
    assert!(world.driver.counts().1 > 5, "{:?}", world.driver.counts());
}

#[tokio::test(flavor = "multi_thread")]
async fn to_anybody_else_it_does_not_exist() {
    let world = World::new(Settings::default()).await;
    let client = world.client("ada").await;
    client.hibernate().await;
    let stranger = Principal::api_key("eve");
    let refused = world.node.find(&world.server, &stranger, &client.id).await.expect_err("not hers");
    assert!(matches!(refused, SessionError::NotFound { ended: None }));
    let ended = world.node.end(&world.server, &stranger, &client.id, StopReason::ClientDelete).await;
    assert!(ended.is_err());
    assert_eq!(world.driver.counts(), (1, 0), "nobody woke it");
    assert_eq!(client.call("count").await.unwrap(), "1");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_question_stays_open_while_it_sleeps() {
    let world = World::new(Settings::default()).await;
    let asked = world.modern("ada", call(1, "ask")).await.unwrap();
    let state = asked["result"]["requestState"].as_str().unwrap_or_else(|| panic!("{asked}")).to_owned();
    let name = world.sessions()[0].name.clone();
    world.until(|world| world.view(&name).in_flight == world.view(&name).parked).await;
    assert_eq!(world.node.hibernate_session(&name).await.unwrap(), "hibernated");
    assert_eq!((world.view(&name).state, world.view(&name).parked), ("hibernated", 1));
    let key = asked["result"]["inputRequests"].as_object().unwrap().keys().next().unwrap().clone();
    let mut retry = call(2, "ask");
    retry["params"]["requestState"] = state.into();
    retry["params"]["inputResponses"] = json!({ key: { "action": "accept", "content": { "name": "Ada" } } });
    // Nobody else's retry, and nobody else.
    assert!(world.modern("eve", retry.clone()).await.is_err());
    assert_eq!(world.driver.counts(), (1, 0));
    let answer = world.modern("ada", retry).await.unwrap();
    assert_eq!(answer["result"]["content"][0]["text"], "hello Ada", "{answer}");
    assert_eq!(world.driver.counts(), (1, 1));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_modern_client_finds_it_by_who_it_is() {
    let world = World::new(Settings::default()).await;
    let count = |answer: serde_json::Value| answer["result"]["content"][0]["text"].as_str().unwrap().to_owned();
    assert_eq!(count(world.modern("ada", call(1, "count")).await.unwrap()), "1");
    let name = world.sessions()[0].name.clone();
    assert_eq!(world.node.hibernate_session(&name).await.unwrap(), "hibernated");
    assert_eq!(count(world.modern("grace", call(1, "count")).await.unwrap()), "1", "another session");
    assert_eq!(world.driver.counts(), (1, 0));
    assert_eq!(count(world.modern("ada", call(2, "count")).await.unwrap()), "2");
    assert_eq!(world.driver.counts(), (1, 1));
    assert_eq!(world.sessions().len(), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn where_there_is_no_room_it_sleeps_on() {
    let world = World::new(Settings { memory: Some(64 << 20), ..Settings::default() }).await;
    let client = world.client("ada").await;
    client.hibernate().await;
    let other = world.client("grace").await;
    let refused = client.call("count").await.expect_err("no room");
    assert!(
        matches!(&refused, SessionError::NotWoken(error) if matches!(**error, OpenError::NodeFull(_))),
        "{refused}"
    );
    assert_eq!(world.view(&client.name).state, "hibernated");
    other.hibernate().await;
    assert_eq!(client.call("count").await.unwrap(), "1");
}

#[tokio::test(flavor = "multi_thread")]
async fn its_end_needs_no_waking() {
    let world = World::new(Settings::default()).await;
    let (one, two) = (world.client("ada").await, world.client("grace").await);
    one.hibernate().await;
    two.hibernate().await;
    world.node.end(&world.server, &one.principal, &one.id, StopReason::ClientDelete).await.unwrap();
    assert!(world.node.stop_session(&two.name, StopReason::AdminStop).await);
    assert_eq!(world.driver.counts(), (2, 0));
    assert!(world.files().is_empty());
    assert_eq!(world.view(&one.name).end.unwrap().reason, StopReason::ClientDelete);
    assert_eq!(world.view(&two.name).end.unwrap().reason, StopReason::AdminStop);
    let gone = two.call("count").await.expect_err("it is over");
    assert_eq!(gone.to_error().data.unwrap()["reason"], "admin_stop");
}

#[tokio::test(flavor = "multi_thread")]
async fn sleep_counts_as_life() {
    let world =
        World::new(Settings { limits: "max_lifetime = \"700ms\"\nidle_timeout = \"500ms\"", ..Settings::default() })
            .await;
    let (one, two) = (world.client("ada").await, world.client("grace").await);
    one.hibernate().await;
    two.hibernate().await;
    tokio::time::sleep(Duration::from_millis(800)).await;
    let gone = one.call("count").await.expect_err("its life is over");
    assert_eq!(gone.to_error().data.unwrap()["reason"], "max_lifetime");
    world.node.end_sleepers().await;
    assert_eq!(world.view(&two.name).end.unwrap().reason, StopReason::MaxLifetime);
    assert!(world.files().is_empty());
}
