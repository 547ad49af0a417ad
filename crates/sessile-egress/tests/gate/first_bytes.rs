//! Tunnels: TLS has to name the target, plain HTTP is followed, anything else is left alone.

use std::sync::Arc;
use std::time::Duration;

use rustls::pki_types::ServerName;
use rustls::{ClientConfig, ClientConnection, RootCertStore};
use sessile_egress::Limits;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

use crate::workbench::{Bench, Server, Town, answer, to_end};

const ALERT: &str = "\u{15}\u{3}\u{3}\0\u{2}\u{2}1";

/// The first flight of a real TLS client.
fn hello(name: &'static str) -> Vec<u8> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(RootCertStore::empty())
        .with_no_client_auth();
    let mut client = ClientConnection::new(Arc::new(config), ServerName::try_from(name).unwrap()).unwrap();
    let mut bytes = Vec::new();
    client.write_tls(&mut bytes).unwrap();
    bytes
}

/// Adds an extension to a ClientHello in one record.
fn with_extension(hello: &[u8], kind: u16, content: &[u8]) -> Vec<u8> {
    let mut bytes = hello.to_vec();
    let extra = 4 + content.len();
    let session = usize::from(bytes[43]);
    let ciphers = usize::from(u16::from_be_bytes([bytes[44 + session], bytes[45 + session]]));
    let compressions = usize::from(bytes[46 + session + ciphers]);
    let extensions = 47 + session + ciphers + compressions;
    for at in [3, 7, extensions] {
        let length = u16::from_be_bytes([bytes[at], bytes[at + 1]]) + u16::try_from(extra).unwrap();
        bytes[at..at + 2].copy_from_slice(&length.to_be_bytes());
    }
    bytes.extend(kind.to_be_bytes());
    bytes.extend(u16::try_from(content.len()).unwrap().to_be_bytes());
    bytes.extend(content);
    bytes
}

/// A gate with `a.test` listed, and a server that hands over all that it gets.
async fn listening(limits: Limits) -> (Bench, String, JoinHandle<Vec<u8>>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let got = tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        let mut all = Vec::new();
        let _ = stream.read_to_end(&mut all).await;
        all
    });
    let entries = [format!("a.test:{port}"), format!("127.0.0.1:{port}")];
    let bench = Bench::new(&[&entries[0], &entries[1]], Town::with(&[("a.test", "127.0.0.1")]), limits).await;
    (bench, entries[0].clone(), got)
}

#[tokio::test]
async fn tls_for_the_target_passes_however_it_is_cut() {
    for step in [1, 7, 1 << 20] {
        let (bench, target, got) = listening(Limits::default()).await;
        let mut tunnel = bench.tunnel(&target).await;
        let flight = hello("a.test");
        for part in flight.chunks(step) {
            tunnel.write_all(part).await.unwrap();
        }
        tunnel.shutdown().await.unwrap();
        assert_eq!(got.await.unwrap(), flight);
    }
}

#[tokio::test]
async fn tls_without_a_name_passes() {
    let (bench, target, got) = listening(Limits::default()).await;
    let mut tunnel = bench.tunnel(&target).await;
    // An address is never sent as a name.
    let flight = hello("127.0.0.1");
    tunnel.write_all(&flight).await.unwrap();
    tunnel.shutdown().await.unwrap();
    assert_eq!(got.await.unwrap(), flight);
}

#[tokio::test]
async fn tls_for_another_server_or_a_hidden_one_is_refused_with_an_alert() {
    let twice = with_extension(&hello("a.test"), 0, b"\0\x09\0\0\x06a.test");
    let mut cut = hello("a.test");
    cut.truncate(60);
    for (flight, rule) in [
        (hello("evil.test"), "sni_mismatch"),
        (hello("a.test.evil.test"), "sni_mismatch"),
        (with_extension(&hello("a.test"), 0xfe0d, &[0; 32]), "encrypted_hello"),
        (with_extension(&hello("evil.test"), 0xfe0d, &[0; 32]), "encrypted_hello"),
        (with_extension(&hello("a.test"), 0xffce, &[0; 32]), "encrypted_hello"),
        (twice, "malformed_tls"),
        (cut, "malformed_tls"),
        (b"\x15\x03\x03\0\x02\x01\x70".to_vec(), "malformed_tls"),
        (b"\x16\x02\0\0\x05\x01\0\0\x01\0".to_vec(), "malformed_tls"),
        (b"\x16\x03\x01\0\0".to_vec(), "malformed_tls"),
    ] {
        let (bench, target, got) = listening(Limits::default()).await;
        let mut tunnel = bench.tunnel(&target).await;
        tunnel.write_all(&flight).await.unwrap();
        tunnel.shutdown().await.unwrap();
        assert_eq!(to_end(&mut tunnel).await, ALERT, "{rule}");
        assert_eq!(got.await.unwrap(), b"", "nothing of it may reach the server: {rule}");
        bench.record.until(&format!("refused {rule} {target}"), 1).await;
    }
}

