//! From a reference to an image.

use std::fs::File;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use sessile_manifest::{ImageDigest, ImageRef, LayoutImage};
use tokio_util::sync::CancellationToken;

use super::lock::Lock;
use super::publish::{Staging, discard};
use super::record::{BUILDER, Record};
use super::{IMAGE, Store};
use crate::directory::{self, Scan};
use crate::layer::Limits;
use crate::oci::layout::Layout;
use crate::oci::{self, Blobs, Bundle};
use crate::progress::Watch;
use crate::registry::Repository;
use crate::{Event, Image, ImageConfig, ImageError, Progress, digest};
use sessile_erofs::{Contents, Tree};

/// How often to look whether another process has finished.
const LOOK_AGAIN: Duration = Duration::from_millis(100);
/// How often a directory is read that changes meanwhile.
const READINGS: u32 = 3;

/// The step that takes longest, whatever is built.
pub(crate) const WRITING: &str = "writing the image";

/// What is built.
enum Source {
    Directory(Box<Scan>),
    Oci(Blobs, ImageDigest),
}

impl Source {
    fn digest(&self) -> ImageDigest {
        match self {
            Self::Directory(scan) => scan.digest,
            Self::Oci(_, digest) => *digest,
        }
    }
}

/// The digest that a reference carries.
pub(super) fn pinned(image: &ImageRef) -> Option<ImageDigest> {
    match image {
        ImageRef::Layout { image: LayoutImage::Digest(digest), .. } => Some(*digest),
        ImageRef::Registry(image) => image.digest,
        ImageRef::Directory(_) | ImageRef::Layout { .. } => None,
    }
}

/// Names an image by what it is made from, and what makes it. An image of a layout and of a registry with the same digest
/// is the same image.
pub(super) fn key(digest: &ImageDigest) -> String {
    let what = format!("sessile-image {BUILDER} {} {digest}\n", oci::documents::architecture());
    digest::of(what.as_bytes()).hex().chars().take(32).collect()
}

impl Store {
    /// The reference with its digest: what to write into a manifest. Asks the registry, or the layout, where a tag leads
    /// now. A directory has no other name than its path.
    ///
    /// # Errors
    /// [`ImageError`] when that cannot be found out.
    pub async fn pin(&self, image: &ImageRef, progress: Arc<dyn Progress>) -> Result<ImageRef, ImageError> {
        let watch = Watch::new(&image.to_string(), progress, self.stop.child_token());
        match image {
            ImageRef::Layout { path, image } => {
                let digest = Layout::new(path).resolve(image, &self.limits, &watch)?;
                Ok(ImageRef::Layout { path: path.clone(), image: LayoutImage::Digest(digest) })
            }
            ImageRef::Registry(reference) if reference.digest.is_none() => {
                let repository = Repository::new(reference, &self.access, &watch)?;
                let tag = reference.tag.as_deref().unwrap_or("latest");
                let digest = unless_stopped(&watch, repository.digest_of(tag, &self.limits, &watch)).await?;
                Ok(ImageRef::Registry(reference.pinned(digest)))
            }
            ImageRef::Registry(_) | ImageRef::Directory(_) => Ok(image.clone()),
        }
    }

    /// The image, from the store; builds it first if it is not there, which may take minutes. Two that ask at once, also
    /// in two processes, build once. Dropping the future ends the build, and leaves nothing.
    ///
    /// # Errors
    /// [`ImageError`]; what is in the store stays as it is.
    pub async fn build(&self, image: &ImageRef, progress: Arc<dyn Progress>) -> Result<Image, ImageError> {
        let watch = Watch::new(&image.to_string(), progress, self.stop.child_token());
        // Threads that still work when this future is dropped see it, and clean up.
        let _stop = watch.stop.clone().drop_guard();
        let built = self.build_watched(image, &watch).await;
        match built {
            Err(_) if watch.stop.is_cancelled() => Err(ImageError::Cancelled { image: image.to_string() }),
            built => built,
        }
    }

    async fn build_watched(&self, image: &ImageRef, watch: &Watch) -> Result<Image, ImageError> {
        if let Some(digest) = pinned(image)
            && let Some(image) = self.sound(&key(&digest), watch).await?
        {
            return Ok(image);
        }
        let mut left = READINGS;
        loop {
            let built = self.build_once(image, watch).await;
            left -= 1;
            match built {
                Err(ImageError::Changed { .. }) if left > 0 && !watch.stop.is_cancelled() => {
                    watch.note("it changed while it was read; reading it again");
                }
                built => return built,
            }
        }
    }

    async fn build_once(&self, image: &ImageRef, watch: &Watch) -> Result<Image, ImageError> {
        let started = Instant::now();
        let source = self.source(image, watch).await?;
        let digest = source.digest();
        let key = key(&digest);
        if let Some(image) = self.sound(&key, watch).await? {
            return Ok(image);
        }
        let lock = self.lock(&key, watch).await?;
        if let Some(image) = self.sound(&key, watch).await? {
            return Ok(image);
        }
        let staging = Staging::new(&self.root, &key, lock)?;
        let bundle = match &source {
            Source::Directory(_) => None,
            Source::Oci(blobs, digest) => {
                let work = staging.work();
                Some(unless_stopped(watch, oci::collect(blobs, digest, &work, &self.limits, watch)).await?)
            }
        };
        let job = Job { staging, watch: watch.clone(), limits: self.limits };
        let (store, name) = (self.clone(), image.to_string());
        let image = blocking(watch, move || job.finish(&store, &name, source, bundle)).await??;
        watch.tell(&Event::Finished { image: &watch.image, bytes: image.bytes(), took: started.elapsed() });
        Ok(image)
    }

