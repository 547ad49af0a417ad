//! sessile-link
