//! The first line of a script.

use std::fs::File;
use std::io::Read;
use std::path::Path;

/// Linux reads no more of a script than this to find its interpreter (`BINPRM_BUF_SIZE`).
const LONGEST: u64 = 256;

/// `#!interpreter argument`.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Shebang {
    /// The line without `#!`.
    pub(super) line: String,
    /// The program that Linux starts.
    pub(super) interpreter: String,
    /// The program that `env` looks up then.
    pub(super) through_env: Option<String>,
}

/// The interpreter of a script, or `None` for a binary.
pub(super) fn of(file: &Path) -> Option<Shebang> {
    let mut start = Vec::new();
    File::open(file).ok()?.take(LONGEST).read_to_end(&mut start).ok()?;
    let line = start.strip_prefix(b"#!")?.split(|byte| *byte == b'\n').next()?;
    parse(std::str::from_utf8(line).ok()?)
}

fn parse(line: &str) -> Option<Shebang> {
    let line = line.trim();
    let mut words = line.split_whitespace();
    let interpreter = words.next()?.to_owned();
    let is_env = Path::new(&interpreter).file_name().is_some_and(|name| name == "env");
    // `env -S NAME=value program arguments`: options and assignments come first.
    let through_env = words.find(|word| !word.starts_with('-') && !word.contains('=')).filter(|_| is_env);
    Some(Shebang { line: line.to_owned(), interpreter, through_env: through_env.map(str::to_owned) })
}

#[cfg(test)]
mod tests;
