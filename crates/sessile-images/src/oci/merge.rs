//! From checked layers to one tree.

use std::fs::File;
use std::io::{self, BufWriter, Read, Seek};
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::sync::Arc;

use sessile_manifest::ImageDigest;

use super::{Bundle, Layer};
use crate::ImageError;
use crate::digest::{self, Hashing};
use crate::layer::{Decompressed, Limits, Unpacker};
use crate::progress::{Meter, Watch};
use sessile_erofs::{Content, Contents, Tree};

/// The merged tree, and where its contents lie.
pub(crate) struct Merged {
    pub(crate) tree: Tree,
    pub(crate) spool: Spool,
    /// What was left out.
    pub(crate) notes: Vec<String>,
}

/// Contents of all layers, one behind the other.
pub(crate) struct Spool {
    file: Arc<File>,
    meter: Meter,
}

/// Merges the layers of a bundle. Contents are stored in `work`.
pub(crate) fn merge(bundle: Bundle, work: &Path, limits: &Limits, watch: &Watch) -> Result<Merged, ImageError> {
    let path = work.join("contents");
    let spool = File::options().read(true).write(true).create_new(true).open(&path);
    let spool = spool.map_err(ImageError::store("create", &path))?;
    let mut unpacker = Unpacker::new(BufWriter::with_capacity(1 << 20, spool), *limits);
    let count = bundle.layers.len();
    for (at, layer) in bundle.layers.into_iter().enumerate() {
        watch.step(&format!("unpacking layer {} of {count}", at + 1));
        one(&mut unpacker, layer, &path, watch)?;
        // A layer of a registry is needed no more; one of a layout is not here.
        let _ = std::fs::remove_file(work.join(at.to_string()));
    }
    let (tree, spool, notes) = unpacker.finish();
    notes.iter().for_each(|note| watch.note(note));
    let file = spool.into_inner().map_err(|error| ImageError::store("write", &path)(error.into_error()))?;
    let meter = watch.meter(crate::store::WRITING, Some(tree.content_bytes()));
    Ok(Merged { tree, spool: Spool { file: Arc::new(file), meter }, notes })
}

fn one(unpacker: &mut Unpacker<BufWriter<File>>, layer: Layer, spool: &Path, watch: &Watch) -> Result<(), ImageError> {
    let Layer { descriptor, diff_id, mut file } = layer;
    let blob = descriptor.digest;
    let unread = |error| ImageError::layer(&watch.image, blob, spool, crate::layer::LayerError::Read(error));
    // All of it before any of it is looked at. What a registry sent was checked on its way; reading it again costs less
    // than a rule of which is which.
    file.rewind().map_err(unread)?;
    let limited = (&mut file).take(descriptor.size.saturating_add(1));
    let found = digest::of_source(watch.reading(limited, "checking", Some(descriptor.size))).map_err(unread)?;
    differ(watch, format!("layer {blob}"), (blob, descriptor.size), found)?;
    file.rewind().map_err(unread)?;
    let compression = descriptor.compression().map_err(|reason| ImageError::unfit(&watch.image, reason))?;
    let source = watch.reading((&mut file).take(descriptor.size), "unpacking", Some(descriptor.size));
    let mut archive = Hashing::new(Decompressed::new(source, compression));
    unpacker.layer(&mut archive).map_err(|error| ImageError::layer(&watch.image, blob, spool, error))?;
    // Also tells whether the blob changed since it was checked.
    let (found, length) = archive.finish();
    differ(watch, format!("the archive in layer {blob}"), (diff_id, length), (found, length))
}

/// An error where what was found is not what was announced.
fn differ(
    watch: &Watch,
    what: String,
    expected: (ImageDigest, u64),
    found: (ImageDigest, u64),
) -> Result<(), ImageError> {
    let image = watch.image.to_string();
    if found.1 != expected.1 {
        let more = if found.1 > expected.1 { "more" } else { "fewer" };
        return Err(ImageError::Length { image, what, expected: expected.1, found: more.to_owned() });
    }
    if found.0 != expected.0 {
        return Err(ImageError::Digest { image, what, expected: expected.0, found: found.0 });
    }
    Ok(())
}

impl Contents for Spool {
    fn open(&mut self, content: Content) -> io::Result<Box<dyn Read + '_>> {
        let part = Part { file: Arc::clone(&self.file), at: content.at, left: content.length };
        Ok(Box::new(self.meter.reading(part)))
    }
}

struct Part {
    file: Arc<File>,
    at: u64,
    left: u64,
}

impl Read for Part {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let most = usize::try_from(self.left).unwrap_or(usize::MAX).min(into.len());
        let read = self.file.read_at(into.get_mut(..most).unwrap_or_default(), self.at)?;
        self.at += read as u64;
        self.left -= read as u64;
        Ok(read)
    }
}
