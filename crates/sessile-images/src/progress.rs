//! What a build tells while it runs, and how it is told to stop.

use std::fmt;
use std::io::{self, Read};
use std::sync::Arc;
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
            Self::Step { image, step } => write!(f, "{image}: {step}"),
            Self::Bytes { image, step, done, total: Some(total) } => {
                write!(f, "{image}: {step}, {:.0} of {:.0} MiB", mib(*done), mib(*total))
            }
            Self::Bytes { image, step, done, total: None } => write!(f, "{image}: {step}, {:.0} MiB", mib(*done)),
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

    /// Counts what is read through it, tells, and ends with an error when the build is to stop.
    pub(crate) fn reading<R: Read>(&self, source: R, step: &'static str, total: Option<u64>) -> Watched<R> {
        Watched { source, meter: self.meter(step, total) }
    }

    pub(crate) fn meter(&self, step: &'static str, total: Option<u64>) -> Meter {
        Meter { watch: self.clone(), step, done: 0, told: 0, total }
    }
}

/// Counts bytes for whoever waits.
pub(crate) struct Meter {
    watch: Watch,
    step: &'static str,
    done: u64,
    told: u64,
    total: Option<u64>,
}

impl Meter {
    pub(crate) fn add(&mut self, bytes: usize) {
        self.done += bytes as u64;
        if self.done - self.told >= REPORT_EVERY {
            self.told = self.done;
            let Self { watch, step, done, total, .. } = self;
            watch.tell(&Event::Bytes { image: &watch.image, step, done: *done, total: *total });
        }
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
