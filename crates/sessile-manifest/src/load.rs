//! From a file to a manifest.

use std::io::Read;
use std::path::{Path, PathBuf};

use crate::read::{read_mcp_json, read_toml};
use crate::report::Report;
use crate::source::Source;
use crate::tree::{from_json, from_toml};
use crate::{Manifest, ManifestErrors, Surroundings};

/// Largest manifest, in bytes.
const LARGEST: u64 = 1024 * 1024;

/// How a manifest is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// `sessile.toml`.
    Toml,
    /// `.mcp.json` and its like, as other tools write them.
    McpJson,
}

impl Format {
    /// The format that a file's name says; if it says none, what its first character says.
    pub fn of(path: &Path, text: &str) -> Self {
        let extension = path.extension().map(|extension| extension.to_ascii_lowercase());
        match extension.as_deref().and_then(std::ffi::OsStr::to_str) {
            Some("toml") => Self::Toml,
            Some("json" | "jsonc") => Self::McpJson,
            _ if text.trim_start().starts_with('{') => Self::McpJson,
            _ => Self::Toml,
        }
    }
}

/// Reads the manifest at `path`, with the variables of this process. Relative paths in it start from
/// its directory.
///
/// # Errors
/// When the file cannot be read, and with every mistake in it.
pub fn load(path: &Path) -> Result<Manifest, ManifestErrors> {
    let file = path.display().to_string();
    let whole = |message: String| ManifestErrors::whole(&file, message);
    let text = read_file(path).map_err(whole)?;
    let directory = directory_of(path).map_err(|error| whole(format!("cannot be read: {error}")))?;
    parse(&text, &file, Format::of(path, &text), &Surroundings::of_process(directory))
}

/// Reads the text of a manifest; `file` is what the errors call it.
///
/// # Errors
/// Every mistake in it.
pub fn parse(text: &str, file: &str, format: Format, surroundings: &Surroundings) -> Result<Manifest, ManifestErrors> {
    let mut report = Report::default();
    let manifest = match format {
        Format::Toml => from_toml(text, &mut report).and_then(|tree| read_toml(tree, surroundings, &mut report)),
        Format::McpJson => {
            from_json(text, &mut report).and_then(|tree| read_mcp_json(&tree, surroundings, &mut report))
        }
    };
    let warnings = report.finish(file, &Source::new(text)).map_err(ManifestErrors::new)?;
    match manifest {
        Some(manifest) => Ok(Manifest { warnings, ..manifest }),
        None => Err(ManifestErrors::whole(file, "cannot be read as a manifest".to_owned())),
    }
}

fn read_file(path: &Path) -> Result<String, String> {
    let cannot = |error: std::io::Error| match error.kind() {
        std::io::ErrorKind::NotFound => "no such file; name another with `-c FILE`".to_owned(),
        _ => format!("cannot be read: {error}"),
    };
    let file = std::fs::File::open(path).map_err(cannot)?;
    let mut bytes = Vec::new();
    file.take(LARGEST + 1).read_to_end(&mut bytes).map_err(cannot)?;
    if bytes.len() as u64 > LARGEST {
        return Err("larger than 1 MiB, which no manifest is".to_owned());
    }
    let text = String::from_utf8(bytes).map_err(|_| "not UTF-8 text".to_owned())?;
    // Editors of some systems begin a file with a byte order mark, which neither parser reads.
    Ok(text.strip_prefix('\u{feff}').map(str::to_owned).unwrap_or(text))
}

fn directory_of(path: &Path) -> std::io::Result<PathBuf> {
    let whole = std::path::absolute(path)?;
    Ok(whole.parent().map_or_else(|| whole.clone(), Path::to_owned))
}
