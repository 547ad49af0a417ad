//! Writing the media and resources of a result into a directory.

use crate::client::error::ClientError;
use std::fs::{File, create_dir_all};
use std::io::{ErrorKind, Write};
use std::path::{Path, PathBuf};

/// Names tried for one file before giving up.
const MOST_NAMES: usize = 10_000;

/// A directory that files are added to and never written over in.
#[derive(Debug)]
pub(crate) struct SaveDir {
    dir: PathBuf,
    stem: String,
    next: usize,
}

impl SaveDir {
    /// Files are named `{stem}-{number}.{extension}`: names of the server's own choosing would be a way out of
    /// the directory.
    pub(crate) fn open(dir: &Path, stem: &str) -> Result<Self, ClientError> {
        create_dir_all(dir).map_err(|error| ClientError::Local(format!("--save {}: {error}", dir.display())))?;
        let plain = |c: char| if c.is_ascii_alphanumeric() || matches!(c, '-' | '_') { c } else { '_' };
        Ok(Self { dir: dir.to_owned(), stem: stem.chars().take(64).map(plain).collect(), next: 1 })
    }

    /// Writes one file under the next free name and returns its path.
    pub(crate) fn add(&mut self, mime: Option<&str>, bytes: &[u8]) -> Result<PathBuf, ClientError> {
        for _ in 0..MOST_NAMES {
            let path = self.dir.join(format!("{}-{}.{}", self.stem, self.next, extension(mime)));
            self.next += 1;
            let wrong = |error| ClientError::Local(format!("{} could not be written: {error}", path.display()));
            match File::create_new(&path) {
                Ok(mut file) => return file.write_all(bytes).map(|()| path.clone()).map_err(wrong),
                Err(error) if error.kind() == ErrorKind::AlreadyExists => {}
                Err(error) => return Err(wrong(error)),
            }
        }
        Err(ClientError::Local(format!("{} has no free name left for {}", self.dir.display(), self.stem)))
    }
}

/// The usual file extension of a media type; `bin` for one that is not known here.
fn extension(mime: Option<&str>) -> &'static str {
    let mime = mime.unwrap_or("").split(';').next().unwrap_or("").trim().to_ascii_lowercase();
    match mime.as_str() {
        "image/png" => "png",
        "image/jpeg" => "jpg",
        "image/gif" => "gif",
        "image/webp" => "webp",
        "image/svg+xml" => "svg",
        "audio/wav" | "audio/x-wav" | "audio/wave" => "wav",
        "audio/mpeg" => "mp3",
        "audio/ogg" => "ogg",
        "audio/flac" => "flac",
        "video/mp4" => "mp4",
        "application/json" => "json",
        "application/pdf" => "pdf",
        "application/zip" => "zip",
        "text/html" => "html",
        "text/markdown" => "md",
        "text/csv" => "csv",
        text if text.starts_with("text/") => "txt",
        _ => "bin",
    }
}

#[cfg(test)]
mod tests;
