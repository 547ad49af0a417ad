//! What a server sees of the host.
//!
//! A command line goes in; the files that it needs, and nothing else, come out: the system read-only, the prefix of the
//! interpreter, what the arguments name, the working directory as a private copy. Nothing here mounts or starts
//! anything: [`resolve`] only reads the host, and a driver makes its answer true.
//!
//! Where to read: [`resolve`] in this file is the order of decisions. [`guard`] says what is never shown whole,
//! [`program`] how a word becomes a binary, [`arrange`] how wishes become a list without overlaps, and
//! [`explain_failed_start`] how a server that missed something is told which flag to use.

mod arguments;
mod arrange;
mod certificates;
mod environment;
mod error;
mod explain;
mod gathering;
mod guard;
mod host_env;
mod prefix;
mod program;
mod python;
mod request;
mod shebang;
mod shims;
mod system;
#[cfg(test)]
mod tests;
mod working_directory;

pub use error::ViewError;
pub use explain::{MissingPath, explain_failed_start};
pub use host_env::HostEnv;
pub use request::{View, ViewRequest};

use gathering::Gathering;

use crate::FileView;

/// The private working directory of a server whose own cannot be shown.
pub const WORKSPACE: &str = "/workspace";
/// The private home directory of every server.
pub const HOME: &str = "/home/server";
/// Directories that are private and writable in every sandbox.
const PRIVATE: [&str; 4] = [WORKSPACE, HOME, "/tmp", "/var/tmp"];

/// Decides what a server sees of the host: a few hundred `stat` calls and no change to anything. A version manager
/// whose choice cannot be read from its files (mise, Volta) is asked, for at most five seconds.
///
/// # Errors
/// [`ViewError`] when the command, its interpreter, the working directory or a path asked for is not there, or when a
/// path asked for can never be shown.
pub fn resolve(request: &ViewRequest) -> Result<View, ViewError> {
    let mut gathering = Gathering::new(request);
    system::bring(&mut gathering, std::path::Path::new("/"));
    for place in PRIVATE {
        gathering.imply(FileView::Private { target: place.into() });
    }
    let place = working_directory::decide(&mut gathering, request)?;
    let program = program::bring(&mut gathering, request)?;
    arguments::bring(&mut gathering, request, &place);
    gathering.ask_for(request)?;
    let certificates = certificates::bring(&mut gathering);
    let (files, mut explanation) = gathering.settle();

    let mut env = environment::of(&request.host, &program, &files);
    env.extend(certificates);
    env.extend(program.env);
    let mut command = request.command.clone();
    if let Some(first) = command.first_mut() {
        *first = program.path.to_string_lossy().into_owned();
    }
    explanation.push(format!("working directory: {}", place.inside.display()));
    Ok(View { command, cwd: place.inside, files, env, explanation, started_in: request.cwd.clone() })
}
