//! sessile-manifest
