//! What the arguments name: an existing directory is shown, and for an existing file its directory.

use std::path::{Component, Path, PathBuf};

use super::gathering::Gathering;
use super::guard;
use super::working_directory::Place;
use super::{ViewRequest, WORKSPACE};
use crate::FileView;

/// How far above a script its project is looked for.
const CLIMB: usize = 16;

/// Shows what the arguments name, `--key=path` and `key=path` included.
pub(super) fn bring(gathering: &mut Gathering<'_>, request: &ViewRequest, place: &Place) {
    for argument in request.command.iter().skip(1) {
        let value = argument.split_once('=').map(|(_, value)| value);
        for word in std::iter::once(argument.as_str()).chain(value) {
            let Some((on_host, inside)) = locate(word, place) else {
                continue;
            };
            if on_host.exists() && !guard::is_kernel(&on_host) && !guard::is_system(&on_host) {
                show_named(gathering, &on_host, &inside, argument);
                break;
            }
        }
    }
}

/// Where a word points on the host, and where the server will look for it.
fn locate(word: &str, place: &Place) -> Option<(PathBuf, PathBuf)> {
    let path = Path::new(word);
    if path.is_absolute() {
        let path = guard::absolute(Path::new("/"), path);
        return Some((path.clone(), path));
    }
    let base = place.on_host.as_deref()?;
    // In a home directory a bare word such as `run` may well be the name of a directory, by accident.
    if !place.shown && !word.contains(['/', '.']) {
        return None;
    }
    let inside = guard::absolute(&place.inside, path);
    let in_reach = place.shown || (inside.starts_with(&place.inside) && inside != place.inside);
    in_reach.then(|| (guard::absolute(base, path), inside))
}

fn show_named(gathering: &mut Gathering<'_>, on_host: &Path, inside: &Path, argument: &str) {
    if on_host.is_dir() {
        match gathering.guard.refuses(on_host) {
            None => show_at(gathering, on_host, inside, &format!("named by the argument {argument}")),
            Some(refusal) => gathering.say(format!(
                "not shown: {}, named by the argument {argument}: {refusal}; --read {0} shows it all the same",
                on_host.display()
            )),
        }
        return;
    }
    show_file(gathering, on_host, inside, &format!("because of the argument {argument}"));
}

/// Shows a file with what lies around it: its project if it is a script for Node, its directory otherwise, and itself
/// alone where the directory cannot be shown.
pub(super) fn show_file(gathering: &mut Gathering<'_>, on_host: &Path, inside: &Path, why: &str) {
    let mut around = on_host.parent().filter(|directory| gathering.guard.refuses(directory).is_none());
    if let Some(directory) = around
        && is_for_node(on_host)
    {
        let project = project_of(gathering, directory);
        for modules in modules_above(gathering, project) {
            gathering.show(&modules, "where Node looks for packages");
        }
        around = Some(project);
    }
    let whole = around.and_then(|directory| {
        let depth = on_host.strip_prefix(directory).ok()?.components().count();
        Some((directory, inside.ancestors().nth(depth)?))
    });
    match whole {
        Some((directory, target)) if target != Path::new(WORKSPACE) && target != Path::new("/") => {
            show_at(gathering, directory, target, why);
        }
        _ => show_at(gathering, on_host, inside, why),
    }
    // The directory of a link does not hold the file.
    let link = on_host.is_symlink().then(|| on_host.canonicalize().ok()).flatten();
    if let Some(real) = link {
        show_file(gathering, &real, &real, why);
    }
}

fn show_at(gathering: &mut Gathering<'_>, on_host: &Path, inside: &Path, why: &str) {
    if on_host == inside {
        return gathering.show(on_host, why);
    }
    let Ok(source) = on_host.canonicalize() else {
        return;
    };
    let view = FileView::ReadOnly { source, target: inside.to_path_buf() };
    gathering.imply_because(view, why);
}

fn is_for_node(file: &Path) -> bool {
    let extension = file.extension().and_then(|extension| extension.to_str());
    matches!(extension, Some("js" | "mjs" | "cjs" | "ts" | "mts" | "cts" | "jsx" | "tsx"))
        || file.components().any(|part| part == Component::Normal("node_modules".as_ref()))
}

/// The nearest directory above a script that Node takes for its package, which decides how it is read.
fn project_of<'p>(gathering: &Gathering<'_>, directory: &'p Path) -> &'p Path {
    showable_above(gathering, directory)
        .find(|above| above.join("package.json").is_file() || above.join("node_modules").is_dir())
        .unwrap_or(directory)
}

/// `node_modules` further up: Node looks there too, and workspaces keep shared packages there.
fn modules_above(gathering: &Gathering<'_>, project: &Path) -> Vec<PathBuf> {
    showable_above(gathering, project)
        .skip(1)
        .map(|above| above.join("node_modules"))
        .filter(|modules| modules.is_dir())
        .collect()
}

fn showable_above<'p>(gathering: &Gathering<'_>, directory: &'p Path) -> impl Iterator<Item = &'p Path> {
    directory.ancestors().take(CLIMB).take_while(|above| gathering.guard.refuses(above).is_none())
}

#[cfg(test)]
mod tests;
