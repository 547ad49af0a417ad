//! Why no view could be decided.

use std::path::PathBuf;

/// Something that the command needs is not there, or can never be shown.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ViewError {
    /// There is no program to start.
    #[error("the command is empty; write the program to start and its arguments")]
    NoCommand,
    /// No executable of this name was found.
    #[error("command not found: {program} (searched {searched})")]
    NotFound {
        /// The word that names the program.
        program: String,
        /// Where it was looked for.
        searched: String,
    },
    /// The file is there and cannot be started.
    #[error("{} cannot be started: it is not an executable file; put its interpreter in front of it, or make it executable with chmod +x", .path.display())]
    NotExecutable {
        /// The file.
        path: PathBuf,
    },
    /// A script's first line asks for an interpreter that is not there.
    #[error("{} starts with #!{line}: {source}", .script.display())]
    Interpreter {
        /// The script.
        script: PathBuf,
        /// Its first line, without `#!`.
        line: String,
        /// What happened to the interpreter.
        source: Box<ViewError>,
    },
    /// A version manager's shim leads to nothing.
    #[error("{} is a shim of {manager} that leads to no program: {reason}", .shim.display())]
    Shim {
        /// The shim.
        shim: PathBuf,
        /// The version manager.
        manager: &'static str,
        /// What was looked for, and what to do.
        reason: String,
    },
    /// Shims and scripts lead to each other without end.
    #[error("{} leads from script to script without reaching a program", .path.display())]
    Endless {
        /// The first of them.
        path: PathBuf,
    },
    /// A path that was asked for is not on this host.
    #[error("{}, asked for with {flag}, does not exist on this host", .path.display())]
    NoSuchPath {
        /// The flag, `--read` or `--write`, or `workspace`.
        flag: &'static str,
        /// The path.
        path: PathBuf,
    },
    /// A path that was asked for can never be shown.
    #[error("{}, asked for with {flag}, cannot be shown: {reason}", .path.display())]
    Refused {
        /// The flag, `--read` or `--write`, or `workspace`.
        flag: &'static str,
        /// The path.
        path: PathBuf,
        /// Why not, and what to do.
        reason: &'static str,
    },
    /// The directory to start in is not there.
    #[error("the working directory {} is not a directory on this host", .path.display())]
    WorkingDirectory {
        /// The directory.
        path: PathBuf,
    },
}
