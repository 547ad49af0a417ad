//! sessile-protocol
