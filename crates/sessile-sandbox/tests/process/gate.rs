//! The one socket that leads out, and its absence.

use crate::support::{driver, run, script, spec};
use sessile_sandbox::{Driver, Exit, GATE_PORT, Network, SandboxSpec};
use std::io::Read;
use std::net::TcpListener;
use std::time::Duration;

/// Connects to the gate's port and says something; a shell that cannot do it is told by its exit code.
fn knocking() -> SandboxSpec {
    spec(&["/bin/bash", "-c", &format!("exec 9<>/dev/tcp/127.0.0.1/{GATE_PORT} && echo let me out >&9")])
}

#[tokio::test(flavor = "multi_thread")]
async fn what_listens_inside_is_heard_outside() {
    let mut spec = knocking();
    spec.network = Network::Gate;
    let mut sandbox = driver().start(spec).await.unwrap();
    let listener = TcpListener::from(sandbox.take_egress().expect("a way out"));
    assert!(sandbox.take_egress().is_none(), "there is one");
    assert_eq!(listener.local_addr().unwrap().port(), GATE_PORT);
    let heard = tokio::task::spawn_blocking(move || {
        listener.set_nonblocking(false).unwrap();
        let (mut stream, from) = listener.accept().unwrap();
        let mut text = String::new();
        stream.read_to_string(&mut text).unwrap();
        (text, from.ip().is_loopback())
    });
    let heard = tokio::time::timeout(Duration::from_secs(20), heard).await.expect("somebody knocks").unwrap();
    assert_eq!(heard, ("let me out\n".to_owned(), true));
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_gate_nobody_listens() {
    let said = run(&driver(), knocking()).await;
    assert_ne!(said.ended.exit, Exit::Code(0), "{said:?}");
    assert!(said.stderr.contains("refused"), "{said:?}");
    let mut sandbox = driver().start(script("cat")).await.unwrap();
    assert!(sandbox.take_egress().is_none());
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_inside_holds_the_socket() {
    // The server has three descriptors, and the one that lists them.
    let mut listing = script("ls /proc/self/fd");
    listing.network = Network::Gate;
    assert_eq!(run(&driver(), listing).await.stdout, "0\n1\n2\n3\n");
    // When the runtime lets go of it, it is gone: init has none either.
    let mut late = spec(&["/bin/bash", "-c", &format!("read; exec 9<>/dev/tcp/127.0.0.1/{GATE_PORT}")]);
    late.network = Network::Gate;
    let mut sandbox = driver().start(late).await.unwrap();
    let mut pipes = sandbox.take_pipes().unwrap();
    drop(sandbox.take_egress());
    // Init lets go of its copy once it has handed it over.
    let init = format!("/proc/{}/net/tcp", sandbox.pid());
    let is_listed = || std::fs::read_to_string(&init).unwrap().contains(&format!(":{GATE_PORT:04X} "));
    assert!(crate::support::eventually(Duration::from_secs(10), || !is_listed()), "somebody holds it");
    pipes.stdin = {
        let mut stdin = crate::support::blocking(pipes.stdin);
        crate::support::write_line(&mut stdin, "now");
        stdin.into()
    };
    let said = tokio::task::spawn_blocking(move || crate::support::read_all(pipes.stderr)).await.unwrap();
    assert!(said.contains("refused"), "{said}");
}
