//! sessile-bridge
