//! A session in a machine that nobody asks anything is written to the disk, and goes on with the next request: once, whole, or with a reason
//! why not. Needs what `scripts/microvm-kernel` installs.

mod damage;
mod disk;
mod kills;
mod over_http;
mod questions;
mod rest;
mod upgrades;

use http::StatusCode;
use serde_json::{Value, json};
use sessile_tests::machines::{self, monitors_of};
use sessile_tests::{Client, Home, Node};
use std::fs;
use std::path::PathBuf;

/// A node whose machines count, with further limits.
fn node(limits: &str) -> Node {
    machines::start(Home::new(), "counter", limits, "")
}

/// A session, and what an operator calls it.
#[derive(Clone)]
struct Counted {
    client: Client,
    name: String,
}

impl Counted {
    /// A new one, that has counted to 1.
    async fn open(node: &Node) -> Self {
        let mut client = Client::open(node.endpoint()).await;
        assert_eq!(client.call("increment", json!({})).await, "1");
        let live = node.admin().live().await;
        let name = live.iter().min_by_key(|session| session["age_ms"].as_u64());
        let name = name.and_then(|session| session["name"].as_str()).expect("a session that has just begun");
        Self { name: name.to_owned(), client }
    }

    async fn count(&mut self) -> String {
        self.client.call("increment", json!({})).await
    }

    /// The same at a node that was started again.
    fn at(self, node: &Node) -> Self {
        Self { client: self.client.to(node.endpoint()), name: self.name }
    }

    /// Has it written to the disk, by command.
    async fn sleep(&self, node: &Node) {
        let (status, told) = node.admin().rest(&self.name, "hibernate").await;
        assert_eq!((status, &told["state"]), (StatusCode::OK, &json!("hibernated")), "{told}");
        assert_eq!(monitors_of(&self.name), 0);
    }

    /// Sees that it is over, to its client and to its operator, and returns how it ended.
    async fn is_over(&mut self, node: &Node, reason: &str) -> Value {
        for _ in 0..2 {
            let reply = self.client.ask("tools/call", json!({ "name": "value", "arguments": {} })).await;
            let error = reply.expect_error(404, -32001).await;
            assert_eq!(error["error"]["data"]["reason"], reason, "{error}");
        }
        let session = node.admin().session(&self.name).await;
        assert_eq!((&session["state"], &session["end"]["reason"]), (&json!("stopped"), &json!(reason)), "{session}");
        assert_eq!(monitors_of(&self.name), 0);
        assert!(!files(node).iter().any(|file| file.contains(&self.name)), "{:?}", files(node));
        session["end"].clone()
    }
}

/// Where sessions sleep.
fn bedroom(node: &Node) -> PathBuf {
    node.home().state().join("hibernated")
}

/// The names of the files of all sessions there, without what is kept beside them.
fn sleepers(node: &Node) -> Vec<String> {
    files(node).into_iter().filter(|file| !file.ends_with(".beside")).collect()
}

/// The names of everything there.
fn files(node: &Node) -> Vec<String> {
    let entries = fs::read_dir(bedroom(node)).expect("a node that hibernates has a directory for it");
    let mut names: Vec<_> = entries.flatten().map(|entry| entry.file_name().to_string_lossy().into_owned()).collect();
    names.sort();
    names
}

/// The file of a session that sleeps.
fn file_of(node: &Node, name: &str) -> PathBuf {
    let all = files(node);
    let mut own = all.iter().filter(|file| file.starts_with(name) && file.ends_with(".asleep"));
    match (own.next(), own.next()) {
        (Some(file), None) => bedroom(node).join(file),
        _ => panic!("{name}: {all:?}"),
    }
}
