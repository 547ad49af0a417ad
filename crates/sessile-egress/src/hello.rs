//! The ClientHello of TLS (RFC 8446, 4.1.2): which server does the client name, and does it hide another one. Nothing is
//! decrypted; what does not read cleanly is refused.

/// The most bytes of records that a ClientHello may take. With post-quantum keys one has about 2 KiB.
pub const LONGEST_HELLO: usize = 16 << 10;

const HANDSHAKE_RECORD: u8 = 22;
const CLIENT_HELLO: u8 = 1;
const SERVER_NAME: u16 = 0;
const ENCRYPTED_CLIENT_HELLO: u16 = 0xfe0d;
/// Drafts of it: ESNI, and ECH up to draft 12.
const ENCRYPTED_DRAFTS: [u16; 5] = [0xffce, 0xfe08, 0xfe09, 0xfe0a, 0xfe0b];

/// What a ClientHello says in clear.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClientHello {
    /// The server's name as it was sent; `None` if there is none.
    pub server_name: Option<String>,
    /// Whether there is an encrypted ClientHello. A made-up one (GREASE) looks the same, by design.
    pub is_encrypted: bool,
}

/// Why it cannot be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum HelloError {
    /// Another record, or another message, comes first.
    #[error("no ClientHello comes first")]
    NotFirst,
    /// Lengths that do not fit, things that are there twice, a name that is none.
    #[error("its ClientHello is malformed")]
    Malformed,
    /// More than [`LONGEST_HELLO`] bytes.
    #[error("its ClientHello is longer than {LONGEST_HELLO} bytes")]
    TooLong,
    /// It did not come in time.
    #[error("its ClientHello did not come in time")]
    TooSlow,
}

/// Whether a stream with this first byte can only be TLS: the content types of its records.
pub(crate) fn is_tls(first: u8) -> bool {
    (20..=24).contains(&first)
}

impl ClientHello {
    /// Reads the first bytes of a stream; `None` while more are needed.
    ///
    /// # Errors
    /// What is no ClientHello.
    pub fn peek(bytes: &[u8]) -> Result<Option<Self>, HelloError> {
        // The message may be cut into several records.
        let mut message = Vec::new();
        let mut records = Reader(bytes);
        loop {
            if let Some((kind, body)) = whole_message(&message) {
                return if kind == CLIENT_HELLO { Self::read(body).map(Some) } else { Err(HelloError::NotFirst) };
            }
            let mut record = Reader(records.0);
            match record.u8() {
                Some(HANDSHAKE_RECORD) => {}
                Some(_) => return Err(HelloError::NotFirst),
                None => break,
            }
            match record.u16() {
                Some(version) if version >> 8 != 3 => return Err(HelloError::Malformed),
                Some(_) => {}
                None => break,
            }
            let Some(length) = record.u16() else { break };
            if length == 0 || usize::from(length) > LONGEST_HELLO {
                return Err(HelloError::Malformed);
            }
            let Some(part) = record.take(length.into()) else { break };
            if message.is_empty() && part.first() != Some(&CLIENT_HELLO) {
                return Err(HelloError::NotFirst);
            }
            message.extend_from_slice(part);
            if message.len() > LONGEST_HELLO {
                return Err(HelloError::TooLong);
            }
            records = record;
        }
        if bytes.len() > LONGEST_HELLO { Err(HelloError::TooLong) } else { Ok(None) }
    }

    fn read(body: &[u8]) -> Result<Self, HelloError> {
        Self::fields(&mut Reader(body)).ok_or(HelloError::Malformed)
    }

    fn fields(body: &mut Reader<'_>) -> Option<Self> {
        let (_version, _random) = (body.u16()?, body.take(32)?);
        let (_session, _ciphers, _compressions) = (body.vector8()?, body.vector16()?, body.vector8()?);
        let mut hello = Self { server_name: None, is_encrypted: false };
        if body.0.is_empty() {
            return Some(hello);
        }
        let mut extensions = Reader(body.vector16()?);
        if !body.0.is_empty() {
            return None;
        }
        while !extensions.0.is_empty() {
            let (kind, content) = (extensions.u16()?, extensions.vector16()?);
            if kind == SERVER_NAME {
                let twice = hello.server_name.is_some();
                hello.server_name = Some(server_name(content).filter(|_| !twice)?);
            }
            hello.is_encrypted |= kind == ENCRYPTED_CLIENT_HELLO || ENCRYPTED_DRAFTS.contains(&kind);
        }
        Some(hello)
    }
}

/// The list of RFC 6066, 3, with its one entry: a host name.
fn server_name(content: &[u8]) -> Option<String> {
    let mut content = Reader(content);
    let mut list = Reader(content.vector16()?);
    let (kind, name) = (list.u8()?, list.vector16()?);
    let name = str::from_utf8(name).ok().filter(|name| name.is_ascii() && !name.is_empty())?;
    (kind == 0 && list.0.is_empty() && content.0.is_empty()).then(|| name.to_owned())
}

/// Type and body of a handshake message, if all of it is there.
fn whole_message(message: &[u8]) -> Option<(u8, &[u8])> {
    let mut reader = Reader(message);
    let kind = reader.u8()?;
    let length = usize::from(reader.u8()?) << 16 | usize::from(reader.u16()?);
    reader.take(length).map(|body| (kind, body))
}

/// Takes bytes off the front.
struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    fn take(&mut self, length: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.0.split_at_checked(length)?;
        self.0 = rest;
        Some(taken)
    }

    fn u8(&mut self) -> Option<u8> {
        let (first, rest) = self.0.split_first()?;
        self.0 = rest;
        Some(*first)
    }

    fn u16(&mut self) -> Option<u16> {
        Some(u16::from(self.u8()?) << 8 | u16::from(self.u8()?))
    }

    fn vector8(&mut self) -> Option<&'a [u8]> {
        let length = self.u8()?;
        self.take(length.into())
    }

    fn vector16(&mut self) -> Option<&'a [u8]> {
        let length = self.u16()?;
        self.take(length.into())
    }
}

#[cfg(test)]
mod tests;
