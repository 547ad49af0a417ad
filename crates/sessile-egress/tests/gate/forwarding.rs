//! Plain HTTP with the target in the request: each request is a new question.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use sessile_egress::{EgressEvent, EgressEvents, Gate, Limits};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinHandle;

use crate::workbench::{Bench, Server, Town, answer, head, list, to_end};

fn get(target: &str, path: &str) -> String {
    format!("GET http://{target}{path} HTTP/1.1\r\nHost: {target}\r\n\r\n")
}

/// A server for one connection: reads a head, says `text`, closes, and hands over all that it read.
async fn once(text: &'static str) -> (SocketAddr, JoinHandle<String>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let at = listener.local_addr().unwrap();
    let served = tokio::spawn(async move {
        let (mut stream, _): (TcpStream, _) = listener.accept().await.unwrap();
        let mut read = head(&mut stream).await;
        stream.write_all(text.as_bytes()).await.unwrap();
        stream.shutdown().await.unwrap();
        read.push_str(&to_end(&mut stream).await);
        read
    });
    (at, served)
}

#[tokio::test]
async fn the_next_host_on_a_kept_alive_connection_is_checked() {
    let (one, two, three) = (Server::new("one").await, Server::new("two").await, Server::new("three").await);
    let targets = [one.at.to_string(), two.at.to_string()];
    let bench = Bench::new(&[&targets[0], &targets[1]], Town::default(), Limits::default()).await;
    let mut client = bench.connect().await;
    for (target, name) in [(&targets[0], "one"), (&targets[1], "two"), (&targets[0], "one")] {
        client.write_all(get(target, "/").as_bytes()).await.unwrap();
        assert_eq!(answer(&mut client).await.1, format!("{name} got 0 bytes"));
    }
    client.write_all(get(&three.at.to_string(), "/").as_bytes()).await.unwrap();
    let told = to_end(&mut client).await;
    assert!(told.starts_with("HTTP/1.1 403 ") && told.contains("port_not_listed"), "{told}");
    assert!(three.heads().is_empty());
    assert_eq!((one.heads().len(), two.heads().len()), (2, 1));
}

#[tokio::test]
async fn where_a_redirect_leads_is_another_request() {
    let server = Server::new("s").await;
    let target = server.at.to_string();
    let bench = Bench::new(&[&target], Town::with(&[("evil.test", "127.0.0.1")]), Limits::default()).await;
    let mut client = bench.connect().await;
    client.write_all(get(&target, "/moved").as_bytes()).await.unwrap();
    let (head, _) = answer(&mut client).await;
    assert!(head.starts_with("HTTP/1.1 302 ") && head.contains("location: http://evil.test/"), "{head}");
    client.write_all(get("evil.test", "/").as_bytes()).await.unwrap();
    let (head, body) = answer(&mut client).await;
    assert!(head.starts_with("HTTP/1.1 403 ") && body.contains("not_listed"), "{head}{body}");
    assert!(bench.town.lookups().is_empty());
}

#[tokio::test]
async fn what_is_between_neighbours_stays_there() {
    let server = Server::new("s").await;
    let target = server.at.to_string();
    let bench = Bench::new(&[&target], Town::default(), Limits::default()).await;
    let request = format!(
        "GET http://{target}/p?q HTTP/1.1\r\nHOST: {target}\r\nProxy-Authorization: Basic x\r\nUpgrade: h2c\r\n\
         HTTP2-Settings: AAA\r\nConnection: Upgrade, HTTP2-Settings, X-Hop, close, host\r\nX-Hop: 1\r\nTE: trailers\r\n\
         Keep-Alive: 5\r\nX-End: 2\r\n\r\n"
    );
    let told = bench.ask(request.as_bytes()).await;
    assert!(told.ends_with("s got 0 bytes"), "{told}");
    assert_eq!(
        server.heads(),
        [format!("GET /p?q HTTP/1.1\r\nHost: {target}\r\nx-end: 2\r\nconnection: close\r\n\r\n")]
    );
}

#[tokio::test]
async fn a_body_in_chunks_ends_where_it_ends() {
    let (at, served) = once("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok").await;
    let target = at.to_string();
    let bench = Bench::new(&[&target], Town::default(), Limits::default()).await;
    let mut client = bench.connect().await;
    let body = "5\r\nhello\r\n0\r\n\r\n";
    let request =
        format!("POST http://{target}/ HTTP/1.1\r\nHost: {target}\r\nTransfer-Encoding: chunked\r\n\r\n{body}");
    // The next request comes along at once.
    client.write_all(format!("{request}{}", get("evil.test", "/")).as_bytes()).await.unwrap();
    assert_eq!(answer(&mut client).await.1, "ok");
    let (refused, _) = answer(&mut client).await;
    assert!(refused.starts_with("HTTP/1.1 403 "), "{refused}");
    let reached = served.await.unwrap();
    assert!(reached.ends_with(&format!("connection: close\r\n\r\n{body}")), "{reached}");
}

