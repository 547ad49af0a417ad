//! Reaching a port inside a sandbox from outside.

use crate::support::{driver, eventually, spec, waiting};
use sessile_sandbox::{Driver, PortInside, Sandbox, SandboxSpec, unsandboxed_driver};
use std::io::ErrorKind;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// A server that greets whoever connects to `address`, and says on stdout where it listens.
fn greeter(address: &str, port: u16) -> SandboxSpec {
    let family = if address.contains(':') { "AF_INET6" } else { "AF_INET" };
    spec(&[
        "/usr/bin/python3",
        "-c",
        &format!(
            "import socket\n\
             s = socket.create_server(('{address}', {port}), family=socket.{family})\n\
             print(s.getsockname()[1], flush=True)\n\
             while True:\n    c, _ = s.accept()\n    c.sendall(c.recv(64).upper())\n    c.close()"
        ),
    ])
}

/// The server's sandbox, and the port that it listens on.
async fn listening(driver: &impl Driver, spec: SandboxSpec) -> (Sandbox, PortInside) {
    let mut sandbox = driver.start(spec).await.unwrap_or_else(|error| panic!("{error}"));
    let mut stdout = crate::support::blocking(sandbox.take_pipes().unwrap().stdout);
    let line = tokio::task::spawn_blocking(move || crate::support::read_line(&mut stdout)).await.unwrap();
    let port = sandbox.port(line.parse().expect("a port"));
    (sandbox, port)
}

async fn greeting(mut stream: TcpStream) -> String {
    stream.write_all(b"hello").await.unwrap();
    let mut text = String::new();
    stream.read_to_string(&mut text).await.unwrap();
    text
}

#[tokio::test(flavor = "multi_thread")]
async fn what_listens_inside_is_reached_from_outside_and_from_nowhere_else() {
    for address in ["127.0.0.1", "0.0.0.0", "::1", "::"] {
        let (sandbox, port) = listening(&driver(), greeter(address, 8000)).await;
        assert_eq!(greeting(port.connect().await.unwrap()).await, "HELLO", "{address}");
        // Init goes on watching, and goes on connecting.
        let crowd: Vec<_> = (0..20)
            .map(|_| {
                let port = port.clone();
                tokio::spawn(async move { greeting(port.connect().await.unwrap()).await })
            })
            .collect();
        for one in crowd {
            assert_eq!(one.await.unwrap(), "HELLO");
        }
        sandbox.kill();
        sandbox.ended().await;
        assert_eq!(port.connect().await.unwrap_err().kind(), ErrorKind::BrokenPipe);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn where_nobody_listens_that_is_said() {
    let (sandbox, _pipes) = waiting(&driver(), "").await;
    for _ in 0..3 {
        assert_eq!(sandbox.port(8000).connect().await.unwrap_err().kind(), ErrorKind::ConnectionRefused);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn two_sandboxes_have_two_ports_of_one_number() {
    let driver = driver();
    let (one, port_of_one) = listening(&driver, greeter("127.0.0.1", 8000)).await;
    let (two, port_of_two) = listening(&driver, greeter("127.0.0.1", 8000)).await;
    assert_eq!(greeting(port_of_one.connect().await.unwrap()).await, "HELLO");
    one.kill();
    one.ended().await;
    assert_eq!(greeting(port_of_two.connect().await.unwrap()).await, "HELLO");
    two.kill();
    assert!(eventually(Duration::from_secs(20), || !std::path::Path::new(&format!("/proc/{}", two.pid())).exists()));
}

#[tokio::test(flavor = "multi_thread")]
async fn without_isolation_it_is_a_port_of_the_host() {
    let mut spec = greeter("127.0.0.1", 0);
    spec.cwd = "/".into();
    let (sandbox, port) = listening(&unsandboxed_driver(), spec).await;
    assert_eq!(greeting(port.connect().await.unwrap()).await, "HELLO");
    sandbox.kill();
    sandbox.ended().await;
    assert_eq!(port.connect().await.unwrap_err().kind(), ErrorKind::ConnectionRefused);
}
