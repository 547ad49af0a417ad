//! What a measurement is made of: latencies, counts, memory, the machine, and the means to end early.

mod footprint;
mod latency;
mod machine;
mod memory;
mod progress;
mod sample;
mod stop;

pub use footprint::{Footprint, ParkedWeight};
pub use latency::{Latencies, LatencySummary};
pub use machine::{Machine, now_text};
pub use memory::{InitMemory, init_memory, resident_kib};
pub use progress::say;
pub use sample::{Figures, Sample};
pub use stop::{CtrlC, Stop};

#[cfg(test)]
mod tests;
