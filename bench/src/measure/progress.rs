//! Progress lines.

use std::fmt::Display;
use std::io::Write;

/// Writes one line to stderr: stdout belongs to the report. A closed stderr is no reason to stop measuring.
pub fn say(line: impl Display) {
    let _ = writeln!(std::io::stderr().lock(), "{line}");
}
