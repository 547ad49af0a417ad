use std::path::Path;

use super::bring;
use crate::FileView;
use crate::view::ViewRequest;
use crate::view::gathering::Gathering;
use crate::view::tests::fixture::Host;

fn views(host: &Host) -> Vec<FileView> {
    let request = ViewRequest::default();
    let mut gathering = Gathering::new(&request);
    bring(&mut gathering, &host.path(""));
    gathering.settle().0
}

fn at<'v>(views: &'v [FileView], target: &str) -> Option<&'v FileView> {
    views.iter().find(|view| view.target() == Path::new(target))
}

#[test]
fn links_of_a_merged_usr_stay_links() {
    let host = Host::new();
    host.directory("usr/bin");
    host.link("bin", "usr/bin");
    host.directory("lib");
    let views = views(&host);
    assert_eq!(at(&views, "/bin"), Some(&FileView::Symlink { target: "/bin".into(), to: "usr/bin".into() }));
    assert_eq!(at(&views, "/lib"), Some(&FileView::ReadOnly { source: host.path("lib"), target: "/lib".into() }));
    assert_eq!(at(&views, "/lib64"), None);
}

#[test]
fn a_link_out_of_the_system_is_followed() {
    let host = Host::new();
    let elsewhere = host.directory("data/opt");
    host.link("opt", &elsewhere);
    assert_eq!(at(&views(&host), "/opt"), Some(&FileView::ReadOnly { source: elsewhere, target: "/opt".into() }));
}

#[test]
fn of_etc_only_what_libraries_read() {
    let host = Host::new();
    host.file("etc/hosts", "127.0.0.1 localhost\n");
    host.file("etc/services", &"x".repeat(5000));
    host.file("etc/shadow", "root:!:");
    host.file("etc/ssl/private/key.pem", "");
    host.directory("etc/ssl/certs");
    host.directory("etc/java-17-openjdk");
    let run = host.file("run/systemd/resolve/stub-resolv.conf", "nameserver 127.0.0.53\n");
    host.link("etc/resolv.conf", "../run/systemd/resolve/stub-resolv.conf");
    host.file("usr/share/zoneinfo/Europe/Berlin", "TZif");
    host.link("etc/localtime", "../usr/share/zoneinfo/Europe/Berlin");
    assert!(run.exists());
    let views = views(&host);
    let text = |target: &str, content: &str| FileView::Text { target: target.into(), content: content.into() };
    assert_eq!(at(&views, "/etc/hosts"), Some(&text("/etc/hosts", "127.0.0.1 localhost\n")));
    assert_eq!(at(&views, "/etc/resolv.conf"), Some(&text("/etc/resolv.conf", "nameserver 127.0.0.53\n")));
    assert!(matches!(at(&views, "/etc/services"), Some(FileView::ReadOnly { .. })));
    assert!(matches!(at(&views, "/etc/ssl/certs"), Some(FileView::ReadOnly { .. })));
    assert!(matches!(at(&views, "/etc/java-17-openjdk"), Some(FileView::ReadOnly { .. })));
    assert!(matches!(at(&views, "/etc/localtime"), Some(FileView::Symlink { .. })));
    for hidden in ["/etc", "/etc/shadow", "/etc/ssl", "/etc/ssl/private"] {
        assert_eq!(at(&views, hidden), None);
    }
}

#[test]
fn one_user_is_known() {
    let views = views(&Host::new());
    let Some(FileView::Text { content, .. }) = at(&views, "/etc/passwd") else { panic!("{views:?}") };
    assert_eq!(content, "server:x:1000:1000:server:/home/server:/bin/sh\n");
    assert!(matches!(at(&views, "/etc/group"), Some(FileView::Text { .. })));
}
