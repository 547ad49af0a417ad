//! The load generator of Sessile.
//!
//! It speaks real MCP over Streamable HTTP (legacy: `initialize`, then `tools/call`, then `DELETE`; modern: each
//! request by itself, and calls that wait for their client's input), checks every answer, and measures Sessile
//! beside what it is held against: the same server started by hand, the same server's own HTTP endpoint, an HTTP
//! server that does nothing, and other gateways.
//!
//! It is not a conformance test, and not a tool against servers of others: it puts load on this machine's
//! addresses unless told otherwise, and every run is bounded in count and time.
//!
//! Start reading at [`run`], then `suite/mod.rs` for the whole table or `workload/` for one figure.

mod args;
pub mod client;
pub mod floor;
pub mod measure;
pub mod report;
pub mod suite;
pub mod target;
pub mod workload;

mod run;

pub use args::{Args, Load};
pub use report::Report;
pub use run::run;
