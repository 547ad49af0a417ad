//! The words of MCP on the wire: the JSON-RPC envelope, protocol versions, error codes, header names and
//! server-sent events.
//!
//! This crate is pure. It knows nothing of sockets, tokio, processes or clocks: bytes come in, values or bytes
//! go out. It is *not* a model of MCP: a body is read as far as routing needs (id, method, a few names inside
//! `params`) and travels on as the raw JSON it came as, so that members nobody here knows survive untouched. Where a message must be changed, [`Object`] changes one member of it.
//!
//! Start with [`envelope::Message`], the one thing that every request and every answer becomes; then
//! [`sse`] and [`error`], which are what answers look like on the way out.

mod canonical;
pub mod envelope;
pub mod error;
pub mod headers;
pub mod line;
pub mod meta;
pub mod mirror;
pub mod modern;
pub mod object;
mod record;
pub mod sse;
pub mod version;

pub use canonical::canonical;
pub use envelope::{Body, EnvelopeError, Message, Method, Payload, ProgressToken, RequestId};
pub use error::ErrorObject;
pub use line::to_line;
pub use meta::LogLevel;
pub use object::Object;
pub use record::json_text;
pub use version::{Era, LegacyVersion, ModernVersion};
