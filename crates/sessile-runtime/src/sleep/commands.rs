//! What operators and the node itself do about rest: by command, at the start, at the end, and when the disk is full.

use super::asleep::Woken;
use super::{Asleep, Bed};
use crate::error::OpenError;
use crate::node::Node;
use crate::registry::Standing;
use crate::session::RestKind;
use crate::session_id::{SessionId, SessionName};
use crate::states::unix_millis;
use crate::stop::StopReason;
use sessile_store::{HibernatedRow, Process};
use sessile_telemetry::Event;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};
use tokio::task::JoinSet;

/// Sessions that are written to the disk at a time when the node ends.
const AT_ONCE: usize = 4;
/// How much longer than running calls get is waited for that.
const PATIENCE: Duration = Duration::from_secs(30);

/// Why a session does not rest, or not wake, at an operator's command.
#[derive(Debug, thiserror::Error)]
pub enum RestFault {
    /// The node knows no session of that name.
    #[error("there is no live session {name:?}")]
    Unknown {
        /// The name asked for.
        name: String,
    },
    /// It cannot, or not now.
    #[error("session {name} stays awake: {why}")]
    Awake {
        /// The name asked for.
        name: String,
        /// Why.
        why: String,
    },
    /// It sleeps on, to be woken by a later request.
    #[error("session {name} sleeps on: {error}")]
    Asleep {
        /// The name asked for.
        name: String,
        /// Why.
        error: Box<OpenError>,
    },
    /// It could not be woken, or ended meanwhile.
    #[error("session {name} has ended: {}", reason.as_str())]
    Ended {
        /// The name asked for.
        name: String,
        /// Why.
        reason: StopReason,
    },
}

