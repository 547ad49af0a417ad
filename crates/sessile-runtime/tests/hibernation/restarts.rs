//! Nodes that come after others.

use crate::support::{Settings, World, call};
use serde_json::json;
use sessile_runtime::StopReason;
use sessile_store::Ledger;

#[tokio::test(flavor = "multi_thread")]
async fn the_next_node_knows_them_and_wakes_them_for_their_owners() {
    let world = World::new(Settings::default()).await;
    let client = world.client("ada").await;
    assert_eq!(client.call("count").await.unwrap(), "1");
    client.hibernate().await;
    let asked = world.modern("grace", call(1, "ask")).await.unwrap();
    let modern = world.sessions().into_iter().find(|view| view.name != client.name).unwrap().name;
    world.until(|world| world.view(&modern).in_flight == world.view(&modern).parked).await;
    world.node.hibernate_session(&modern).await.unwrap();
    let (name, id, principal) = (client.name.clone(), client.id.clone(), client.principal.clone());

    let world = world.after_kill(Settings::default()).await;
    let view = world.view(&name);
    assert_eq!((view.state, view.calls), ("hibernated", 2));
    let visit = world.node.find(&world.server, &principal, &id).await.unwrap();
    assert_eq!(visit.name().as_str(), name);
    let key = asked["result"]["inputRequests"].as_object().unwrap().keys().next().unwrap().clone();
    let mut retry = call(2, "ask");
    retry["params"]["requestState"] = asked["result"]["requestState"].clone();
    retry["params"]["inputResponses"] = json!({ key: { "action": "accept", "content": { "name": "Grace" } } });
    let answer = world.modern("grace", retry).await.unwrap();
    assert_eq!(answer["result"]["content"][0]["text"], "hello Grace", "{answer}");
    assert_eq!(world.driver.counts(), (2, 2));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_node_that_still_lives_keeps_its_own() {
    let world = World::new(Settings::default()).await;
    let client = world.client("ada").await;
    client.hibernate().await;
    let other = World::in_home(Settings::default(), world.home.clone(), world.driver.clone()).await;
    assert!(other.sessions().is_empty());
    assert_eq!(world.files().len(), 2, "and nothing of it is swept");
    assert_eq!(client.call("count").await.unwrap(), "1");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_node_killed_while_it_woke_one_has_lost_it_once_the_file_was_taken() {
    let world = World::new(Settings::default()).await;
    let (taken, not_taken) = (world.client("ada").await, world.client("grace").await);
    taken.hibernate().await;
    let path = world.file();
    not_taken.hibernate().await;
    let ledger = Ledger::open(world.home.path()).unwrap();
    for row in ledger.hibernated().unwrap() {
        assert!(ledger.hibernation_wakes(&row.label).unwrap());
    }
    std::fs::rename(&path, path.with_extension("waking")).unwrap();
    let (lost, found) = (taken.name.clone(), not_taken.name.clone());
    let (lost_id, lost_owner) = (taken.id.clone(), taken.principal.clone());

    let world = world.after_kill(Settings::default()).await;
    world.until(|world| world.node.session_view(&lost).is_some_and(|view| view.end.is_some())).await;
    let end = world.view(&lost).end.unwrap();
    assert_eq!(
        (end.reason, end.exit.contains("while it was woken")),
        (StopReason::HibernationLost, true),
        "{}",
        end.exit
    );
    let gone = world.node.find(&world.server, &lost_owner, &lost_id).await.expect_err("lost");
    assert_eq!(gone.to_error().data.unwrap()["reason"], "hibernation_lost");
    // It had not been taken: nothing of it can have run.
    assert_eq!(world.view(&found).state, "hibernated");
    world.node.resume_session(&found).await.unwrap();
    world.until(|world| world.files().is_empty()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn files_without_a_row_go_and_rows_without_a_file_are_lost() {
    let world = World::new(Settings::default()).await;
    let client = world.client("ada").await;
    client.hibernate().await;
    std::fs::remove_file(world.file()).unwrap();
    std::fs::write(world.home.path().join("hibernated/s-nobody-1.asleep"), "what is this").unwrap();
    let name = client.name.clone();
    let world = world.after_kill(Settings::default()).await;
    assert!(world.files().is_empty());
    world.until(|world| world.node.session_view(&name).is_some_and(|view| view.end.is_some())).await;
    assert_eq!(world.view(&name).end.unwrap().exit, "hibernated; its file is gone");
}
