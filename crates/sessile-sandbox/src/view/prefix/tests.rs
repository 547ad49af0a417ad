use crate::view::resolve;
use crate::view::tests::fixture::{Host, read_only};

fn shown(host: &Host, program: &std::path::Path) -> Vec<crate::FileView> {
    host.own(&resolve(&host.request(&[program.to_str().unwrap()])).unwrap())
}

#[test]
fn a_binary_in_bin_brings_its_prefix() {
    let host = Host::new();
    let node = host.program("people/ada/.nvm/versions/node/v20.1.0/bin/node", "");
    assert_eq!(shown(&host, &node), [read_only(host.path("people/ada/.nvm/versions/node/v20.1.0"))]);
}

#[test]
fn a_binary_whose_prefix_is_a_home_or_holds_credentials_comes_alone() {
    let host = Host::new();
    for name in ["people/ada/bin/x", "people/ada/.local/bin/x", "people/ada/.cargo/bin/x"] {
        let binary = host.program(name, "");
        assert_eq!(shown(&host, &binary), [read_only(&binary)], "{name}");
    }
}

#[test]
fn a_venv_brings_the_installation_it_was_made_from() {
    let host = Host::new();
    let base = host.program("pythons/3.12/bin/python3.12", "");
    host.link("pythons/3.12/bin/python3", "python3.12");
    let python = host.link("people/ada/.venv/bin/python", host.path("pythons/3.12/bin/python3"));
    let settings = format!("home = {}\nversion = 3.12.1\n", base.parent().unwrap().display());
    host.file("people/ada/.venv/pyvenv.cfg", &settings);
    let venv = read_only(host.path("people/ada/.venv"));
    assert_eq!(shown(&host, &python), [venv, read_only(host.path("pythons/3.12"))], "although ~/.venv is hidden");
}

#[test]
fn a_venv_cannot_bring_a_home() {
    let host = Host::new();
    host.file("people/ada/pyvenv.cfg", "home = /\n");
    let python = host.program("people/ada/bin/python", "");
    assert_eq!(shown(&host, &python), [read_only(python)]);
}

#[test]
fn a_binary_outside_bin_brings_its_directory() {
    let host = Host::new();
    let server = host.program("people/ada/project/target/server", "");
    assert_eq!(shown(&host, &server), [read_only(server.parent().unwrap())]);
    let loose = host.program("people/ada/server", "");
    assert_eq!(shown(&host, &loose), [read_only(loose)]);
}

#[test]
fn a_global_package_of_npm_brings_itself() {
    let host = Host::new();
    let cli = host.program("people/ada/.npm-global/lib/node_modules/tool/dist/cli.js", "");
    host.file("people/ada/.npm-global/lib/node_modules/tool/package.json", "{}");
    let link = host.link("people/ada/.npm-global/bin/tool", "../lib/node_modules/tool/dist/cli.js");
    let shown = shown(&host, &link);
    let link = crate::FileView::Symlink { target: link, to: "../lib/node_modules/tool/dist/cli.js".into() };
    assert_eq!(shown, [link, read_only(cli.parent().unwrap().parent().unwrap())]);
}
