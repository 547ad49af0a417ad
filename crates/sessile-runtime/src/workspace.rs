//! The workspace that a principal keeps from session to session: whose turn it is, and how much lies in it.
//!
//! One session at a time has it. Those of this node take turns in the order they came; against other nodes, and against sandboxes
//! that outlive a node that was killed, there is the lease on disk, which is tried again and again.
//!
//! No quota of the kernel's holds a directory of any file system, so that what lies in it is counted: before a session starts, and
//! while it lives. One that has outgrown its limit is ended; that happens after the fact, and is said wherever the limit is.

use crate::error::OpenError;
use crate::session::Session;
use crate::session_id::SessionName;
use crate::stop::StopReason;
use sessile_identity::Principal;
use sessile_store::{Attempt, Lease, Usage, Workspace, WorkspaceError, Workspaces};
use std::collections::HashMap;
use std::os::fd::OwnedFd;
use std::path::PathBuf;
use std::pin::pin;
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::{Duration, Instant};
use tokio::sync::{OwnedMutexGuard, Semaphore};

/// How often a lease that somebody else has is tried, and a node that ends is noticed.
const TRY: Duration = Duration::from_millis(50);
/// How often what lies in a workspace is counted: at the soonest, and at the latest.
const COUNT: (Duration, Duration) = (Duration::from_secs(1), Duration::from_secs(30));
/// How much longer than counting takes is waited for the next time: a twentieth of one processor at most.
const REST: u32 = 20;
/// Workspaces of one server that are counted at a time because their sessions start.
const STARTS: usize = 4;
/// Bytes for each file that a workspace may hold, and the fewest files, as in a sandbox's private directories.
const BYTES_PER_FILE: u64 = 4096;
const MIN_FILES: u64 = 1024;

/// The workspaces of one server.
#[derive(Debug)]
pub(crate) struct KeptWorkspaces {
    store: Workspaces,
    limit: Usage,
    turns: Mutex<HashMap<String, Weak<tokio::sync::Mutex<()>>>>,
    /// Held by who counts while its session lives: one at a time.
    counting: Arc<Semaphore>,
    /// The same for those that start, who wait for nobody's session.
    starting: Arc<Semaphore>,
}

/// The right to one, for one session. To be kept until nothing of its sandbox is left.
#[derive(Debug)]
pub(crate) struct HeldWorkspace {
    /// Of a session that was taken over, its init alone has it.
    lease: Option<Lease>,
    workspace: Workspace,
    limit: Usage,
    /// The limit; more, where there was more before: then it may become less. `None` where that is not known yet.
    most: Option<Usage>,
    counting: Arc<Semaphore>,
    /// Given back last.
    _turn: Option<OwnedMutexGuard<()>>,
}

impl KeptWorkspaces {
    /// Those in `store`, of `bytes` each.
    pub(crate) fn new(store: Workspaces, bytes: u64) -> Self {
        let limit = Usage { bytes, files: (bytes / BYTES_PER_FILE).max(MIN_FILES) };
        let (counting, starting) = (Arc::new(Semaphore::new(1)), Arc::new(Semaphore::new(STARTS)));
        Self { store, limit, turns: Mutex::default(), counting, starting }
    }

    /// That of `principal`, for `session`; waits for its turn, for `patience` at most and while the node `goes_on`.
    ///
    /// # Errors
    /// When the turn does not come, or the workspace cannot be used.
    pub(crate) async fn take(
        &self,
        principal: &Principal,
        session: &SessionName,
        patience: Duration,
        goes_on: impl Fn() -> bool,
    ) -> Result<HeldWorkspace, OpenError> {
        let deadline = Instant::now() + patience;
        let name = principal.file_name();
        let turn = self.turn(&name);
        let store = self.store.clone();
        let workspace = blocking(move || store.open(&name)).await?.map_err(unusable)?;
        let mut turn = pin!(turn.lock_owned());
        let turn = loop {
            match tokio::time::timeout(TRY, &mut turn).await {
                Ok(turn) => break turn,
                Err(_) if !goes_on() => return Err(OpenError::Draining),
                Err(_) if Instant::now() < deadline => {}
                Err(_) => {
                    let holder = match attempt(&workspace, session).await? {
                        Attempt::HeldBy(holder) => holder,
                        Attempt::Taken(_) => None, // it ended this very moment, and others wait
                    };
                    return Err(OpenError::WorkspaceBusy { holder });
                }
            }
        };
        let lease = loop {
            match attempt(&workspace, session).await? {
                Attempt::Taken(lease) => break lease,
                Attempt::HeldBy(_) if !goes_on() => return Err(OpenError::Draining),
                Attempt::HeldBy(holder) if Instant::now() >= deadline => {
                    return Err(OpenError::WorkspaceBusy { holder });
                }
                Attempt::HeldBy(_) => tokio::time::sleep(TRY).await,
            }
        };
        let (limit, counting) = (self.limit, Arc::clone(&self.counting));
        let found = count(&workspace, hopeless(limit), &self.starting).await.map_err(unusable)?;
        if found.exceeds(hopeless(limit)) {
            return Err(OpenError::WorkspaceFull { directory: workspace.files(), limit: limit.bytes });
        }
        let most = Some(limit.max(found));
        Ok(HeldWorkspace { lease: Some(lease), workspace, limit, most, counting, _turn: Some(turn) })
    }

