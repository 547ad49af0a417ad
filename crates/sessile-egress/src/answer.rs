//! What the gate itself says to a client, and how it takes its leave.

use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt};
use tokio::time::timeout;

use crate::connection::Client;
use crate::stop::Stop;

/// How long a client may take to read why it is refused.
const LEAVE: Duration = Duration::from_secs(1);
/// How much of what it still sends is read meanwhile, so that the answer is not lost to a reset.
const MOST_DISCARDED: usize = 1 << 20;
/// A fatal alert: access_denied (RFC 8446, 6.2).
const TLS_ACCESS_DENIED: [u8; 7] = [21, 3, 3, 0, 2, 2, 49];

/// Tells the client why its connection ends, as far as anything can be told.
pub(crate) async fn tell<S>(client: &mut Client<S>, stop: &Stop)
where
    S: AsyncRead + AsyncWrite,
{
    let said = match stop {
        Stop::Refused(refusal) => response(refusal.status(), &refusal.to_json()),
        Stop::Unreachable(unreachable) => response(unreachable.status(), &unreachable.to_json()),
        Stop::RefusedTls(_) => TLS_ACCESS_DENIED.to_vec(),
        Stop::RefusedLate(_) | Stop::Gone => return,
    };
    let told = async { client.outlet.write_all(&said).await.is_ok() };
    // A client that does not want to know is not waited for.
    if timeout(LEAVE, told).await == Ok(true) {
        leave(client).await;
    }
}

/// Closes the gate's side, and waits a little for the client to close its own: a connection that is closed with bytes
/// unread is reset, and takes with it what the client has not read yet.
pub(crate) async fn leave<S>(client: &mut Client<S>)
where
    S: AsyncRead + AsyncWrite,
{
    let leave = async {
        client.outlet.shutdown().await?;
        let mut discarded = 0;
        while discarded < MOST_DISCARDED {
            client.inlet.advance(usize::MAX);
            match client.inlet.fill().await? {
                0 => break,
                count => discarded += count,
            }
        }
        std::io::Result::Ok(())
    };
    // Whoever goes on sending is cut.
    let _ = timeout(LEAVE, leave).await;
}

fn response(status: u16, body: &str) -> Vec<u8> {
    let reason = match status {
        400 => "Bad Request",
        403 => "Forbidden",
        502 => "Bad Gateway",
        503 => "Service Unavailable",
        _ => "Gateway Timeout",
    };
    format!(
        "HTTP/1.1 {status} {reason}\r\nContent-Type: application/json\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{body}",
        body.len()
    )
    .into_bytes()
}
