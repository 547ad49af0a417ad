//! `sessile images build`: what a start would do, ahead of it.

use super::failure;
use crate::client::{Printer, bytes, one_line};
use crate::host::{Failure, Stops};
use serde_json::json;
use sessile_images::{Event, Image, ImageError, ImageRef, Progress, Store};
use std::process::ExitCode;
use std::sync::Arc;
use tokio_util::sync::CancellationToken;

/// As shells say of what a signal ended.
const INTERRUPTED: u8 = 130;

/// Builds them one after the other; a line of the result for each. One that fails does not keep the others back.
pub(super) async fn build(store: Store, images: &[ImageRef], json: bool) -> Result<ExitCode, Failure> {
    let printer = Arc::new(Printer::new());
    let stop = CancellationToken::new();
    let store = store.with_stop(stop.clone());
    let mut stops = Stops::new().map_err(|error| Failure::Host(format!("signals cannot be received: {error}")))?;
    let mut failed = None;
    if images.is_empty() {
        printer.note("the manifest names no images");
    }
    for image in images {
        let mut built = Box::pin(one(&store, image, &printer));
        let built = tokio::select! {
            built = &mut built => built,
            () = stops.next() => {
                printer.note("stopping: what was built so far of this image is removed");
                stop.cancel();
                built.await
            }
        };
        printer.progress_ends();
        match built {
            Ok((pinned, built)) => printer.result(&told(&pinned, &built, json)),
            Err(ImageError::Cancelled { .. }) => return Ok(ExitCode::from(INTERRUPTED)),
            Err(error) => {
                let error = failure(error);
                printer.note(&error.to_string());
                failed = Some(error.exit_code());
            }
        }
    }
    Ok(failed.unwrap_or(ExitCode::SUCCESS))
}

async fn one(store: &Store, image: &ImageRef, printer: &Arc<Printer>) -> Result<(ImageRef, Image), ImageError> {
    let progress: Arc<dyn Progress> = Arc::new(Shown(Arc::clone(printer)));
    let pinned = store.pin(image, Arc::clone(&progress)).await?;
    // A layout is built under the name that its author gave it; what a tag of a registry means was settled just now.
    let meant = if matches!(image, ImageRef::Registry(_)) { &pinned } else { image };
    let built = store.build(meant, progress).await?;
    Ok((pinned, built))
}

/// The reference to write into a manifest, and where the image is.
fn told(pinned: &ImageRef, image: &Image, json: bool) -> String {
    if json {
        let told = json!({
            "image": pinned.to_string(),
            "digest": image.digest().to_string(),
            "key": image.key(),
            "bytes": image.bytes(),
            "sha256": image.content_digest().hex(),
            "path": image.path().display().to_string(),
        });
        return told.to_string();
    }
    let digest = match pinned {
        ImageRef::Directory(_) => format!("  {}", image.digest()),
        _ => String::new(),
    };
    format!("{}{digest}  {}", one_line(&pinned.to_string()), bytes(image.bytes()))
}

/// Steps and bytes on the line that is drawn again; what is worth keeping on lines of their own.
struct Shown(Arc<Printer>);

impl Progress for Shown {
    fn report(&self, event: &Event<'_>) {
        let line = one_line(&event.to_string());
        match event {
            Event::Note { .. } | Event::Waiting { .. } => self.0.note(&line),
            Event::Finished { .. } => {
                self.0.progress_ends();
                self.0.note(&line);
            }
            // Elsewhere than on a terminal, the steps are enough.
            Event::Bytes { .. } if !self.0.is_live() => {}
            _ => self.0.progress(&line),
        }
    }
}
