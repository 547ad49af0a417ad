//! What a hibernated session's file says of the session, beside the state of its sandbox.

use crate::session::{Core, Session};
use crate::states::unix_millis;
use crate::stop::whole_millis;
use bytes::Bytes;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use std::time::{Duration, Instant};

/// What a head looks like. It grows by one when an older version could not read it, or this one not an older one's.
const FORM: u32 = 1;

/// A head that was read.
#[derive(Debug)]
pub(crate) struct Head {
    /// What the driver wants to know again.
    pub(crate) asleep: String,
    /// How old the session was, and when that was.
    pub(crate) times: Times,
    /// A [`Record`](crate::record::Record) as text.
    pub(crate) record: Box<RawValue>,
    /// What was read of the server and is not accounted for in the record.
    pub(crate) rest: Bytes,
}

/// When a session was written down. By the wall clock, as the host may have been restarted since.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub(crate) struct Times {
    /// How old it was, in milliseconds.
    pub(crate) age_ms: u64,
    /// Milliseconds since 1970.
    pub(crate) slept_ms: u64,
}

impl Times {
    pub(crate) fn of(session: &Session) -> Self {
        Self { age_ms: whole_millis(session.opened.elapsed()), slept_ms: unix_millis() }
    }

    /// When the session was opened, by the clock of this boot of the host. Sleep counts.
    pub(crate) fn opened(self, now: Instant, now_ms: u64) -> Instant {
        let age = Duration::from_millis(self.age_ms.saturating_add(now_ms.saturating_sub(self.slept_ms)));
        now.checked_sub(age).unwrap_or(now)
    }
}

#[derive(Serialize, Deserialize)]
struct Text {
    form: u32,
    asleep: String,
    times: Times,
    record: Box<RawValue>,
}

/// Why a head cannot be read.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Unreadable {
    #[error("its head has form {0}, and this version reads form {FORM}")]
    Form(u32),
    #[error("its head cannot be read: {0}")]
    Damaged(#[from] serde_json::Error),
    #[error("its head is shorter than it says")]
    Short,
}

impl Head {
    /// The head of `session` as it is now, with what its driver said, and `rest`.
    ///
    /// A length (`u32`, little-endian), so many bytes of JSON, and the rest as it is.
    pub(crate) fn write(session: &Session, core: &Core, asleep: String, rest: &[u8]) -> serde_json::Result<Vec<u8>> {
        let identity = RawValue::from_string(serde_json::to_string(&session.identity())?)?;
        let mut record = Vec::new();
        crate::record::write(session, &identity, core, 0, &mut record)?;
        // It was written as text.
        let record = RawValue::from_string(String::from_utf8_lossy(&record).into_owned())?;
        let text = serde_json::to_vec(&Text { form: FORM, asleep, times: Times::of(session), record })?;
        let length = u32::try_from(text.len()).unwrap_or(u32::MAX).to_le_bytes();
        Ok([&length[..], &text, rest].concat())
    }

    /// Reads what [`write`](Self::write) wrote.
    pub(crate) fn read(bytes: &[u8]) -> Result<Self, Unreadable> {
        #[derive(Deserialize)]
        struct Only {
            form: u32,
        }
        let (length, rest) = bytes.split_first_chunk::<4>().ok_or(Unreadable::Short)?;
        let length = usize::try_from(u32::from_le_bytes(*length)).unwrap_or(usize::MAX);
        let (text, rest) = rest.split_at_checked(length).ok_or(Unreadable::Short)?;
        let Only { form } = serde_json::from_slice(text)?;
        if form != FORM {
            return Err(Unreadable::Form(form));
        }
        let Text { asleep, times, record, .. } = serde_json::from_slice(text)?;
        Ok(Self { asleep, times, record, rest: Bytes::copy_from_slice(rest) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sleep_counts_as_life_also_when_the_host_was_restarted() {
        let times = Times { age_ms: 5_000, slept_ms: 100_000 };
        let now = Instant::now();
        assert_eq!(now.duration_since(times.opened(now, 107_000)), Duration::from_secs(12));
        // A clock that was set back adds nothing.
        assert_eq!(now.duration_since(times.opened(now, 1_000)), Duration::from_secs(5));
        // Longer ago than this boot.
        let old = Times { age_ms: 400 * 24 * 3600 * 1000, slept_ms: 0 };
        assert_eq!(now.duration_since(old.opened(now, 0)), Duration::from_secs(400 * 24 * 3600));
    }

    #[test]
    fn what_is_no_head_is_refused() {
        for bytes in [&b""[..], b"\x05\0\0\0{}", b"\x02\0\0\0{}", b"\xff\xff\xff\xff{}"] {
            assert!(Head::read(bytes).is_err());
        }
        let later = br#"{"form":9,"anything":1}"#;
        let bytes = [&(later.len() as u32).to_le_bytes()[..], later].concat();
        assert!(matches!(Head::read(&bytes), Err(Unreadable::Form(9))));
    }
}
