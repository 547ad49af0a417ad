//! Picking one figure out of many, and the median.

use crate::measure::Figures;

/// One figure of a round.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Metric {
    /// Median latency in microseconds.
    P50,
    /// 99th percentile in microseconds.
    P99,
    /// Units of work per second.
    PerSecond,
}

impl Metric {
    /// Reads it.
    pub fn of(self, figures: &Figures) -> Option<f64> {
        match self {
            Self::P50 => figures.latency.map(|latency| latency.p50_us),
            Self::P99 => figures.latency.map(|latency| latency.p99_us),
            Self::PerSecond => figures.per_second,
        }
    }
}

/// The median, `None` of nothing. Of an even number of values it is the mean of the middle two.
pub fn median(mut values: Vec<f64>) -> Option<f64> {
    values.sort_by(f64::total_cmp);
    let upper = values.get(values.len() / 2).copied()?;
    if values.len() % 2 == 1 {
        return Some(upper);
    }
    let lower = values.get(values.len() / 2 - 1).copied()?;
    Some(f64::midpoint(lower, upper))
}