#[tokio::test]
async fn an_address_has_no_name() {
    let (bench, target, got) = listening(Limits::default()).await;
    let mut tunnel = bench.tunnel(&target.replace("a.test", "127.0.0.1")).await;
    tunnel.write_all(&hello("a.test")).await.unwrap();
    assert_eq!(to_end(&mut tunnel).await, ALERT);
    assert_eq!(got.await.unwrap(), b"");
}

#[tokio::test]
async fn what_never_becomes_tls_or_http_is_cut() {
    for (start, told) in [(b"\x16\x03\x01\x02\0".as_slice(), ALERT), (b"GET / HT", "HTTP/1.1 400 ")] {
        let limits = Limits { head_timeout: Duration::from_millis(200), ..Limits::default() };
        let (bench, target, got) = listening(limits).await;
        let mut tunnel = bench.tunnel(&target).await;
        tunnel.write_all(start).await.unwrap();
        assert!(to_end(&mut tunnel).await.starts_with(told));
        assert_eq!(got.await.unwrap(), b"");
    }
}

#[tokio::test]
async fn other_protocols_are_left_alone() {
    for first in [
        b"SSH-2.0-x\r\n".as_slice(),
        b"PING\r\n",
        b"\0\0\0\x08\x04\xd2\x16\x2f",
        b"EHLO a.test\r\n",
        b"QUIT",
        b"*1\r\n",
    ] {
        let (bench, target, got) = listening(Limits::default()).await;
        let mut tunnel = bench.tunnel(&target).await;
        tunnel.write_all(first).await.unwrap();
        tunnel.shutdown().await.unwrap();
        assert_eq!(got.await.unwrap(), first);
    }
}

#[tokio::test]
async fn a_server_may_speak_first() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let target = listener.local_addr().unwrap().to_string();
    let server = tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        stream.write_all(b"220 ready\r\n").await.unwrap();
        to_end(&mut stream).await
    });
    let bench = Bench::new(&[&target], Town::default(), Limits::default()).await;
    let mut tunnel = bench.tunnel(&target).await;
    let mut greeting = [0; 11];
    tunnel.read_exact(&mut greeting).await.unwrap();
    assert_eq!(&greeting, b"220 ready\r\n");
    tunnel.write_all(b"QUIT\r\n").await.unwrap();
    tunnel.shutdown().await.unwrap();
    assert_eq!(server.await.unwrap(), "QUIT\r\n");
}

#[tokio::test]
async fn every_request_of_plain_http_in_a_tunnel_has_to_be_for_the_target() {
    let server = Server::new("s").await;
    let target = server.at.to_string();
    let bench = Bench::new(&[&target], Town::default(), Limits::default()).await;
    let mut tunnel = bench.tunnel(&target).await;
    for path in ["/", &format!("http://{target}/abs")] {
        let request = format!("POST {path} HTTP/1.1\r\nHost: {target}\r\nUpgrade: h2c\r\nContent-Length: 3\r\n\r\nabc");
        tunnel.write_all(request.as_bytes()).await.unwrap();
        assert_eq!(answer(&mut tunnel).await.1, "s got 3 bytes");
    }
    tunnel.write_all(b"GET / HTTP/1.1\r\nHost: evil.test\r\n\r\n").await.unwrap();
    assert_eq!(to_end(&mut tunnel).await, "");
    bench.record.until("refused host_mismatch", 1).await;
    let heads = server.heads();
    assert_eq!(heads.len(), 2, "{heads:?}");
    assert!(heads.iter().all(|head| !head.contains("h2c")), "{heads:?}");
}

#[tokio::test]
async fn a_first_request_for_another_host_in_a_tunnel_is_told_so() {
    let server = Server::new("s").await;
    let target = server.at.to_string();
    let bench = Bench::new(&[&target], Town::default(), Limits::default()).await;
    for (request, status) in [
        ("GET / HTTP/1.1\r\nHost: evil.test\r\n\r\n", 403),
        ("GET http://evil.test/ HTTP/1.1\r\nHost: evil.test\r\n\r\n", 403),
        ("CONNECT evil.test:443 HTTP/1.1\r\nHost: evil.test\r\n\r\n", 400),
        ("\r\nGET / HTTP/1.1\r\nHost: evil.test\r\n\r\n", 400),
        ("GET\t/ HTTP/1.1\r\nHost: evil.test\r\n\r\n", 400),
        ("GET /\u{e9} HTTP/1.1\r\nHost: evil.test\r\n\r\n", 400),
        ("get / http/1.1\nHost: evil.test\n\n", 400),
        ("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 400),
        ("GET / HTTP/1.1\r\n\r\n", 400),
    ] {
        let mut tunnel = bench.tunnel(&target).await;
        tunnel.write_all(request.as_bytes()).await.unwrap();
        let told = to_end(&mut tunnel).await;
        assert!(told.starts_with(&format!("HTTP/1.1 {status} ")), "{request:?}: {told}");
    }
    assert!(server.heads().is_empty(), "{:?}", server.heads());
}
