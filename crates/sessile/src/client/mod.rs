//! The client commands: `sessile call`, `sessile tools` and `sessile sessions`.
//!
//! They are for a person who tries a server, or a script that does. `call` and `tools` speak MCP to the public
//! listener (or to any other Streamable HTTP endpoint) through the official SDK; `sessions` speaks JSON to the
//! admin listener. Nothing here is used by the runtime itself.
//!
//! Start reading in `call.rs`; `connect.rs` opens the connection, `handler.rs` answers what the server asks.

mod arguments;
mod ask;
mod call;
mod connect;
mod content;
mod error;
mod escape;
mod handler;
mod patience;
mod printer;
mod roots;
mod sampling;
mod save;
mod schema;
mod secret;
mod sessions;
mod size;
mod table;
mod target;
mod tools;
mod watch;

pub(crate) use call::{CallArgs, call};
pub(crate) use error::ClientError;
pub(crate) use sessions::{SessionsArgs, sessions};
pub(crate) use tools::{ToolsArgs, tools};
