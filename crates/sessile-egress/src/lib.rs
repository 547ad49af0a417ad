//! The egress gate: the only way out of a sandbox, for what the manifest lists and nothing else.
//!
//! A sandbox has loopback and no route. Programs inside find an HTTP proxy there; each connection to it reaches a [`Gate`]
//! outside, one per session. The gate reads what is asked for (`CONNECT host:port` or `http://host/…`) into one canonical
//! [`Target`], asks the [`AllowList`], resolves a listed name once, checks the addresses, and dials exactly one that was
//! checked. It looks into nothing that is encrypted, and keeps no list of sessions.
//!
//! Start reading at [`gate`]; then [`host`] and [`address`] for what names and addresses are, [`allow_list`] for what is
//! allowed, [`head`] and [`hello`] for what is read of requests and of TLS, `connection`, `forward` and `tunnel` for the
//! life of a connection.

mod activity;
pub mod address;
pub mod allow_list;
mod answer;
mod body;
mod chunks;
mod connection;
pub mod events;
mod exchange;
mod first_bytes;
mod forward;
pub mod gate;
pub mod head;
pub mod hello;
pub mod host;
mod inlet;
pub mod limits;
pub mod outside;
mod passage;
pub mod policy;
pub mod refusal;
mod response;
pub mod rule;
mod stop;
pub mod target;
mod traffic;
mod tunnel;
mod upstream;
mod way;

pub use address::AddressKind;
pub use allow_list::AllowList;
pub use events::{EgressEvent, EgressEvents};
pub use first_bytes::FirstBytes;
pub use gate::Gate;
pub use head::RequestHead;
pub use hello::ClientHello;
pub use host::Host;
pub use limits::Limits;
pub use outside::{Outside, SystemOutside};
pub use policy::{Policy, Upstream, UpstreamError};
pub use refusal::{Reason, Refusal};
pub use rule::{Rule, RuleError};
pub use target::Target;
pub use traffic::Traffic;
