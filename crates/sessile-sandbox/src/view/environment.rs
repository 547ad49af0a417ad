//! The environment a server starts with: what programs expect to find, and nothing of the host's besides.

use std::path::{Path, PathBuf};

use super::program::Program;
use super::{HOME, HostEnv, explain};
use crate::FileView;

const DEFAULT_PATH: [&str; 6] = ["/usr/local/sbin", "/usr/local/bin", "/usr/sbin", "/usr/bin", "/sbin", "/bin"];

/// `PATH` with the directories of the program first, then those of the host that are visible; the private home; locale
/// and time zone of the host.
pub(super) fn of(host: &HostEnv, program: &Program, files: &[FileView]) -> Vec<(String, String)> {
    let mut path: Vec<PathBuf> = Vec::new();
    let of_host =
        host.search_path().into_iter().filter(|entry| entry.is_absolute() && is_worth_searching(files, entry));
    let default = DEFAULT_PATH.iter().map(PathBuf::from).filter(|entry| entry.is_dir());
    for directory in program.directories.iter().cloned().chain(of_host).chain(default) {
        if !path.contains(&directory) {
            path.push(directory);
        }
    }
    let path: Vec<_> = path.iter().map(|entry| entry.to_string_lossy()).collect();

    let mut env = vec![
        ("PATH".to_owned(), path.join(":")),
        ("HOME".to_owned(), HOME.to_owned()),
        ("USER".to_owned(), "server".to_owned()),
        ("LOGNAME".to_owned(), "server".to_owned()),
        ("SHELL".to_owned(), "/bin/sh".to_owned()),
        ("TMPDIR".to_owned(), "/tmp".to_owned()),
    ];
    // Without any locale Python and others fall back to ASCII, and a server's JSON breaks on its first umlaut.
    let lang = host.get("LANG").unwrap_or("C.UTF-8");
    env.push(("LANG".to_owned(), lang.to_owned()));
    let passed = host
        .iter()
        .filter(|(name, value)| !value.is_empty() && (name.starts_with("LC_") || *name == "TZ" || *name == "LANGUAGE"));
    env.extend(passed.map(|(name, value)| (name.to_owned(), value.to_owned())));
    env
}

fn is_worth_searching(files: &[FileView], directory: &Path) -> bool {
    directory.is_dir() && explain::shows(files, directory)
}

#[cfg(test)]
mod tests;
