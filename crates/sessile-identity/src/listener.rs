//! A public listener without authentication does not start.

use std::net::SocketAddr;

use crate::{Anonymous, Door};

/// A listener that would let anybody on the network in.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "{key} = \"{address}\" is reachable from other machines and nothing authenticates them; \
     set `node.api_keys` to a file of keys, or listen on 127.0.0.1, or set `node.allow_anonymous = true` \
     if everybody who can reach it may call"
)]
pub struct OpenListener {
    /// The manifest key that sets the address, such as `node.listen`.
    pub key: &'static str,
    /// The address.
    pub address: SocketAddr,
}

/// Refuses `address` (set by the manifest key `key`) if it is not a loopback address and `door` neither
/// authenticates nor was told to let everybody in.
///
/// # Errors
/// [`OpenListener`], whose text says which key to set.
pub fn refuse_open_listener(key: &'static str, address: SocketAddr, door: &Door) -> Result<(), OpenListener> {
    // An IPv4 loopback address mapped into IPv6 is loopback too, which `is_loopback` does not know.
    let private = address.ip().to_canonical().is_loopback();
    if private || door.authenticates() || door.anonymous() == Anonymous::Always {
        Ok(())
    } else {
        Err(OpenListener { key, address })
    }
}

#[cfg(test)]
mod tests;
