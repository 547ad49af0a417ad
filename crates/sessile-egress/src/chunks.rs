//! Follows the chunks of a body without holding them. Extensions are refused: they are hardly used, and read differently by
//! different programs.

use crate::head::HeadError;

/// The most bytes of trailer lines.
const LONGEST_TRAILERS: u64 = 8 << 10;

/// Where in the chunks we are.
#[derive(Debug)]
pub(crate) struct Chunks {
    at: At,
    trailers_allowed: bool,
}

#[derive(Debug, Clone, Copy)]
enum At {
    /// In the size, with the digits so far.
    Size {
        size: u64,
        digits: u32,
    },
    /// The line feed behind the size is due.
    SizeEnd {
        size: u64,
    },
    /// This many bytes of data are due.
    Data(u64),
    /// The line end behind the data is due.
    DataCarriageReturn,
    DataLineFeed,
    /// At the start of a trailer line, or of the empty line.
    LineStart {
        read: u64,
    },
    /// Within a trailer line.
    Line {
        read: u64,
    },
    /// The line feed of a trailer line is due.
    LineEnd {
        read: u64,
    },
    /// The very last line feed is due.
    LastLineFeed,
    Done,
}

impl Chunks {
    /// The chunks of a request may have no trailers: servers have taken them for headers.
    pub(crate) fn of_request() -> Self {
        Self { at: At::Size { size: 0, digits: 0 }, trailers_allowed: false }
    }

    pub(crate) fn of_response() -> Self {
        Self { at: At::Size { size: 0, digits: 0 }, trailers_allowed: true }
    }

    pub(crate) fn is_done(&self) -> bool {
        matches!(self.at, At::Done)
    }

    /// How many bytes at the start of `bytes` belong to the body: all of them, or as many as there are until its end.
    pub(crate) fn follow(&mut self, bytes: &[u8]) -> Result<usize, HeadError> {
        let mut rest = bytes;
        while let (false, Some((first, behind))) = (self.is_done(), rest.split_first()) {
            if let At::Data(due) = self.at {
                let taken = usize::try_from(due).unwrap_or(usize::MAX).min(rest.len());
                rest = rest.get(taken..).unwrap_or_default();
                let due = due - taken as u64;
                self.at = if due == 0 { At::DataCarriageReturn } else { At::Data(due) };
            } else {
                self.at = self.step(*first).ok_or(HeadError::Chunks)?;
                rest = behind;
            }
        }
        Ok(bytes.len() - rest.len())
    }

    fn step(&self, byte: u8) -> Option<At> {
        Some(match (self.at, byte) {
            (At::Size { size, digits: 1.. }, b'\r') => At::SizeEnd { size },
            (At::Size { size, digits: digits @ ..15 }, _) => {
                let digit = char::from(byte).to_digit(16)?;
                At::Size { size: size * 16 + u64::from(digit), digits: digits + 1 }
            }
            (At::SizeEnd { size: 0 }, b'\n') => At::LineStart { read: 0 },
            (At::SizeEnd { size }, b'\n') => At::Data(size),
            (At::DataCarriageReturn, b'\r') => At::DataLineFeed,
            (At::DataLineFeed, b'\n') => At::Size { size: 0, digits: 0 },
            (At::LineStart { .. }, b'\r') => At::LastLineFeed,
            (At::LineStart { read } | At::Line { read }, byte)
                if self.trailers_allowed && read < LONGEST_TRAILERS && (byte == b'\t' || byte >= b' ') =>
            {
                At::Line { read: read + 1 }
            }
            (At::Line { read }, b'\r') => At::LineEnd { read },
            (At::LineEnd { read }, b'\n') => At::LineStart { read },
            (At::LastLineFeed, b'\n') => At::Done,
            _ => return None,
        })
    }
}

#[cfg(test)]
mod tests;
