use crate::FileView;
use crate::view::resolve;
use crate::view::tests::fixture::{Host, copy, read_only};

#[test]
fn a_file_brings_its_directory_and_a_directory_itself() {
    let host = Host::new();
    let script = host.file("code/server.py", "");
    let data = host.directory("data");
    let view = resolve(&host.request(&["sh", script.to_str().unwrap(), data.to_str().unwrap()])).unwrap();
    assert_eq!(host.own(&view), [read_only(host.path("code")), read_only(data)]);
}

#[test]
fn values_behind_an_equals_sign_count() {
    let host = Host::new();
    let data = host.directory("data");
    let view = resolve(&host.request(&["sh", &format!("--root={}", data.display())])).unwrap();
    assert_eq!(host.own(&view), [read_only(data)]);
}

#[test]
fn a_file_in_a_home_or_among_credentials_comes_alone() {
    let host = Host::new();
    let script = host.file("people/ada/server.py", "");
    let key = host.file("people/ada/.ssh/id_ed25519", "");
    let view = resolve(&host.request(&["sh", script.to_str().unwrap(), key.to_str().unwrap()])).unwrap();
    assert_eq!(host.own(&view), [read_only(key), read_only(script)]);
}

#[test]
fn relative_arguments_reach_out_of_the_working_directory() {
    let host = Host::new();
    let project = host.directory("work/project");
    let data = host.directory("work/data");
    let view = host.resolve_in(&project, &["sh", "../data", "here"]).unwrap();
    assert_eq!(host.own(&view), [read_only(data), copy(project)]);
}

#[test]
fn started_in_a_home_relative_arguments_are_found_in_the_workspace() {
    let host = Host::new();
    let script = host.file("people/ada/server.py", "");
    let lib = host.file("people/ada/app/lib.py", "");
    host.directory("people/ada/run");
    let view = host.resolve_in(&host.home(), &["sh", "server.py", "--lib=app/lib.py", "run", ".."]).unwrap();
    assert_eq!(view.cwd, std::path::Path::new("/workspace"));
    let inside: Vec<_> = view.files.iter().filter(|file| file.target().starts_with("/workspace")).cloned().collect();
    let app = lib.parent().unwrap().to_path_buf();
    assert_eq!(
        inside,
        [
            FileView::Private { target: "/workspace".into() },
            FileView::ReadOnly { source: app, target: "/workspace/app".into() },
            FileView::ReadOnly { source: script, target: "/workspace/server.py".into() },
        ],
        "and neither the bare word `run` nor what lies above"
    );
    assert_eq!(host.own(&view), []);
}

#[test]
fn a_script_for_node_brings_its_project_and_the_packages_above() {
    let host = Host::new();
    let script = host.file("code/tool/build/index.js", "");
    host.file("code/tool/package.json", "{}");
    let modules = host.directory("code/node_modules");
    let view = resolve(&host.request(&["sh", script.to_str().unwrap()])).unwrap();
    assert_eq!(host.own(&view), [read_only(modules), read_only(host.path("code/tool"))]);
}

#[test]
fn a_project_does_not_grow_into_a_home() {
    let host = Host::new();
    let script = host.file("people/ada/tool/index.js", "");
    host.file("people/ada/package.json", "{}");
    let view = resolve(&host.request(&["sh", script.to_str().unwrap()])).unwrap();
    assert_eq!(host.own(&view), [read_only(host.path("people/ada/tool"))]);
}

#[test]
fn a_link_brings_what_it_leads_to() {
    let host = Host::new();
    let real = host.file("store/v2/config.json", "");
    let link = host.link("etc/config.json", &real);
    let view = resolve(&host.request(&["sh", link.to_str().unwrap()])).unwrap();
    assert_eq!(host.own(&view), [read_only(host.path("etc")), read_only(host.path("store/v2"))]);
}

#[test]
fn a_linked_directory_is_seen_under_both_its_names() {
    let host = Host::new();
    let real = host.directory("store/v2");
    let link = host.link("current", &real);
    let view = resolve(&host.request(&["sh", link.to_str().unwrap()])).unwrap();
    let by_link = FileView::ReadOnly { source: real.clone(), target: link };
    assert_eq!(host.own(&view), [by_link, read_only(real)]);
}

#[test]
fn a_link_in_the_working_directory_is_seen_through_it() {
    let host = Host::new();
    let real = host.directory("store/v2");
    let project = host.directory("project");
    host.link("project/data", &real);
    let view = host.resolve_in(&project, &["sh", "data"]).unwrap();
    assert_eq!(host.own(&view), [copy(project), read_only(real)]);
}

#[test]
fn words_that_name_nothing_and_devices_bring_nothing() {
    let host = Host::new();
    let view = resolve(&host.request(&["sh", "/dev/null", "/no/such/file", "--port=80", "=", ""])).unwrap();
    assert_eq!(host.own(&view), []);
    assert!(!view.files.iter().any(|file| file.target().starts_with("/dev")));
}
