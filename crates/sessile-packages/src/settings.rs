//! What the host's npm and pip are configured with: an installation must reach the registry that a person at this host
//! would reach, with the same proxy, certificates and credentials. It is given to the step that fetches, and kept
//! nowhere.

mod ini;
mod npm;
mod pip;

use std::path::{Path, PathBuf};

use sessile_sandbox::FileView;
use sessile_sandbox::view::{HOME, HostEnv};

pub(crate) use npm::{ScriptsWanted, fail_soon, for_scripts, npm, places as npm_places};
pub(crate) use pip::pip;

/// For the view and the environment of a step.
#[derive(Clone, Default)]
pub(crate) struct Settings {
    /// Variables that pass.
    pub(crate) env: Vec<(String, String)>,
    /// Settings files, as copies: the originals may be readable by their owner only.
    pub(crate) files: Vec<FileView>,
    /// Certificates and package directories that settings name.
    pub(crate) read: Vec<PathBuf>,
}

/// Where the host keeps settings for everybody.
const ETC: &str = "/etc";

const PROXY: [&str; 4] = ["HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY"];

impl Settings {
    /// The way to the network, which package code may use as well.
    pub(crate) fn proxy(host: &HostEnv) -> Self {
        let env = host.iter().filter(|(name, _)| PROXY.iter().any(|proxy| name.eq_ignore_ascii_case(proxy)));
        Self { env: env.map(|(name, value)| (name.to_owned(), value.to_owned())).collect(), ..Self::default() }
    }

    /// Copies a file of the host, if it is there, and gives what it says.
    fn copy(&mut self, on_host: &Path, inside: PathBuf) -> Option<String> {
        let content = std::fs::read_to_string(on_host).ok()?;
        self.files.push(FileView::Text { target: inside, content: content.clone() });
        Some(content)
    }

    /// Shows the files and directories of the host that a value names, also as `file://…`.
    fn show_paths_in(&mut self, value: &str) {
        for word in value.split(|letter: char| letter.is_whitespace() || letter == ',') {
            let word = word.trim_matches(['"', '\'']);
            let path = Path::new(word.strip_prefix("file://").unwrap_or(word));
            let is_of_kernel = ["/proc", "/sys", "/dev"].iter().any(|place| path.starts_with(place));
            if path.is_absolute() && path != Path::new("/") && !is_of_kernel && path.exists() {
                self.read.push(path.to_path_buf());
            }
        }
    }

    fn set(&mut self, name: &str, value: &str) {
        self.env.push((name.to_owned(), value.to_owned()));
    }

    #[cfg(test)]
    fn get(&self, name: &str) -> Option<&str> {
        self.env.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }
}

/// A place in the home directory inside.
fn in_home(name: &str) -> PathBuf {
    Path::new(HOME).join(name)
}

#[cfg(test)]
mod tests;
