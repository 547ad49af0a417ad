//! An image is the root of its machine, and changed by nobody.

use crate::support::{driver, image_of, machine, run};
use sessile_sandbox::{Driver, Exit, FileView, SandboxSpec};
use std::fs::{self, Permissions};
use std::os::unix::fs::{PermissionsExt, chown, symlink};
use std::path::{Path, PathBuf};
use std::process::Command;

/// A directory with a shell and its libraries, and a `/dev` that leads elsewhere.
fn directory() -> (tempfile::TempDir, PathBuf) {
    let directory = tempfile::tempdir().unwrap();
    let root = directory.path().canonicalize().unwrap();
    let listed = Command::new("ldd").arg("/bin/sh").output().unwrap();
    let listed = String::from_utf8(listed.stdout).unwrap();
    let libraries = listed.split_whitespace().filter(|word| word.starts_with('/'));
    for file in libraries.chain(["/bin/sh"]) {
        let place = root.join(file.trim_start_matches('/'));
        fs::create_dir_all(place.parent().unwrap()).unwrap();
        fs::copy(file, place).unwrap();
    }
    fs::create_dir(root.join("etc")).unwrap();
    fs::write(root.join("etc/from"), "image\n").unwrap();
    symlink("/etc", root.join("dev")).unwrap();
    let own = root.join("app");
    fs::create_dir(&own).unwrap();
    fs::set_permissions(&own, Permissions::from_mode(0o755)).unwrap();
    if rustix::process::geteuid().is_root() {
        chown(&own, Some(1000), Some(1000)).unwrap();
    }
    (directory, root)
}

fn on_image(root: &Path, text: &str) -> SandboxSpec {
    let mut spec = machine(text);
    spec.files = vec![
        FileView::CopyOnWrite { source: image_of(root), target: "/".into() },
        FileView::Private { target: "/workspace".into() },
    ];
    spec
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_changes_its_own_copy_only() {
    let driver = driver().await;
    let (_directory, root) = directory();
    let text = "read line < /etc/from; echo $line; echo x > /dev/null && echo null; [ -e /app/new ] && echo old; \
                echo x > /app/new && echo app; echo x > /etc/from && echo etc; echo x > here && echo workspace";
    for _ in 0..2 {
        let said = run(&driver, on_image(&root, text)).await;
        let owned = if rustix::process::geteuid().is_root() { "app\n" } else { "" };
        assert_eq!(said.stdout, format!("image\nnull\n{owned}workspace\n"), "{said:?}");
        assert_eq!(said.ended.exit, Exit::Code(0));
    }
    assert!(!root.join("app/new").exists());
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_not_in_the_image_is_not_there() {
    let driver = driver().await;
    let (_directory, root) = directory();
    let mut spec = on_image(&root, "");
    spec.command = vec!["/usr/bin/env".into()];
    let error = driver.start(spec).await.unwrap_err().to_string();
    assert!(error.contains("`/usr/bin/env` is not in the sandbox"), "{error}");
}
