//! What a node remembers of a server between its sandboxes, until the server's code changes: which eras it speaks, what
//! it says of itself, and its lists, so that these are answered without starting anything.
//!
//! [`Memory`] is the whole of it. Below: `code` says when a server has become another one, `key` which answers belong to
//! which question, `hints` how long an answer holds and for whom, `lists` how many are kept, and `file` and `record`
//! what outlives the node.

mod asking;
mod code;
mod eras;
mod file;
mod hints;
mod key;
mod known;
mod lists;
mod record;
mod remembered;
#[cfg(test)]
mod tests;

pub use eras::Speaks;
pub(crate) use eras::{EraKind, KnownEras};
pub(crate) use key::ListKey;
pub(crate) use known::Epoch;
pub use remembered::{RememberedEras, remembered_eras};

use code::{Code, Fingerprint};
use hints::{Answer, Audience};
use known::Known;
use record::Record;
use sessile_bridge::{List, ServerProfile};
use sessile_sandbox::view::View;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant, SystemTime};

/// All files of a server are looked at so often at the most, and the file is written so often at the most for what
/// is not worth more.
const PAUSE: Duration = Duration::from_secs(1);
/// Looking takes at most one part in so many of the time.
const SHARE: u32 = 100;

/// What is known of one server, until its code changes.
pub(crate) struct Memory {
    server: Arc<str>,
    code: Code,
    file: Option<PathBuf>,
    known: Mutex<Known>,
    /// Held by whoever looks at the server's files. Taken before `known`.
    looked: Mutex<Looked>,
    /// Held by whoever writes the file, so that what is newer is written later. Taken before `known`.
    written: Mutex<Written>,
}

struct Looked {
    glance: Fingerprint,
    /// No further look before then.
    next: Instant,
}

#[derive(Default)]
struct Written {
    last: Option<Instant>,
    failed: bool,
}

impl std::fmt::Debug for Memory {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Memory").field("server", &self.server).finish_non_exhaustive()
    }
}

impl Memory {
    /// The memory of the server called `name`, which starts as `view` says. What was kept below `state_dir` is remembered
    /// again, if it is of the same code.
    pub(crate) fn new(view: &View, state_dir: Option<&Path>, name: &str) -> Self {
        let file = state_dir.map(|state_dir| file::path(state_dir, name));
        // What the node itself writes is nobody's code.
        let code = Code::of(view, state_dir);
        let glance = code.glance();
        let began = Instant::now();
        let fingerprint = code.fingerprint();
        let mut known = Known::nothing(fingerprint);
        let record = file.as_deref().and_then(file::read);
        if let Some(record) = record.filter(|record| record.fingerprint == fingerprint.to_string()) {
            record.restore(&mut known);
        }
        Self {
            server: name.into(),
            code,
            file,
            known: Mutex::new(known),
            looked: Mutex::new(Looked { glance, next: after(began, Instant::now()) }),
            written: Mutex::default(),
        }
    }

    /// Looks whether the server's code has changed, and forgets everything if so. The program and files that its
    /// arguments name are looked at each time (microseconds), everything else at most once a second (milliseconds at
    /// worst).
    pub(crate) fn refresh(&self) {
        self.refresh_at(Instant::now());
    }

    fn refresh_at(&self, now: Instant) {
        // Whoever comes while somebody looks goes on with what was known a moment ago.
        if let Ok(mut looked) = self.looked.try_lock() {
            let glance = self.code.glance();
            if glance != looked.glance || now >= looked.next {
                let began = Instant::now();
                let fingerprint = self.code.fingerprint();
                *looked = Looked { glance, next: after(now, now + began.elapsed()) };
                let mut known = self.known();
                if known.fingerprint != fingerprint {
                    tracing::info!(target: "sessile::runtime", server = &*self.server, "the server's files have changed: its eras and lists will be found anew");
                    known.becomes(fingerprint);
                }
            }
        }
        self.save_some_time(now);
    }

    /// Which eras the server speaks.
    pub(crate) fn eras(&self) -> KnownEras {
        self.known().eras.known()
    }

    /// A server that was started at `start` speaks an era, or does not.
    pub(crate) fn learn_era(&self, start: Epoch, era: EraKind, speaks: bool) {
        self.learn(start, |known| known.eras.learn(era, speaks));
    }

