//! Bytes to events, as they come.

use bytes::{Bytes, BytesMut};
use memchr::memchr2;

/// One event.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct SseEvent {
    /// The `id` field of this event, where it has one.
    pub id: Option<String>,
    /// The `event` field, where it has one; without it the event is a `message`.
    pub event: Option<String>,
    /// The data, its lines joined by LF. May be empty.
    pub data: Bytes,
    /// The `retry` field of this event in milliseconds, where it has one.
    pub retry: Option<u64>,
}

/// Why a stream cannot be read on.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DecodeError {
    /// One event is longer than the decoder may hold.
    #[error("event is longer than {limit} bytes")]
    TooLong {
        /// The most bytes that one event's fields may take.
        limit: usize,
    },
}

/// Reads a stream of events piece by piece.
///
/// Holds at most `limit` bytes of an event that has not ended, besides the piece just fed.
#[derive(Debug)]
pub struct Decoder {
    limit: usize,
    /// Bytes not yet read as lines.
    input: BytesMut,
    /// How many bytes of `input` are known to hold no line end.
    searched: usize,
    started: bool,
    after_cr: bool,
    pending: SseEvent,
    data: BytesMut,
    has_data: bool,
    /// Bytes of fields in the event being read.
    held: usize,
    last_event_id: String,
    retry: Option<u64>,
}

impl Decoder {
    /// A decoder for one stream, which holds at most `limit` bytes of one event.
    pub fn new(limit: usize) -> Self {
        Self {
            limit,
            input: BytesMut::new(),
            searched: 0,
            started: false,
            after_cr: false,
            pending: SseEvent::default(),
            data: BytesMut::new(),
            has_data: false,
            held: 0,
            last_event_id: String::new(),
            retry: None,
        }
    }

    /// The same for a stream that goes on where another one broke off, after the event `last`.
    #[must_use]
    pub fn after(mut self, last: &str) -> Self {
        last.clone_into(&mut self.last_event_id);
        self
    }

    /// Takes the next piece of the stream. Call [`Decoder::next_event`] until it gives `None` before the next piece.
    pub fn feed(&mut self, piece: &[u8]) {
        self.input.extend_from_slice(piece);
    }

    /// The next whole event of what was fed; `None` when more must be fed first. What the stream leaves unfinished
    /// at its end is no event.
    ///
    /// # Errors
    /// When an event is longer than the limit; the decoder is of no use after that.
    pub fn next_event(&mut self) -> Result<Option<SseEvent>, DecodeError> {
        if !self.started && !self.skip_byte_order_mark() {
            return Ok(None);
        }
        while let Some(line) = self.next_line()? {
            if line.is_empty() {
                self.held = 0;
                if let Some(event) = self.dispatch() {
                    return Ok(Some(event));
                }
            } else {
                self.held += line.len() + 1;
                if self.held > self.limit {
                    return Err(DecodeError::TooLong { limit: self.limit });
                }
                self.field(&line);
            }
        }
        Ok(None)
    }

    /// The id to send as `Last-Event-ID` when the stream breaks off: the newest one of a whole event, or the one that it goes on
    /// after; empty when there was none.
    pub fn last_event_id(&self) -> &str {
        &self.last_event_id
    }

    /// How long, in milliseconds, to wait before connecting again, if the stream has said so.
    pub fn retry(&self) -> Option<u64> {
        self.retry
    }

    /// `false` while too few bytes are there to tell.
    fn skip_byte_order_mark(&mut self) -> bool {
        const MARK: &[u8] = b"\xEF\xBB\xBF";
        if self.input.starts_with(MARK) {
            let _mark = self.input.split_to(MARK.len());
        } else if MARK.starts_with(&self.input) {
            return false;
        }
        self.started = true;
        true
    }

    /// The next line without its end.
    fn next_line(&mut self) -> Result<Option<Bytes>, DecodeError> {
        if self.after_cr && !self.input.is_empty() {
            // CRLF is one line end, also when the two come in different pieces.
            self.after_cr = false;
            if self.input.starts_with(b"\n") {
                let _lf = self.input.split_to(1);
            }
        }
        let unsearched = self.input.get(self.searched..).unwrap_or_default();
        let Some(at) = memchr2(b'\r', b'\n', unsearched) else {
            self.searched = self.input.len();
            if self.held + self.searched > self.limit {
                return Err(DecodeError::TooLong { limit: self.limit });
            }
            return Ok(None);
        };
        let line = self.input.split_to(self.searched + at).freeze();
        let end = self.input.split_to(1);
        self.after_cr = end.starts_with(b"\r");
        self.searched = 0;
        Ok(Some(line))
    }

    fn field(&mut self, line: &[u8]) {
        let mut parts = line.splitn(2, |byte| *byte == b':');
        let name = parts.next().unwrap_or_default();
        let value = parts.next().unwrap_or_default();
        let value = value.strip_prefix(b" ").unwrap_or(value);
        match name {
            b"data" => {
                if self.has_data {
                    self.data.extend_from_slice(b"\n");
                }
                self.has_data = true;
                self.data.extend_from_slice(value);
            }
            b"event" => self.pending.event = Some(String::from_utf8_lossy(value).into_owned()),
            b"id" if !value.contains(&0) => {
                self.pending.id = Some(String::from_utf8_lossy(value).into_owned());
            }
            b"retry" if !value.is_empty() && value.iter().all(u8::is_ascii_digit) => {
                let retry = std::str::from_utf8(value).ok().and_then(|digits| digits.parse().ok());
                self.pending.retry = retry;
                self.retry = retry.or(self.retry);
            }
            _ => {}
        }
    }

    /// Ends the event. One without a data field only moves the last event id.
    fn dispatch(&mut self) -> Option<SseEvent> {
        let mut event = std::mem::take(&mut self.pending);
        if let Some(id) = &event.id {
            self.last_event_id.clone_from(id);
        }
        event.data = self.data.split().freeze();
        std::mem::take(&mut self.has_data).then_some(event)
    }
}
