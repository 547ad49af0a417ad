//! sessile-runtime
