//! A Sessile node with servers of a stage's own choice.

use std::path::{Path, PathBuf};

use anyhow::Context;

use super::{Places, Running};

/// One server of a manifest.
#[derive(Debug, Clone)]
pub struct Served {
    /// Its name, and so its path.
    pub name: &'static str,
    /// Its command over stdio.
    pub command: Vec<String>,
    /// The one era that the command speaks.
    pub era: &'static str,
    /// Which session a request without a session key belongs to.
    pub scope: &'static str,
    /// Directories that its sandbox can read beyond those of the system.
    pub read_only: Vec<PathBuf>,
    /// How many sandboxes are held ready.
    pub warm: Option<u32>,
}

impl Served {
    /// A server of this name, with what a manifest has by itself.
    pub fn new(name: &'static str) -> Self {
        Self { name, command: Vec::new(), era: "auto", scope: "auto", read_only: Vec::new(), warm: None }
    }
}

/// Starts a node with a state directory of its own: it knows nothing of its servers yet.
///
/// # Errors
/// When it is not there, or does not come to listen.
pub async fn start_node(name: &str, served: &[Served], places: &Places) -> anyhow::Result<Running> {
    let folder = free_folder(&places.scratch, name);
    std::fs::create_dir_all(&folder).with_context(|| format!("cannot make {}", folder.display()))?;
    let file = folder.join("sessile.toml");
    std::fs::write(&file, manifest(served, &folder)).with_context(|| format!("cannot write {}", file.display()))?;
    let sessile = places.programs.join("sessile").display().to_string();
    let command = [sessile, "serve".to_owned(), "-c".to_owned(), file.display().to_string()];
    Running::printing(&command, &folder.join("log")).await
}

/// The first of `name-1`, `name-2`, … that is not there.
fn free_folder(scratch: &Path, name: &str) -> PathBuf {
    let taken = (1..u32::MAX).take_while(|number| scratch.join(format!("{name}-{number}")).exists()).count();
    scratch.join(format!("{name}-{}", taken + 1))
}

/// The endpoint of one of the node's servers; `url` is that of any.
pub fn server_url(url: &str, name: &str) -> String {
    let host = url.strip_prefix("http://").unwrap_or(url).split('/').next().unwrap_or_default();
    format!("http://{host}/{name}/mcp")
}

/// A manifest with limits far above what a run opens. Parked calls are left alone at the end.
pub(super) fn manifest(served: &[Served], folder: &Path) -> String {
    let state = folder.join("state");
    let mut text = format!(
        "[node]\nlisten = \"127.0.0.1:0\"\nadmin = \"127.0.0.1:0\"\nstate_dir = {state:?}\ndrain = \"0s\"\n\
         sessions = 4000\nmemory = \"64TiB\"\n\n\
         [defaults.limits]\nsessions = 4000\nsessions_per_principal = 4000\nin_flight = 256\ndrain = \"0s\"\n"
    );
    for Served { name, command, era, scope, read_only, warm } in served {
        text.push_str(&format!("\n[servers.{name}]\ncommand = {command:?}\nera = \"{era}\"\nscope = \"{scope}\"\n"));
        if !read_only.is_empty() {
            text.push_str(&format!("files.read_only = {read_only:?}\n"));
        }
        if let Some(warm) = warm {
            text.push_str(&format!("pool.warm = {warm}\n"));
        }
    }
    text
}
