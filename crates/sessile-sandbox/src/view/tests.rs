pub(in crate::view) mod fixture;

use std::path::{Path, PathBuf};

use super::{ViewError, ViewRequest, resolve};
use crate::FileView;
use fixture::{Host, copy, read_only};

fn variable<'v>(view: &'v super::View, name: &str) -> Option<&'v str> {
    view.env.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
}

#[test]
fn a_script_in_the_working_directory_needs_nothing_but_it() {
    let host = Host::new();
    let project = host.file("people/ada/project/server.sh", "").parent().unwrap().to_path_buf();
    let view = host.resolve_in(&project, &["sh", "server.sh"]).unwrap();
    assert_eq!(view.command, ["/usr/bin/sh", "server.sh"]);
    assert_eq!(view.cwd, project);
    assert_eq!(host.own(&view), [copy(&project)]);
}

#[test]
fn every_sandbox_has_private_places_and_a_system() {
    let view = resolve(&Host::new().request(&["sh"])).unwrap();
    for place in ["/workspace", "/home/server", "/tmp", "/var/tmp"] {
        assert!(view.files.contains(&FileView::Private { target: place.into() }), "{place}");
    }
    assert!(view.files.contains(&read_only("/usr")));
    assert_eq!(view.cwd, Path::new("/workspace"));
    let etc: Vec<_> =
        view.files.iter().map(|file| file.target().clone()).filter(|target| target.starts_with("/etc")).collect();
    assert!(!etc.contains(&PathBuf::from("/etc")) && !etc.contains(&PathBuf::from("/etc/shadow")), "{etc:?}");
}

#[test]
fn parents_come_before_children_and_nothing_comes_twice() {
    let host = Host::new();
    let inner = host.file("data/inner/file", "");
    let request = ViewRequest {
        read: vec![host.path("data"), inner.parent().unwrap().into(), host.path("data")],
        ..host.request(&["sh", inner.to_str().unwrap()])
    };
    let view = resolve(&request).unwrap();
    assert_eq!(host.own(&view), [read_only(host.path("data"))]);
    for (at, file) in view.files.iter().enumerate() {
        let above = view.files.iter().skip(at + 1).find(|later| file.target().starts_with(later.target()));
        assert_eq!(above, None, "{file:?}");
    }
}

#[test]
fn nothing_of_the_hosts_environment_passes_but_locale_and_time_zone() {
    let mut host = Host::new();
    host.set("AWS_SECRET_ACCESS_KEY", "hush");
    host.set("TZ", "Europe/Berlin");
    host.set("LC_ALL", "de_DE.UTF-8");
    let view = resolve(&host.request(&["sh"])).unwrap();
    assert_eq!(variable(&view, "TZ"), Some("Europe/Berlin"));
    assert_eq!(variable(&view, "LC_ALL"), Some("de_DE.UTF-8"));
    assert_eq!(variable(&view, "HOME"), Some("/home/server"));
    assert_eq!(variable(&view, "LANG"), Some("C.UTF-8"));
    assert!(!format!("{:?}", view.env).contains("hush"));
    assert!(!format!("{:?}", host.env()).contains("hush"), "debug output names variables, not values");
}

#[test]
fn asking_to_write_wins_over_the_private_copy() {
    let host = Host::new();
    let project = host.directory("people/ada/project");
    let out = host.directory("people/ada/project/out");
    let request = ViewRequest { cwd: Some(project.clone()), write: vec!["out".into()], ..host.request(&["sh"]) };
    let view = resolve(&request).unwrap();
    let writable = FileView::Writable { source: out.clone(), target: out };
    assert_eq!(host.own(&view), [copy(&project), writable]);
}

#[test]
fn a_workspace_of_the_host_is_writable_at_workspace() {
    let host = Host::new();
    let work = host.directory("work");
    let view = resolve(&ViewRequest { workspace: Some(work.clone()), ..host.request(&["sh"]) }).unwrap();
    let expected = FileView::Writable { source: work, target: "/workspace".into() };
    let found: Vec<_> = view.files.iter().filter(|file| file.target() == Path::new("/workspace")).collect();
    assert_eq!(found, [&expected]);
}

#[test]
fn the_runtimes_own_state_stays_hidden_in_the_working_directory() {
    let host = Host::new();
    let project = host.directory("project");
    let state = host.directory("project/state");
    let package = host.directory("project/state/packages/one");
    let request = ViewRequest {
        cwd: Some(project.clone()),
        conceal: vec![state.clone()],
        also: vec![read_only(&package)],
        ..host.request(&["sh", "state"])
    };
    let view = resolve(&request).unwrap();
    assert_eq!(host.own(&view), [copy(&project), FileView::Private { target: state }, read_only(&package)]);
}

#[test]
fn what_is_asked_for_must_be_there_and_be_possible() {
    let host = Host::new();
    let ask = |path: &str| {
        resolve(&ViewRequest { read: vec![path.into()], ..host.request(&["sh"]) }).unwrap_err().to_string()
    };
    assert_eq!(ask("/no/such"), "/no/such, asked for with --read, does not exist on this host");
    assert!(ask("/").contains("the whole host"));
    assert!(ask("/proc/1").contains("its own /proc"));
}

#[test]
fn a_home_directory_is_shown_only_when_asked_for() {
    let host = Host::new();
    let home = host.home();
    let view = resolve(&host.request(&["sh", home.to_str().unwrap()])).unwrap();
    assert_eq!(host.own(&view), []);
    assert!(
        view.explanation.iter().any(|line| line.starts_with("not shown") && line.contains("--read")),
        "{:?}",
        view.explanation
    );
    let view = resolve(&ViewRequest { read: vec![home.clone()], ..host.request(&["sh"]) }).unwrap();
    assert_eq!(host.own(&view), [read_only(home)]);
}

#[test]
fn an_empty_command_and_a_missing_one_say_so() {
    let host = Host::new();
    assert!(matches!(resolve(&host.request(&[])), Err(ViewError::NoCommand)));
    let error = resolve(&host.request(&["no-such-program"])).unwrap_err();
    assert_eq!(error.to_string(), "command not found: no-such-program (searched /usr/bin, /bin)");
}

#[test]
fn what_is_explained_is_what_is_done() {
    let host = Host::new();
    let project = host.file("project/server.sh", "").parent().unwrap().to_path_buf();
    let data = host.directory("data");
    let view = host.resolve_in(&project, &["sh", "server.sh", data.to_str().unwrap()]).unwrap();
    let own: Vec<_> = view.explanation.iter().filter(|line| line.contains(host.path("").to_str().unwrap())).collect();
    assert_eq!(own.len(), 3, "the project once, though an argument lies in it: {own:?}");
    assert_eq!(*own[0], format!("read-only: {0}, named by the argument {0}", data.display()));
    assert!(own[1].starts_with(&format!("private copy: {}, ", project.display())));
    assert_eq!(*own[2], format!("working directory: {}", project.display()));
}
