//! A company's proxy in front of the outside; here it is a second gate.

use std::sync::Arc;

use sessile_egress::{AllowList, Limits, Policy, Upstream};

use crate::workbench::{Bench, Server, Town};

fn through(upstream: &Bench, entries: &[&str]) -> Arc<Policy> {
    let upstream = Upstream::new(&format!("http://{}", upstream.at), Some("Basic c2VjcmV0".to_owned())).unwrap();
    Arc::new(Policy { allow: AllowList::parse(entries).unwrap(), upstream: Some(upstream) })
}

#[tokio::test]
async fn only_the_name_is_checked_and_the_proxy_resolves_it() {
    let server = Server::new("s").await;
    let port = server.at.port();
    let (name, address) = (format!("a.test:{port}"), format!("127.0.0.1:{port}"));
    let outer = Bench::new(&[&name, &address], Town::with(&[("a.test", "127.0.0.1")]), Limits::default()).await;
    let inner = Bench::with_policy(through(&outer, &[&name]), Town::default(), Limits::default()).await;
    let request = format!("GET http://{name}/x HTTP/1.1\r\nHost: {name}\r\nConnection: close\r\n\r\n");
    let told = inner.ask(request.as_bytes()).await;
    assert!(told.ends_with("s got 0 bytes"), "{told}");
    assert!(inner.town.lookups().is_empty());
    assert_eq!(inner.town.dialled(), [outer.at]);
    assert_eq!(inner.record.lines()[0], format!("opened {name} by {name}, name only"));
    assert!(!server.heads()[0].contains("c2VjcmV0"), "{:?}", server.heads());

    let refused = inner.ask(b"CONNECT evil.test:443 HTTP/1.1\r\nHost: evil.test\r\n\r\n").await;
    assert!(refused.starts_with("HTTP/1.1 403 "), "{refused}");
    let refused = inner.ask(b"CONNECT 127.0.0.1:443 HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n").await;
    assert!(refused.contains("address_refused"), "{refused}");
    assert_eq!(inner.town.dialled().len(), 1, "what is refused does not reach the proxy");
}

#[tokio::test]
async fn a_refusal_of_the_proxy_is_not_ours() {
    let outer = Bench::new(&[], Town::default(), Limits::default()).await;
    let inner = Bench::with_policy(through(&outer, &["a.test:443"]), Town::default(), Limits::default()).await;
    let told = inner.ask(b"CONNECT a.test:443 HTTP/1.1\r\nHost: a.test\r\n\r\n").await;
    assert!(
        told.starts_with("HTTP/1.1 502 ") && told.contains("the upstream proxy answered with status 403"),
        "{told}"
    );
    inner.record.until("unreachable a.test:443: the upstream proxy answered with status 403", 1).await;
}
