//! Sandboxes: the unit that holds one session's process tree, and the drivers that make them.
//!
//! A [`SandboxSpec`] goes in; a [`Sandbox`] comes out, whose handle is the sandbox's life: when it goes, the whole process
//! tree goes, with its files, its memory, its cgroups and its network. What a driver cannot enforce on this host it says, in
//! [`Capabilities`] beforehand and in [`Sandbox::notes`] afterwards; nothing is skipped in silence.
//!
//! This crate knows nothing of MCP and nothing of sessions: it moves no byte of what a server says, and keeps no list of
//! sandboxes.
//!
//! Start reading at [`spec`], then [`driver`], then [`process`], which is the driver that isolates, and [`microvm`], which gives each sandbox a kernel; [`unsandboxed`] is the
//! one that does not. [`view`] decides what a server sees of the host.

pub mod capabilities;
mod cgroup;
pub mod driver;
pub mod ended;
pub mod error;
pub mod exec;
pub mod microvm;
#[cfg(feature = "played")]
pub mod played;
mod port;
pub mod process;
mod process_tree;
mod readiness;
pub mod sandbox;
pub mod sleep;
pub mod spec;
pub mod unsandboxed;
pub mod view;

pub use capabilities::{Capabilities, Capability, Feature, Strength};
pub use driver::{Adopted, BoxFuture, Driver};
pub use ended::{Ended, Exit, Usage};
pub use error::{AdoptError, DriverError, StartError};
pub use exec::{Exec, ExecError, ExecSpec, Streams, Terminal, WindowSize};
pub use microvm::{Accelerator, AcceleratorChoice, MicrovmConfig, MicrovmError, PartError, microvm_driver};
pub use microvm::{TellTemplates, TemplateNews, TemplateStock, TemplateTold};
pub use port::PortInside;
#[cfg(feature = "weaken")]
pub use process::weakened_driver;
pub use process::{CgroupUse, ProcessConfig, owner_of_kept_files, process_driver};
pub use sandbox::Sandbox;
/// The port of a sandbox's loopback that leads to the gate, with [`Network::Gate`].
pub use sessile_link::GATE_PORT;
pub use sleep::{FreezeError, HibernateError, StateSink, StateSource, WakeError, WrittenDown};
pub use spec::{FileView, InvalidSandboxId, Limits, Network, Pipes, SandboxId, SandboxSpec};
pub use unsandboxed::unsandboxed_driver;
