//! Waiting for descriptors in tokio's event loop.
#![allow(unsafe_code)]

use std::io;
use std::os::fd::{AsFd, AsRawFd};
use tokio::io::Interest;
use tokio::io::unix::AsyncFd;

/// Registers a descriptor that becomes readable when its process has ended.
pub(crate) fn watch<T: AsFd + AsRawFd>(process: T) -> io::Result<AsyncFd<T>> {
    watch_for(process, Interest::READABLE)
}

/// Registers a descriptor that can be waited for.
pub(crate) fn watch_for<T: AsFd + AsRawFd>(descriptor: T, interest: Interest) -> io::Result<AsyncFd<T>> {
    // SAFETY: a type that owns what `AsFd` lends keeps the descriptor open as long as it lives, and `AsyncFd` deregisters it
    // before it drops the type.
    let registered = unsafe { AsyncFd::register_with_interest(descriptor, interest) };
    Ok(registered?)
}
