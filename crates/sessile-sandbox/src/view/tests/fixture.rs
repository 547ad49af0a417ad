//! A host in a temporary directory: a home, programs, and a request that knows nothing of the real one.

use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};

use super::super::{HostEnv, View, ViewError, ViewRequest, resolve};
use crate::FileView;

pub(in crate::view) struct Host {
    directory: tempfile::TempDir,
    vars: Vec<(String, String)>,
}

impl Host {
    pub(in crate::view) fn new() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let host = Self { directory, vars: Vec::new() };
        fs::create_dir_all(host.home()).unwrap();
        host
    }

    /// Free of links, as sources of views are.
    pub(in crate::view) fn path(&self, name: &str) -> PathBuf {
        self.directory.path().canonicalize().unwrap().join(name)
    }

    pub(in crate::view) fn home(&self) -> PathBuf {
        self.path("people/ada")
    }

    pub(in crate::view) fn file(&self, name: &str, text: &str) -> PathBuf {
        let path = self.path(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, text).unwrap();
        path
    }

    pub(in crate::view) fn directory(&self, name: &str) -> PathBuf {
        let path = self.path(name);
        fs::create_dir_all(&path).unwrap();
        path
    }

    pub(in crate::view) fn program(&self, name: &str, text: &str) -> PathBuf {
        let path = self.file(name, text);
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
        path
    }

    pub(in crate::view) fn link(&self, name: &str, to: impl AsRef<Path>) -> PathBuf {
        let path = self.path(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        symlink(to, &path).unwrap();
        path
    }

    pub(in crate::view) fn set(&mut self, name: &str, value: impl AsRef<Path>) {
        self.vars.push((name.to_owned(), value.as_ref().to_str().unwrap().to_owned()));
    }

    pub(in crate::view) fn env(&self) -> HostEnv {
        let home = ("HOME".to_owned(), self.home().to_str().unwrap().to_owned());
        let path = ("PATH".to_owned(), "/usr/bin:/bin".to_owned());
        [path, home].into_iter().chain(self.vars.iter().cloned()).collect()
    }

    pub(in crate::view) fn request(&self, command: &[&str]) -> ViewRequest {
        let command = command.iter().map(|word| (*word).to_owned()).collect();
        ViewRequest { command, host: self.env(), ..ViewRequest::default() }
    }

    pub(in crate::view) fn resolve_in(&self, cwd: &Path, command: &[&str]) -> Result<View, ViewError> {
        resolve(&ViewRequest { cwd: Some(cwd.to_path_buf()), ..self.request(command) })
    }

    /// The views of a result that lie in this host's directory: the rest is the real system.
    pub(in crate::view) fn own(&self, view: &View) -> Vec<FileView> {
        let root = self.path("");
        view.files.iter().filter(|file| file.target().starts_with(&root)).cloned().collect()
    }
}

pub(in crate::view) fn read_only(path: impl AsRef<Path>) -> FileView {
    let path = path.as_ref().to_path_buf();
    FileView::ReadOnly { source: path.clone(), target: path }
}

pub(in crate::view) fn copy(path: impl AsRef<Path>) -> FileView {
    let path = path.as_ref().to_path_buf();
    FileView::CopyOnWrite { source: path.clone(), target: path }
}
