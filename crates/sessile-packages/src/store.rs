//! The installations of a node.
//!
//! `packages/KEY/` is one installation, complete from the moment it has its name; `packages/.staging/KEY/` one that is
//! being made; `packages/.locks/KEY` the lock of whoever makes it.

mod publish;
#[cfg(test)]
mod tests;

use std::fs::{self, File, TryLockError};
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use sessile_sandbox::view::HostEnv;
use sessile_sandbox::{Driver, FileView};

use crate::lock::{self, Lock};
use crate::recognise::spec;
use crate::step::Workshop;
use crate::{Event, InstallError, Installed, Lease, PackageRequest, Program, Progress, Registry, npm, pypi};

/// How long an installation may take by default.
const PATIENCE: Duration = Duration::from_secs(600);
/// How often to look whether another process has finished.
const LOOK_AGAIN: Duration = Duration::from_millis(100);

/// Packages installed once, for every session of every server of a node. Processes may share one.
#[derive(Clone, Debug)]
pub struct Store {
    root: PathBuf,
    host: HostEnv,
    patience: Duration,
}

/// An installation, for listings.
#[derive(Clone, Debug)]
pub struct Stored {
    /// Its name in the store.
    pub key: String,
    /// What was asked for: `npm:@scope/name`.
    pub label: String,
    /// The version that is locked.
    pub version: String,
    /// Over all its packages: `sha256:…`.
    pub digest: String,
    /// When it was installed, in seconds since 1970.
    pub installed_at: u64,
}

impl Store {
    /// The store below a node's state directory. Touches nothing yet.
    pub fn new(state_dir: impl AsRef<Path>, host: HostEnv) -> Self {
        Self { root: state_dir.as_ref().join("packages"), host, patience: PATIENCE }
    }

    /// Gives an installation this long, instead of ten minutes.
    #[must_use]
    pub fn with_patience(self, patience: Duration) -> Self {
        Self { patience, ..self }
    }

    /// The program that was asked for, from the store; installs its package first if it is not there, which may take
    /// minutes. Two that ask at once, also in two processes, install once. Dropping the future ends the installation.
    ///
    /// # Errors
    /// [`InstallError`]; what was installed before stays as it is.
    pub async fn ensure(
        &self,
        request: &PackageRequest,
        driver: &dyn Driver,
        progress: &dyn Progress,
    ) -> Result<Installed, InstallError> {
        if let Some(installed) = self.installed(request)? {
            return Ok(installed);
        }
        let root = self.prepare()?;
        let key = request.key();
        let _lock = lock_file(&root.join(".locks").join(&key), request, progress).await?;
        if let Some(installed) = self.installed(request)? {
            return Ok(installed);
        }
        self.install(&root, &key, request, driver, progress).await?;
        let missing = || InstallError::Unexpected { package: request.label(), reason: "it cannot be read back".into() };
        self.installed(request)?.ok_or_else(missing)
    }

    /// The program that was asked for, if its package is installed: a few files are looked at, nothing is started.
    ///
    /// # Errors
    /// [`InstallError::NoProgram`] when it is installed and has no such program.
    pub fn installed(&self, request: &PackageRequest) -> Result<Option<Installed>, InstallError> {
        let key = request.key();
        let Ok(directory) = self.root.join(&key).canonicalize() else { return Ok(None) };
        // The lease first: what is read afterwards cannot be removed in between.
        let Ok(record) = File::open(directory.join(lock::FILE)) else { return Ok(None) };
        if record.try_lock_shared().is_err() {
            return Ok(None);
        }
        let Some(lock) = Lock::read(&directory).filter(|lock| lock.interpreter.exists()) else { return Ok(None) };
        let mut command = program(&lock, &directory, request)?;
        if !command.iter().filter(|word| word.starts_with('/')).all(|path| Path::new(path).exists()) {
            return Ok(None);
        }
        command.extend_from_slice(&request.args);
        let env = if lock.registry == Registry::Pypi { pypi::env() } else { Vec::new() };
        Ok(Some(Installed {
            command,
            files: vec![FileView::ReadOnly { source: directory.clone(), target: directory }],
            env,
            name: lock.name,
            version: lock.version,
            digest: lock.digest,
            packages: lock.packages,
            key,
            lease: Lease::new(record),
        }))
    }

    /// What is installed, by key.
    pub fn list(&self) -> Vec<Stored> {
        let entries = fs::read_dir(&self.root).into_iter().flatten().flatten();
        let mut stored: Vec<Stored> = entries
            .filter_map(|entry| {
                let lock = Lock::read(&entry.path())?;
                let key = entry.file_name().into_string().ok()?;
                Some(Stored {
                    key,
                    label: lock.label,
                    version: lock.version,
                    digest: lock.digest,
                    installed_at: lock.installed_at,
                })
            })
            .collect();
        stored.sort_by(|one, other| one.key.cmp(&other.key));
        stored
    }

