//! sessile-front
