//! Reading of server-sent events (WHATWG HTML, section 9.2.6), only as much as an MCP client needs.

/// Takes the bytes of an event stream in pieces of any size and gives back the data of each event.
///
/// Ids, event names, retry times and comments are read over: the load generator never resumes a stream.
#[derive(Debug, Default)]
pub struct SseReader {
    line: Vec<u8>,
    data: Vec<u8>,
    has_data: bool,
    after_cr: bool,
}

impl SseReader {
    /// Reads `bytes` and calls `on_event` with the data of each event that is complete with them.
    ///
    /// Events without data, such as the priming event of SEP-1699 (an id and an empty `data` line),
    /// are left out: they carry no message.
    pub fn feed(&mut self, bytes: &[u8], mut on_event: impl FnMut(&[u8])) {
        for &byte in bytes {
            let follows_cr = std::mem::take(&mut self.after_cr);
            match byte {
                b'\n' if follows_cr => {}
                b'\n' | b'\r' => {
                    self.after_cr = byte == b'\r';
                    self.end_line(&mut on_event);
                }
                _ => self.line.push(byte),
            }
        }
    }

    fn end_line(&mut self, on_event: &mut impl FnMut(&[u8])) {
        let line = std::mem::take(&mut self.line);
        if line.is_empty() {
            if !self.data.is_empty() {
                on_event(&self.data);
            }
            self.data.clear();
            self.has_data = false;
        } else if let Some(value) = field(&line, b"data") {
            if self.has_data {
                self.data.push(b'\n');
            }
            self.has_data = true;
            self.data.extend_from_slice(value);
        }
        // Keep the buffer: a stream is one line after another.
        self.line = line;
        self.line.clear();
    }
}

/// The value of `line` if its field name is `name`.
fn field<'a>(line: &'a [u8], name: &[u8]) -> Option<&'a [u8]> {
    let rest = line.strip_prefix(name)?;
    if rest.is_empty() {
        return Some(rest);
    }
    let value = rest.strip_prefix(b":")?;
    Some(value.strip_prefix(b" ").unwrap_or(value))
}
