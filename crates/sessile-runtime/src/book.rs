//! Where a session is written down, step by step, for the runtime that comes after this one.

use crate::estate::Estate;
use crate::record::{self, Identity};
use crate::session::{Core, Session};
use serde_json::value::RawValue;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// A draft beyond this many bytes is not kept for the next one.
const SPARE_DRAFT: usize = 16 * 1024;

/// The book of one session.
#[derive(Debug)]
pub(crate) struct Book {
    estate: Arc<Estate>,
    /// An [`Identity`] as text.
    identity: Box<RawValue>,
    /// Whether it was said that the session is too large to be written down.
    complained: AtomicBool,
}

impl Book {
    /// A book for the session of this identity.
    pub(crate) fn new(estate: Arc<Estate>, identity: &Identity) -> serde_json::Result<Self> {
        let identity = RawValue::from_string(serde_json::to_string(identity)?)?;
        Ok(Self { estate, identity, complained: AtomicBool::new(false) })
    }

    fn write(&self, session: &Session, core: &mut Core) {
        let mut draft = std::mem::take(&mut core.draft);
        draft.clear();
        let written = self.estate.written();
        core.input.taken(written);
        let is_kept =
            record::write(session, &self.identity, core, written, &mut draft).is_ok() && self.estate.save(&draft);
        if !is_kept && !self.complained.swap(true, Ordering::Relaxed) {
            tracing::warn!(
                target: "sessile::runtime", server = &*session.server, session = session.name.as_str(), bytes = draft.len(),
                "the session holds more than can be written down: were the runtime killed now, it would be lost"
            );
        }
        if draft.capacity() <= SPARE_DRAFT {
            core.draft = draft;
        }
    }
}

impl Session {
    /// Writes the session down, if somebody may have to go on with it.
    pub(crate) fn write_down(&self, core: &mut Core) {
        if let Some(book) = &self.book {
            book.write(self, core);
        }
    }
}
