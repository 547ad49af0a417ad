//! An MCP client over Streamable HTTP, of either era, as lean as a measurement needs.
//!
//! One [`Client`] owns one connection; a [`Session`] is only what the headers of a request must carry,
//! so any client can call in any session, as the requests of a real user arrive over several connections.

mod connection;
mod dialect;
mod endpoint;
mod fault;
mod mcp;
mod message;
mod parking;
mod sse;

pub use connection::Connection;
pub use dialect::{Ask, Dialect};
pub use endpoint::{Endpoint, EndpointArgs};
pub use fault::{Fault, Faults};
pub use mcp::{Client, Session};
pub use message::{CallTemplate, IdStyle, MODERN_VERSION, Message, PROTOCOL_VERSION, initialize, initialized, read};
pub(crate) use message::{check_tool_result, chosen_version};
pub use parking::Parked;
pub use sse::SseReader;

#[cfg(test)]
mod tests;
