//! Where the code of a server lies.

use super::walk;
use sessile_sandbox::FileView;
use sessile_sandbox::view::View;
use std::collections::BTreeSet;
use std::path::{Component, Path, PathBuf};

/// Shown to every server and changed by the host's own package manager. What of them a server is started from is found
/// by its command.
const SYSTEM: [&str; 9] = ["/usr", "/bin", "/sbin", "/lib", "/lib32", "/lib64", "/libx32", "/opt", "/etc"];
/// Stores in which nothing ever changes under the same name.
const STORES: [&str; 2] = ["/nix/store", "/gnu/store"];
/// Directories that programs of all kinds share.
const SHARED: [&str; 8] = ["bin", "sbin", "lib", "lib64", "libexec", "share", "local", "src"];
/// How far above a script for Node its package is looked for.
const CLIMB: usize = 8;

/// Files and directories of the host.
#[derive(Debug)]
pub(super) struct Sources {
    /// The program, and files that its arguments name.
    pub(super) named: Vec<PathBuf>,
    /// Directories that hold code: what belongs to the files named first, then what the view shows.
    pub(super) roots: Vec<PathBuf>,
    /// What lies in a root and is no part of it.
    pub(super) outside: BTreeSet<PathBuf>,
}

impl Sources {
    pub(super) fn of(view: &View, ours: Option<&Path>) -> Self {
        let named = named_by(view);
        let mut roots: Vec<PathBuf> = named.iter().filter_map(|file| belongs_to(file)).collect();
        let own = view.files.iter().filter(|file| !is_of_the_system(file)).filter_map(shown);
        let own = own.filter(|(source, _)| !is_under_any(source, &SYSTEM) && !is_under_any(source, &STORES));
        roots.extend(own.map(|(source, _)| source.to_owned()));
        let mut outside: BTreeSet<PathBuf> = view.files.iter().flat_map(|file| hidden_by(file, view)).collect();
        outside.extend(ours.map(|ours| ours.canonicalize().unwrap_or_else(|_| ours.to_owned())));
        Self { named, roots, outside }
    }
}

/// Whether a view belongs to the system, which is not part of what a server is.
pub(super) fn is_of_the_system(file: &FileView) -> bool {
    is_under_any(file.target(), &SYSTEM)
}

/// What is shown of the host and is not what the server works on: a writable directory changes with every call.
fn shown(file: &FileView) -> Option<(&Path, &Path)> {
    match file {
        FileView::ReadOnly { source, target } | FileView::CopyOnWrite { source, target } => Some((source, target)),
        FileView::Writable { .. }
        | FileView::Device { .. }
        | FileView::Private { .. }
        | FileView::Text { .. }
        | FileView::Symlink { .. } => None,
    }
}

/// Paths of the host that `file` hides in the directories around it: the runtime's own state, and what servers write.
fn hidden_by(file: &FileView, view: &View) -> Vec<PathBuf> {
    let mut hidden = Vec::new();
    if shown(file).is_none() {
        let around = view.files.iter().filter_map(shown);
        hidden.extend(around.filter_map(|(source, target)| {
            let rest = file.target().strip_prefix(target).ok()?;
            (!rest.as_os_str().is_empty()).then(|| source.join(rest))
        }));
    }
    if let FileView::Writable { source, .. } = file {
        hidden.push(source.clone());
    }
    hidden
}

/// The program, and every argument that is a file now, `--key=path` included.
fn named_by(view: &View) -> Vec<PathBuf> {
    let base = view.started_in.as_deref().unwrap_or(Path::new("/"));
    let mut named: Vec<PathBuf> = Vec::new();
    for argument in &view.command {
        let value = argument.split_once('=').map(|(_, value)| value);
        for word in std::iter::once(argument.as_str()).chain(value) {
            let file = base.join(word);
            if file.is_file() && !named.contains(&file) {
                named.push(file);
            }
        }
    }
    named
}

/// The directory of what a file cannot do without, where no root holds it or none holds it whole: for Node its package,
/// otherwise the directory that it lies in, unless everything lies there.
fn belongs_to(file: &Path) -> Option<PathBuf> {
    let real = file.canonicalize().ok()?;
    let is_installed = real.iter().any(|part| walk::PACKAGES.iter().any(|name| part == *name));
    if !is_installed && !is_under_any(&real, &SYSTEM) {
        return None;
    }
    let directory = real.parent().filter(|directory| !is_shared(directory))?;
    let mut above = directory.ancestors().take(CLIMB).take_while(|above| !is_shared(above));
    let package = above.find(|above| is_for_node(&real) && above.join("package.json").is_file());
    Some(package.unwrap_or(directory).to_owned())
}

fn is_for_node(file: &Path) -> bool {
    let extension = file.extension().and_then(|extension| extension.to_str());
    matches!(extension, Some("js" | "mjs" | "cjs" | "ts" | "mts" | "cts" | "jsx" | "tsx"))
        || file.components().any(|part| part == Component::Normal("node_modules".as_ref()))
}

/// Whether programs of all kinds lie in a directory.
fn is_shared(directory: &Path) -> bool {
    let name = directory.file_name().and_then(|name| name.to_str()).unwrap_or_default();
    directory.components().count() < 3 || SHARED.contains(&name) || walk::PACKAGES.contains(&name)
}

fn is_under_any(path: &Path, places: &[&str]) -> bool {
    places.iter().any(|place| path.starts_with(place))
}
