use std::fs;
use std::path::Path;

use super::{parse, recognise};
use crate::{PackageRequest, Program, Registry, RequestError};

fn words(line: &str) -> Vec<String> {
    line.split_whitespace().map(str::to_owned).collect()
}

fn request(line: &str) -> PackageRequest {
    recognise(&words(line), None).unwrap().unwrap_or_else(|| panic!("{line}"))
}

/// Packages, program and arguments in one line.
fn gist(line: &str) -> String {
    let PackageRequest { packages, program, args, .. } = request(line);
    let program = match program {
        Program::Default => "*".to_owned(),
        Program::Named(name) => name,
        Program::Interpreter => "<python>".to_owned(),
    };
    format!("{} | {program} | {}", packages.join(" "), args.join(" "))
}

#[test]
fn npx_in_its_ways() {
    assert_eq!(gist("npx -y @scope/server@1 --port 80 -y"), "@scope/server@1 | * | --port 80 -y");
    assert_eq!(gist("/usr/local/bin/npx --yes server@latest"), "server | * | ");
    assert_eq!(gist("npx -q -- server -- x"), "server | * | -- x");
    assert_eq!(gist("npx -p one --package=two@2 run it"), "one two@2 | run | it");
    assert_eq!(gist("npx -y -p one"), "one | * | ");
    assert_eq!(gist("npm exec --yes server -- --flag"), "server | * | --flag");
    assert_eq!(gist("npm x --package=one -- two three"), "one | two | three");
    assert_eq!(request("npx --registry https://r.example server").indexes.main.as_deref(), Some("https://r.example"));
}

#[test]
fn uvx_in_its_ways() {
    assert_eq!(gist("uvx server --flag"), "server | server | --flag");
    assert_eq!(gist("uvx server@1.2"), "server==1.2 | server | ");
    assert_eq!(gist("uvx --from fastmcp fastmcp run server.py"), "fastmcp | fastmcp | run server.py");
    assert_eq!(gist("uv tool run --from=git+https://h/o/r tool"), "git+https://h/o/r | tool | ");
    assert_eq!(gist("uvx --with fastmcp python server.py"), "fastmcp | <python> | server.py");
    assert_eq!(gist("uvx --with a,b>=1,<2 -w c[x,y],d tool"), "tool a b>=1,<2 c[x,y] d | tool | ");
    assert_eq!(gist("uvx python -c 1"), " | <python> | -c 1");
    let request =
        request("uvx -p 3.12 --index name=https://a --default-index https://b --find-links /w --prerelease allow x");
    assert_eq!(request.python.as_deref(), Some("3.12"));
    assert_eq!(request.indexes.main.as_deref(), Some("https://b"));
    assert_eq!((request.indexes.extra, request.indexes.links), (vec!["https://a".to_owned()], vec!["/w".to_owned()]));
    assert!(request.prerelease);
}

#[test]
fn a_python_of_a_version() {
    for line in ["uvx python3.12 x.py", "uvx python@3.12 x.py", "uvx --python 3.12 python x.py"] {
        let request = request(line);
        assert_eq!((request.python.as_deref(), request.program), (Some("3.12"), Program::Interpreter), "{line}");
    }
    assert_eq!(gist("uvx python-lsp-server"), "python-lsp-server | python-lsp-server | ");
}

#[test]
fn pipx_in_its_ways() {
    assert_eq!(gist("pipx run server==1 --flag"), "server==1 | server | --flag");
    assert_eq!(gist("pipx run --spec pkg[x] tool -- a"), "pkg[x] | tool | a");
    assert_eq!(request("pipx run --python python3.11 tool").python.as_deref(), Some("3.11"));
}

#[test]
fn other_commands_are_left_alone() {
    for line in [
        "",
        "node server.js",
        "npm install x",
        "npm run start",
        "uv run server.py",
        "uv tool list",
        "pipx install x",
        "npx --version",
        "uvx --help",
        "bash -c npx",
    ] {
        assert_eq!(recognise(&words(line), None), Ok(None), "{line}");
    }
}

#[test]
fn flags_that_cannot_be_followed_are_named() {
    for (line, flag) in [
        ("npx -c something", "npx -c"),
        ("npx --frobnicate=1 x", "npx --frobnicate"),
        ("npm exec x --flag", "npm exec --flag"),
        ("uvx --with-requirements r.txt x", "uvx --with-requirements"),
        ("uv tool run --with-editable . x", "uv tool run --with-editable"),
        ("pipx run --path x.py", "pipx run --path"),
    ] {
        let error = recognise(&words(line), None).unwrap_err();
        assert!(error.to_string().starts_with(&format!("{flag} is not supported here: ")), "{line}: {error}");
    }
    let no_value = recognise(&words("uvx --from"), None).unwrap_err();
    assert_eq!(no_value.to_string(), "uvx --from needs a value");
    for line in ["npx -y", "uvx --with a", "pipx run --", "npx"] {
        assert!(matches!(recognise(&words(line), None), Err(RequestError::NoPackage { .. })), "{line}");
    }
}

#[test]
fn npx_takes_what_the_project_has() {
    let directory = tempfile::tempdir().unwrap();
    let inner = directory.path().join("src/deep");
    fs::create_dir_all(&inner).unwrap();
    let bin = directory.path().join("node_modules/.bin");
    fs::create_dir_all(&bin).unwrap();
    fs::write(bin.join("tsx"), "").unwrap();
    let scoped = directory.path().join("node_modules/@scope/tool");
    fs::create_dir_all(&scoped).unwrap();
    fs::write(scoped.join("package.json"), "{}").unwrap();
    let in_project = |line: &str, place: &Path| recognise(&words(line), Some(place)).unwrap();
    assert_eq!(in_project("npx tsx server.ts", &inner), None);
    assert_eq!(in_project("npx @scope/tool", &inner), None);
    assert!(in_project("npx tsx@4 server.ts", &inner).is_some(), "another version was asked for");
    assert!(in_project("npx other", &inner).is_some());
    assert!(recognise(&words("npx tsx server.ts"), None).unwrap().is_some());
}

#[test]
fn manifests_name_the_registry() {
    let args = words("--port 80");
    let npm = parse("npm:@scope/server@2", &args).unwrap();
    assert_eq!(npm, PackageRequest { args, ..PackageRequest::new(Registry::Npm, "@scope/server@2") });
    let pypi = parse("pypi:server==1.0", &[]).unwrap();
    assert_eq!(pypi, PackageRequest::new(Registry::Pypi, "server==1.0"));
    for package in ["server", "cargo:server", ":x"] {
        assert!(matches!(parse(package, &[]), Err(RequestError::NoRegistry { .. })), "{package}");
    }
    assert!(parse("npm:../x", &[]).is_err() && parse("pypi:", &[]).is_err());
}