    /// What the server last said of itself in an era.
    pub(crate) fn profile(&self, era: EraKind) -> Option<Arc<ServerProfile>> {
        self.known().profiles.of(era).clone()
    }

    /// A server that was started at `start` has said who it is: it speaks that era.
    pub(crate) fn learn_profile(&self, start: Epoch, profile: Arc<ServerProfile>) {
        self.learn(start, |known| {
            let era = profile.era;
            let place = known.profiles.of(era.into());
            if place.as_ref() != Some(&profile) {
                *place = Some(profile);
                known.unsaved = true;
            }
            known.eras.learn_version(era)
        });
        self.save_some_time(Instant::now());
    }

    /// Changes what is known, unless the server is another one by now; eras are written down at once.
    fn learn(&self, start: Epoch, change: impl FnOnce(&mut Known) -> bool) {
        let eras_changed = {
            let mut known = self.known();
            if !known.epoch.same_version(start) {
                return;
            }
            let changed = change(&mut known);
            if changed {
                known.found = SystemTime::now();
                known.unsaved = true;
            }
            changed
        };
        if eras_changed {
            self.save();
        }
    }

    /// This moment. Taken when a sandbox is started, and when a list is asked for:
    /// `memory.epoch().in_session_since(start)` is what [`Memory::remember`] wants.
    pub(crate) fn epoch(&self) -> Epoch {
        self.known().epoch
    }

    /// Whether a server that was started at `start` runs the code that it would be started from now, as far as anybody
    /// has looked ([`Memory::refresh`]).
    pub(crate) fn is_current(&self, start: Epoch) -> bool {
        self.known().epoch.same_version(start)
    }

    /// The remembered result for `key`, a whole JSON object, with what is left of its `ttlMs`.
    pub(crate) fn list(&self, key: &ListKey) -> Option<Arc<str>> {
        self.list_at(key, SystemTime::now())
    }

    fn list_at(&self, key: &ListKey, now: SystemTime) -> Option<Arc<str>> {
        self.known().lists.get(key, now)
    }

    /// Remembers the `result` that a server gave to `key`, asked at `epoch`; unless the list, or the server, has changed
    /// since, or the result says that it does not hold.
    pub(crate) fn remember(&self, key: ListKey, epoch: Epoch, result: &str) {
        self.remember_at(key, epoch, result, SystemTime::now());
    }

    fn remember_at(&self, key: ListKey, epoch: Epoch, result: &str, now: SystemTime) {
        let Some((answer, audience)) = Answer::read(result, now) else {
            return;
        };
        {
            let mut known = self.known();
            if !known.epoch.same_list(epoch, key.list) {
                return;
            }
            known.unsaved |= audience == Audience::Everyone;
            known.lists.put(key, answer, audience);
        }
        self.save_some_time(Instant::now());
    }

    /// The server says that a list has changed.
    pub(crate) fn changed(&self, list: List) {
        self.known().changed(list);
        self.save_some_time(Instant::now());
    }

    /// Writes down what is not written yet. For the end of a node.
    pub(crate) fn save(&self) {
        let Some(path) = &self.file else { return };
        let mut written = self.written.lock().unwrap_or_else(PoisonError::into_inner);
        let record = {
            let mut known = self.known();
            if !std::mem::take(&mut known.unsaved) {
                return;
            }
            Record::of(&known)
        };
        written.last = Some(Instant::now());
        let outcome = file::write(path, &record);
        if let Err(error) = &outcome
            && !written.failed
        {
            let path = path.display().to_string();
            tracing::warn!(target: "sessile::runtime", server = &*self.server, path, %error, "what is known of the server cannot be kept; it will be found anew when the node starts again");
        }
        written.failed = outcome.is_err();
    }

    /// The same, unless it was done a moment ago.
    fn save_some_time(&self, now: Instant) {
        let recent = match self.written.try_lock() {
            Ok(written) => written.last.is_some_and(|last| now.saturating_duration_since(last) < PAUSE),
            Err(_) => true,
        };
        if !recent {
            self.save();
        }
    }

    fn known(&self) -> MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// When to look again after a look that took from `began` to `ended`.
fn after(began: Instant, ended: Instant) -> Instant {
    ended + PAUSE.max(ended.saturating_duration_since(began) * SHARE)
}
