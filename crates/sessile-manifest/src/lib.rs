//! The manifest: which servers a node hosts, how each is started, and what it may use.
//!
//! A manifest is a `sessile.toml`, or the JSON that other tools keep their MCP servers in
//! (`.mcp.json`), unchanged. [`load`] reads either and gives a [`Manifest`] in which everything is
//! settled: defaults applied, paths absolute, values within their ranges. A manifest that is not right
//! gives [`ManifestErrors`]: all mistakes of the file at once, each with line, column, key, and what to
//! write instead.
//!
//! It starts nothing, opens nothing but the file itself, and does not ask whether paths or programs
//! exist: that is known where they are used.
//!
//! Start with `manifest.rs`, `server.rs` and `limits.rs` for what a manifest holds. How a text becomes
//! one: `tree` (text to values with positions) → `check` (against the schema) → `read` (to the types).

mod check;
mod expand;
mod image;
mod keys;
mod leaf;
mod limits;
mod load;
mod manifest;
mod name;
mod node;
mod package;
mod path;
mod pool;
mod problem;
mod read;
mod remote_url;
mod report;
mod schema;
mod scope;
mod server;
mod single;
mod size;
mod source;
mod span;
mod surroundings;
mod tasks;
mod tree;
mod values;
mod workspace;

pub use image::{ImageDigest, ImageRef, LayoutImage, NotAnImage, RegistryRef};
pub use limits::Limits;
pub use load::{Format, load, parse};
pub use manifest::Manifest;
pub use name::{NotAServerName, ServerName};
pub use node::Node;
pub use package::{NotAPackage, Package, Registry};
pub use pool::Pool;
pub use problem::{ManifestErrors, Place, Problem};
pub use remote_url::{NotARemoteUrl, RemoteUrl};
pub use schema::schema;
pub use scope::Scope;
pub use server::{Command, Files, Isolation, Kind, PackageProgram, Remote, Server, ServerEra};
pub use single::Single;
pub use size::{NotASize, Size};
pub use surroundings::Surroundings;
pub use tasks::Tasks;
pub use values::Values;
pub use workspace::Workspace;

#[cfg(test)]
mod tests;
