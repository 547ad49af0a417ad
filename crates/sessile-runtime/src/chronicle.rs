//! Writes down in the ledger which sessions there are and how they end, beside the work: a thread of its own waits for the disk.

use crate::registry::EndedSession;
use crate::session::Session;
use crate::session_id::SessionId;
use crate::states::unix_millis;
use crate::stop::{PostMortem, StopReason};
use serde::{Deserialize, Serialize};
use sessile_store::{HibernatedRow, Ledger, LedgerError, Process, SessionEnd, SessionRow};
use sha2::{Digest, Sha256};
use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

/// Entries that may wait for the disk. Whoever brings one more waits with them: none is lost.
const WAITING: usize = 4096;
/// How long ended sessions are remembered.
const KEPT_FOR: Duration = Duration::from_secs(30 * 24 * 60 * 60);
/// How many ended sessions are remembered.
const KEPT: u32 = 100_000;

/// What is to be written down.
enum Entry {
    Started(SessionRow),
    Ended { name: String, end: SessionEnd },
}

/// The writer of one node.
#[derive(Debug)]
pub(crate) struct Chronicle {
    ledger: Arc<Ledger>,
    /// `None` once the node is through.
    entries: Mutex<Option<SyncSender<Entry>>>,
    writer: Mutex<Option<JoinHandle<()>>>,
}

/// What is kept of the end of a session.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Told {
    #[serde(flatten)]
    pub(crate) post_mortem: PostMortem,
    pub(crate) egress: Option<crate::egress::EgressView>,
}

impl Chronicle {
    /// Begins to write.
    pub(crate) fn new(ledger: Arc<Ledger>) -> Self {
        let (entries, waiting) = sync_channel(WAITING);
        let for_writer = Arc::clone(&ledger);
        let writer = std::thread::Builder::new().name("sessile-ledger".to_owned());
        let writer = writer.spawn(move || write_all(&for_writer, &waiting));
        let writer = writer.inspect_err(|error| {
            tracing::error!(target: "sessile::runtime", %error, "sessions are not written down: no thread for it");
        });
        Self { ledger, entries: Mutex::new(Some(entries)), writer: Mutex::new(writer.ok()) }
    }

    /// A session has started, or goes on here.
    pub(crate) fn started(&self, session: &Session) {
        self.put(Entry::Started(SessionRow {
            name: session.name.to_string(),
            id_digest: digest(&session.id),
            server: session.server.to_string(),
            principal: session.principal.id().to_string(),
            runtime: Process::own().to_string(),
            started_ms: unix_millis(),
            end: None,
        }));
    }

    /// A session has ended.
    pub(crate) fn ended(&self, session: &EndedSession) {
        let told = Told { post_mortem: session.post_mortem.clone(), egress: session.egress };
        self.put(Entry::Ended { name: session.name.to_string(), end: end_of(&told, session.calls) });
    }

    /// The end of a session of an earlier node, if `id` was one of this owner.
    pub(crate) fn end_of(&self, server: &str, principal: &str, id: &SessionId) -> Option<StopReason> {
        let row = self.ledger.session_by_id(&digest(id)).ok().flatten()?;
        let own = row.server == server && row.principal == principal;
        let told: Told = serde_json::from_str(&row.end.filter(|_| own)?.post_mortem).ok()?;
        Some(told.post_mortem.reason)
    }

    /// Sessions that have ended, newest first.
    pub(crate) fn ends(&self, limit: usize) -> Vec<SessionRow> {
        self.ledger.ended_sessions(u32::try_from(limit).unwrap_or(u32::MAX)).unwrap_or_default()
    }

    /// The session of this name.
    pub(crate) fn session(&self, name: &str) -> Option<SessionRow> {
        self.ledger.session(name).ok().flatten()
    }

    /// Writes down the end of sessions whose process is gone and which nobody goes on with. Returns how many.
    pub(crate) fn lose(&self, live: &[String]) -> Result<usize, LedgerError> {
        let lost = self.ledger.open_sessions()?.into_iter().filter(|row| {
            let is_dead = row.runtime.parse().is_ok_and(|process: Process| !process.is_alive());
            is_dead && !live.contains(&row.name)
        });
        let mut count = 0;
        for row in lost {
            let now = unix_millis();
            let post_mortem = PostMortem {
                reason: StopReason::NodeLost,
                exit: "unknown".to_owned(),
                stderr_tail: String::new(),
                hint: None,
                cpu_ms: 0,
                memory_peak: None,
                lived_ms: now.saturating_sub(row.started_ms),
                ended_at: now / 1000,
            };
            self.ledger.session_ended(&row.name, &end_of(&Told { post_mortem, egress: None }, 0))?;
            count += 1;
        }
        Ok(count)
    }

    /// A session that an earlier node wrote to the disk cannot be woken.
    pub(crate) fn lost_asleep(&self, row: &HibernatedRow, why: &str) {
        let now = unix_millis();
        let post_mortem = PostMortem {
            reason: StopReason::HibernationLost,
            exit: format!("hibernated; {why}"),
            stderr_tail: String::new(),
            hint: None,
            cpu_ms: 0,
            memory_peak: None,
            lived_ms: now.saturating_sub(row.opened_ms),
            ended_at: now / 1000,
        };
        let end = end_of(&Told { post_mortem, egress: None }, row.calls);
        // At once: whoever looks next takes a session without an end for one that its node took with it.
        write(&self.ledger, &Entry::Ended { name: row.label.session.clone(), end });
    }

    /// Forgets what is old.
    pub(crate) fn tidy(&self) -> Result<(), LedgerError> {
        let before = unix_millis().saturating_sub(u64::try_from(KEPT_FOR.as_millis()).unwrap_or(u64::MAX));
        self.ledger.forget_sessions(before, KEPT).map(drop)
    }

    /// Waits until everything is written.
    pub(crate) fn close(&self) {
        drop(self.entries.lock().unwrap_or_else(PoisonError::into_inner).take());
        if let Some(writer) = self.writer.lock().unwrap_or_else(PoisonError::into_inner).take() {
            // A writer that panicked has written what it could.
            let _ = writer.join();
        }
    }

    fn put(&self, entry: Entry) {
        let sender = self.entries.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let refused = match sender {
            Some(sender) => match sender.try_send(entry) {
                Ok(()) => return,
                Err(TrySendError::Full(entry) | TrySendError::Disconnected(entry)) => entry,
            },
            None => entry,
        };
        write(&self.ledger, &refused);
    }
}

impl Drop for Chronicle {
    fn drop(&mut self) {
        self.close();
    }
}

fn end_of(told: &Told, calls: u64) -> SessionEnd {
    SessionEnd {
        ended_ms: told.post_mortem.ended_at.saturating_mul(1000),
        reason: told.post_mortem.reason.as_str().to_owned(),
        calls,
        // Plain data is always written.
        post_mortem: serde_json::to_string(told).unwrap_or_default(),
    }
}

fn write_all(ledger: &Ledger, entries: &Receiver<Entry>) {
    while let Ok(entry) = entries.recv() {
        write(ledger, &entry);
    }
}

fn write(ledger: &Ledger, entry: &Entry) {
    let written = match entry {
        Entry::Started(row) => ledger.session_started(row),
        Entry::Ended { name, end } => ledger.session_ended(name, end),
    };
    if let Err(error) = written {
        tracing::error!(target: "sessile::runtime", %error, "a session cannot be written down");
    }
}

/// What the ledger knows of a session's id.
fn digest(id: &SessionId) -> String {
    Sha256::digest(id.expose()).iter().map(|byte| format!("{byte:02x}")).collect()
}
