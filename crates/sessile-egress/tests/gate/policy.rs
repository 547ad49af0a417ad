//! The list can change at any time, and nothing is let through before there is one.

use std::sync::Arc;

use sessile_egress::{Limits, Policy};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use crate::workbench::{Bench, Server, Town, answer, list, to_end};

#[tokio::test]
async fn a_gate_without_a_policy_refuses_and_says_how_to_allow() {
    let server = Server::new("s").await;
    let bench = Bench::with_policy(Arc::new(Policy::default()), Town::default(), Limits::default()).await;
    let port = server.at.port();
    let told = bench.ask(format!("GET http://a.test:{port}/ HTTP/1.1\r\nHost: a.test:{port}\r\n\r\n").as_bytes()).await;
    let (head, body) = told.split_once("\r\n\r\n").unwrap();
    assert!(head.starts_with("HTTP/1.1 403 Forbidden\r\nContent-Type: application/json\r\n"), "{head}");
    assert!(head.ends_with("Connection: close"), "{head}");
    let body: serde_json::Value = serde_json::from_str(body).unwrap();
    assert_eq!(
        body,
        serde_json::json!({
            "error": format!("a.test:{port} is not in the list of what this server may reach"),
            "target": format!("a.test:{port}"),
            "rule": "not_listed",
            "how_to_allow": format!("add \"a.test:{port}\" to `egress.allow` of the server, or start with `--allow a.test:{port}`"),
        })
    );
    assert_eq!(bench.record.lines(), [format!("refused not_listed a.test:{port}")]);
    assert!(bench.town.lookups().is_empty());
}

#[tokio::test]
async fn a_change_counts_from_the_next_request_and_cuts_what_is_open() {
    let (one, two) = (Server::new("one").await, Server::new("two").await);
    let (first, second) = (format!("127.0.0.1:{}", one.at.port()), format!("127.0.0.1:{}", two.at.port()));
    let bench = Bench::new(&[&first], Town::default(), Limits::default()).await;
    let request = format!("GET http://{second}/ HTTP/1.1\r\nHost: {second}\r\n\r\n");
    assert!(bench.ask(request.as_bytes()).await.starts_with("HTTP/1.1 403 "));

    let mut loses = bench.tunnel(&first).await;
    bench.policy.send(list(&[&first, &second])).unwrap();
    let mut kept = bench.tunnel(&second).await;
    let mut client = bench.connect().await;
    client.write_all(request.as_bytes()).await.unwrap();
    assert_eq!(answer(&mut client).await.1, "two got 0 bytes");

    bench.policy.send(list(&[&second])).unwrap();
    assert_eq!(to_end(&mut loses).await, "", "a tunnel that is no longer allowed is cut");
    bench.record.until("refused no_longer_listed", 1).await;
    kept.write_all(format!("GET / HTTP/1.1\r\nHost: {second}\r\n\r\n").as_bytes()).await.unwrap();
    assert_eq!(answer(&mut kept).await.1, "two got 0 bytes");

    // The last policy stays when nobody can change it any more.
    let Bench { policy, .. } = &bench;
    policy.send(list(&[])).unwrap();
    assert_eq!(kept.read(&mut [0; 1]).await.unwrap_or(0), 0);
}

#[tokio::test]
async fn an_address_taken_off_the_list_cuts_the_names_that_led_there() {
    let server = Server::new("s").await;
    let port = server.at.port();
    let (name, address) = (format!("a.test:{port}"), format!("127.0.0.1:{port}"));
    let bench = Bench::new(&[&name, &address], Town::with(&[("a.test", "127.0.0.1")]), Limits::default()).await;
    let mut tunnel = bench.tunnel(&name).await;
    bench.policy.send(list(&[&name])).unwrap();
    assert_eq!(to_end(&mut tunnel).await, "");
}
