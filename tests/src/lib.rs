//! sessile-tests
