//! All of it again as an ordinary user.

use crate::support::is_root;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::CommandExt;
use std::process::Command;

/// A user that owns nothing.
const NOBODY: u32 = 65534;

#[test]
fn an_ordinary_user_gets_the_same() {
    if !is_root() {
        return; // this is that run
    }
    // Where the tests lie, an ordinary user may not reach.
    let place = tempfile::Builder::new().prefix("sessile-rootless-").tempdir().unwrap();
    std::fs::set_permissions(place.path(), std::fs::Permissions::from_mode(0o755)).unwrap();
    let copy = place.path().join("tests");
    // By another process: written here, the file would be held open by whatever another test forks at the same time.
    let copied = Command::new("cp").arg(std::env::current_exe().unwrap()).arg(&copy).status().unwrap();
    assert!(copied.success());
    std::fs::set_permissions(&copy, std::fs::Permissions::from_mode(0o755)).unwrap();

    let mut command = Command::new(copy);
    command.current_dir("/").uid(NOBODY).gid(NOBODY).env("HOME", "/");
    let output = command.args(["--test-threads", "2"]).output().unwrap();
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{text}\n{}", String::from_utf8_lossy(&output.stderr));
    assert!(text.contains("test inside::a_server_is_user_1000_without_groups_or_privileges ... ok"), "{text}");
}
