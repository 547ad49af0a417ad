//! The file of API keys: one key per line, `NAME sha256:HEX [comment]`.
//!
//! Empty lines and lines that begin with `#` are skipped. The file holds digests only; a reader of it
//! cannot call anything. A writer can, so a file that everybody may write to is refused.

use std::collections::HashMap;
use std::io::Read;
use std::path::{Path, PathBuf};

use subtle::{Choice, ConditionallySelectable, ConstantTimeEq};

use crate::{Credentials, KeyDigest, Principal, bearer};

/// Most keys that one file may hold: every presented key is compared with all of them.
const MAX_KEYS: usize = 10_000;
/// Largest file that is read, in bytes: room for [`MAX_KEYS`] lines with generous comments.
const MAX_BYTES: u64 = 4 * 1024 * 1024;
/// Longest name of a key, in bytes.
const MAX_NAME: usize = 64;

/// The keys that this node knows, by digest.
#[derive(Debug, Clone)]
pub struct KeyFile {
    path: PathBuf,
    entries: Vec<Entry>,
}

#[derive(Debug, Clone)]
struct Entry {
    principal: Principal,
    digest: KeyDigest,
}

/// What presenting an `Authorization` header to the key file came to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// The key is in the file.
    Principal(Principal),
    /// There was no `Authorization` header.
    Missing,
    /// A bearer token that is none of the keys.
    Unknown,
    /// A header that is not `Bearer TOKEN`.
    Unusable,
}

/// Why a key file could not be used.
#[derive(Debug, thiserror::Error)]
pub enum KeyFileError {
    /// The file cannot be read.
    #[error("cannot read the API keys of {path}: {source}")]
    Read {
        /// The file.
        path: PathBuf,
        /// What the operating system said.
        source: std::io::Error,
    },
    /// Anybody on the machine could add a key.
    #[error("{path} can be written by every user of this machine (mode {mode:04o}); run `chmod 600 {path}`")]
    WorldWritable {
        /// The file.
        path: PathBuf,
        /// Its permission bits.
        mode: u32,
    },
    /// Lines that cannot be read as keys, all of them.
    #[error("{}", list(path, faults))]
    Lines {
        /// The file.
        path: PathBuf,
        /// The line numbers, counted from 1, with what is wrong there.
        faults: Vec<(usize, KeyFileFault)>,
    },
}

/// What is wrong with one line. The line's text is never repeated: it may be a key put there by mistake.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum KeyFileFault {
    /// No digest after the name.
    #[error("no digest; write `NAME sha256:HEX`")]
    NoDigest,
    /// The second word is not `sha256:` and 64 hexadecimal digits.
    #[error("the second word is not `sha256:` and 64 hexadecimal digits; store the digest of a key, never the key")]
    BadDigest,
    /// The name is too long or has characters that would make log lines ambiguous.
    #[error("the name may have 1 to {MAX_NAME} characters of A-Z a-z 0-9 . _ @ -")]
    BadName,
    /// Two keys of one name would be one principal.
    #[error("the name `{0}` is already used on line {1}")]
    DuplicateName(String, usize),
    /// One key under two names would make it a matter of luck who calls.
    #[error("the same key is already on line {0}")]
    DuplicateKey(usize),
    /// More than 10,000 keys, or more than 4 MiB.
    #[error("too large; at most {MAX_KEYS} keys and 4 MiB")]
    TooLarge,
    /// Not text.
    #[error("not UTF-8 text")]
    NotText,
}

impl KeyFile {
    /// Reads the file at `path`.
    ///
    /// # Errors
    /// When it cannot be read, is writable for everybody, or has lines that are no keys (all are named).
    pub fn load(path: &Path) -> Result<Self, KeyFileError> {
        let read = |source| KeyFileError::Read { path: path.to_owned(), source };
        let file = std::fs::File::open(path).map_err(read)?;
        // Asked of the open file, not of the path, so that what is checked is what is read.
        refuse_world_writable(path, &file.metadata().map_err(read)?)?;
        let mut bytes = Vec::new();
        file.take(MAX_BYTES + 1).read_to_end(&mut bytes).map_err(read)?;
        let fault = |line, fault| KeyFileError::Lines { path: path.to_owned(), faults: vec![(line, fault)] };
        if bytes.len() as u64 > MAX_BYTES {
            return Err(fault(1, KeyFileFault::TooLarge));
        }
        let text = String::from_utf8(bytes).map_err(|error| {
            let before = error.as_bytes().iter().take(error.utf8_error().valid_up_to());
            fault(1 + before.filter(|byte| **byte == b'\n').count(), KeyFileFault::NotText)
        })?;
        Self::parse(path, &text)
    }

