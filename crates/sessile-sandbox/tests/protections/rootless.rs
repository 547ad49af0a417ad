//! All of it again as an ordinary user.

use crate::support::is_root;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::CommandExt;
use std::process::Command;

/// A user that owns nothing.
const NOBODY: u32 = 65534;

#[test]
fn an_ordinary_user_is_as_safe() {
    if !is_root() {
        return; // this is that run
    }
    // Where the tests lie, an ordinary user may not reach.
    let place = tempfile::Builder::new().prefix("sessile-rootless-").tempdir().unwrap();
    std::fs::set_permissions(place.path(), std::fs::Permissions::from_mode(0o755)).unwrap();
    let copy = place.path().join("tests");
    assert!(Command::new("cp").arg(std::env::current_exe().unwrap()).arg(&copy).status().unwrap().success());
    std::fs::set_permissions(&copy, std::fs::Permissions::from_mode(0o755)).unwrap();
    let output = Command::new(copy)
        .current_dir("/")
        .uid(NOBODY)
        .gid(NOBODY)
        .env("HOME", "/")
        .args(["--test-threads", "2"])
        .output()
        .unwrap();
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{text}\n{}", String::from_utf8_lossy(&output.stderr));
    assert!(text.contains("every_attempt_is_held ... ok"), "{text}");
    assert!(text.contains("every_attempt_of_a_further_command_is_held ... ok"), "{text}");
}