#[tokio::test]
async fn malformed_chunks_are_refused_and_nothing_behind_them_gets_through() {
    for body in
        ["5;x=y\r\nhello\r\n0\r\n\r\n", "5\nhello\r\n", "0\r\nX: smuggled\r\n\r\n", "-1\r\n", "\r\n", "5\r\nhelloX"]
    {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let target = listener.local_addr().unwrap().to_string();
        let served = tokio::spawn(async move {
            let (mut stream, _) = listener.accept().await.unwrap();
            to_end(&mut stream).await
        });
        let bench = Bench::new(&[&target], Town::default(), Limits::default()).await;
        let smuggled = "GET /smuggled HTTP/1.1\r\nHost: evil.test\r\n\r\n";
        let told = bench
            .ask(
                format!(
                    "POST http://{target}/ HTTP/1.1\r\nHost: {target}\r\nTransfer-Encoding: chunked\r\n\r\n{body}{smuggled}"
                )
                .as_bytes(),
            )
            .await;
        assert!(told.starts_with("HTTP/1.1 400 ") && told.contains("chunks"), "{body:?}: {told}");
        assert!(!served.await.unwrap().contains("smuggled"), "{body:?}");
    }
}

#[tokio::test]
async fn answers_come_through_in_every_framing() {
    for (text, keeps, expected) in [
        ("HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nabc", true, "content-length: 3\r\n\r\nabc"),
        ("HTTP/1.1 204 No Content\r\n\r\n", true, "HTTP/1.1 204 No Content\r\n\r\n"),
        ("HTTP/1.1 200 OK\r\n\r\nuntil the end", false, "connection: close\r\n\r\nuntil the end"),
        (
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\nT: x\r\n\r\n",
            true,
            "transfer-encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\nT: x\r\n\r\n",
        ),
        (
            "HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n",
            true,
            "HTTP/1.1 103 Early Hints\r\nlink: x\r\n\r\nHTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n",
        ),
    ] {
        let (at, served) = once(text).await;
        let target = at.to_string();
        let bench = Bench::new(&[&target], Town::default(), Limits::default()).await;
        let mut client = bench.connect().await;
        client.write_all(get(&target, "/").as_bytes()).await.unwrap();
        let mut told = vec![0; expected.len()];
        let skipped = "HTTP/1.1 200 OK\r\n".len();
        if !expected.starts_with("HTTP") {
            client.read_exact(&mut vec![0; skipped]).await.unwrap();
        }
        client.read_exact(&mut told).await.unwrap();
        assert_eq!(String::from_utf8_lossy(&told), expected);
        // What is kept alive takes another request; what is not ends.
        client.write_all(get("evil.test", "/").as_bytes()).await.unwrap();
        assert_eq!(to_end(&mut client).await.starts_with("HTTP/1.1 403 "), keeps, "{text:?}");
        served.await.unwrap();
    }
}

#[tokio::test]
async fn an_answer_that_could_be_read_in_two_ways_is_none() {
    for text in [
        "HTTP/1.1 200 OK\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\nabc",
        "HTTP/1.1 200 OK\r\nContent-Length: 3\r\nContent-Length: 4\r\n\r\nabc",
        "HTTP/1.1 200 OK\nContent-Length: 3\n\nabc",
        "HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\n\r\n",
        "hello",
        "",
    ] {
        let (at, _served) = once(text).await;
        let target = at.to_string();
        let bench = Bench::new(&[&target], Town::default(), Limits::default()).await;
        let told = bench.ask(get(&target, "/").as_bytes()).await;
        assert!(told.starts_with("HTTP/1.1 502 ") && told.contains("is allowed, but"), "{text:?}: {told}");
    }
}

#[tokio::test]
async fn what_is_allowed_and_cannot_be_reached_is_no_refusal() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let target = listener.local_addr().unwrap().to_string();
    drop(listener);
    let bench = Bench::new(&[&target, "gone.test:80"], Town::default(), Limits::default()).await;
    assert!(bench.ask(get(&target, "/").as_bytes()).await.starts_with("HTTP/1.1 502 "));
    assert!(bench.ask(get("gone.test", "/").as_bytes()).await.starts_with("HTTP/1.1 502 "));
    let limits = Limits { idle_timeout: Duration::from_millis(200), ..Limits::default() };
    let silent = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let target = silent.local_addr().unwrap().to_string();
    let bench = Bench::new(&[&target], Town::default(), limits).await;
    assert!(bench.ask(get(&target, "/").as_bytes()).await.starts_with("HTTP/1.1 504 "));
}

#[tokio::test]
async fn names_of_the_host_are_resolved_as_the_host_does() {
    struct Nobody;
    impl EgressEvents for Nobody {
        fn on(&self, _: EgressEvent<'_>) {}
    }
    let server = Server::new("s").await;
    let port = server.at.port();
    // `localhost` may be ::1 as well, which is not listed and left out.
    let policy = list(&[&format!("localhost:{port}"), &format!("127.0.0.1:{port}")]);
    let (_sender, policy) = watch::channel(policy);
    let gate = Gate::new(policy, Arc::new(Nobody), Limits::default());
    let (mut client, inside) = tokio::io::duplex(1 << 16);
    let serving = tokio::spawn(async move { gate.serve_stream(inside).await });
    let target = format!("localhost:{port}");
    let request = format!("GET http://{target}/ HTTP/1.1\r\nHost: {target}\r\nConnection: close\r\n\r\n");
    client.write_all(request.as_bytes()).await.unwrap();
    let mut told = String::new();
    client.read_to_string(&mut told).await.unwrap();
    assert!(told.ends_with("s got 0 bytes"), "{told}");
    drop(client);
    serving.await.unwrap();
}
