//! A directory of one test's own.

use crate::binaries;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use tempfile::TempDir;

/// The directory that everything of one node lies in: its state, its manifest, and the servers it runs.
///
/// The servers are links of the node's own, so that a process that outlives its node can be told from those of
/// other tests by its command line. The directory goes with the last clone of this value.
#[derive(Clone, Debug)]
pub struct Home {
    directory: Arc<TempDir>,
}

impl Home {
    /// An empty one.
    pub fn new() -> Self {
        let scratch = binaries::scratch();
        fs::create_dir_all(&scratch).expect("target/tmp can be made");
        let directory = tempfile::Builder::new().prefix("node-").tempdir_in(&scratch).expect("a directory can be made");
        fs::create_dir(directory.path().join("bin")).expect("a directory can be made");
        Self { directory: Arc::new(directory) }
    }

    /// Where it is. Absolute, and nobody else's.
    pub fn path(&self) -> &Path {
        self.directory.path()
    }

    /// Where the node keeps its state.
    pub fn state(&self) -> PathBuf {
        self.path().join("state")
    }

    /// A fixture under a path of this home: `everything` is `fixture-everything`.
    pub fn fixture(&self, name: &str) -> String {
        let original = binaries::fixture(name);
        let link = self.path().join("bin").join(format!("fixture-{name}"));
        if !link.exists() {
            fs::hard_link(&original, &link)
                .or_else(|_| fs::copy(&original, &link).map(drop))
                .unwrap_or_else(|error| panic!("cannot link {}: {error}", original.display()));
        }
        text(link)
    }

    /// Writes a file and returns its path.
    pub fn file(&self, name: &str, content: &str) -> String {
        let path = self.path().join(name);
        fs::write(&path, content).unwrap_or_else(|error| panic!("cannot write {}: {error}", path.display()));
        text(path)
    }

    /// Makes an API key as an operator does, and returns it. Its hash is in [`Home::key_file`].
    pub fn key(&self, name: &str) -> String {
        let output = Command::new(binaries::sessile()).args(["key", name, "--file", &self.key_file()]).output();
        let output = output.expect("sessile starts");
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).expect("a key is text").trim().to_owned()
    }

    /// The file of key hashes.
    pub fn key_file(&self) -> String {
        text(self.path().join("keys"))
    }

    /// Gives the directory to another user, who can then start a node in it, and the keys, if there are any.
    pub fn give_to(&self, user: u32) {
        let give = |path: &Path| std::os::unix::fs::chown(path, Some(user), Some(user));
        give(self.path()).expect("root gives a directory away");
        let keys = self.path().join("keys");
        if keys.exists() {
            give(&keys).expect("root gives a file away");
        }
    }

    /// Everything in it, as paths relative to it; directories end in a slash.
    pub fn listing(&self) -> Vec<String> {
        let mut found = Vec::new();
        list(self.path(), "", &mut found);
        found.sort();
        found
    }
}

impl Default for Home {
    fn default() -> Self {
        Self::new()
    }
}

fn list(directory: &Path, prefix: &str, found: &mut Vec<String>) {
    for entry in fs::read_dir(directory).into_iter().flatten().flatten() {
        let name = format!("{prefix}{}", entry.file_name().to_string_lossy());
        if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
            list(&entry.path(), &format!("{name}/"), found);
            found.push(format!("{name}/"));
        } else {
            found.push(name);
        }
    }
}

fn text(path: PathBuf) -> String {
    path.into_os_string().into_string().expect("paths of the project are text")
}
