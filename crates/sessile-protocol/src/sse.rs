//! Server-sent events (WHATWG HTML, section 9.2): written for clients, read by clients and tests.

mod decode;
mod encode;

#[cfg(test)]
mod tests;

pub use decode::{DecodeError, Decoder, SseEvent};
pub use encode::{comment, encode};
