//! What Python finds outside its prefix: the user's own packages, and projects installed in place.

use std::fs;
use std::path::{Path, PathBuf};

use super::gathering::Gathering;
use super::prefix;

/// Shows the packages of `pip install --user` and those of `pip install -e`, which plain `python3 server.py` can import
/// on the host, and gives what Python must be told to find them from its new home.
pub(super) fn bring(gathering: &mut Gathering<'_>, started_as: &Path, binary: &Path) -> Vec<(String, String)> {
    let Some(version) = version_of(binary) else {
        return Vec::new();
    };
    let library = format!("lib/{version}");
    let mut env = Vec::new();
    let own = prefix::prefix_of(started_as).filter(|prefix| !super::guard::is_system(prefix));
    if let Some(site) = own.map(|prefix| prefix.join(&library).join("site-packages")) {
        bring_projects(gathering, &site);
    }
    if own.is_some_and(keeps_to_itself) {
        return env;
    }
    let base = gathering.host.path("PYTHONUSERBASE").or_else(|| Some(gathering.host.home()?.join(".local")));
    let Some(base) = base else { return env };
    let site = base.join(&library).join("site-packages");
    if site.is_dir() {
        gathering.show(&base.join(&library), "packages that the user installed for Python");
        bring_projects(gathering, &site);
        env.push(("PYTHONUSERBASE".to_owned(), base.to_string_lossy().into_owned()));
    }
    env
}

/// `python3.11`, from the name of the binary.
fn version_of(binary: &Path) -> Option<&str> {
    let name = binary.file_name()?.to_str()?;
    let version = name.strip_prefix("python")?;
    let (major, minor) = version.split_once('.')?;
    let digits = |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
    (digits(major) && digits(minor)).then_some(name)
}

/// A venv without `include-system-site-packages` sees nobody's packages but its own.
fn keeps_to_itself(prefix: &Path) -> bool {
    fs::read_to_string(prefix.join("pyvenv.cfg")).is_ok_and(|settings| {
        !settings
            .lines()
            .filter_map(|line| line.split_once('='))
            .any(|(key, value)| key.trim() == "include-system-site-packages" && value.trim() == "true")
    })
}

/// A `.pth` file names directories to import from, one a line; that is how a project is installed in place.
fn bring_projects(gathering: &mut Gathering<'_>, site: &Path) {
    let entries = fs::read_dir(site).into_iter().flatten().flatten().map(|entry| entry.path());
    for file in entries.filter(|path| path.extension().is_some_and(|extension| extension == "pth")) {
        let Ok(text) = fs::read_to_string(&file) else {
            continue;
        };
        for directory in text.lines().map(|line| PathBuf::from(line.trim())) {
            if directory.is_absolute() && directory.is_dir() && gathering.guard.refuses(&directory).is_none() {
                gathering.show(&directory, &format!("installed in place by {}", file.display()));
            }
        }
    }
}

#[cfg(test)]
mod tests;
