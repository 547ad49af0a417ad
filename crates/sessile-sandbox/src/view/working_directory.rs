//! Where the server starts: in a private copy of the directory that it was started from, or in `/workspace`.

use std::path::{Path, PathBuf};

use super::gathering::Gathering;
use super::{ViewError, ViewRequest, WORKSPACE};
use crate::FileView;

/// The directory to start in.
#[derive(Debug)]
pub(super) struct Place {
    /// As the server sees it.
    pub(super) inside: PathBuf,
    /// The directory of the host that relative arguments start from, if there is one.
    pub(super) on_host: Option<PathBuf>,
    /// Whether `inside` shows `on_host`.
    pub(super) shown: bool,
}

pub(super) fn decide(gathering: &mut Gathering<'_>, request: &ViewRequest) -> Result<Place, ViewError> {
    let Some(cwd) = &request.cwd else {
        return Ok(Place { inside: WORKSPACE.into(), on_host: None, shown: false });
    };
    let cwd = super::guard::absolute(Path::new("/"), cwd);
    let Some(source) = cwd.canonicalize().ok().filter(|real| real.is_dir()) else {
        return Err(ViewError::WorkingDirectory { path: cwd });
    };
    if let Some(refusal) = gathering.guard.refuses(&cwd) {
        gathering.say(format!(
            "not shown: {}, the directory that it was started from: {refusal}; it starts in {WORKSPACE} instead, and \
             --read shows what else it needs",
            cwd.display()
        ));
        return Ok(Place { inside: WORKSPACE.into(), on_host: Some(cwd), shown: false });
    }
    let view = FileView::CopyOnWrite { source, target: cwd.clone() };
    gathering.imply_because(view, "the working directory; what the server writes there ends with its session");
    Ok(Place { inside: cwd.clone(), on_host: Some(cwd), shown: true })
}

#[cfg(test)]
mod tests;