impl Node {
    /// Lets the session with this public name rest now: it is written to the disk, or frozen. Tells which; one that rests already
    /// rests on.
    ///
    /// # Errors
    /// When there is none, or it does not rest.
    pub async fn hibernate_session(&self, name: &str) -> Result<&'static str, RestFault> {
        let word = |kind| match kind {
            RestKind::Disk => "hibernated",
            RestKind::Freeze => "frozen",
        };
        let name = name.to_owned();
        match self.registry.called(&name) {
            Some(Standing::Live(session)) => {
                session.ask_to_rest().await.map(word).map_err(|why| RestFault::Awake { name, why })
            }
            Some(Standing::Asleep(_)) => Ok(word(RestKind::Disk)),
            Some(Standing::Ended(_)) | None => Err(RestFault::Unknown { name }),
        }
    }

    /// Wakes the session with this public name. One that runs runs on.
    ///
    /// # Errors
    /// When there is none, or it does not wake.
    pub async fn resume_session(&self, name: &str) -> Result<(), RestFault> {
        let name = name.to_owned();
        loop {
            let asleep = match self.registry.called(&name) {
                Some(Standing::Live(session)) if session.visit().await.is_some() => return Ok(()),
                Some(Standing::Live(_)) => continue,
                Some(Standing::Asleep(asleep)) => asleep,
                Some(Standing::Ended(_)) | None => return Err(RestFault::Unknown { name }),
            };
            match self.wake(&asleep).await {
                Woken::Up(_) => return Ok(()),
                Woken::NotNow(error) => return Err(RestFault::Asleep { name, error }),
                Woken::Over(reason) => return Err(RestFault::Ended { name, reason }),
            }
        }
    }

    /// Writes every session to the disk that can be, until some time after `until`: this node ends.
    pub(crate) async fn hibernate_all(&self, until: Instant) {
        let deadline = until.max(Instant::now()) + PATIENCE;
        let mut waiting: Vec<_> = self.registry.live();
        waiting.retain(|session| session.rest_kind == Some(RestKind::Disk));
        let mut under_way = JoinSet::new();
        let work = async {
            while !waiting.is_empty() || !under_way.is_empty() {
                if under_way.len() < AT_ONCE
                    && let Some(session) = waiting.pop()
                {
                    under_way.spawn(async move {
                        let outcome = session.ask_to_rest().await;
                        if let Err(why) = outcome {
                            let (server, session) = (&*session.server, session.name.as_str());
                            tracing::info!(target: "sessile::runtime", server, session, why, "ends with the node: not hibernated");
                        }
                    });
                } else {
                    under_way.join_next().await;
                }
            }
        };
        if tokio::time::timeout_at(deadline.into(), work).await.is_err() {
            tracing::warn!(target: "sessile::runtime", "not every session could be hibernated in time; the rest is ended");
        }
    }

    /// Ends those that sleep longest until `bytes` more fit on the disk, and says whether they do.
    pub(crate) async fn make_bed(&self, bytes: u64) -> bool {
        let Some(dormitory) = &self.dormitory else { return false };
        loop {
            let mut asleep = self.registry.asleep();
            let taken: u64 = asleep.iter().map(|asleep| asleep.bytes).sum();
            if taken.saturating_add(bytes) <= dormitory.disk() {
                return true;
            }
            asleep.sort_by_key(|asleep| asleep.since_ms);
            let Some(oldest) = asleep.first() else { return false };
            self.end_asleep(oldest, StopReason::Evicted, Some("others needed its room on the disk")).await;
        }
    }

    /// Ends sessions that slept through the end of their lives. To be called now and then.
    pub async fn end_sleepers(&self) {
        let now = unix_millis();
        for asleep in self.registry.asleep().iter().filter(|asleep| asleep.expires_ms <= now) {
            self.end_asleep(asleep, StopReason::MaxLifetime, None).await;
        }
    }

    /// Tells what is taken of the disk.
    pub(crate) fn tell_disk(&self) {
        let Some(dormitory) = &self.dormitory else { return };
        let asleep = self.registry.asleep();
        let bytes = asleep.iter().map(|asleep| asleep.bytes).sum();
        self.telemetry.emit(&Event::HibernationDisk { sessions: asleep.len(), bytes, limit: dormitory.disk() });
    }

    /// Knows the sessions again that sleep on the disk since nodes before this one, and says how many.
    pub(crate) async fn find_asleep(&self) -> usize {
        let Some(dormitory) = self.dormitory.clone() else { return 0 };
        let rows = match dormitory.sweep().await {
            Ok(rows) => rows,
            Err(error) => {
                tracing::error!(target: "sessile::runtime", %error, "hibernated sessions of the last node cannot be looked for");
                return 0;
            }
        };
        let mut found = 0;
        for row in rows.iter().filter(|row| row.lineage == dormitory.lineage() && is_left(row)) {
            if matches!(self.registry.called(&row.label.session), Some(Standing::Live(_))) {
                dormitory.forget(&row.label).await;
                continue;
            }
            let known = dormitory.note(row).and_then(|note| Some((note, self.server(&row.label.server)?)));
            let bytes = dormitory.put_right(row).await;
            match (known, bytes) {
                (Some((note, server)), Some(bytes)) => {
                    if !dormitory.take_over(row).await {
                        continue; // another node was faster
                    }
                    let principal = note.owner.into_principal();
                    let place = self.admission.place_taken(server.shared_name(), &principal);
                    self.registry.fall_asleep(Arc::new(Asleep {
                        id: SessionId::from_client(&note.id),
                        name: SessionName::known(&row.label.session),
                        principal,
                        server,
                        names: note.names,
                        modern: note.modern,
                        parked: note.parked,
                        generation: row.label.generation,
                        bytes,
                        opened_ms: row.opened_ms,
                        since_ms: row.since_ms,
                        expires_ms: row.expires_ms,
                        calls: row.calls,
                        wakes: row.wakes,
                        place: Mutex::new(Some(place)),
                        bed: Bed::default(),
                    }));
                    found += 1;
                }
                (known, _) => self.lose_sleeper(row, known.is_some()).await,
            }
        }
        self.tell_disk();
        found
    }

    /// Writes down that a session of a node that is gone cannot be woken.
    async fn lose_sleeper(&self, row: &HibernatedRow, is_known: bool) {
        use sessile_store::Stage;
        let why = match row.stage {
            Stage::Writing => "its node was killed while it was written to the disk",
            Stage::Waking => "its node was killed while it was woken",
            Stage::Asleep if is_known => "its file is gone",
            Stage::Asleep => "its server is no longer hosted here, or the key of hibernated sessions is another one",
        };
        let (server, session) = (row.label.server.as_str(), row.label.session.as_str());
        tracing::error!(target: "sessile::runtime", server, session, why, "a hibernated session is lost");
        if let Some(chronicle) = &self.chronicle {
            chronicle.lost_asleep(row, why);
        }
        if let Some(dormitory) = &self.dormitory {
            dormitory.forget(&row.label).await;
        }
    }

    /// Names and ids of all sessions that sleep, of other nodes too: they are not lost because nobody runs them.
    pub(crate) fn known_asleep(&self) -> Vec<(String, String)> {
        let Some(dormitory) = &self.dormitory else { return Vec::new() };
        let rows = dormitory.rows();
        rows.iter().filter_map(|row| Some((row.label.session.clone(), dormitory.note(row)?.id))).collect()
    }
}

/// Whether nobody has it any more.
fn is_left(row: &HibernatedRow) -> bool {
    row.runtime.parse().is_ok_and(|process: Process| !process.is_alive())
}
