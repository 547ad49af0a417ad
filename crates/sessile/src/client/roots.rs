//! Roots given with `--root`.
#![allow(deprecated, reason = "roots are deprecated only in the modern era")]

use crate::client::error::ClientError;
use rmcp::model::Root;
use std::path::Path;
use url::Url;

/// A root for a path of this machine, or for a URI as it is. The path need not exist for the server, but for the
/// user it must: a misspelt one is better noticed here.
pub(crate) fn root(text: &str) -> Result<Root, ClientError> {
    if text.contains("://") {
        let uri = Url::parse(text).map_err(|error| ClientError::Usage(format!("--root {text}: {error}")))?;
        return Ok(Root::new(uri));
    }
    let path = Path::new(text).canonicalize().map_err(|error| ClientError::Usage(format!("--root {text}: {error}")))?;
    let uri = Url::from_file_path(&path)
        .map_err(|()| ClientError::Usage(format!("--root {text}: no file URI can name it")))?;
    let root = Root::new(uri);
    Ok(match path.file_name().and_then(|name| name.to_str()) {
        Some(name) => root.with_name(name),
        None => root,
    })
}

#[cfg(test)]
mod tests;
