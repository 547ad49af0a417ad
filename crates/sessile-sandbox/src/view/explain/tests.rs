use std::path::PathBuf;

use super::{MissingPath, explain_failed_start, paths_in};
use crate::view::tests::fixture::Host;
use crate::view::{View, ViewRequest, resolve};

fn view(host: &Host) -> View {
    resolve(&ViewRequest { read: vec![host.directory("shown")], ..host.request(&["sh"]) }).unwrap()
}

fn explained(host: &Host, stderr: &str) -> Vec<(PathBuf, &'static str)> {
    explain_failed_start(&view(host), &host.env(), stderr)
        .into_iter()
        .map(|missing| (missing.path, missing.flag))
        .collect()
}

#[test]
fn a_path_that_exists_but_is_not_visible_is_named_with_its_flag() {
    let host = Host::new();
    let config = host.file("data/config.json", "");
    let other = host.file("people/ada/my models/a.bin", "");
    let stderr = format!(
        "Traceback:\n  open('{0}')\nFileNotFoundError: [Errno 2] No such file or directory: '{0}'\nError: Cannot find module \"{1}\"\n  at file://{0}:12:3\n",
        config.display(),
        other.display()
    );
    assert_eq!(explained(&host, &stderr), [(config, "--read"), (other, "--read")]);
    let missing = MissingPath { path: "/data/x".into(), flag: "--read" };
    assert_eq!(
        missing.to_string(),
        "/data/x exists on this host but is not visible to the server; `--read /data/x` changes that"
    );
}

#[test]
fn what_is_visible_or_nowhere_is_not_named() {
    let host = Host::new();
    let shown = host.file("shown/file", "");
    let stderr = format!(
        "{} /usr/bin/env /no/such/file /proc/self/maps / https://example.org/etc {}",
        shown.display(),
        host.home().display()
    );
    assert_eq!(explained(&host, &stderr), []);
}

#[test]
fn a_read_only_path_is_named_when_the_server_wanted_to_write() {
    let host = Host::new();
    let shown = host.file("shown/file", "");
    let stderr = format!("OSError: [Errno 30] Read-only file system: '{}'", shown.display());
    assert_eq!(explained(&host, &stderr), [(shown, "--write")]);
}

#[test]
fn at_most_five_are_named_and_only_the_end_is_read() {
    let host = Host::new();
    let names: Vec<_> = (0..9).map(|n| host.file(&format!("many/{n}"), "").display().to_string()).collect();
    assert_eq!(explained(&host, &names.join("\n")).len(), 5);
    let far = format!("{}\n{}", names[0], "ä".repeat(64 * 1024));
    assert_eq!(explained(&host, &far), []);
}

#[test]
fn paths_are_found_in_the_ways_programs_write_them() {
    let found = |line: &str| paths_in(line).into_iter().map(|path| path.display().to_string()).collect::<Vec<_>>();
    assert_eq!(
        found("open:/usr/bin, (/usr/lib) \"/usr/share\" `/usr/sbin`."),
        ["/usr/bin", "/usr/lib", "/usr/share", "/usr/sbin"]
    );
    assert_eq!(found("error in /usr/bin:12:34: no"), ["/usr/bin"]);
    assert_eq!(found("a/usr/bin ./usr/lib https://usr/lib x=/usr/share"), ["/usr/share"]);
}