    /// The image of a key, if it is there. A damaged one is taken away, to be built anew.
    async fn sound(&self, key: &str, watch: &Watch) -> Result<Option<Image>, ImageError> {
        let (store, name) = (self.clone(), key.to_owned());
        match blocking(watch, move || store.get(&name)).await? {
            Err(error @ ImageError::Damaged { .. }) => {
                watch.note(&format!("{error}; building it anew"));
                discard(&self.root, key)?;
                Ok(None)
            }
            found => found,
        }
    }

    async fn source(&self, image: &ImageRef, watch: &Watch) -> Result<Source, ImageError> {
        match image {
            ImageRef::Directory(path) => {
                watch.step("reading the directory");
                let (path, limits, inner) = (path.clone(), self.limits, watch.clone());
                let scan = blocking(watch, move || directory::scan(&path, &limits, &inner)).await??;
                Ok(Source::Directory(Box::new(scan)))
            }
            ImageRef::Layout { path, image } => {
                let layout = Layout::new(path);
                let digest = layout.resolve(image, &self.limits, watch)?;
                Ok(Source::Oci(Blobs::Layout(layout), digest))
            }
            ImageRef::Registry(reference) => {
                let unpinned = || ImageError::Unpinned { image: image.to_string() };
                let digest = reference.digest.ok_or_else(unpinned)?;
                let repository = Repository::new(reference, &self.access, watch)?;
                Ok(Source::Oci(Blobs::Registry(Box::new(repository)), digest))
            }
        }
    }

    /// Waits for the lock of a key.
    async fn lock(&self, key: &str, watch: &Watch) -> Result<Lock, ImageError> {
        let mut told = false;
        loop {
            let path = self.root.join(".locks").join(key);
            if let Some(lock) = Lock::try_take(&self.root, key).map_err(ImageError::store("lock", &path))? {
                return Ok(lock);
            }
            if !std::mem::replace(&mut told, true) {
                watch.tell(&Event::Waiting { image: &watch.image });
            }
            unless_stopped(watch, async {
                tokio::time::sleep(LOOK_AGAIN).await;
                Ok(())
            })
            .await?;
        }
    }
}

/// A build with all that it needs at hand. Owns its place, so that this goes with it, wherever it ends.
struct Job {
    staging: Staging,
    watch: Watch,
    limits: Limits,
}

impl Job {
    fn finish(
        self,
        store: &Store,
        reference: &str,
        source: Source,
        bundle: Option<Bundle>,
    ) -> Result<Image, ImageError> {
        let digest = source.digest();
        let work = self.staging.work();
        let path = self.staging.image().join(IMAGE);
        let (written, config, notes) = match (source, bundle) {
            (Source::Directory(scan), _) => {
                let Scan { tree, files, notes, .. } = *scan;
                notes.iter().for_each(|note| self.watch.note(note));
                let meter = self.watch.meter(WRITING, Some(tree.content_bytes()));
                let mut contents = directory::Copying { files: &files, watch: &self.watch, meter };
                (self.write(&tree, &mut contents, digest, &path)?, ImageConfig::default(), notes)
            }
            (Source::Oci(..), Some(bundle)) => {
                let config = bundle.config.clone();
                let mut merged = oci::merge(bundle, &work, &self.limits, &self.watch)?;
                (self.write(&merged.tree, &mut merged.spool, digest, &path)?, config, merged.notes)
            }
            (Source::Oci(..), None) => return Err(ImageError::unfit(reference, "nothing of it was collected")),
        };
        if self.watch.stop.is_cancelled() {
            return Err(ImageError::Cancelled { image: reference.to_owned() });
        }
        self.watch.step("storing");
        let key = key(&digest);
        let record = Record::new(reference, digest, written, config, notes);
        self.staging.publish(&store.root, &key, &record)?;
        let lost =
            || ImageError::Damaged { path: store.root.join(&key), reason: "it was removed as soon as it was built" };
        store.get(&key)?.ok_or_else(lost)
    }

    /// Writes the file system, has it reach the disk, and reads it back for its digest.
    fn write(
        &self,
        tree: &Tree,
        contents: &mut dyn Contents,
        source: ImageDigest,
        path: &Path,
    ) -> Result<(ImageDigest, u64), ImageError> {
        self.watch.step(WRITING);
        let file = File::options().read(true).write(true).create_new(true).open(path);
        let file = file.map_err(ImageError::store("create", path))?;
        let uuid = sessile_erofs::uuid(source.bytes());
        let written = sessile_erofs::write(tree, contents, uuid, &file);
        written.map_err(|error| ImageError::write(&self.watch.image, path, path, error))?;
        file.sync_all().map_err(ImageError::store("sync", path))?;
        self.watch.step("checking the image");
        let mut file = file;
        std::io::Seek::rewind(&mut file).map_err(ImageError::store("read", path))?;
        digest::of_source(self.watch.reading(file, "checking the image", None)).map_err(ImageError::store("read", path))
    }
}

/// Ends a wait when the build is to stop.
async fn unless_stopped<T>(watch: &Watch, work: impl Future<Output = Result<T, ImageError>>) -> Result<T, ImageError> {
    let stop: &CancellationToken = &watch.stop;
    tokio::select! {
        done = work => done,
        () = stop.cancelled() => Err(ImageError::Cancelled { image: watch.image.to_string() }),
    }
}

/// Runs what reads and writes much on a thread of its own.
async fn blocking<T: Send + 'static>(
    watch: &Watch,
    work: impl FnOnce() -> T + Send + 'static,
) -> Result<T, ImageError> {
    let done = tokio::task::spawn_blocking(work).await;
    done.map_err(|error| ImageError::unfit(&watch.image, format!("the build ended unexpectedly ({error})")))
}
