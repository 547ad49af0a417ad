//! `sessile key NAME`: the key is shown once; only its hash is kept.

use super::Failure;
use crate::cli::KeyArgs;
use crate::out;
use sessile_identity::{ApiKey, KeyFile};
use std::fs::OpenOptions;
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::process::ExitCode;

/// Makes a key, and appends its hash to the file, or prints the line.
pub(crate) fn key(args: &KeyArgs) -> Result<ExitCode, Failure> {
    let key = ApiKey::generate().map_err(|error| Failure::Host(error.to_string()))?;
    let entry = key.line(&args.name);
    KeyFile::parse(Path::new("NAME"), &entry).map_err(|error| Failure::Usage(error.to_string()))?;
    match &args.file {
        Some(file) => {
            if file.exists() {
                KeyFile::load(file).map_err(|error| Failure::Usage(error.to_string()))?;
            }
            let failed = |error: std::io::Error| Failure::Failed(format!("{}: {error}", file.display()));
            let mut options = OpenOptions::new();
            let mut target = options.create(true).append(true).mode(0o600).open(file).map_err(failed)?;
            writeln!(target, "{entry}").map_err(failed)?;
            out::note(&format!("added {} to {}; restart the node to use it", args.name, file.display()));
        }
        None => out::note(&format!("add this line to the file that node.api_keys names: {entry}")),
    }
    out::note("the key, shown this once (send it as `Authorization: Bearer KEY`):");
    out::line(key.reveal());
    Ok(ExitCode::SUCCESS)
}
