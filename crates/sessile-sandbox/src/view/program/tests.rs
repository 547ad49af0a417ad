use crate::FileView;
use crate::view::tests::fixture::{Host, read_only};
use crate::view::{ViewError, resolve};

#[test]
fn path_is_searched_in_order_and_passes_over_what_cannot_run() {
    let mut host = Host::new();
    host.file("first/bin/tool", "not executable");
    let tool = host.program("second/bin/tool", "");
    host.set("PATH", format!("{}:{}", host.path("first/bin").display(), host.path("second/bin").display()));
    let view = resolve(&host.request(&["tool"])).unwrap();
    assert_eq!(view.command, [tool.to_str().unwrap()]);
    let (_, path) = view.env.iter().find(|(name, _)| name == "PATH").unwrap();
    assert!(path.starts_with(host.path("second/bin").to_str().unwrap()), "{path}");
    assert!(!path.contains("first"), "what is not visible is not searched: {path}");
}

#[test]
fn a_word_with_a_slash_is_relative_to_the_working_directory() {
    let host = Host::new();
    let server = host.program("project/server", "");
    let view = host.resolve_in(&host.path("project"), &["./server"]).unwrap();
    assert_eq!(view.command, [server.to_str().unwrap()]);
}

#[test]
fn a_script_brings_its_interpreter_also_through_env() {
    let mut host = Host::new();
    let node = host.program("node-20/bin/node", "");
    let script = host.program("tools/bin/server", "#!/usr/bin/env node\n");
    host.set("PATH", node.parent().unwrap());
    let view = resolve(&host.request(&[script.to_str().unwrap()])).unwrap();
    assert_eq!(view.command, [script.to_str().unwrap()]);
    assert_eq!(host.own(&view), [read_only(host.path("node-20")), read_only(host.path("tools"))]);
    let (_, path) = view.env.iter().find(|(name, _)| name == "PATH").unwrap();
    assert!(path.contains(host.path("node-20/bin").to_str().unwrap()), "env must find it inside: {path}");
}

#[test]
fn a_missing_interpreter_is_named_with_its_script() {
    let host = Host::new();
    let script = host.program("bin/server", "#!/usr/bin/env no-such-interpreter\n");
    let error = resolve(&host.request(&[script.to_str().unwrap()])).unwrap_err().to_string();
    assert!(
        error.contains(script.to_str().unwrap()) && error.contains("command not found: no-such-interpreter"),
        "{error}"
    );
}

#[test]
fn scripts_that_name_each_other_end_in_an_error() {
    let host = Host::new();
    let one = host.program("x/one", &format!("#!{}\n", host.path("x/two").display()));
    host.program("x/two", &format!("#!{}\n", one.display()));
    let mut error = resolve(&host.request(&[one.to_str().unwrap()])).unwrap_err();
    while let ViewError::Interpreter { source, .. } = error {
        error = *source;
    }
    assert!(matches!(error, ViewError::Endless { .. }), "{error}");
}

#[test]
fn what_cannot_be_started_says_what_to_do() {
    let host = Host::new();
    let file = host.file("server.py", "");
    for path in [file, host.directory("directory")] {
        let error = resolve(&host.request(&[path.to_str().unwrap()])).unwrap_err();
        assert!(error.to_string().contains("chmod +x"), "{error}");
    }
}

#[test]
fn a_chain_of_links_stays_a_chain_where_only_the_links_can_be_shown() {
    let host = Host::new();
    let real = host.program("people/ada/.local/share/uv/tools/x/bin/x", "");
    let link = host.link("people/ada/.local/bin/x", &real);
    let view = resolve(&host.request(&[link.to_str().unwrap()])).unwrap();
    assert_eq!(view.command, [link.to_str().unwrap()]);
    let tool = host.path("people/ada/.local/share/uv/tools/x");
    assert_eq!(host.own(&view), [FileView::Symlink { target: link, to: real }, read_only(tool)]);
}
