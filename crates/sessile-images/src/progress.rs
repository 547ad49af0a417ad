//! What a build tells while it runs, and how it is told to stop.

use std::fmt;
use std::io::{self, Read};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use tokio_util::sync::CancellationToken;

/// Bytes between two reports.
const REPORT_EVERY: u64 = 4 << 20;

/// Something to show to whoever waits. Displays as one line.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Event<'a> {
    /// Another process builds the same image; this one waits for it.
    Waiting {
        /// The reference.
        image: &'a str,
    },
    /// A step begins.
    Step {
        /// The reference.
        image: &'a str,
        /// What is being done.
        step: &'a str,
    },
    /// A step goes on: every few megabytes.
    Bytes {
        /// The reference.
        image: &'a str,
        /// What is being done.
        step: &'a str,
        /// So far.
        done: u64,
        /// In all, if that is known.
        total: Option<u64>,
    },
    /// Something that the author of the image may want to know.
    Note {
        /// The reference.
        image: &'a str,
        /// One line.
        note: &'a str,
    },
    /// It is in the store.
    Finished {
        /// The reference.
        image: &'a str,
        /// Bytes of the image.
        bytes: u64,
        /// How long it took.
        took: Duration,
    },
}

impl fmt::Display for Event<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const MIB: f64 = 1_048_576.0;
        #[allow(clippy::cast_precision_loss, reason = "one decimal is shown")]
        let mib = |bytes: u64| bytes as f64 / MIB;
        match self {
            Self::Waiting { image } => write!(f, "{image}: waiting for another process that builds it"),
            // The step first: where a line is cut, it is cut at its end.
            Self::Step { image, step } => write!(f, "{step}: {image}"),
            Self::Bytes { image, step, done, total: Some(total) } => {
                write!(f, "{step}, {:.0} of {:.0} MiB: {image}", mib(*done), mib(*total))
            }
            Self::Bytes { image, step, done, total: None } => write!(f, "{step}, {:.0} MiB: {image}", mib(*done)),
            Self::Note { image, note } => write!(f, "{image}: {note}"),
            Self::Finished { image, bytes, took } => {
                write!(f, "{image}: built, {:.1} MiB in {:.1} s", mib(*bytes), took.as_secs_f64())
            }
        }
    }
}

/// Is told how a build goes. Called from the threads that build: it must not block for long.
pub trait Progress: Send + Sync {
    /// Something happened.
    fn report(&self, event: &Event<'_>);
}

/// Tells nobody.
impl Progress for () {
    fn report(&self, _: &Event<'_>) {}
}

impl<F: Fn(&Event<'_>) + Send + Sync> Progress for F {
    fn report(&self, event: &Event<'_>) {
        self(event);
    }
}

/// One build: what it is called, whom it tells, and whether it is to stop.
#[derive(Clone)]
pub(crate) struct Watch {
    pub(crate) image: Arc<str>,
    progress: Arc<dyn Progress>,
    pub(crate) stop: CancellationToken,
}

impl Watch {
    pub(crate) fn new(image: &str, progress: Arc<dyn Progress>, stop: CancellationToken) -> Self {
        Self { image: image.into(), progress, stop }
    }

    pub(crate) fn tell(&self, event: &Event<'_>) {
        self.progress.report(event);
    }

    pub(crate) fn step(&self, step: &str) {
        self.tell(&Event::Step { image: &self.image, step });
    }

    pub(crate) fn note(&self, note: &str) {
        self.tell(&Event::Note { image: &self.image, note });
    }

    /// A counter for one step.
    pub(crate) fn meter(&self, step: &'static str, total: Option<u64>) -> Meter {
        Meter { watch: self.clone(), step, done: Arc::default(), total }
    }

    /// Counts what is read through it, and ends with an error when the build is to stop.
    pub(crate) fn reading<R: Read>(&self, source: R, step: &'static str, total: Option<u64>) -> Watched<R> {
        self.meter(step, total).reading(source)
    }
}

/// Counts bytes for whoever waits. Clones count together.
#[derive(Clone)]
pub(crate) struct Meter {
    watch: Watch,
    step: &'static str,
    done: Arc<AtomicU64>,
    total: Option<u64>,
}

impl Meter {
    pub(crate) fn add(&self, bytes: usize) {
        let Self { watch, step, total, .. } = self;
        let before = self.done.fetch_add(bytes as u64, Ordering::Relaxed);
        let done = before + bytes as u64;
        if done / REPORT_EVERY > before / REPORT_EVERY {
            watch.tell(&Event::Bytes { image: &watch.image, step, done, total: *total });
        }
    }

    /// Counts what is read from `source`.
    pub(crate) fn reading<R: Read>(&self, source: R) -> Watched<R> {
        Watched { source, meter: self.clone() }
    }
}

/// See [`Watch::reading`].
pub(crate) struct Watched<R> {
    source: R,
    meter: Meter,
}

impl<R: Read> Read for Watched<R> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        if self.meter.watch.stop.is_cancelled() {
            // Whoever started the build says so in better words.
            return Err(io::Error::other("interrupted"));
        }
        let read = self.source.read(into)?;
        self.meter.add(read);
        Ok(read)
    }
}
