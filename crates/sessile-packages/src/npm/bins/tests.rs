use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;

use super::{default, programs};

fn file(root: &Path, name: &str, text: &str) {
    let path = root.join(name);
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, text).unwrap();
}

fn with_bin(bin: &str) -> Option<String> {
    let staging = tempfile::tempdir().unwrap();
    file(staging.path(), "node_modules/@s/tool/package.json", &format!("{{\"bin\": {bin}}}"));
    default(staging.path(), "@s/tool")
}

#[test]
fn the_program_of_a_package_is_its_only_one_or_the_one_of_its_name() {
    assert_eq!(with_bin(r#""cli.js""#).as_deref(), Some("tool"));
    assert_eq!(with_bin(r#"{"other": "cli.js"}"#).as_deref(), Some("other"));
    assert_eq!(with_bin(r#"{"a": "cli.js", "b": "cli.js"}"#).as_deref(), Some("a"));
    assert_eq!(with_bin(r#"{"a": "a.js", "tool": "b.js"}"#).as_deref(), Some("tool"));
    assert_eq!(with_bin(r#"{"a": "a.js", "b": "b.js"}"#), None);
    assert_eq!(with_bin("{}"), None);
}

#[test]
fn programs_start_with_the_interpreter_that_they_name() {
    let staging = tempfile::tempdir().unwrap();
    let staging = staging.path().canonicalize().unwrap();
    for (name, text) in [
        ("plain", "#!/usr/bin/env node\n"),
        ("flags", "#!/usr/bin/env -S node --no-warnings\n"),
        ("shell", "#!/bin/sh\n"),
        ("binary", "\u{7f}ELF"),
    ] {
        file(&staging, &format!("node_modules/x/{name}"), text);
        fs::create_dir_all(staging.join("node_modules/.bin")).unwrap();
        symlink(format!("../x/{name}"), staging.join("node_modules/.bin").join(name)).unwrap();
    }
    symlink("/etc/passwd", staging.join("node_modules/.bin/outside")).unwrap();
    let programs = programs(&staging, Path::new("/store/key"), "/usr/bin/node");
    let lines: Vec<_> = programs.values().map(|command| command.join(" ")).collect();
    assert_eq!(
        lines,
        [
            "/store/key/node_modules/x/binary",
            "/usr/bin/node --no-warnings /store/key/node_modules/x/flags",
            "/usr/bin/node /store/key/node_modules/x/plain",
            "/store/key/node_modules/x/shell",
        ],
        "and nothing that lies outside"
    );
}
