//! The client commands: `sessile call`, `sessile tools` and `sessile sessions`.
//!
//! They are for a person who tries a server, or a script that does. `call` and `tools` speak MCP to the public
//! listener (or to any other Streamable HTTP endpoint) through the official SDK; `sessions` speaks JSON to the
//! admin listener. Nothing here is used by the runtime itself; `sessile images` prints with the same printer and tables.
//!
//! Both eras of the protocol are spoken. The SDK carries either: it makes the headers and the metadata of modern
//! requests, and closing a response's stream is how it cancels one. What it would decide for itself is decided here
//! instead: which era to speak (`connect/dial.rs`), how parked questions are answered (`call/rounds.rs`, bounded, and
//! shown while it goes on), and how a task is followed (`call/task.rs`).
//!
//! Start reading in `call.rs`; `connect.rs` opens the connection, `handler.rs` answers what a legacy server asks, and
//! `input.rs` what a modern one needs to know.

mod arguments;
mod ask;
mod call;
mod connect;
mod content;
mod error;
mod escape;
mod handler;
mod input;
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
pub(crate) use escape::{one_line, pretty};
pub(crate) use printer::{Printer, stdout_width};
pub(crate) use sessions::{SessionsArgs, sessions};
pub(crate) use size::{bytes, duration};
pub(crate) use table::Table;
pub(crate) use tools::{ToolsArgs, tools};
