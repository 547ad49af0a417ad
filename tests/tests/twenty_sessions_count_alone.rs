//! Twenty sessions of one server, each called over four connections at once: each counts alone, and loses nothing.

use http::StatusCode;
use serde_json::{Value, json};
use sessile_tests::client::text_of;
use sessile_tests::http::Connection;
use sessile_tests::{Ask, Client, Node};
use std::collections::HashSet;

const SESSIONS: usize = 20;
const CONNECTIONS: usize = 4;
const CALLS: usize = 200;

/// Calls `increment` over one connection, and returns the values it was told.
async fn count(client: Client, connection: usize) -> Vec<usize> {
    let mut open = Connection::open(client.endpoint.address).await.unwrap();
    let mut values = Vec::new();
    for call in 0..CALLS / CONNECTIONS {
        let body = json!({ "jsonrpc": "2.0", "id": format!("{connection}-{call}"), "method": "tools/call",
            "params": { "name": "increment", "arguments": {} } });
        let reply = open.send(client.sign(Ask::post(body.to_string())), &client.endpoint.path).await.unwrap();
        assert_eq!(reply.status, StatusCode::OK);
        let answer: Value = reply.json().await;
        assert_eq!(answer["id"], format!("{connection}-{call}"));
        values.push(text_of(&answer["result"]).parse().expect("a number"));
    }
    values
}

#[tokio::test(flavor = "multi_thread")]
async fn each_ends_at_its_own_count() {
    let node = Node::limited("counter", &[], "sessions_per_principal = 50");
    let openings = (0..SESSIONS).map(|_| Client::open(node.endpoint()));
    let clients = futures_util::future::join_all(openings).await;
    let names: HashSet<_> = clients.iter().map(|client| client.session.clone()).collect();
    assert_eq!(names.len(), SESSIONS);

    let mut counting = Vec::new();
    for client in &clients {
        let of_one: Vec<_> =
            (0..CONNECTIONS).map(|connection| tokio::spawn(count(client.clone(), connection))).collect();
        counting.push(of_one);
    }
    for (of_one, mut client) in counting.into_iter().zip(clients) {
        let mut values = Vec::new();
        for connection in of_one {
            values.extend(connection.await.unwrap());
        }
        values.sort_unstable();
        assert_eq!(values, (1..=CALLS).collect::<Vec<_>>(), "every value once, none of another session");
        assert_eq!(client.call("value", json!({})).await, CALLS.to_string());
        client.close().await;
    }
    node.admin().all_ended().await;
    node.stop();
}