    /// Reads the text of a key file; `path` is for the errors.
    ///
    /// # Errors
    /// Every line that is not a key, with its number.
    pub fn parse(path: &Path, text: &str) -> Result<Self, KeyFileError> {
        let mut entries = Vec::new();
        let mut earlier = Earlier::default();
        let mut faults = Vec::new();
        for (number, line) in (1..).zip(text.lines()) {
            let line = line.trim();
            if line.is_empty() || line.starts_with('#') {
                continue;
            }
            if entries.len() == MAX_KEYS {
                faults.push((number, KeyFileFault::TooLarge));
                break;
            }
            match entry(line).and_then(|entry| earlier.none_like(entry, number)) {
                Ok(entry) => entries.push(entry),
                Err(fault) => faults.push((number, fault)),
            }
        }
        let path = path.to_owned();
        if faults.is_empty() { Ok(Self { path, entries }) } else { Err(KeyFileError::Lines { path, faults }) }
    }

    /// Finds the principal of an `Authorization` header value.
    ///
    /// The presented key is hashed and compared with every entry, always all of them and each in
    /// constant time, so that the time taken says neither whether nor where it matched.
    pub fn authenticate(&self, authorization: Option<&[u8]>) -> Outcome {
        match bearer(authorization) {
            Credentials::Missing => Outcome::Missing,
            Credentials::Unusable => Outcome::Unusable,
            Credentials::Bearer(token) => self.find(token).map_or(Outcome::Unknown, Outcome::Principal),
        }
    }

    /// Where the keys were read from.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// How many keys there are.
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether there is no key at all, so that nobody can authenticate.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    fn find(&self, token: &str) -> Option<Principal> {
        let presented = KeyDigest::of(token.as_bytes());
        let mut found = u32::MAX;
        for (index, entry) in (0_u32..).zip(&self.entries) {
            found.conditional_assign(&index, entry.digest.matches(&presented));
        }
        let hit: Choice = !found.ct_eq(&u32::MAX);
        if bool::from(hit) { self.entries.get(found as usize).map(|entry| entry.principal.clone()) } else { None }
    }
}

fn entry(line: &str) -> Result<Entry, KeyFileFault> {
    let mut words = line.split_whitespace();
    let name = words.next().unwrap_or_default();
    let digest = words.next().ok_or(KeyFileFault::NoDigest)?;
    if !is_name(name) {
        return Err(KeyFileFault::BadName);
    }
    let digest = KeyDigest::parse(digest).ok_or(KeyFileFault::BadDigest)?;
    Ok(Entry { principal: Principal::api_key(name), digest })
}

/// The lines that names and digests were first seen on.
#[derive(Default)]
struct Earlier {
    names: HashMap<String, usize>,
    digests: HashMap<String, usize>,
}

impl Earlier {
    /// `entry` again, if neither its name nor its key was there before line `number`.
    fn none_like(&mut self, entry: Entry, number: usize) -> Result<Entry, KeyFileFault> {
        let name = entry.principal.subject().to_owned();
        let digest = entry.digest.to_string();
        if let Some(line) = self.names.get(&name) {
            return Err(KeyFileFault::DuplicateName(name, *line));
        }
        if let Some(line) = self.digests.get(&digest) {
            return Err(KeyFileFault::DuplicateKey(*line));
        }
        self.names.insert(name, number);
        self.digests.insert(digest, number);
        Ok(entry)
    }
}

fn is_name(name: &str) -> bool {
    (1..=MAX_NAME).contains(&name.len())
        && name.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'_' | b'@' | b'-'))
}

#[cfg(unix)]
fn refuse_world_writable(path: &Path, metadata: &std::fs::Metadata) -> Result<(), KeyFileError> {
    use std::os::unix::fs::PermissionsExt;
    let mode = metadata.permissions().mode() & 0o7777;
    if mode & 0o002 != 0 {
        return Err(KeyFileError::WorldWritable { path: path.to_owned(), mode });
    }
    Ok(())
}

/// Most lines that one error text names.
const MOST_TOLD: usize = 50;

fn list(path: &Path, faults: &[(usize, KeyFileFault)]) -> String {
    let told = faults.iter().take(MOST_TOLD);
    let mut lines: Vec<String> = told.map(|(line, fault)| format!("{}:{line}: {fault}", path.display())).collect();
    if faults.len() > MOST_TOLD {
        lines.push(format!("{}: {} more lines like these", path.display(), faults.len() - MOST_TOLD));
    }
    lines.join("\n")
}

#[cfg(test)]
mod tests;
