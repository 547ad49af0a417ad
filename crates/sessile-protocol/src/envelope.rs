//! The JSON-RPC 2.0 envelope, read once.
//!
//! Reading checks that the bytes are one well-formed message and notes where the few interesting values lie;
//! nothing is copied but the id and the method. The rest is looked at only when asked for.

mod depth;
mod error;
mod id;
mod message;
mod method;
mod params;
mod payload;
mod scan;

#[cfg(test)]
mod tests;

pub use error::{EnvelopeError, Fault};
pub use id::{ProgressToken, RequestId};
pub use message::{Body, Message};
pub use method::Method;
pub use payload::Payload;

/// How deep objects and arrays may nest in one message.
pub const MAX_DEPTH: usize = 128;

/// How long, in bytes of JSON text, a request id or a progress token may be.
pub const MAX_ID_BYTES: usize = 1024;

/// How long, in bytes, a method name may be.
pub const MAX_METHOD_BYTES: usize = 256;