    /// That of `principal`, if the sandbox of `session`, which another runtime started, has it: its init holds the lease. Waits for the
    /// disk.
    ///
    /// # Errors
    /// When nobody can tell.
    pub(crate) fn found(
        &self,
        principal: &Principal,
        session: &SessionName,
    ) -> Result<Option<HeldWorkspace>, WorkspaceError> {
        let name = principal.file_name();
        let workspace = self.store.open(&name)?;
        match workspace.try_lease(session.as_str())? {
            Attempt::HeldBy(Some(holder)) if holder == session.as_str() => {}
            // It began without one.
            Attempt::HeldBy(_) | Attempt::Taken(_) => return Ok(None),
        }
        let turn = self.turn(&name).try_lock_owned().ok();
        let (limit, counting) = (self.limit, Arc::clone(&self.counting));
        Ok(Some(HeldWorkspace { lease: None, workspace, limit, most: None, counting, _turn: turn }))
    }

    /// What those who want the workspace called `name` queue up for.
    fn turn(&self, name: &str) -> Arc<tokio::sync::Mutex<()>> {
        let mut turns = self.turns.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(turn) = turns.get(name).and_then(Weak::upgrade) {
            return turn;
        }
        turns.retain(|_, turn| turn.strong_count() > 0);
        let turn = Arc::default();
        turns.insert(name.to_owned(), Arc::downgrade(&turn));
        turn
    }
}

impl HeldWorkspace {
    /// What the server is to see as its workspace.
    pub(crate) fn files(&self) -> PathBuf {
        self.workspace.files()
    }

    /// What the sandbox is to hold, if it does not yet.
    pub(crate) fn descriptor(&self) -> Option<Arc<OwnedFd>> {
        self.lease.as_ref().map(Lease::descriptor)
    }

    /// Writes down which process is the sandbox's first.
    ///
    /// # Errors
    /// What the operating system said.
    pub(crate) fn record(&self, init: i32) -> std::io::Result<()> {
        self.lease.as_ref().map_or(Ok(()), |lease| lease.record(init))
    }

    /// Counts, and ends `session` when there is too much. Returns then.
    pub(crate) async fn watch(&self, session: &Session) {
        let mut pause = if self.most.is_some() { COUNT.0 } else { Duration::ZERO };
        let mut most = self.most.unwrap_or_else(|| hopeless(self.limit));
        let mut is_told = false;
        loop {
            tokio::time::sleep(pause).await;
            let began = Instant::now();
            match count(&self.workspace, most, &self.counting).await {
                Ok(found) if found.exceeds(most) => {
                    let Usage { bytes, files } = self.limit;
                    let (server, name) = (&*session.server, session.name.as_str());
                    tracing::warn!(
                        target: "sessile::runtime", server, session = name, bytes, files,
                        "the workspace holds more than `limits.disk` allows; the session ends"
                    );
                    return session.stop(StopReason::DiskFull);
                }
                Ok(found) => most = self.limit.max(found),
                Err(error) if !is_told => {
                    is_told = true;
                    let (server, name) = (&*session.server, session.name.as_str());
                    tracing::warn!(
                        target: "sessile::runtime", server, session = name, error,
                        "what lies in the workspace cannot be counted; nothing limits it until that works again"
                    );
                }
                Err(_) => {}
            }
            pause = began.elapsed().saturating_mul(REST).clamp(COUNT.0, COUNT.1);
        }
    }
}

/// With so much in it, no session may begin.
fn hopeless(limit: Usage) -> Usage {
    Usage { bytes: limit.bytes.saturating_mul(2), files: limit.files.saturating_mul(2) }
}

async fn attempt(workspace: &Workspace, session: &SessionName) -> Result<Attempt, OpenError> {
    let (workspace, session) = (workspace.clone(), session.clone());
    blocking(move || workspace.try_lease(session.as_str())).await?.map_err(unusable)
}

/// Counts what lies in a workspace, when it is its turn.
async fn count(workspace: &Workspace, most: Usage, counting: &Arc<Semaphore>) -> Result<Usage, String> {
    let turn = Arc::clone(counting).acquire_owned().await;
    let workspace = workspace.clone();
    let counted = blocking(move || {
        let _turn = turn;
        workspace.usage(most)
    });
    counted.await.map_err(|error| error.to_string())?.map_err(|error| error.to_string())
}

async fn blocking<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> Result<T, OpenError> {
    tokio::task::spawn_blocking(work).await.map_err(unusable)
}

fn unusable(error: impl std::fmt::Display) -> OpenError {
    OpenError::StartFailed { reason: format!("the workspace cannot be used: {error}"), stderr_tail: String::new() }
}

#[cfg(test)]
mod tests;
