//! From a word to a binary: `PATH`, shims, links and scripts.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use super::gathering::Gathering;
use super::shebang::{self, Shebang};
use super::{HostEnv, ViewError, ViewRequest, guard, prefix, python, shims};

/// Scripts whose interpreters are scripts, this many deep. Linux itself gives up after 4.
const MAX_DEPTH: usize = 5;
/// Links in a row before it is a loop, as in Linux.
const MAX_LINKS: usize = 40;

/// The program to start.
#[derive(Debug)]
pub(super) struct Program {
    /// Absolute, visible inside. A link stays a link: what a venv is, Python knows from the path it was started by.
    pub(super) path: PathBuf,
    /// Where it and its interpreters lie, for `PATH`.
    pub(super) directories: Vec<PathBuf>,
    /// What its interpreter has to be told.
    pub(super) env: Vec<(String, String)>,
}

/// Finds the program and shows it, its prefix and its interpreters.
pub(super) fn bring(gathering: &mut Gathering<'_>, request: &ViewRequest) -> Result<Program, ViewError> {
    let word = request.command.first().filter(|word| !word.is_empty()).ok_or(ViewError::NoCommand)?;
    let base = request.cwd.as_deref().unwrap_or(Path::new("/"));
    let mut search = Search { base, directories: Vec::new(), env: Vec::new() };
    let path = search.bring(gathering, word, 0)?;
    Ok(Program { path, directories: search.directories, env: search.env })
}

struct Search<'a> {
    base: &'a Path,
    directories: Vec<PathBuf>,
    env: Vec<(String, String)>,
}

impl Search<'_> {
    fn bring(&mut self, gathering: &mut Gathering<'_>, word: &str, depth: usize) -> Result<PathBuf, ViewError> {
        let found = locate(word, gathering.host, self.base)?;
        let path = match shims::resolve(&found, gathering.host, self.base)? {
            Some(choice) => {
                gathering.say(format!("program: {word} is {}, chosen by {}", choice.path.display(), choice.reason));
                choice.path
            }
            None => {
                gathering.say(format!("program: {word} is {}", found.display()));
                found
            }
        };
        let links = links_of(&path);
        for link in &links {
            prefix::bring(gathering, link);
        }
        let binary = links.last().unwrap_or(&path);
        if !is_executable(binary) {
            return Err(ViewError::NotExecutable { path });
        }
        if let Some(directory) = path.parent() {
            self.directories.push(directory.to_path_buf());
        }
        if let Some(shebang) = shebang::of(binary) {
            if depth == MAX_DEPTH {
                return Err(ViewError::Endless { path });
            }
            self.bring_interpreter(gathering, &path, &shebang, depth)?;
        }
        self.env.extend(python::bring(gathering, &path, binary));
        Ok(path)
    }

    fn bring_interpreter(
        &mut self,
        gathering: &mut Gathering<'_>,
        script: &Path,
        shebang: &Shebang,
        depth: usize,
    ) -> Result<(), ViewError> {
        let at_fault = |source| ViewError::Interpreter {
            script: script.into(),
            line: shebang.line.clone(),
            source: Box::new(source),
        };
        for word in [Some(&shebang.interpreter), shebang.through_env.as_ref()].into_iter().flatten() {
            self.bring(gathering, word, depth + 1).map_err(at_fault)?;
        }
        Ok(())
    }
}

/// Finds a program as a shell would: by path if it has a slash, in `PATH` otherwise.
pub(super) fn locate(word: &str, host: &HostEnv, base: &Path) -> Result<PathBuf, ViewError> {
    locate_except(word, host, base, |_| false)
}

/// The same, passing over directories of `PATH`.
pub(super) fn locate_except(
    word: &str,
    host: &HostEnv,
    base: &Path,
    passed_over: impl Fn(&Path) -> bool,
) -> Result<PathBuf, ViewError> {
    if word.contains('/') {
        let path = guard::absolute(base, Path::new(word));
        return match fs::metadata(&path) {
            Ok(about) if about.is_file() => Ok(path),
            Ok(_) => Err(ViewError::NotExecutable { path }),
            Err(_) => Err(ViewError::NotFound { program: word.into(), searched: path.display().to_string() }),
        };
    }
    let directories: Vec<PathBuf> = host
        .search_path()
        .iter()
        .map(|entry| guard::absolute(base, entry))
        .filter(|entry| !passed_over(entry))
        .collect();
    let candidates = || directories.iter().map(|directory| directory.join(word));
    if let Some(path) = candidates().find(|path| is_executable(path)) {
        return Ok(path);
    }
    if let Some(path) = candidates().find(|path| path.is_file()) {
        return Err(ViewError::NotExecutable { path });
    }
    let searched: Vec<_> = directories.iter().map(|directory| directory.display().to_string()).collect();
    Err(ViewError::NotFound { program: word.into(), searched: searched.join(", ") })
}

pub(super) fn is_executable(path: &Path) -> bool {
    fs::metadata(path).is_ok_and(|about| about.is_file() && about.permissions().mode() & 0o111 != 0)
}

/// A path and what its last part leads to, link by link, the file itself last.
pub(super) fn links_of(path: &Path) -> Vec<PathBuf> {
    let mut links = vec![path.to_path_buf()];
    let mut here = path.to_path_buf();
    while let Ok(to) = fs::read_link(&here)
        && links.len() < MAX_LINKS
    {
        // `..` counts from where the link really lies.
        let directory = here.parent().and_then(|parent| parent.canonicalize().ok()).unwrap_or_default();
        here = guard::absolute(&directory, &to);
        links.push(here.clone());
    }
    links
}

#[cfg(test)]
mod tests;
