//! Sockets, with errors that say what to do.

use super::Failure;
use std::io::ErrorKind;
use std::net::SocketAddr;
use tokio::net::TcpListener;

/// Binds `address`, named in messages by the option or manifest key that sets it.
pub(crate) async fn bind(address: SocketAddr, option: &str, key: &str) -> Result<TcpListener, Failure> {
    TcpListener::bind(address).await.map_err(|error| {
        let hint = match error.kind() {
            ErrorKind::AddrInUse => format!(
                "something listens there already (another sessile?); choose another with {option} or {key}, port 0 picks a free one"
            ),
            ErrorKind::PermissionDenied => format!("ports below 1024 need privileges; choose another with {option} or {key}"),
            ErrorKind::AddrNotAvailable => format!("this host has no such address; choose another with {option} or {key}"),
            _ => format!("choose another with {option} or {key}"),
        };
        Failure::Failed(format!("cannot listen on {address}: {error}: {hint}"))
    })
}

/// The address a socket got.
pub(crate) fn address(listener: &TcpListener) -> Result<SocketAddr, Failure> {
    listener.local_addr().map_err(|error| Failure::Failed(format!("a listener has no address: {error}")))
}
