//! What came out: the figures, their ratios, the aims they are held to, and the page that shows them.

mod aims;
mod data;
mod eras;
mod languages;
mod markdown;
mod notes;
mod plot;
mod ratio;
mod scale;
mod tables;

pub use aims::{Aim, CHURN_BESIDE_PER_SECOND, Verdict, aims, floor_name};
pub use data::{Measurement, Report, Skipped, TargetInfo, workload_name};
pub use eras::era_name;
pub use markdown::{page, summary};
pub use notes::keep_notes;
pub use plot::{MEMORY_PLOT, memory_plot};
pub use ratio::{Metric, median};

#[cfg(test)]
mod tests;
