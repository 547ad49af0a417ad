//! Which version of a server this is: a fingerprint of what it is started from.

mod sources;
mod walk;

use sessile_sandbox::view::View;
use sha2::{Digest, Sha256};
use sources::Sources;
use std::fmt;
use std::fs::Metadata;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

/// Changes with what is put into a fingerprint, and with this program: another version of it may say the same list in
/// another way.
const FORMAT: &str = concat!("1 ", env!("CARGO_PKG_VERSION"));

/// Two that are equal come from the same command, environment and files. SHA-256, so that nothing of the environment
/// can be read from it.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) struct Fingerprint([u8; 32]);

impl fmt::Display for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// What a server is started from.
#[derive(Debug)]
pub(super) struct Code {
    /// What was decided when the node started and cannot change.
    decided: [u8; 32],
    sources: Sources,
}

impl Code {
    /// The code of a server that starts as `view` says. What lies in `ours`, a directory, is not code, wherever it lies.
    pub(super) fn of(view: &View, ours: Option<&Path>) -> Self {
        let mut hash = Hash::new();
        hash.part(FORMAT.as_bytes());
        for word in &view.command {
            hash.part(word.as_bytes());
        }
        for (name, value) in &view.env {
            hash.part(name.as_bytes());
            hash.part(value.as_bytes());
        }
        hash.path(&view.cwd);
        for file in view.files.iter().filter(|file| !sources::is_of_the_system(file)) {
            hash.part(format!("{file:?}").as_bytes());
        }
        Self { decided: hash.finish(), sources: Sources::of(view, ours) }
    }

    /// The fingerprint of what was named in so many words: the program, and files among its arguments. A few calls of
    /// `stat`, so it can be had at each request.
    pub(super) fn glance(&self) -> Fingerprint {
        let mut hash = Hash::new();
        self.add_named(&mut hash);
        Fingerprint(hash.finish())
    }

    /// The fingerprint of all of it: at most [`walk::MOST`] files are looked at, and none is read.
    pub(super) fn fingerprint(&self) -> Fingerprint {
        let mut hash = Hash::new();
        self.add_named(&mut hash);
        walk::add(&mut hash, &self.sources.roots, &self.sources.outside);
        Fingerprint(hash.finish())
    }

    fn add_named(&self, hash: &mut Hash) {
        hash.part(&self.decided);
        for file in &self.sources.named {
            hash.path(file);
            hash.about(std::fs::metadata(file).ok().as_ref());
        }
    }
}

/// Parts behind their lengths, so that no two sequences of parts spell the same bytes.
struct Hash(Sha256);

impl Hash {
    fn new() -> Self {
        Self(Sha256::new())
    }

    fn part(&mut self, bytes: &[u8]) {
        self.0.update((bytes.len() as u64).to_le_bytes());
        self.0.update(bytes);
    }

    fn path(&mut self, path: &Path) {
        self.part(path.as_os_str().as_encoded_bytes());
    }

    /// What changes when a file is written or replaced. `None` for one that is not there.
    fn about(&mut self, about: Option<&Metadata>) {
        let Some(about) = about else {
            return self.part(&[]);
        };
        let numbers = [
            about.dev(),
            about.ino(),
            about.size(),
            about.mtime().cast_unsigned(),
            about.mtime_nsec().cast_unsigned(),
            u64::from(about.mode()),
        ];
        self.part(&numbers.map(u64::to_le_bytes).concat());
    }

    fn finish(self) -> [u8; 32] {
        self.0.finalize().into()
    }
}

#[cfg(test)]
mod tests;
