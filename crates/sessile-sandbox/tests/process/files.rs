//! What a server may do to files: what it was given leave to, to its own, and to nothing else.

use crate::support::{driver, host_directory, real, run, script};
use sessile_sandbox::{Exit, FileView};
use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt};

#[tokio::test(flavor = "multi_thread")]
async fn private_directories_are_empty_writable_and_gone_afterwards() {
    let driver = driver();
    for _ in 0..2 {
        let said =
            run(&driver, script("ls -A /tmp /workspace; echo x > /tmp/x && mkdir -p /workspace/a/b && echo made"))
                .await;
        assert_eq!(said.stdout, "/tmp:\n\n/workspace:\nmade\n", "{said:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_copy_on_write_directory_leaves_the_hosts_untouched() {
    let host = host_directory();
    let root = real(&host);
    fs::create_dir(root.join("deep")).unwrap();
    fs::write(root.join("deep/kept"), "host").unwrap();
    fs::write(root.join("removed"), "host").unwrap();
    let mut spec = script(
        "cat deep/kept; echo sandbox > deep/kept && rm removed && echo x > new && rm -r deep && mkdir deep && echo y > deep/other && ls -R",
    );
    spec.cwd = "/work".into();
    spec.files.push(FileView::CopyOnWrite { source: root.clone(), target: "/work".into() });
    let said = run(&driver(), spec).await;
    assert_eq!(said.stdout, "host.:\ndeep\nnew\n\n./deep:\nother\n", "{said:?}");
    assert_eq!(fs::read_to_string(root.join("deep/kept")).unwrap(), "host");
    assert_eq!(fs::read_to_string(root.join("removed")).unwrap(), "host");
    assert_eq!(fs::read_dir(&root).unwrap().count(), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_writable_directory_is_written_as_its_owner() {
    let host = host_directory();
    let root = real(&host);
    fs::write(root.join("mine"), "host").unwrap();
    let owner = fs::metadata(&root).unwrap().uid();
    let mut spec = script("stat -c %u . mine; echo sandbox > mine; echo new > new; mkdir sub; ls");
    spec.cwd = "/work".into();
    spec.files.push(FileView::Writable { source: root.clone(), target: "/work".into() });
    let said = run(&driver(), spec).await;
    assert_eq!(said.stdout, "1000\n1000\nmine\nnew\nsub\n", "{said:?}");
    assert_eq!(fs::read_to_string(root.join("mine")).unwrap(), "sandbox\n");
    assert_eq!(fs::metadata(root.join("new")).unwrap().uid(), owner);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_read_only_directory_cannot_be_changed() {
    let host = host_directory();
    let root = real(&host);
    fs::write(root.join("mine"), "host").unwrap();
    fs::set_permissions(root.join("mine"), fs::Permissions::from_mode(0o666)).unwrap();
    let mut spec = script("cat mine; (echo x > mine) 2>/dev/null || echo refused; rm mine 2>/dev/null || echo refused");
    spec.cwd = "/work".into();
    spec.files.push(FileView::ReadOnly { source: root.clone(), target: "/work".into() });
    let said = run(&driver(), spec).await;
    assert_eq!(said.stdout, "hostrefused\nrefused\n", "{said:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_source_that_others_may_not_read_is_shown_as_its_owner_sees_it() {
    let host = host_directory();
    let root = real(&host);
    // Neither the directory nor the one above lets anybody in.
    let inner = root.join("above/inner");
    fs::create_dir_all(&inner).unwrap();
    fs::write(inner.join("file"), "secret").unwrap();
    for path in [inner.join("file"), inner.clone(), root.join("above")] {
        let mode = if path.is_dir() { 0o700 } else { 0o600 };
        fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
    }
    let mut spec = script("cat /root/deep/inner/file; ls -A /root /root/deep");
    spec.files.push(FileView::ReadOnly { source: inner, target: "/root/deep/inner".into() });
    let said = run(&driver(), spec).await;
    assert_eq!(said.stdout, "secret/root:\ndeep\n\n/root/deep:\ninner\n", "{said:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn generated_files_and_links_are_there_and_cannot_be_changed() {
    let host = host_directory();
    let root = real(&host);
    fs::write(root.join("passwd"), "of the host").unwrap();
    let text = |target: &str| FileView::Text { target: target.into(), content: format!("text {target}\n") };
    let mut spec = script("cat /etc/group /etc/hosts-like/passwd /tmp/note; readlink /link; (echo x >> /etc/group) 2>/dev/null || echo refused
        (echo x >> /etc/hosts-like/passwd) 2>/dev/null || echo refused");
    spec.files.push(text("/etc/hosts-like/passwd")); // before its directory: the order must not matter
    spec.files.push(FileView::ReadOnly { source: root.clone(), target: "/etc/hosts-like".into() });
    spec.files.extend([text("/etc/group"), text("/tmp/note")]);
    spec.files.push(FileView::Symlink { target: "/link".into(), to: "/etc/group".into() });
    let said = run(&driver(), spec).await;
    let expected = "text /etc/group\ntext /etc/hosts-like/passwd\ntext /tmp/note\n/etc/group\nrefused\nrefused\n";
    assert_eq!(said.stdout, expected, "{said:?}");
    assert_eq!(fs::read_to_string(root.join("passwd")).unwrap(), "of the host");
}

#[tokio::test(flavor = "multi_thread")]
async fn all_private_places_together_hold_no_more_than_the_disk_limit() {
    let host = host_directory();
    let mut spec = script(
        "fill() { head -c 3000000 /dev/zero > $1 2>/dev/null && echo $1; }
         fill /tmp/a; fill /workspace/b; fill /dev/shm/c; fill /cow/d; i=0; while [ $i -lt 2000 ]; do true > /tmp/f$i || break; i=$((i+1)); done 2>/dev/null; echo $i",
    );
    spec.limits.disk = Some(4 << 20);
    spec.files.push(FileView::CopyOnWrite { source: real(&host), target: "/cow".into() });
    let said = run(&driver(), spec).await;
    let lines: Vec<_> = said.stdout.lines().collect();
    assert_eq!(lines[0], "/tmp/a", "{said:?}");
    assert_eq!(lines.len(), 2, "the second file must not fit: {said:?}");
    let files: u32 = lines[1].parse().unwrap();
    assert!(files < 1100, "{files} empty files fit");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_link_planted_in_a_source_leads_nowhere_else() {
    let host = host_directory();
    let root = real(&host);
    // What a server could leave behind in a writable workspace, for the next one that mounts below it.
    std::os::unix::fs::symlink("/etc", root.join("trap")).unwrap();
    let mut spec = script("cat /etc/injected 2>/dev/null; ls /etc 2>/dev/null");
    spec.files.push(FileView::Writable { source: root.clone(), target: "/work".into() });
    spec.files.push(FileView::Text { target: "/etc/group".into(), content: String::new() });
    spec.files.push(FileView::Text { target: "/work/trap/injected".into(), content: "inside".into() });
    let said = run(&driver(), spec).await;
    assert_eq!(said.stdout, "insidegroup\ninjected\n", "the link is followed inside the sandbox only: {said:?}");
    assert!(!std::path::Path::new("/etc/injected").exists());

    let mut spec = script("true");
    spec.files.push(FileView::ReadOnly { source: root.join("trap"), target: "/leak".into() });
    let refused = sessile_sandbox::Driver::start(&driver(), spec).await.unwrap_err();
    assert!(refused.to_string().contains("symbolic link"), "{refused}");
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_made_in_a_directory_of_the_host() {
    let host = host_directory();
    let root = real(&host);
    let mut spec = script("true");
    spec.files.push(FileView::Writable { source: root.clone(), target: "/work".into() });
    spec.files.push(FileView::Private { target: "/work/cache".into() });
    let refused = sessile_sandbox::Driver::start(&driver(), spec).await.unwrap_err();
    assert!(refused.to_string().contains("make the place there first"), "{refused}");
    assert_eq!(fs::read_dir(&root).unwrap().count(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn two_sandboxes_at_once_share_no_file() {
    let driver = driver();
    let (one, two) = tokio::join!(
        run(&driver, script("echo one > /tmp/x; echo one > /dev/shm/x; sleep 0.2; cat /tmp/x /dev/shm/x")),
        run(&driver, script("echo two > /tmp/x; echo two > /dev/shm/x; sleep 0.2; cat /tmp/x /dev/shm/x")),
    );
    assert_eq!((one.ended.exit, one.stdout.as_str()), (Exit::Code(0), "one\none\n"));
    assert_eq!((two.ended.exit, two.stdout.as_str()), (Exit::Code(0), "two\ntwo\n"));
}
