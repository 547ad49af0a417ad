//! What goes wrong on the way to the disk and back: the session goes on, sleeps on, or ends with a reason, and is never there twice.

use crate::support::{Settings, World};
use sessile_runtime::{SessionError, StopReason};
use sessile_sandbox::{HibernateError, StartError, WakeError};

fn failed_start() -> WakeError {
    WakeError::Start(StartError::InitDied { why: "it was told to".to_owned() })
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_written_down_goes_on() {
    let world = World::new(Settings::default()).await;
    let client = world.client("ada").await;
    for error in [
        HibernateError::Busy { what: "bytes on their way".to_owned() },
        HibernateError::Failed { what: "the monitor said no".to_owned() },
    ] {
        let why = error.to_string();
        world.driver.refuse_hibernation(error);
        let refused = world.node.hibernate_session(&client.name).await.expect_err("refused");
        assert!(refused.to_string().contains(&why), "{refused}");
        assert!(world.files().is_empty(), "nothing is left of it");
    }
    assert_eq!(client.call("count").await.unwrap(), "1");
    client.hibernate().await;
    assert_eq!(client.call("count").await.unwrap(), "2");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_session_that_refuses_falls_asleep_later() {
    let world = World::new(Settings { limits: "hibernate_after = \"20ms\"", ..Settings::default() }).await;
    world.driver.refuse_hibernation(HibernateError::Busy { what: "bytes on their way".to_owned() });
    let client = world.client("ada").await;
    world.until(|world| world.view(&client.name).state == "hibernated").await;
    assert_eq!(client.call("count").await.unwrap(), "1");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_state_larger_than_the_disk_allows_is_not_written() {
    let world = World::new(Settings { disk: 1 << 20, ..Settings::default() }).await;
    let client = world.client("ada").await;
    world.node.hibernate_session(&client.name).await.expect_err("too large");
    assert!(world.files().is_empty());
    // The driver was told by its pipe, and let the server go on.
    assert_eq!(client.call("count").await.unwrap(), "1");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_start_that_fails_costs_a_try_and_not_the_session() {
    let world = World::new(Settings::default()).await;
    let client = world.client("ada").await;
    client.hibernate().await;
    for _ in 0..3 {
        world.driver.refuse_wake(failed_start());
        let refused = client.call("count").await.expect_err("it does not start");
        assert!(matches!(refused, SessionError::NotWoken(_)), "{refused}");
        assert_eq!(world.view(&client.name).state, "hibernated");
        assert!(world.files()[0].ends_with(".asleep"));
    }
    assert_eq!(client.call("count").await.unwrap(), "1");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_state_of_another_build_ends_the_session_and_says_so() {
    let world = World::new(Settings::default()).await;
    let client = world.client("ada").await;
    client.hibernate().await;
    world.driver.refuse_wake(WakeError::Mismatch { what: "QEMU 9.0, and here is 9.1".to_owned() });
    let gone = client.call("count").await.expect_err("it is lost");
    assert!(matches!(gone, SessionError::NotFound { ended: Some(StopReason::HibernationLost) }), "{gone}");
    let end = world.view(&client.name).end.unwrap();
    assert_eq!(end.reason, StopReason::HibernationLost);
    assert!(end.exit.contains("QEMU 9.0, and here is 9.1"), "{}", end.exit);
    assert!(world.files().is_empty());
    let again = client.call("count").await.expect_err("it stays lost");
    assert_eq!(again.to_error().data.unwrap()["reason"], "hibernation_lost");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_that_was_changed_is_never_run() {
    for (at, cut) in [(20_usize, false), (200, false), (1 << 20, false), (0, true)] {
        let world = World::new(Settings::default()).await;
        let client = world.client("ada").await;
        client.hibernate().await;
        let path = world.file();
        let mut bytes = std::fs::read(&path).unwrap();
        if cut {
            bytes.truncate(bytes.len() / 2);
        } else {
            bytes[at] ^= 1;
        }
        std::fs::write(&path, bytes).unwrap();
        let gone = client.call("count").await.expect_err("it is damaged");
        assert!(matches!(gone, SessionError::NotFound { ended: Some(StopReason::HibernationLost) }), "{at}: {gone}");
        assert_eq!(world.driver.counts().1, 0, "{at}: it never ran");
        assert!(world.files().is_empty());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_of_another_session_or_an_older_one_of_the_same_is_never_run() {
    let world = World::new(Settings::default()).await;
    let (one, two) = (world.client("ada").await, world.client("grace").await);
    one.hibernate().await;
    let (first, older) = (world.file(), std::fs::read(world.file()).unwrap());
    assert_eq!(one.call("count").await.unwrap(), "1");
    one.hibernate().await;
    let again = world.file();
    assert_ne!(first, again, "each time has a number of its own");
    std::fs::write(&again, &older).unwrap();
    let gone = one.call("count").await.expect_err("an older state");
    assert!(matches!(gone, SessionError::NotFound { ended: Some(StopReason::HibernationLost) }), "{gone}");
    two.hibernate().await;
    std::fs::write(world.file(), &older).unwrap();
    two.call("count").await.expect_err("another one's state");
    assert_eq!(world.driver.counts().1, 1, "once, and that was right");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_that_is_gone_ends_the_session() {
    let world = World::new(Settings::default()).await;
    let client = world.client("ada").await;
    client.hibernate().await;
    std::fs::remove_file(world.file()).unwrap();
    let gone = client.call("count").await.expect_err("it is gone");
    assert!(matches!(gone, SessionError::NotFound { ended: Some(StopReason::HibernationLost) }), "{gone}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_ends_ends_its_session_however_it_was_about_to_rest() {
    let world = World::new(Settings::default()).await;
    let client = world.client("ada").await;
    client.hibernate().await;
    let message = serde_json::json!({ "jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": { "name": "end" } });
    let answer = client.post(message).await.unwrap();
    assert_eq!(answer["error"]["data"]["reason"], "server_exit", "{answer}");
    assert!(world.node.hibernate_session(&client.name).await.is_err());
}
