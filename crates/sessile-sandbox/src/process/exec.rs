//! Further commands in a sandbox of the process driver: `sessile-exec`, spawned into the sandbox's cgroups, joins it from outside.
//!
//! [`Entrance`] is what the driver remembers of a start for that; [`start`] the blocking part, up to the command running; [`watch`]
//! the time after.

mod refused;
mod start;
mod watch;

use crate::cgroup::Group;
use crate::driver::BoxFuture;
use crate::exec::{Exec, ExecError, ExecSpec};
use crate::process::init_image::InitImage;
use serde::{Deserialize, Serialize};
use sessile_link::{Confinement, ExecOrder, Note, Program, Protection, StartOrder};
use std::ffi::c_int;
use std::os::fd::OwnedFd;
use std::path::Path;
use std::sync::Arc;

/// What running a further command in a sandbox takes, besides the sandbox.
#[derive(Clone, Debug)]
pub(crate) struct Entrance {
    image: Arc<InitImage>,
    inside: Inside,
}

/// What is known of the sandbox, and of its server.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Inside {
    /// Those that a process joins.
    namespaces: u32,
    /// The server's process id inside.
    server: i32,
    /// What holds the server.
    landlock: u32,
    filtered: bool,
    confinement: Confinement,
    /// The server's environment and working directory.
    env: Vec<(String, String)>,
    cwd: String,
}

impl Entrance {
    /// As far as it is known before the start.
    pub(crate) fn of(order: &StartOrder, namespaces: c_int, image: &Arc<InitImage>) -> Self {
        let (env, cwd) = match &order.program {
            Program::Server { env, cwd, .. } => (env.clone(), cwd.clone()),
            Program::Trial => (Vec::new(), String::new()),
        };
        let cgroup = if order.keeps(Protection::OwnCgroup) { libc::CLONE_NEWCGROUP } else { 0 };
        let inside = Inside {
            namespaces: (namespaces | cgroup).cast_unsigned(),
            server: 0,
            landlock: 0,
            filtered: order.keeps(Protection::SystemCalls),
            confinement: Confinement::of(order),
            env,
            cwd,
        };
        Self { image: Arc::clone(image), inside }
    }

    /// Of a sandbox that another runtime made.
    pub(crate) fn again(image: &Arc<InitImage>, inside: Inside) -> Self {
        Self { image: Arc::clone(image), inside }
    }

    /// What another runtime needs to know.
    pub(crate) fn inside(&self) -> &Inside {
        &self.inside
    }

    /// What init said of the server.
    pub(crate) fn found(&mut self, server: i32, landlock: u32, notes: &[Note]) {
        let known = &mut self.inside;
        (known.server, known.landlock) = (server, landlock);
        for note in notes {
            match note {
                Note::SystemCallsUnfiltered { .. } => known.filtered = false,
                Note::CgroupShown { .. } => known.namespaces &= !libc::CLONE_NEWCGROUP.cast_unsigned(),
                Note::OverlayRefused { .. } | Note::OwnerMappingRefused { .. } | Note::LandlockRefused { .. } => {}
            }
        }
    }

    /// The order for a command.
    fn order(&self, spec: ExecSpec) -> Result<ExecOrder, ExecError> {
        let known = &self.inside;
        let mut env = known.env.clone();
        for (name, value) in spec.env {
            env.retain(|(known, _)| *known != name);
            env.push((name, value));
        }
        Ok(ExecOrder {
            command: spec.command,
            env,
            cwd: spec.cwd.map_or_else(|| Ok(known.cwd.clone()), |cwd| inside(&cwd))?,
            terminal: spec.terminal,
            namespaces: known.namespaces,
            server: known.server,
            confinement: known.confinement.clone(),
            landlock: known.landlock,
            filtered: known.filtered,
        })
    }

    /// Runs a command in the sandbox whose init is `init` and whose cgroups are `group`.
    pub(crate) fn run(
        &self,
        init: std::io::Result<OwnedFd>,
        group: Arc<Group>,
        spec: ExecSpec,
    ) -> BoxFuture<'static, Result<Exec, ExecError>> {
        let prepared =
            self.order(spec).and_then(|order| Ok((order, init.map_err(ExecError::host("name the sandbox"))?)));
        let image = Arc::clone(&self.image);
        Box::pin(async move {
            let (order, init) = prepared?;
            let start = tokio::task::spawn_blocking(move || start::start(&image, &group, &init, order));
            let started = start.await.map_err(|error| ExecError::host("start a command")(error.into()))??;
            watch::watch_over(started)
        })
    }
}

fn inside(cwd: &Path) -> Result<String, ExecError> {
    match cwd.to_str() {
        Some(text) if cwd.is_absolute() => Ok(text.to_owned()),
        _ => Err(ExecError::Invalid {
            what: format!("the working directory `{}` is not an absolute path inside the sandbox", cwd.display()),
        }),
    }
}