    /// Forgets an installation; the next start that wants it resolves and installs anew. `false` if there is none.
    ///
    /// # Errors
    /// [`InstallError::InUse`] while a [`Lease`] on it lives, here or in another process.
    pub fn remove(&self, key: &str) -> Result<bool, InstallError> {
        let is_name = !key.is_empty() && !key.starts_with('.') && !key.contains('/');
        let directory = self.root.join(key);
        let Some(record) = is_name.then(|| File::open(directory.join(lock::FILE)).ok()).flatten() else {
            return Ok(false);
        };
        match record.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Err(InstallError::InUse { key: key.to_owned() }),
            Err(TryLockError::Error(error)) => return Err(InstallError::store("lock", &directory)(error)),
        }
        publish::discard(&self.root, &directory)?;
        Ok(true)
    }

    /// Removes what installations left that never finished, and gives their number. Those that are being made are let be.
    pub fn sweep(&self) -> usize {
        let entries = fs::read_dir(self.root.join(".staging")).into_iter().flatten().flatten();
        let stale = entries.filter(|entry| {
            let name = entry.file_name();
            // `KEY` is being made under the lock of that name; `KEY.old` is rubbish in any case.
            let lock = File::options().append(true).open(self.root.join(".locks").join(&name));
            let in_the_making = lock.is_ok_and(|lock| matches!(lock.try_lock(), Err(TryLockError::WouldBlock)));
            !in_the_making && fs::remove_dir_all(entry.path()).is_ok()
        });
        stale.count()
    }

    fn prepare(&self) -> Result<PathBuf, InstallError> {
        for directory in [self.root.clone(), self.root.join(".staging"), self.root.join(".locks")] {
            let made = fs::DirBuilder::new().recursive(true).mode(0o700).create(&directory);
            made.map_err(InstallError::store("create", &directory))?;
        }
        self.root.canonicalize().map_err(InstallError::store("find", &self.root))
    }

    async fn install(
        &self,
        root: &Path,
        key: &str,
        request: &PackageRequest,
        driver: &dyn Driver,
        progress: &dyn Progress,
    ) -> Result<(), InstallError> {
        let started = Instant::now();
        let directory = root.join(key);
        let staging = publish::fresh_staging(root, key)?;
        let label = request.label();
        let request = keep_version(request, Lock::read(&directory));
        let workshop = Workshop {
            driver,
            progress,
            host: &self.host,
            package: &label,
            staging: &staging,
            directory: &directory,
            deadline: tokio::time::Instant::now() + self.patience,
            patience: self.patience,
        };
        let outcome = match request.registry {
            Registry::Npm => npm::install(&workshop, &request).await?,
            Registry::Pypi => pypi::install(&workshop, &request).await?,
        };
        let lock = Lock::new(label.clone(), request.registry, outcome);
        publish::discard_scratch(&workshop.scratch(&staging))?;
        publish::publish(root, staging.clone(), directory.clone(), &lock).await?;
        let packages = lock.packages.len();
        progress.report(&Event::Finished {
            package: &label,
            version: &lock.version,
            packages,
            took: started.elapsed(),
        });
        Ok(())
    }
}

/// A damaged installation is made anew in the version that it had.
fn keep_version(request: &PackageRequest, before: Option<Lock>) -> PackageRequest {
    let mut request = request.clone();
    let (Some(first), Some(lock)) = (request.packages.first_mut(), before) else { return request };
    let (parsed, separator) = match request.registry {
        Registry::Npm => (spec::npm(first), "@"),
        Registry::Pypi => (spec::pypi(first), "=="),
    };
    if parsed.is_ok_and(|spec| !spec.has_version && spec.name.is_some()) {
        *first = format!("{first}{separator}{}", lock.version);
    }
    request
}

fn program(lock: &Lock, directory: &Path, request: &PackageRequest) -> Result<Vec<String>, InstallError> {
    let (found, wanted) = match &request.program {
        Program::Interpreter => return Ok(vec![pypi::interpreter(directory).to_string_lossy().into_owned()]),
        Program::Default => (lock.default.as_ref(), lock.name.as_str()),
        Program::Named(name) => {
            let lenient = || pypi::find_program(lock.programs.keys(), name).filter(|_| lock.registry == Registry::Pypi);
            let own = || lock.default.as_ref().filter(|_| *name == lock.name);
            (lock.programs.get_key_value(name).map(|(name, _)| name).or_else(lenient).or_else(own), name.as_str())
        }
    };
    found.and_then(|name| lock.programs.get(name)).cloned().ok_or_else(|| InstallError::NoProgram {
        package: lock.label.clone(),
        wanted: wanted.to_owned(),
        available: match lock.programs.keys().cloned().collect::<Vec<_>>() {
            names if names.is_empty() => "none".to_owned(),
            names => names.join(", "),
        },
    })
}

/// Waits for the lock of an installation. Whoever holds it goes with its process, so a crash frees it.
async fn lock_file(path: &Path, request: &PackageRequest, progress: &dyn Progress) -> Result<File, InstallError> {
    let file = File::options().create(true).append(true).open(path).map_err(InstallError::store("open", path))?;
    let mut told = false;
    loop {
        match file.try_lock() {
            Ok(()) => return Ok(file),
            Err(TryLockError::Error(error)) => return Err(InstallError::store("lock", path)(error)),
            Err(TryLockError::WouldBlock) => {
                if !std::mem::replace(&mut told, true) {
                    progress.report(&Event::Waiting { package: &request.label() });
                }
                tokio::time::sleep(LOOK_AGAIN).await;
            }
        }
    }
}
