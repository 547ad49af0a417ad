//! What is never shown whole just because something in it was named.

use std::path::{Component, Path, PathBuf};

use super::HostEnv;

/// Shown read-only in every sandbox, so that nothing below needs a view of its own.
pub(super) const SYSTEM: [&str; 8] = ["/usr", "/bin", "/sbin", "/lib", "/lib32", "/lib64", "/libx32", "/opt"];
/// Made by the sandbox itself; the host's are never shown.
const KERNEL: [&str; 3] = ["/proc", "/sys", "/dev"];
/// Not shown whole, while a directory in them may be.
const SHARED: [&str; 14] = [
    "/home",
    "/srv",
    "/mnt",
    "/media",
    "/tmp",
    "/var",
    "/var/tmp",
    "/var/lib",
    "/var/log",
    "/var/cache",
    "/var/spool",
    "/var/backups",
    "/var/mail",
    "/var/opt",
];
/// Neither they nor any directory in them are shown whole.
const SETTINGS: [&str; 4] = ["/etc", "/run", "/var/run", "/boot"];
/// Stores whose files are world-readable by design, and refer to each other.
const STORES: [&str; 2] = ["/nix/store", "/gnu/store"];

/// Why a directory is not shown whole.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Refusal {
    /// `/`.
    Root,
    /// In `/proc`, `/sys` or `/dev`.
    Kernel,
    /// In `/etc`, `/run` or `/boot`.
    Settings,
    /// `/var`, `/tmp` and such, where much else lies.
    Shared,
    /// A home directory, or one that homes lie in.
    Home,
    /// A hidden directory in a home.
    Personal,
}

impl std::fmt::Display for Refusal {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Root => "it is the whole host",
            Self::Kernel => "it is made by the kernel",
            Self::Settings => "it holds settings of the host",
            Self::Shared => "much else lies there too",
            Self::Home => "it is a home directory, or holds one",
            Self::Personal => "it holds settings and credentials of a user",
        })
    }
}

/// Knows the home directories, and so what must not be shown whole.
#[derive(Debug)]
pub(super) struct Guard {
    homes: Vec<PathBuf>,
}

impl Guard {
    pub(super) fn new(host: &HostEnv) -> Self {
        let mut homes = vec![PathBuf::from("/root")];
        if let Some(home) = host.home() {
            homes.extend(home.canonicalize());
            homes.push(home);
        }
        Self { homes }
    }

    /// Why a directory is not shown whole, or `None` where it may be. A link counts as what it leads to.
    pub(super) fn refuses(&self, directory: &Path) -> Option<Refusal> {
        let real = directory.canonicalize().unwrap_or_else(|_| directory.to_path_buf());
        let by_name = self.refuses_name(directory).filter(|refusal| *refusal != Refusal::Personal);
        by_name.or_else(|| self.refuses_name(&real))
    }

    fn refuses_name(&self, directory: &Path) -> Option<Refusal> {
        if directory == Path::new("/") {
            return Some(Refusal::Root);
        }
        if is_kernel(directory) {
            return Some(Refusal::Kernel);
        }
        if is_under_any(directory, &SETTINGS) {
            return Some(Refusal::Settings);
        }
        if SHARED.iter().any(|shared| directory == Path::new(shared)) {
            return Some(Refusal::Shared);
        }
        let holds_a_home = self.homes.iter().any(|home| home.starts_with(directory));
        if holds_a_home || directory.parent() == Some(Path::new("/home")) {
            return Some(Refusal::Home);
        }
        self.is_personal(directory).then_some(Refusal::Personal)
    }

    /// `~/.x` and `~/.x/y`: where programs keep settings and credentials. Deeper ones hold installed software too.
    fn is_personal(&self, directory: &Path) -> bool {
        let mut homes: Vec<&Path> = self.homes.iter().map(PathBuf::as_path).collect();
        let of_another = directory.ancestors().find(|above| above.parent() == Some(Path::new("/home")));
        homes.extend(of_another);
        homes.into_iter().filter_map(|home| directory.strip_prefix(home).ok()).any(|rest| {
            let mut parts = rest.components();
            let hidden =
                matches!(parts.next(), Some(Component::Normal(first)) if first.as_encoded_bytes().starts_with(b"."));
            hidden && parts.count() <= 1
        })
    }
}

/// Whether a path lies in what every sandbox shows anyway.
pub(super) fn is_system(path: &Path) -> bool {
    is_under_any(path, &SYSTEM)
}

/// Whether a path lies in what the kernel makes.
pub(super) fn is_kernel(path: &Path) -> bool {
    is_under_any(path, &KERNEL)
}

/// The store of a functional package manager that a path lies in.
pub(super) fn store_of(path: &Path) -> Option<&'static Path> {
    STORES.iter().map(Path::new).find(|store| path.starts_with(store))
}

fn is_under_any(path: &Path, places: &[&str]) -> bool {
    places.iter().any(|place| path.starts_with(place))
}

/// `path` from `base`, without `.` and `..`, and without asking the file system: a link is taken as a plain directory.
pub(super) fn absolute(base: &Path, path: &Path) -> PathBuf {
    let mut whole = PathBuf::new();
    for part in base.join(path).components() {
        match part {
            Component::ParentDir => drop(whole.pop()),
            Component::CurDir => {}
            other => whole.push(other),
        }
    }
    whole
}

#[cfg(test)]
mod tests;
