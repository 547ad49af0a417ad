//! Where the binaries under test lie.

use serde_json::Value;
use std::path::{Path, PathBuf};
use std::process::Command;

/// The directory of `sessile` and the fixtures: `CARGO_BIN` if it is set, else where cargo put this test.
///
/// # Panics
/// When there is no `sessile` in it. A test never passes for want of what it tests.
pub fn directory() -> PathBuf {
    let directory = match std::env::var_os("CARGO_BIN") {
        Some(directory) => PathBuf::from(directory),
        None => beside_this_test(),
    };
    assert!(
        directory.join("sessile").is_file(),
        "there is no sessile in {}; run `make test`, or `cargo build -p sessile -p sessile-fixtures` first",
        directory.display()
    );
    directory
}

/// Cargo puts tests into `target/PROFILE/deps`.
fn beside_this_test() -> PathBuf {
    let this = std::env::current_exe().expect("a test knows where it is");
    this.parent().and_then(Path::parent).expect("tests lie in target/PROFILE/deps").to_owned()
}

/// `sessile` itself.
pub fn sessile() -> PathBuf {
    directory().join("sessile")
}

/// A fixture: `everything` is `fixture-everything`.
///
/// # Panics
/// When it has not been built.
pub fn fixture(name: &str) -> PathBuf {
    let path = directory().join(format!("fixture-{name}"));
    assert!(path.is_file(), "there is no {}; run `cargo build -p sessile-fixtures` first", path.display());
    path
}

/// Whether `sessile check` says that this host enforces a feature fully, for whoever runs the test.
///
/// # Panics
/// When it knows no such feature.
pub fn host_enforces(feature: &str) -> bool {
    let output = Command::new(sessile()).args(["check", "--json"]).current_dir("/").output().expect("sessile starts");
    let report: Value = serde_json::from_slice(&output.stdout).expect("check writes JSON");
    let rows = report["host"]["rows"].as_array().expect("check looks at the host");
    let row = rows.iter().find(|row| row["feature"] == feature);
    row.unwrap_or_else(|| panic!("check knows no {feature:?}: {report}"))["strength"] == "enforced"
}

/// Where tests may put files: beside the binaries, as `/tmp` is one thing outside a sandbox and another inside.
pub fn scratch() -> PathBuf {
    directory().parent().expect("binaries lie in target/PROFILE").join("tmp")
}
