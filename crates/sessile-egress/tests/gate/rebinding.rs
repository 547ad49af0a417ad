//! A name may point elsewhere the next time; what was checked is what is dialled, and what is dialled anew is checked anew.

use std::net::Ipv4Addr;

use sessile_egress::Limits;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use crate::workbench::{Bench, Server, Town, answer};

#[tokio::test]
async fn a_name_is_resolved_once_and_the_checked_address_is_dialled() {
    let listed = Server::new("listed").await;
    let port = listed.at.port();
    let other = Server::at("other", Ipv4Addr::new(127, 0, 0, 2), port).await;
    let town = Town::with(&[("a.test", "127.0.0.1"), ("a.test", "127.0.0.2")]);
    let bench = Bench::new(&[&format!("a.test:{port}"), &format!("127.0.0.1:{port}")], town, Limits::default()).await;
    let request = format!("GET http://a.test:{port}/ HTTP/1.1\r\nHost: a.test:{port}\r\n\r\n");

    let mut client = bench.connect().await;
    client.write_all(request.as_bytes()).await.unwrap();
    let (_, body) = answer(&mut client).await;
    assert_eq!(body, "listed got 0 bytes");
    assert_eq!(bench.town.lookups(), ["a.test"], "one request, one lookup");
    assert_eq!(bench.town.dialled(), [listed.at]);

    // The same connection, the same name, another answer.
    client.write_all(request.as_bytes()).await.unwrap();
    let (head, body) = answer(&mut client).await;
    assert!(head.starts_with("HTTP/1.1 403 "), "{head}");
    assert!(body.contains("address_refused") && !body.contains("127.0.0.2"), "{body}");
    assert!(other.heads().is_empty(), "the other server must not hear of it");
    assert_eq!(bench.town.dialled(), [listed.at]);
}

#[tokio::test]
async fn an_open_tunnel_stays_at_its_address() {
    let listed = Server::new("listed").await;
    let port = listed.at.port();
    let town = Town::with(&[("a.test", "127.0.0.1"), ("a.test", "127.0.0.2")]);
    let bench = Bench::new(&[&format!("a.test:{port}"), &format!("127.0.0.1:{port}")], town, Limits::default()).await;
    let mut tunnel = bench.tunnel(&format!("a.test:{port}")).await;
    for _ in 0..3 {
        tunnel.write_all(format!("GET / HTTP/1.1\r\nHost: a.test:{port}\r\n\r\n").as_bytes()).await.unwrap();
        assert_eq!(answer(&mut tunnel).await.1, "listed got 0 bytes");
    }
    assert_eq!(bench.town.lookups(), ["a.test"]);
    let refused = bench.ask(format!("CONNECT a.test:{port} HTTP/1.1\r\nHost: a.test\r\n\r\n").as_bytes()).await;
    assert!(refused.starts_with("HTTP/1.1 403 "), "{refused}");
    tunnel.shutdown().await.unwrap();
    assert_eq!(tunnel.read(&mut [0; 1]).await.unwrap(), 0);
}
