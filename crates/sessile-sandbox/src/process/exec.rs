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
use sessile_link::{Inside, Note, StartOrder};
use std::ffi::c_int;
use std::os::fd::OwnedFd;
use std::sync::Arc;

/// What running a further command in a sandbox takes, besides the sandbox.
#[derive(Clone, Debug)]
pub(crate) struct Entrance {
    image: Arc<InitImage>,
    inside: Inside,
}

impl Entrance {
    /// As far as it is known before the start.
    pub(crate) fn of(order: &StartOrder, namespaces: c_int, image: &Arc<InitImage>) -> Self {
        Self { image: Arc::clone(image), inside: Inside::of(order, namespaces.cast_unsigned()) }
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
        self.inside.found(server, landlock, notes);
    }

    /// Runs a command in the sandbox whose init is `init` and whose cgroups are `group`.
    pub(crate) fn run(
        &self,
        init: std::io::Result<OwnedFd>,
        group: Arc<Group>,
        spec: ExecSpec,
    ) -> BoxFuture<'static, Result<Exec, ExecError>> {
        let prepared = spec
            .into_request()
            .and_then(|request| Ok((self.inside.order(request), init.map_err(ExecError::host("name the sandbox"))?)));
        let image = Arc::clone(&self.image);
        Box::pin(async move {
            let (order, init) = prepared?;
            let start = tokio::task::spawn_blocking(move || start::start(&image, &group, &init, order));
            let started = start.await.map_err(|error| ExecError::host("start a command")(error.into()))??;
            watch::watch_over(started)
        })
    }
}
