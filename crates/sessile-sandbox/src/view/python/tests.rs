use crate::view::resolve;
use crate::view::tests::fixture::{Host, read_only};

fn user_base(view: &crate::view::View) -> Option<&str> {
    view.env.iter().find(|(name, _)| name == "PYTHONUSERBASE").map(|(_, value)| value.as_str())
}

#[test]
fn packages_of_the_user_are_found_from_the_new_home() {
    let host = Host::new();
    let python = host.program("py/bin/python3.12", "");
    host.directory("people/ada/.local/lib/python3.12/site-packages");
    host.directory("people/ada/.local/lib/python3.9/site-packages");
    let view = resolve(&host.request(&[python.to_str().unwrap()])).unwrap();
    let site = read_only(host.path("people/ada/.local/lib/python3.12"));
    assert_eq!(host.own(&view), [site, read_only(host.path("py"))]);
    assert_eq!(user_base(&view), host.path("people/ada/.local").to_str());
}

#[test]
fn a_venv_keeps_to_itself_but_shows_projects_installed_in_place() {
    let host = Host::new();
    host.program("py/bin/python3.12", "");
    let python = host.link("venv/bin/python", host.path("py/bin/python3.12"));
    host.file("venv/pyvenv.cfg", &format!("home = {}\n", host.path("py/bin").display()));
    host.directory("people/ada/.local/lib/python3.12/site-packages");
    let project = host.directory("people/ada/project/src");
    let lines = format!("import sys\n{}\n{}\n/no/such\n", project.display(), host.home().display());
    host.file("venv/lib/python3.12/site-packages/_project.pth", &lines);
    let view = resolve(&host.request(&[python.to_str().unwrap()])).unwrap();
    assert_eq!(user_base(&view), None);
    assert_eq!(host.own(&view), [read_only(project), read_only(host.path("py")), read_only(host.path("venv"))]);
}

#[test]
fn programs_that_only_sound_like_python_bring_nothing_more() {
    let host = Host::new();
    host.directory("people/ada/.local/lib/python3.12/site-packages");
    for name in ["x/bin/pythonista", "x/bin/python3", "x/bin/python3.12-config"] {
        let view = resolve(&host.request(&[host.program(name, "").to_str().unwrap()])).unwrap();
        assert_eq!(host.own(&view), [read_only(host.path("x"))], "{name}");
    }
}
