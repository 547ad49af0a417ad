//! The process driver: namespaces, a root of its own, cgroups, and `sessile-init` as the first process.
//!
//! Where to read: [`driver`] is the whole way of a start; [`launch`] its blocking part, up to the server running; [`spawn`] the
//! clone itself; [`supervise`] the time after; [`exec`] further commands in a sandbox; [`trial`] how capabilities are found out;
//! [`keeper`] and [`node`] what is left to others when this process is killed; [`adopt`] how the next one takes it over, and
//! [`rendezvous`] where.

mod adopt;
mod answers;
mod asking;
mod driver;
mod exec;
mod freeze;
mod init_image;
mod init_process;
mod keeper;
mod launch;
pub(crate) mod node;
pub(crate) mod order;
mod refused;
pub(crate) mod rendezvous;
mod spawn;
mod supervise;
mod trial;
mod users;

#[cfg(test)]
mod tests;

pub(crate) use init_image::PROGRAM;
pub(crate) use node::Node;

#[cfg(feature = "weaken")]
pub use driver::weakened_driver;
pub use driver::{CgroupUse, ProcessConfig, process_driver};
pub use users::owner_of_kept_files;
