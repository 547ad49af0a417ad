//! sessile-identity
