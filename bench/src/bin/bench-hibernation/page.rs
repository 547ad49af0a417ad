//! The figures as Markdown.

use sessile_bench::measure::Machine;
use std::fmt;
use std::time::Duration;

/// What was measured.
pub(super) struct Figures {
    /// Of each machine.
    pub(super) memory_mib: u64,
    /// Sessions on the disk, and what the node had of memory then, in KiB.
    pub(super) resident: Vec<(usize, u64)>,
    /// Bytes of each session's file.
    pub(super) disk: Vec<u64>,
    /// From the command to the file.
    pub(super) writing: Vec<Duration>,
    /// From a request to its answer, by a session on the disk.
    pub(super) waking: Vec<Duration>,
    /// From the start of QEMU to a machine that runs, with the same state as a plain file.
    pub(super) floor: Vec<Duration>,
    /// Of one file: reading, unsealing and expanding it.
    pub(super) unsealing: Duration,
    /// As `waking`, with all at once.
    pub(super) together: Vec<Duration>,
    /// Until the last of those was answered.
    pub(super) all: Duration,
}

/// The value that a part of all do not exceed.
fn at(times: &[Duration], part: f64) -> Duration {
    let mut sorted = times.to_vec();
    sorted.sort_unstable();
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, clippy::cast_precision_loss)] // an index
    let index = ((sorted.len() as f64 * part).ceil() as usize).saturating_sub(1);
    sorted.get(index).or(sorted.last()).copied().unwrap_or_default()
}

fn millis(time: Duration) -> String {
    format!("{:.0} ms", time.as_secs_f64() * 1e3)
}

/// By how much the second value grows with the first, where that is over a quarter of its last value (least squares).
#[allow(clippy::cast_precision_loss)] // far below 2^52
fn slope(points: &[(usize, u64)]) -> f64 {
    let from = points.last().map_or(0, |(count, _)| count / 4);
    let points: Vec<_> = points.iter().filter(|(x, _)| *x > from).map(|(x, y)| (*x as f64, *y as f64)).collect();
    let count = points.len() as f64;
    let (mean_x, mean_y) = points.iter().fold((0.0, 0.0), |(x, y), point| (x + point.0 / count, y + point.1 / count));
    let above: f64 = points.iter().map(|(x, y)| (x - mean_x) * (y - mean_y)).sum();
    let below: f64 = points.iter().map(|(x, _)| (x - mean_x).powi(2)).sum();
    if below > 0.0 { above / below } else { 0.0 }
}

impl fmt::Display for Figures {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mib = |bytes: u64| bytes as f64 / f64::from(1 << 20);
        let sum: u64 = self.disk.iter().sum();
        let mean = sum / (self.disk.len() as u64).max(1);
        let ratio = at(&self.waking, 0.5).as_secs_f64() / at(&self.floor, 0.5).as_secs_f64().max(1e-9);
        writeln!(f, "{}\n", Machine::read().line())?;
        writeln!(
            f,
            "Machines of {} MiB; {} sessions of `fixture-counter` on the disk.\n",
            self.memory_mib,
            self.disk.len()
        )?;
        writeln!(f, "| figure | value |\n| --- | --- |")?;
        let mut row = |what: &str, value: String| writeln!(f, "| {what} | {value} |");
        row("memory of the node per session on the disk", format!("{:.1} KiB", slope(&self.resident)))?;
        row("disk per session", format!("{:.1} MiB", mib(mean)))?;
        row("writing a session to the disk, p50 / p99", pair(&self.writing))?;
        row(&format!("wake to first answer, p50 / p99, {} one by one", self.waking.len()), pair(&self.waking))?;
        row("bare QEMU, the same state as a plain file, p50 / p99", pair(&self.floor))?;
        row("ratio of the two, p50", format!("{ratio:.2}"))?;
        row("of that: reading, unsealing and expanding the file alone", millis(self.unsealing))?;
        row(&format!("{} woken at once, p50 / p99", self.together.len()), pair(&self.together))?;
        row("until the last of them was answered", millis(self.all))
    }
}

fn pair(times: &[Duration]) -> String {
    format!("{} / {}", millis(at(times, 0.5)), millis(at(times, 0.99)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_half_do_not_exceed_is_the_middle() {
        let times: Vec<_> = (1..=100).rev().map(Duration::from_millis).collect();
        assert_eq!([0.5, 0.99, 1.0].map(|part| at(&times, part).as_millis()), [50, 99, 100]);
        assert_eq!(at(&times[..1], 0.5), Duration::from_millis(100));
        assert_eq!(at(&[], 0.5), Duration::ZERO);
    }

    #[test]
    fn growth_is_told_without_its_beginning() {
        let points: Vec<_> =
            (1..=40).map(|count| (count, if count < 10 { 0 } else { 500 + 3 * count as u64 })).collect();
        assert!((slope(&points) - 3.0).abs() < 1e-9);
        assert_eq!(slope(&[]), 0.0);
    }
}
