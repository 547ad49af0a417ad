//! Why init could not carry out a start order.

use alloc::string::String;
use serde::{Deserialize, Serialize};

/// Why init could not carry out a start order. It exits after saying so. Every `errno` is the kernel's.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Refusal {
    /// A part of the file system could not be made.
    Mount {
        /// What was being done.
        step: String,
        /// On the host or inside, whichever failed.
        path: String,
        /// The kernel's answer.
        errno: i32,
    },
    /// A step of giving up privileges failed.
    Confine {
        /// The step.
        what: String,
        /// The kernel's answer.
        errno: i32,
    },
    /// A namespace, interface, pipe or process could not be made.
    Kernel {
        /// What was being done.
        what: String,
        /// The kernel's answer.
        errno: i32,
    },
    /// The program is nowhere.
    CommandNotFound {
        /// As it was asked for.
        command: String,
        /// Where it was looked for.
        searched: String,
    },
    /// The program is there and the kernel would not run it.
    NotExecutable {
        /// Inside.
        path: String,
        /// The kernel's answer.
        errno: i32,
    },
    /// The program's interpreter or loader is not there.
    MissingInterpreter {
        /// The program, inside.
        path: String,
        /// What it needs.
        interpreter: String,
    },
    /// The working directory cannot be entered.
    WorkingDirectory {
        /// Inside.
        path: String,
        /// The kernel's answer.
        errno: i32,
    },
    /// The order contradicts itself.
    Order {
        /// How.
        what: String,
    },
}
