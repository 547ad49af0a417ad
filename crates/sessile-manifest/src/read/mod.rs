//! From a checked tree to the types of the manifest.

mod budgets;
mod fitting;
mod mcp_entry;
mod mcp_json;
mod node;
mod server;
mod toml;

pub(crate) use mcp_json::read_mcp_json;
pub(crate) use server::GATE_PORT;
pub(crate) use toml::read_toml;
