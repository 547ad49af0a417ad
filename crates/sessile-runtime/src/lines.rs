//! Cuts a server's stdout into lines, with a bound on how much one line may hold.

use bytes::{Bytes, BytesMut};

/// Lines up to this size are copied out, so that one small message kept for replay does not pin a whole
/// read buffer.
const COPY_BELOW: usize = 8 * 1024;
/// What is kept of an oversized line from its start and its end, to find out which call it answers.
const PEEK: usize = 1024;
/// An oversized line that goes on for this many limits will never end.
const ENDLESS: usize = 8;

/// What came out of the stream.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Line {
    /// A whole line, without its line feed. Never empty.
    Whole(Bytes),
    /// A line that was longer than the limit: its size, first and last bytes. The rest was thrown away.
    TooLong { size: usize, head: Bytes, tail: Bytes },
}

/// The stream holds a line that does not end.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Endless;

/// Collects bytes and gives lines.
#[derive(Debug)]
pub(crate) struct Lines {
    buffer: BytesMut,
    /// Bytes of `buffer` already searched for a line feed.
    searched: usize,
    limit: usize,
    oversized: Option<Oversized>,
    /// Bytes that were given out in lines, or thrown away.
    taken: u64,
}

/// What is kept of a line that is too long.
#[derive(Debug, Default)]
struct Oversized {
    size: usize,
    head: BytesMut,
    tail: BytesMut,
}

impl Lines {
    pub(crate) fn new(limit: usize) -> Self {
        Self { buffer: BytesMut::new(), searched: 0, limit, oversized: None, taken: 0 }
    }

    /// Goes on in a stream of which so many bytes were taken before.
    pub(crate) fn after(limit: usize, taken: u64) -> Self {
        Self { taken, ..Self::new(limit) }
    }

    /// How many bytes of the stream are done with, in lines that were given out or thrown away.
    pub(crate) fn taken(&self) -> u64 {
        self.taken
    }

    /// Where the next bytes are to be appended.
    pub(crate) fn buffer(&mut self) -> &mut BytesMut {
        &mut self.buffer
    }

    /// What was read and not given out yet.
    pub(crate) fn unread(&self) -> &[u8] {
        &self.buffer
    }

    /// Bytes held for a line that is not whole yet.
    #[cfg(test)]
    fn held(&self) -> usize {
        self.buffer.len()
    }

    /// The next line, if it is whole.
    pub(crate) fn next_line(&mut self) -> Result<Option<Line>, Endless> {
        loop {
            let fresh = self.buffer.get(self.searched..).unwrap_or_default();
            let Some(at) = memchr::memchr(b'\n', fresh) else {
                self.searched = self.buffer.len();
                return self.hold_back();
            };
            let line = self.take(self.searched + at);
            if let Some(mut oversized) = self.oversized.take() {
                oversized.add(&line);
                return Ok(Some(oversized.finish()));
            }
            if line.len() > self.limit {
                let mut oversized = Oversized::default();
                oversized.add(&line);
                return Ok(Some(oversized.finish()));
            }
            let line = trim_carriage_return(line);
            if !line.is_empty() {
                return Ok(Some(Line::Whole(line)));
            }
        }
    }

    /// Takes the line that ends before `end`, and its line feed.
    fn take(&mut self, end: usize) -> Bytes {
        self.searched = 0;
        self.taken += end as u64 + 1;
        if end < COPY_BELOW {
            let line = Bytes::copy_from_slice(self.buffer.get(..end).unwrap_or_default());
            bytes::Buf::advance(&mut self.buffer, end + 1);
            return line;
        }
        let line = self.buffer.split_to(end).freeze();
        bytes::Buf::advance(&mut self.buffer, 1);
        line
    }

    /// No line feed in sight: keep what fits, throw away what does not.
    fn hold_back(&mut self) -> Result<Option<Line>, Endless> {
        if let Some(oversized) = &mut self.oversized {
            oversized.add(&self.buffer);
            self.taken += self.buffer.len() as u64;
            self.buffer.clear();
            self.searched = 0;
            if oversized.size > self.limit.saturating_mul(ENDLESS) {
                return Err(Endless);
            }
        } else if self.buffer.len() > self.limit {
            let mut oversized = Oversized::default();
            oversized.add(&self.buffer);
            self.oversized = Some(oversized);
            self.taken += self.buffer.len() as u64;
            self.buffer = BytesMut::new();
            self.searched = 0;
        }
        Ok(None)
    }
}

impl Oversized {
    fn add(&mut self, part: &[u8]) {
        self.size += part.len();
        let first = part.get(..PEEK.saturating_sub(self.head.len())).unwrap_or(part);
        self.head.extend_from_slice(first);
        let last = part.get(part.len().saturating_sub(PEEK)..).unwrap_or_default();
        self.tail.extend_from_slice(last);
        let surplus = self.tail.len().saturating_sub(PEEK);
        bytes::Buf::advance(&mut self.tail, surplus);
    }

    fn finish(self) -> Line {
        Line::TooLong { size: self.size, head: self.head.freeze(), tail: self.tail.freeze() }
    }
}

fn trim_carriage_return(line: Bytes) -> Bytes {
    match line.split_last() {
        Some((b'\r', rest)) => line.slice(..rest.len()),
        _ => line,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn feed(lines: &mut Lines, bytes: &[u8]) -> Vec<Line> {
        lines.buffer().extend_from_slice(bytes);
        let mut out = Vec::new();
        while let Some(line) = lines.next_line().unwrap() {
            out.push(line);
        }
        out
    }

    #[test]
    fn lines_come_whole_however_they_are_cut() {
        let mut lines = Lines::new(100);
        assert!(feed(&mut lines, b"one\r\n\ntw").len() == 1);
        assert_eq!(feed(&mut lines, b"o\n"), [Line::Whole(Bytes::from_static(b"two"))]);
    }

    #[test]
    fn an_oversized_line_is_thrown_away_and_the_next_one_is_whole() {
        let mut lines = Lines::new(10);
        assert_eq!(feed(&mut lines, &[b'x'; 30]), []);
        assert_eq!(lines.held(), 0);
        let out = feed(&mut lines, b"yyy\nok\n");
        assert!(matches!(&out[0], Line::TooLong { size: 33, tail, .. } if tail.ends_with(b"yyy")));
        assert_eq!(out[1], Line::Whole(Bytes::from_static(b"ok")));
    }

    #[test]
    fn a_line_without_end_is_recognised_and_never_held() {
        let mut lines = Lines::new(1000);
        let mut fed = 0;
        loop {
            lines.buffer().extend_from_slice(&[b'x'; 500]);
            fed += 500;
            match lines.next_line() {
                Ok(None) => assert!(lines.held() <= 1000),
                Ok(Some(line)) => panic!("{line:?}"),
                Err(Endless) => break,
            }
            assert!(fed < 20_000);
        }
    }

    proptest! {
        #[test]
        fn any_cut_gives_the_same_lines(
            parts in proptest::collection::vec("[a-z\n]{0,12}", 0..20),
        ) {
            let whole: String = parts.concat();
            let mut at_once = Lines::new(6);
            let mut in_parts = Lines::new(6);
            let expected = feed(&mut at_once, whole.as_bytes());
            let mut found = Vec::new();
            for part in &parts {
                found.extend(feed(&mut in_parts, part.as_bytes()));
            }
            prop_assert_eq!(found, expected);
            prop_assert_eq!(in_parts.taken() + in_parts.held() as u64, whole.len() as u64);
        }
    }
}
