//! The microVM driver: a kernel for each sandbox, on QEMU's `microvm` machine.
//!
//! Two walls: the server is held in its guest by the same init and the same means as everywhere, and the machine monitor around the
//! guest is itself a server of the process driver, with no network, no view of the host and a filter of system calls. What the process
//! driver does for a server (killing, limits, orphans) it does for the monitor.
//!
//! Where to read: [`driver`] is the whole way of a start; [`boot`] a machine up to its server; [`supervise`] the time after. [`trial`]
//! finds out what carries machines here; [`parts`] and [`qemu`] what they are made of, [`keeping`] what of that is kept for those that
//! sleep; [`jail`] and [`command_line`] what QEMU is given; [`wire`] leads to the porter that carries the guest's streams, [`exec`] over it
//! to further commands, [`control`] and [`qmp`] to QEMU; [`image`] and [`packing`] make its root.

mod adopt;
mod boot;
mod capabilities;
mod command_line;
mod control;
mod cpio;
mod driver;
mod error;
mod exec;
mod image;
mod jail;
mod keeping;
mod libraries;
mod migration;
mod modules;
mod packing;
mod parts;
mod qemu;
mod qmp;
mod restore_key;
mod sleep;
mod supervise;
mod template;
mod trial;
mod tsc;
mod wire;

pub use driver::{MicrovmConfig, microvm_driver};
pub use error::{MicrovmError, PartError};
pub use template::news::{TellTemplates, TemplateNews, TemplateStock, TemplateTold};
pub use trial::{Accelerator, AcceleratorChoice};
