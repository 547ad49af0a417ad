//! sessile-telemetry
