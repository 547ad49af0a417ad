use std::path::{Path, PathBuf};

use super::resolve;
use crate::view::ViewError;
use crate::view::tests::fixture::Host;

const PYENV: &str =
    "#!/usr/bin/env bash\nexport PYENV_ROOT=\"/x\"\nexec \"/x/libexec/pyenv\" exec \"$program\" \"$@\"\n";

fn pyenv(host: &Host, versions: &[&str]) -> PathBuf {
    for version in versions {
        host.program(&format!("pyenv/versions/{version}/bin/python3"), "");
    }
    host.program("pyenv/shims/python3", PYENV)
}

fn choose(host: &Host, shim: &Path) -> Result<PathBuf, ViewError> {
    resolve(shim, &host.env(), &host.path("")).map(|choice| choice.unwrap().path)
}

#[test]
fn pyenv_follows_variable_file_and_global_version_in_this_order() {
    let mut host = Host::new();
    let shim = pyenv(&host, &["3.9.1", "3.11.7", "3.12.2"]);
    let of = |host: &Host, version: &str| host.path(&format!("pyenv/versions/{version}/bin/python3"));
    host.file("pyenv/version", "3.9.1\n");
    assert_eq!(choose(&host, &shim).unwrap(), of(&host, "3.9.1"));
    host.file(".python-version", "# ours\n3.11.7\n");
    assert_eq!(choose(&host, &shim).unwrap(), of(&host, "3.11.7"));
    host.set("PYENV_VERSION", "3.12.2");
    assert_eq!(choose(&host, &shim).unwrap(), of(&host, "3.12.2"));
}

#[test]
fn a_short_version_is_the_newest_of_its_kind() {
    let mut host = Host::new();
    let shim = pyenv(&host, &["3.1.9", "3.11.7", "3.11.10", "3.12.0"]);
    host.set("PYENV_VERSION", "3.11");
    assert_eq!(choose(&host, &shim).unwrap(), host.path("pyenv/versions/3.11.10/bin/python3"));
}

#[test]
fn system_is_what_path_has_besides_shims() {
    let mut host = Host::new();
    let shim = pyenv(&host, &["3.12.0"]);
    let system = host.program("system/bin/python3", "");
    host.set("PATH", format!("{}:{}", host.path("pyenv/shims").display(), host.path("system/bin").display()));
    host.set("PYENV_VERSION", "system");
    assert_eq!(choose(&host, &shim).unwrap(), system);
}

#[test]
fn a_version_without_the_program_is_an_error_that_names_those_with_it() {
    let mut host = Host::new();
    let shim = pyenv(&host, &["3.12.0"]);
    host.directory("pyenv/versions/3.9.1/bin");
    host.set("PYENV_VERSION", "3.9.1");
    let error = choose(&host, &shim).unwrap_err().to_string();
    assert!(error.contains("3.12.0 has it; select it with PYENV_VERSION"), "{error}");
}

#[test]
fn relatives_of_rbenv_are_told_apart() {
    let host = Host::new();
    let node = host.program("nodenv/versions/20.1.0/bin/node", "");
    host.file("nodenv/version", "20.1.0");
    let shim = host.program("nodenv/shims/node", "#!/bin/sh\nexport NODENV_ROOT='/x'\nexec nodenv exec node \"$@\"\n");
    let choice = resolve(&shim, &host.env(), &host.path("")).unwrap().unwrap();
    assert_eq!(choice.path, node);
    assert!(choice.reason.starts_with("nodenv (20.1.0"), "{}", choice.reason);
}

#[test]
fn asdf_takes_what_tool_versions_selects() {
    let host = Host::new();
    let text = "#!/usr/bin/env bash\n# asdf-plugin: nodejs 18.2.0\n# asdf-plugin: nodejs 20.1.0\nexec asdf exec \"node\" \"$@\"\n";
    let shim = host.program("asdf/shims/node", text);
    host.program("asdf/installs/nodejs/18.2.0/bin/node", "");
    let wanted = host.program("asdf/installs/nodejs/20.1.0/bin/node", "");
    let error = choose(&host, &shim).unwrap_err().to_string();
    assert!(error.contains("no .tool-versions selects one of: nodejs 18.2.0, nodejs 20.1.0"), "{error}");
    host.file("people/ada/.tool-versions", "python 3.12.0\nnodejs 20.1.0 # lts\n");
    assert_eq!(choose(&host, &shim).unwrap(), wanted);
}

#[test]
fn mise_and_volta_are_asked() {
    let host = Host::new();
    let node = host.program("versions/20/bin/node", "");
    let answer = format!("#!/bin/sh\n[ \"$1 $2\" = 'which node' ] && echo {}\n", node.display());
    host.program("bin/mise", &answer);
    let shim = host.link("shims/node", host.path("bin/mise"));
    assert_eq!(choose(&host, &shim).unwrap(), node);
    host.program("volta/volta", &answer);
    host.program("volta/volta-shim", "");
    let shim = host.link("volta/bin/node", host.path("volta/volta-shim"));
    assert_eq!(choose(&host, &shim).unwrap(), node);
    let stranger = host.link("volta/bin/npm", host.path("volta/volta-shim"));
    assert!(choose(&host, &stranger).unwrap_err().to_string().contains("which npm` failed"));
}

#[test]
fn other_programs_are_no_shims() {
    let host = Host::new();
    for path in [host.program("shims/tool", "#!/bin/sh\necho PYENV\n"), host.program("bin/python3", PYENV)] {
        assert!(resolve(&path, &host.env(), &host.path("")).unwrap().is_none(), "{}", path.display());
    }
}
