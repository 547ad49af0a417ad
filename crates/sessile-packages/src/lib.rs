//! sessile-packages
