//! The one place that prints: results on stdout, notes on stderr.
#![allow(clippy::print_stdout, clippy::print_stderr, reason = "this is the printer")]

use std::io::Write;

/// A line of the result, flushed at once: others wait for it. A closed stdout is not an error of ours.
pub(crate) fn line(text: &str) {
    let mut out = std::io::stdout().lock();
    let _ = writeln!(out, "{text}");
    let _ = out.flush();
}

/// Something a person should know, on stderr.
pub(crate) fn note(text: &str) {
    let _ = writeln!(std::io::stderr().lock(), "sessile: {text}");
}
