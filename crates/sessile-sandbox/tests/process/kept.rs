//! A directory that one sandbox after the other writes to: what the last one left behind gives the next one nothing, and the host
//! neither.

use crate::support::{driver, host_directory, is_root, real, run, script};
use sessile_sandbox::{FileView, SandboxSpec, owner_of_kept_files};
use std::fs;
use std::os::unix::fs::{FileTypeExt, MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};

/// A script in a sandbox with `files` as its workspace.
fn in_workspace(files: &Path, text: &str) -> SandboxSpec {
    let mut spec = script(text);
    spec.files.retain(|view| *view.target() != Path::new("/workspace"));
    spec.files.push(FileView::Writable { source: files.to_owned(), target: "/workspace".into() });
    spec
}

fn kept(host: &tempfile::TempDir) -> PathBuf {
    let files = real(host).join("files");
    fs::create_dir(&files).unwrap();
    if let Some(owner) = owner_of_kept_files() {
        std::os::unix::fs::chown(&files, Some(owner), Some(owner)).unwrap();
    }
    files
}

#[tokio::test(flavor = "multi_thread")]
async fn the_next_sandbox_finds_the_files_of_the_last_as_its_own() {
    let host = host_directory();
    let files = kept(&host);
    let driver = driver();
    run(&driver, in_workspace(&files, "umask 077; mkdir d; echo kept > d/note; chmod 600 d/note")).await;
    let said = run(&driver, in_workspace(&files, "cat d/note; stat -c %u d/note; echo more >> d/note; rm -r d")).await;
    assert_eq!((said.stdout.as_str(), said.stderr.as_str()), ("kept\n1000\n", ""));
    assert_eq!(fs::read_dir(&files).unwrap().count(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn hostile_content_gives_nobody_anything() {
    let host = host_directory();
    let files = kept(&host);
    let secret = real(&host).join("secret");
    fs::write(&secret, "of the host").unwrap();
    let driver = driver();
    let plant = format!(
        "ln -s {0} out; ln -s /proc/1/root root; ln -s / up; ln -s ../secret beside
         ln /usr/bin/id hard 2>/dev/null && echo linked
         cp /bin/sh sh && chmod 6755 sh; mkfifo pipe; mknod null c 1 3 2>/dev/null && echo device
         touch \"$(printf 'a\\nb')\"
         cat out root/secret up/{0} beside ../secret 2>/dev/null; echo done",
        secret.display()
    );
    let said = run(&driver, in_workspace(&files, &plant)).await;
    assert_eq!(said.stdout, "done\n", "{said:?}");
    let planted = fs::symlink_metadata(files.join("sh")).unwrap();
    let owner = owner_of_kept_files().unwrap_or_else(|| rustix::process::geteuid().as_raw());
    assert_eq!(planted.uid(), owner, "set-user-id, and whose it would run as");
    assert!(fs::symlink_metadata(files.join("pipe")).unwrap().file_type().is_fifo());
    assert!(fs::symlink_metadata(files.join("null")).is_err());

    // Links lead the next one nowhere either, a program that is marked so runs as nobody else, and no device is one.
    if is_root() {
        rustix::fs::mknodat(
            rustix::fs::CWD,
            files.join("memory"),
            rustix::fs::FileType::CharacterDevice,
            rustix::fs::Mode::from_raw_mode(0o666),
            rustix::fs::makedev(1, 3),
        )
        .unwrap();
    }
    let text =
        "cat out root/secret beside 2>/dev/null; ./sh -p -c 'id -u'; (echo x > memory) 2>/dev/null && echo written
                grep ' /workspace ' /proc/self/mountinfo | grep nosuid | grep -c nodev; stat -c %h pipe; ls | wc -l";
    let said = run(&driver, in_workspace(&files, text)).await;
    let written = if is_root() { "" } else { "written\n" }; // a plain file of that name, where there is no device
    assert_eq!(said.stdout, format!("1000\n{written}1\n1\n9\n"), "{said:?}");
    assert_eq!(fs::read_to_string(secret).unwrap(), "of the host");
}

/// An overlay, in the way that a container's own files lie on one. It goes with this value.
struct Overlay(PathBuf);

impl Overlay {
    fn in_(place: &Path) -> Self {
        let [lower, upper, work, merged] = ["lower", "upper", "work", "merged"].map(|name| place.join(name));
        for directory in [&lower, &upper, &work, &merged] {
            fs::create_dir(directory).unwrap();
        }
        let options = format!("lowerdir={},upperdir={},workdir={}", lower.display(), upper.display(), work.display());
        let mut mount = std::process::Command::new("mount");
        mount.args(["-t", "overlay", "-o", &options, "overlay"]).arg(&merged);
        assert!(mount.status().unwrap().success());
        Self(merged)
    }
}

impl Drop for Overlay {
    fn drop(&mut self) {
        // If it is not there, it is gone.
        let _ = std::process::Command::new("umount").arg(&self.0).status();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn where_files_cannot_be_lent_the_start_says_so() {
    if !is_root() {
        return; // nothing is lent: an ordinary user's server is that user
    }
    let host = host_directory();
    let overlay = Overlay::in_(&real(&host));
    let files = overlay.0.join("files");
    fs::create_dir(&files).unwrap();
    fs::set_permissions(&files, fs::Permissions::from_mode(0o700)).unwrap();
    let refused =
        sessile_sandbox::Driver::start(&driver(), in_workspace(&files, "true")).await.unwrap_err().to_string();
    assert!(refused.contains("map the owner of") && refused.contains("ext4, XFS, btrfs"), "{refused}");
}
