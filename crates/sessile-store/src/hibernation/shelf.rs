//! Where the files are, and who may take one.

use super::draft::Draft;
use super::error::HibernationError;
use super::format::Label;
use super::key::{Key, sync_directory};
use super::reader::Reader;
use super::writer::Writer;
use crate::private;
use std::collections::HashSet;
use std::fs::{self, DirBuilder, File};
use std::io;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};

/// The directory's name in the state directory.
const NAME: &str = "hibernated";
const NEW: &str = "new";
const ASLEEP: &str = "asleep";
const WAKING: &str = "waking";
/// A directory.
const BESIDE: &str = "beside";

/// The hibernated sessions of a state directory.
#[derive(Clone, Debug)]
pub struct Hibernation {
    directory: PathBuf,
    key: Key,
}

impl Hibernation {
    /// Opens the place below `state_dir`; directory (mode 0700) and key are made if they are not there.
    ///
    /// # Errors
    /// When they cannot be used, or are open to others.
    pub fn open(state_dir: &Path) -> Result<Self, HibernationError> {
        let key = Key::open_or_make(state_dir)?;
        let directory = state_dir.join(NAME);
        let made = DirBuilder::new().recursive(true).mode(0o700).create(&directory);
        made.map_err(HibernationError::io("make", &directory))?;
        Ok(Self { directory, key })
    }

    fn path(&self, label: &Label, stage: &str) -> PathBuf {
        // Both are of letters, digits and `-`: they come from this runtime.
        self.directory.join(format!("{}-{}.{stage}", label.session, label.generation))
    }

    /// Begins to write the session `label`, in at most `limit` bytes.
    ///
    /// # Errors
    /// When the file cannot be made.
    pub fn begin(&self, label: &Label, limit: u64) -> Result<Draft, HibernationError> {
        let path = self.path(label, NEW);
        let file = private::create(&path)?;
        let writer = Writer::new(file, self.key.cipher(), label, limit, &path);
        let writer = writer.inspect_err(|_| {
            let _ = fs::remove_file(&path);
        })?;
        let (becomes, beside) = (self.path(label, ASLEEP), self.path(label, BESIDE));
        Ok(Draft::new(writer, path, becomes, beside, self.directory.clone()))
    }

    /// Takes the session `label` to wake it. Of several who try, one gets it; and it is known on the disk that it was taken when this
    /// returns. Its head has been checked then.
    ///
    /// # Errors
    /// When it is not there, or not what was written; [`HibernationError::is_final`] says whether trying again can help. It
    /// has not been taken then.
    pub fn claim(&self, label: &Label) -> Result<Claimed, HibernationError> {
        let (path, taken) = (self.path(label, ASLEEP), self.path(label, WAKING));
        let file = private::open(&path)?.ok_or_else(|| HibernationError::Missing { path: path.clone() })?;
        let reader = Reader::open(file, self.key.cipher(), label, &path)?;
        fs::rename(&path, &taken).map_err(HibernationError::io("take", &path))?;
        let (beside, directory) = (self.path(label, BESIDE), self.directory.clone());
        let claimed = Claimed { reader, path, taken, beside, directory };
        match sync_directory(&self.directory) {
            Ok(()) => Ok(claimed),
            Err(error) => {
                claimed.give_back()?;
                Err(error)
            }
        }
    }

    /// How many bytes the whole file of `label` has; `None` if there is none, or somebody has taken it.
    #[must_use]
    pub fn size(&self, label: &Label) -> Option<u64> {
        self.path(label, ASLEEP).symlink_metadata().ok().filter(|found| found.is_file()).map(|found| found.len())
    }

    /// Removes what there is of `label`.
    ///
    /// # Errors
    /// When it cannot be removed.
    pub fn remove(&self, label: &Label) -> Result<(), HibernationError> {
        for stage in [NEW, ASLEEP, WAKING, BESIDE] {
            removed(&self.path(label, stage))?;
        }
        sync_directory(&self.directory)
    }

    /// What is there now, by name. To be asked *before* the ledger is, for [`sweep`](Self::sweep).
    ///
    /// # Errors
    /// When the directory cannot be read.
    pub fn files(&self) -> Result<Vec<String>, HibernationError> {
        let failed = HibernationError::io("read", &self.directory);
        let mut names = Vec::new();
        for entry in fs::read_dir(&self.directory).map_err(&failed)? {
            names.extend(entry.map_err(&failed)?.file_name().into_string());
        }
        Ok(names)
    }

    /// Removes of the files called `found` those that are of none of `known`. Returns how many.
    ///
    /// # Errors
    /// When one cannot be removed.
    pub fn sweep(&self, found: &[String], known: &[Label]) -> Result<usize, HibernationError> {
        let known: HashSet<_> = known.iter().map(|label| format!("{}-{}", label.session, label.generation)).collect();
        let is_known = |name: &&String| name.rsplit_once('.').is_some_and(|(stem, _)| known.contains(stem));
        let mut count = 0;
        for name in found.iter().filter(|name| !is_known(name)) {
            removed(&self.directory.join(name))?;
            count += 1;
        }
        Ok(count)
    }

    /// Seals who a session is, for its row.
    ///
    /// # Errors
    /// When there is no randomness.
    pub fn seal(&self, identity: &[u8]) -> Result<Vec<u8>, HibernationError> {
        self.key.seal(identity)
    }

    /// What was [sealed](Self::seal) under this key; `None` for anything else.
    #[must_use]
    pub fn open_sealed(&self, sealed: &[u8]) -> Option<Vec<u8>> {
        self.key.open(sealed)
    }
}

fn removed(path: &Path) -> Result<(), HibernationError> {
    let is_directory = path.extension().is_some_and(|stage| stage == BESIDE);
    match if is_directory { fs::remove_dir_all(path) } else { fs::remove_file(path) } {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(HibernationError::io("remove", path)(error)),
        _ => Ok(()),
    }
}

/// A session that was taken to be woken.
#[derive(Debug)]
pub struct Claimed {
    reader: Reader<File>,
    path: PathBuf,
    taken: PathBuf,
    beside: PathBuf,
    directory: PathBuf,
}

impl Claimed {
    /// What was [kept](Draft::beside) beside its state.
    #[must_use]
    pub fn beside(&self) -> &Path {
        &self.beside
    }

    /// What was said of the session; once.
    pub fn take_head(&mut self) -> Vec<u8> {
        self.reader.take_head()
    }

    /// The next part of its sandbox's state, [`CHUNK`](super::CHUNK) bytes at the most; `None` when all was given out.
    ///
    /// # Errors
    /// When it cannot be read, or is not what was written.
    pub fn next_chunk(&mut self) -> Result<Option<&[u8]>, HibernationError> {
        self.reader.next_chunk()
    }

    /// Puts it back: nothing of it has run.
    ///
    /// # Errors
    /// When it cannot be put back. It will not be found again then.
    pub fn give_back(self) -> Result<(), HibernationError> {
        fs::rename(&self.taken, &self.path).map_err(HibernationError::io("put back", &self.path))?;
        sync_directory(&self.directory)
    }
}
