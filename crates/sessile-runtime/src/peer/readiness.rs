//! Waiting until a server can be talked to.
//!
//! Ready is a server that answers `GET /ping` over HTTP, whatever the answer, other than 503. That path is the health check of
//! managed runtimes, so some servers have it; and those that do not answer 404, which shows as well that they speak HTTP. It is
//! not the path of the endpoint, on purpose: some servers open a session for whatever comes there, even for a request that they
//! then refuse. That a connection is accepted is not enough: the kernel does so before the program takes its first one.

use super::talk::host;
use super::wire::Wires;
use bytes::Bytes;
use http::header::HOST;
use http::{Request, StatusCode};
use sessile_manifest::Endpoint;
use sessile_sandbox::{Ended, PortInside, Sandbox};
use std::pin::pin;
use std::time::{Duration, Instant};
use tokio::sync::watch;

/// What is asked for, and where the endpoint itself is there.
const PROBE: &str = "/ping";
const OTHER_PROBE: &str = "/healthz";

/// How long to wait between two tries, at first and at most.
const FIRST_PAUSE: Duration = Duration::from_millis(5);
const LONGEST_PAUSE: Duration = Duration::from_millis(100);

/// Why a server is not ready.
#[derive(Debug, thiserror::Error)]
pub(crate) enum NotReady {
    /// It ended.
    #[error("the server ended before it answered on port {port}: {}", .ended.exit)]
    Ended { port: u16, ended: Ended },
    /// Its time is over.
    #[error("the server was not ready after {after:?} (`start_timeout`): {seen}")]
    Late { after: Duration, seen: String },
}

/// Waits until what listens at `endpoint` in `sandbox` speaks HTTP, until `deadline` at most, which was `after` the start.
pub(crate) async fn until_ready(
    sandbox: &Sandbox,
    endpoint: &Endpoint,
    deadline: Instant,
    after: Duration,
) -> Result<(), NotReady> {
    let port = endpoint.port.get();
    let mut seen = Seen(format!(
        "nothing listens on port {port}; check `port`, and that it listens on all addresses or on 127.0.0.1"
    ));
    let asking = ask(sandbox.port(port), endpoint, &mut seen);
    let mut ended = pin!(sandbox.ended());
    tokio::select! {
        biased;
        ended = &mut ended => Err(NotReady::Ended { port, ended }),
        () = asking => Ok(()),
        () = tokio::time::sleep_until(deadline.into()) => Err(NotReady::Late { after, seen: seen.0 }),
    }
}

/// What the last try showed.
struct Seen(String);

/// Asks until there is an answer.
async fn ask(port: PortInside, endpoint: &Endpoint, seen: &mut Seen) {
    let (number, wires) = (port.number(), Wires::new(port, watch::channel(false).1));
    let request = probe(endpoint);
    let mut pause = FIRST_PAUSE;
    loop {
        // Once a connection stands, the answer is what is missing.
        if let Ok(wire) = wires.open().await {
            seen.0 = format!("port {number} takes connections, and answers no HTTP");
            match wire.send(&request, Bytes::new()).await {
                Ok(answer) if answer.head.status == StatusCode::SERVICE_UNAVAILABLE => {
                    seen.0 = format!("GET {} on port {number} answers 503", request.uri());
                }
                Ok(_) => return,
                Err(fault) => seen.0 = format!("port {number} takes connections, and answers no HTTP: {fault}"),
            }
        }
        tokio::time::sleep(pause).await;
        pause = (pause * 2).min(LONGEST_PAUSE);
    }
}

fn probe(endpoint: &Endpoint) -> Request<()> {
    let mut request = Request::new(());
    let path = if endpoint.path.as_str() == PROBE { OTHER_PROBE } else { PROBE };
    *request.uri_mut() = http::Uri::from_static(path);
    request.headers_mut().insert(HOST, host(endpoint.port.get()));
    request
}
