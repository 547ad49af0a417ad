//! The keeper, as the runtime sees it: a child that outlives it, told what to look after.

use crate::process::init_image::InitImage;
use crate::process::init_process::InitProcess;
use crate::process::spawn::{Also, Birth, SpawnError, spawn};
use rustix::net::SendFlags;
use sessile_link::ToKeeper;
use std::io;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// How long a keeper with nothing to do takes to end.
const FAREWELL: Duration = Duration::from_millis(500);

/// The keeper of this runtime. Dropping it tells it that the runtime is gone.
#[derive(Debug)]
pub(crate) struct Keeper {
    /// `None` only while it is being dropped.
    parts: Option<(UnixStream, InitProcess)>,
    /// The longest grace it knows of, in milliseconds.
    grace: AtomicU64,
}

impl Keeper {
    /// Starts it, to guard `own` and to sweep what is `left` of others.
    pub(crate) fn start(
        image: &InitImage,
        own: &[PathBuf],
        left: &[PathBuf],
        lease: Option<&Path>,
    ) -> io::Result<Self> {
        let (link, keepers) = UnixStream::pair()?;
        let name = c"sessile-keeper";
        let joining = Default::default();
        let birth = Birth { image, name, link: keepers.into(), also: Also::default(), namespaces: 0, joining, close: true };
        let process = spawn(birth).map_err(|error| match error {
            SpawnError::Clone(error) | SpawnError::Child(_, error) => error,
        })?;
        let keeper = Self { parts: Some((link, process)), grace: AtomicU64::new(0) };
        let text = |paths: &[PathBuf]| paths.iter().map(|path| path.to_string_lossy().into_owned()).collect();
        keeper.say(&ToKeeper::Guard(text(own)));
        if let Some(lease) = lease {
            keeper.say(&ToKeeper::Lease(lease.to_string_lossy().into_owned()));
        }
        if !left.is_empty() {
            keeper.say(&ToKeeper::Sweep(text(left)));
        }
        Ok(keeper)
    }

    /// Says that a sandbox may outlive the runtime this long.
    pub(crate) fn allow(&self, orphan_grace: Duration) {
        let millis = u64::try_from(orphan_grace.as_millis()).unwrap_or(u64::MAX);
        if self.grace.fetch_max(millis, Ordering::Relaxed) < millis {
            self.say(&ToKeeper::Grace(millis));
        }
    }

    fn say(&self, message: &ToKeeper) {
        let mut bytes = Vec::new();
        if let (Some((link, _)), Ok(())) = (&self.parts, sessile_link::control::encode(message, &mut bytes)) {
            // A keeper that does not listen is dead; the next node sweeps what this one leaves.
            let _ = rustix::net::send(link, &bytes, SendFlags::NOSIGNAL | SendFlags::DONTWAIT);
        }
    }
}

impl Drop for Keeper {
    fn drop(&mut self) {
        if let Some((link, mut process)) = self.parts.take() {
            drop(link);
            // If it still has something to remove, it is to do that, whatever becomes of this process.
            if !process.wait(FAREWELL) {
                process.release();
            }
        }
    }
}
