//! One warm sandbox.

use crate::admission::Share;
use crate::memory::Epoch;
use crate::session_id::SessionName;
use crate::started::Started;
use sessile_sandbox::Usage;
use std::future::Future;
use std::pin::pin;
use std::task::{Context, Waker};
use std::time::{Duration, Instant};
use tokio::task::JoinHandle;

/// How long a server that has done nothing yet gets to end by itself.
const GRACE: Duration = Duration::from_millis(500);

/// A sandbox that waits to become a session, and its share of the node.
#[derive(Debug)]
pub(crate) struct Member {
    started: Started,
    share: Share,
    born: Instant,
    watch: Watch,
}

/// Notices the end of a member's server for as long as this lives.
#[derive(Debug)]
pub(super) struct Watch(JoinHandle<()>);

impl Member {
    /// `died` is called with how it ended, if its server ends before this is taken apart.
    pub(super) fn new(started: Started, share: Share, died: impl FnOnce(String) + Send + 'static) -> Self {
        let ended = started.sandbox.ended();
        let watch = Watch(tokio::spawn(async move { died(ended.await.exit.to_string()) }));
        Self { started, share, born: Instant::now(), watch }
    }

    pub(crate) fn name(&self) -> &SessionName {
        &self.started.name
    }

    pub(super) fn since(&self) -> Epoch {
        self.started.since
    }

    pub(super) fn has_gate(&self) -> bool {
        self.started.way_out.is_some()
    }

    pub(crate) fn born(&self) -> Instant {
        self.born
    }

    pub(crate) fn usage(&self) -> Usage {
        self.started.sandbox.usage()
    }

    pub(super) fn stderr(&self) -> String {
        self.started.stderr.text()
    }

    pub(super) fn has_ended(&self) -> bool {
        pin!(self.started.sandbox.ended()).poll(&mut Context::from_waker(Waker::noop())).is_ready()
    }

    /// Becomes what a session is made of.
    pub(crate) fn into_parts(self) -> (Started, Share) {
        (self.started, self.share)
    }

    /// Ends it. When this resolves, nothing of it is left.
    pub(super) async fn end(self) {
        let Self { started: Started { sandbox, input, outputs, .. }, share, watch, .. } = self;
        drop(watch);
        drop(input);
        sandbox.stop(GRACE).await;
        outputs.stderr.abort();
        drop(share);
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        self.0.abort();
    }
}
