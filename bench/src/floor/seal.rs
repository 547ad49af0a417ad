//! Request states by themselves: what a parked call costs in sealing and opening what leads back to it.

use std::hint::black_box;
use std::time::{Duration, Instant};

use anyhow::Context;
use sessile_store::{Sealer, Ticket};

use crate::measure::{Sample, Stop};

/// Both halves of a request state's life.
#[derive(Debug, Default)]
pub struct Sealing {
    /// From a ticket to the text that its client carries.
    pub seal: Sample,
    /// From the text to the ticket.
    pub open: Sample,
}

/// Seals and opens over and over, on one thread.
///
/// # Errors
/// When there is no randomness for keys, or what was sealed does not open again.
pub async fn sealing(duration: Duration, stop: &Stop) -> anyhow::Result<Sealing> {
    let stop = stop.clone();
    tokio::task::spawn_blocking(move || over_and_over(duration, &stop)).await?
}

fn over_and_over(duration: Duration, stop: &Stop) -> anyhow::Result<Sealing> {
    let sealer = Sealer::ephemeral().context("cannot make keys")?;
    let mut ticket = ticket();
    let mut both = Sealing::default();
    let begin = Instant::now();
    while begin.elapsed() < duration && !stop.is_set() {
        ticket.call += 1;
        let started = Instant::now();
        let text = sealer.seal(black_box(&ticket))?;
        let sealed = Instant::now();
        let opened = sealer.open(black_box(&text))?;
        let ended = Instant::now();
        anyhow::ensure!(opened == ticket, "a request state says something else after it was opened");
        for (sample, time) in [(&mut both.seal, sealed - started), (&mut both.open, ended - sealed)] {
            sample.record(time);
            sample.elapsed += time;
        }
    }
    Ok(both)
}

/// One as long as those of real calls are.
fn ticket() -> Ticket {
    Ticket {
        session: "0123456789abcdef".repeat(2),
        call: 0,
        generation: 1,
        principal: "0123456789abcdef".repeat(4),
        server: "bench".to_owned(),
        method: "tools/call".to_owned(),
        digest: [7; 32],
        expires_ms: u64::MAX,
        inner: None,
    }
}
