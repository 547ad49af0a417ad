//! sessile-sandbox
