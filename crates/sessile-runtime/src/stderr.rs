//! What a server says on stderr, and on stdout if it speaks HTTP: kept as a short tail for post-mortems, logged line by line within a rate.

use crate::estate::{Estate, KeptTail, TAIL_BYTES};
use crate::lines::{Line, Lines};
use sessile_telemetry::{DropCause, Event, Telemetry};
use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::net::unix::pipe;
use tokio::time::Instant;

/// Longest line that is logged whole.
const LINE_LIMIT: usize = 4 * 1024;
/// Lines logged per second; the rest of the second is counted and shed.
const LINES_PER_SECOND: u64 = 100;
/// Bytes read per second; a server that floods waits for its own pipe.
const BYTES_PER_SECOND: usize = 8 << 20;

/// The last bytes of a server's stderr, shared between reader and post-mortem.
#[derive(Debug)]
pub(crate) struct Tail(Mutex<Kept>);

/// Where they are.
#[derive(Debug)]
enum Kept {
    /// With this process.
    Here(VecDeque<u8>),
    /// Where another runtime finds them.
    InEstate(KeptTail),
}

impl Tail {
    /// That of a server whose session leaves `estate`, if it leaves any. What is in there already comes before what is read now.
    pub(crate) fn of(estate: Option<&Estate>) -> Self {
        Self(Mutex::new(estate.map_or_else(|| Kept::Here(VecDeque::new()), |estate| Kept::InEstate(estate.tail()))))
    }

    /// Adds what was read, forgetting the oldest.
    fn add(&self, bytes: &[u8]) {
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let tail = match &mut *kept {
            Kept::Here(tail) => tail,
            Kept::InEstate(tail) => return tail.add(bytes),
        };
        let last = bytes.get(bytes.len().saturating_sub(TAIL_BYTES)..).unwrap_or_default();
        let surplus = (tail.len() + last.len()).saturating_sub(TAIL_BYTES);
        let surplus = surplus.min(tail.len());
        tail.drain(..surplus);
        tail.extend(last);
    }

    /// The tail as text; what is not UTF-8 is replaced.
    pub(crate) fn text(&self) -> String {
        let bytes = match &*self.0.lock().unwrap_or_else(PoisonError::into_inner) {
            Kept::Here(tail) => tail.iter().copied().collect(),
            Kept::InEstate(tail) => tail.bytes(),
        };
        String::from_utf8_lossy(&bytes).trim_end().to_owned()
    }
}

/// Whose output it is, for the log.
#[derive(Clone, Debug)]
pub(crate) struct Source {
    pub(crate) server: Arc<str>,
    pub(crate) session: Arc<str>,
    /// `stderr` or `stdout`.
    pub(crate) stream: &'static str,
    pub(crate) telemetry: Telemetry,
}

/// Reads until end of file.
pub(crate) async fn read(pipe: pipe::Receiver, tail: Arc<Tail>, source: Source) {
    let mut lines = Lines::new(LINE_LIMIT);
    let mut second = Instant::now();
    let (mut logged, mut shed, mut bytes) = (0_u64, 0_u64, 0_usize);
    loop {
        if pipe.readable().await.is_err() {
            break;
        }
        let buffer = lines.buffer();
        buffer.reserve(2048);
        let before = buffer.len();
        match pipe.try_read_buf(buffer) {
            Ok(0) => break,
            Ok(read) => {
                tail.add(buffer.get(before..).unwrap_or_default());
                bytes += read;
            }
            Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => continue,
            Err(_) => break,
        }
        while let Ok(Some(line)) = lines.next_line() {
            if logged < LINES_PER_SECOND {
                logged += 1;
                source.log(&line);
            } else {
                shed += 1;
            }
        }
        if bytes > BYTES_PER_SECOND {
            tokio::time::sleep_until(second + Duration::from_secs(1)).await;
        }
        if second.elapsed() >= Duration::from_secs(1) {
            source.report_shed(shed);
            (second, logged, shed, bytes) = (Instant::now(), 0, 0, 0);
        }
    }
    source.report_shed(shed);
}

/// What a server writes must not steer the operator's terminal.
pub(crate) fn clean(text: &str) -> String {
    text.chars().map(|c| if c.is_control() && c != '\t' { '\u{fffd}' } else { c }).collect()
}

impl Source {
    fn log(&self, line: &Line) {
        let (text, note) = match line {
            Line::Whole(text) => (String::from_utf8_lossy(text), ""),
            Line::TooLong { head, .. } => (String::from_utf8_lossy(head), " … (line cut)"),
        };
        let clean = clean(&text);
        self.telemetry.emit(&Event::ServerOutput {
            server: &self.server,
            session: &self.session,
            stream: self.stream,
            line: &format!("{clean}{note}"),
        });
    }

    fn report_shed(&self, count: u64) {
        if count > 0 {
            self.telemetry.emit(&Event::Dropped {
                server: &self.server,
                session: &self.session,
                cause: DropCause::StderrShed,
                count,
                detail: "lines of output beyond the rate that is logged",
            });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_tail_keeps_the_last_bytes_only() {
        let estate = Estate::new(1000).unwrap();
        for tail in [Tail::of(None), Tail::of(Some(&estate))] {
            keeps_the_last(&tail);
        }
    }

    fn keeps_the_last(tail: &Tail) {
        for n in 0..10_000 {
            tail.add(format!("line {n}\n").as_bytes());
        }
        let text = tail.text();
        assert!(text.len() <= TAIL_BYTES);
        assert!(text.ends_with("line 9999"));
        tail.add(&vec![b'x'; 3 * TAIL_BYTES]);
        assert_eq!(tail.text().len(), TAIL_BYTES);
    }
}
