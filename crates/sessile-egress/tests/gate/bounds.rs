//! What a session can take of the gate, and what is counted.

use std::time::Duration;

use sessile_egress::{Limits, Target, Traffic};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::time::{Instant, timeout};

use crate::workbench::{Bench, PATIENCE, Server, Town, answer, head, to_end};

fn short() -> Limits {
    Limits { head_timeout: Duration::from_millis(300), ..Limits::default() }
}

#[tokio::test]
async fn a_head_that_drips_is_cut() {
    let bench = Bench::new(&["*:80"], Town::default(), short()).await;
    let mut client = bench.connect().await;
    let begun = Instant::now();
    let dripping = async {
        loop {
            // One byte at a time keeps no connection open. An error is the gate's end of it.
            if client.write_all(b"G").await.is_err() {
                return;
            }
            let mut byte = [0; 1];
            if timeout(Duration::from_millis(50), client.read(&mut byte)).await.is_ok() {
                return;
            }
        }
    };
    timeout(PATIENCE, dripping).await.expect("the gate cuts it");
    assert!(begun.elapsed() >= Duration::from_millis(300));
    assert_eq!(bench.record.lines(), ["refused malformed_request "]);
}

#[tokio::test]
async fn a_client_that_says_nothing_is_sent_away() {
    let bench = Bench::new(&["*:80"], Town::default(), short()).await;
    let mut client = bench.connect().await;
    assert_eq!(to_end(&mut client).await, "");
    assert!(bench.record.lines().is_empty(), "nothing was asked, nothing was refused");
}

#[tokio::test]
async fn a_head_without_end_is_refused() {
    let bench = Bench::new(&["*:80"], Town::default(), Limits::default()).await;
    let mut request = b"GET http://a.test/ HTTP/1.1\r\nHost: a.test\r\n".to_vec();
    request.extend(format!("x: {}\r\n", "y".repeat(100)).repeat(200).bytes());
    assert!(bench.ask(&request).await.starts_with("HTTP/1.1 400 "));
    let many = format!("GET http://a.test/ HTTP/1.1\r\nHost: a.test\r\n{}\r\n", "x: y\r\n".repeat(101));
    assert!(bench.ask(many.as_bytes()).await.starts_with("HTTP/1.1 400 "));
    assert!(bench.town.lookups().is_empty());
}

#[tokio::test]
async fn a_silent_tunnel_ends() {
    let server = Server::new("s").await;
    let target = format!("127.0.0.1:{}", server.at.port());
    let limits = Limits { idle_timeout: Duration::from_millis(300), ..Limits::default() };
    let bench = Bench::new(&[&target], Town::default(), limits).await;
    let mut tunnel = bench.tunnel(&target).await;
    assert_eq!(to_end(&mut tunnel).await, "");
    bench.record.until("closed", 1).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_thousand_connections_take_no_more_than_their_places() {
    let server = Server::new("s").await;
    let target = format!("127.0.0.1:{}", server.at.port());
    let bench = Bench::new(&[&target], Town::default(), Limits::default()).await;
    let mut held = Vec::new();
    for _ in 0..64 {
        held.push(bench.tunnel(&target).await);
    }
    let request = format!("CONNECT {target} HTTP/1.1\r\nHost: {target}\r\n\r\n");
    let mut turned_away = Vec::new();
    for _ in 0..1000 {
        let mut stream = bench.connect().await;
        // The gate may have closed it already.
        let _ = stream.write_all(request.as_bytes()).await;
        turned_away.push(stream);
    }
    let mut told = 0;
    for mut stream in turned_away {
        let text = to_end(&mut stream).await;
        assert!(text.is_empty() || text.starts_with("HTTP/1.1 503 "), "{text}");
        told += usize::from(text.contains("too_many_connections"));
    }
    assert!(told > 0, "at least the first ones are told why");
    bench.record.until("refused too_many_connections", 1000).await;
    assert_eq!(bench.town.dialled().len(), 64);

    drop(held);
    bench.record.until("closed", 64).await;
    let mut freed = bench.connect().await;
    freed.write_all(request.as_bytes()).await.unwrap();
    assert!(head(&mut freed).await.starts_with("HTTP/1.1 200 "));
}

#[tokio::test]
async fn every_byte_is_counted() {
    let server = Server::new("server").await;
    let target = format!("127.0.0.1:{}", server.at.port());
    let bench = Bench::new(&[&target], Town::default(), Limits::default()).await;
    let mut client = bench.connect().await;
    let request = format!("POST http://{target}/ HTTP/1.1\r\nHost: {target}\r\nContent-Length: 1000\r\n\r\n");
    client.write_all(request.as_bytes()).await.unwrap();
    client.write_all(&[b'x'; 1000]).await.unwrap();
    let (_, body) = answer(&mut client).await;
    assert_eq!(body, "server got 1000 bytes");
    bench.record.until("closed", 1).await;

    let sent = server.heads()[0].len() as u64 + 1000;
    let received = "HTTP/1.1 200 OK\r\ncontent-length: 21\r\n\r\n".len() as u64 + 21;
    let expected = Traffic { sent, received };
    assert_eq!(bench.gate.traffic(), expected);
    assert_eq!(bench.gate.traffic_by_target(), [(Some(Target::parse(&target, None).unwrap()), expected)]);
    assert_eq!(
        bench.record.lines(),
        [
            format!("opened {target} by {target} at {target}"),
            format!("closed {target}, sent {sent}, received {received}")
        ]
    );
}

#[tokio::test]
async fn a_name_that_never_resolves_keeps_its_turn() {
    let limits = Limits { lookups: 1, resolve_timeout: Duration::from_millis(200), ..Limits::default() };
    let bench = Bench::new(&["*:443"], Town::with(&[("a.test", "127.0.0.1")]), limits).await;
    for name in ["never.test", "a.test"] {
        let told = bench.ask(format!("CONNECT {name}:443 HTTP/1.1\r\nHost: {name}\r\n\r\n").as_bytes()).await;
        assert!(told.starts_with("HTTP/1.1 504 ") && told.contains("looking up the name took too long"), "{told}");
    }
    assert_eq!(bench.town.lookups(), ["never.test"], "a second lookup would be one more than allowed");
}

#[tokio::test]
async fn a_flooding_server_holds_up_no_end() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let target = listener.local_addr().unwrap().to_string();
    let flood = tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        while stream.write_all(&[b'x'; 1 << 16]).await.is_ok() {}
    });
    let bench = Bench::new(&[&target], Town::default(), Limits::default()).await;
    // The client never reads; the list changes.
    let _tunnel = bench.tunnel(&target).await;
    bench.policy.send(crate::workbench::list(&[])).unwrap();
    bench.record.until("refused no_longer_listed", 1).await;
    timeout(PATIENCE, flood).await.expect("the server is cut").unwrap();
}
