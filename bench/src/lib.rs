//! sessile-bench
