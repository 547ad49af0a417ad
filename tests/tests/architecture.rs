//! The shape of the code: who may use whom, what stays pure, and how long a file may be.

use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// A crate uses only crates on lower floors.
const FLOORS: [(&str, u8); 17] = [
    ("sessile-protocol", 1),
    ("sessile-link", 1),
    ("sessile-identity", 1),
    ("sessile-manifest", 1),
    ("sessile-store", 1),
    ("sessile-erofs", 1),
    ("sessile-bridge", 2),
    ("sessile-init", 2),
    ("sessile-sandbox", 2),
    ("sessile-egress", 2),
    ("sessile-images", 2),
    ("sessile-packages", 3),
    ("sessile-telemetry", 3),
    ("sessile-runtime", 4),
    ("sessile-front", 5),
    // The load generator stands outside; only the command line may start it.
    ("sessile-bench", 5),
    ("sessile", 6),
];

/// Crates that know no sockets, no files, no processes and no clock, so that tests and fuzzers can drive everything.
const PURE: [&str; 3] = ["sessile-protocol", "sessile-bridge", "sessile-link"];

/// What does I/O, or gives a clock, wherever it comes from.
const IMPURE: [&str; 16] = [
    "tokio",
    "tokio-util",
    "hyper",
    "hyper-util",
    "mio",
    "socket2",
    "rustix",
    "nix",
    "libc",
    "getrandom",
    "rand",
    "async-io",
    "smol",
    "polling",
    "reqwest",
    "chrono",
];

/// What pure sources do not name.
const IMPURE_WORDS: [&str; 10] = [
    "std::net",
    "std::fs",
    "std::process",
    "std::thread",
    "std::io",
    "std::env",
    "Instant",
    "SystemTime",
    "tokio",
    "std::os",
];

/// The most lines that a source file has.
const LONGEST_FILE: usize = 450;

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("tests/ lies in the project").to_owned()
}

/// What cargo knows of the workspace and everything it uses.
fn metadata() -> Value {
    let output = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()))
        .args(["metadata", "--format-version", "1", "--locked", "--offline"])
        .current_dir(root())
        .output()
        .expect("cargo runs");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).expect("cargo writes JSON")
}

/// Crates of this workspace with the crates that they use, except in tests.
fn direct_uses(metadata: &Value) -> BTreeMap<String, BTreeSet<String>> {
    let members = metadata["workspace_members"].as_array().unwrap();
    let packages = metadata["packages"].as_array().unwrap().iter().filter(|package| members.contains(&package["id"]));
    let uses = packages.map(|package| {
        let name = package["name"].as_str().unwrap().to_owned();
        let of_product = |dependency: &&Value| dependency["kind"].is_null() || dependency["kind"] == "build";
        let names = package["dependencies"].as_array().unwrap().iter().filter(of_product);
        (name, names.map(|dependency| dependency["name"].as_str().unwrap().to_owned()).collect())
    });
    uses.collect()
}

#[test]
fn crates_use_only_crates_on_lower_floors() {
    let metadata = metadata();
    let uses = direct_uses(&metadata);
    let floors = BTreeMap::from(FLOORS);
    let crates: BTreeSet<_> = fs::read_dir(root().join("crates"))
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    for name in &crates {
        let floor = floors
            .get(name.as_str())
            .unwrap_or_else(|| panic!("{name} has no floor: give it one, here and in ARCHITECTURE.md"));
        for used in uses.get(name).unwrap_or_else(|| panic!("crates/{name} is no member of the workspace")) {
            if let Some(below) = floors.get(used.as_str()) {
                assert!(below < floor, "{name} (floor {floor}) uses {used} (floor {below})");
            } else {
                assert!(!uses.contains_key(used), "{name} uses {used}, which is no part of the product");
            }
        }
    }
}

/// Everything that a crate uses, however indirectly, except in tests and while building.
fn closure(metadata: &Value, name: &str) -> BTreeSet<String> {
    let names: BTreeMap<_, _> = metadata["packages"]
        .as_array()
        .unwrap()
        .iter()
        .map(|package| (package["id"].as_str().unwrap(), package["name"].as_str().unwrap()))
        .collect();
    let nodes: BTreeMap<_, _> = metadata["resolve"]["nodes"]
        .as_array()
        .unwrap()
        .iter()
        .map(|node| (node["id"].as_str().unwrap(), node))
        .collect();
    let mut open: Vec<&str> = names.iter().filter(|(_, known)| **known == name).map(|(id, _)| *id).collect();
    let mut seen: BTreeSet<&str> = open.iter().copied().collect();
    while let Some(id) = open.pop() {
        for dependency in nodes[id]["deps"].as_array().unwrap() {
            let in_product = |kind: &Value| kind["kind"].is_null();
            let used = dependency["pkg"].as_str().unwrap();
            if dependency["dep_kinds"].as_array().unwrap().iter().any(in_product) && seen.insert(used) {
                open.push(used);
            }
        }
    }
    seen.into_iter().map(|id| names[id].to_owned()).collect()
}

#[test]
fn pure_crates_use_nothing_that_does_io() {
    let metadata = metadata();
    for name in PURE {
        let used = closure(&metadata, name);
        assert!(used.len() > 1, "{name} uses nothing at all? then this test looks at the wrong thing");
        for impure in IMPURE {
            assert!(!used.contains(impure), "{name} uses {impure}: {used:?}");
        }
    }
}

/// Sources below `directory`.
fn sources(directory: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(directory).unwrap_or_else(|error| panic!("{}: {error}", directory.display())) {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(sources(&path));
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push(path);
        }
    }
    found
}

/// Words in comments and in tests do no I/O.
fn code_of(text: &str) -> String {
    let product = text.split("#[cfg(test)]\nmod tests {").next().unwrap_or_default();
    product.lines().map(|line| line.split("//").next().unwrap_or_default()).collect::<Vec<_>>().join("\n")
}

#[test]
fn pure_crates_name_no_clock_and_no_io() {
    for name in PURE {
        let directory = root().join("crates").join(name).join("src");
        for path in sources(&directory) {
            if path.components().any(|part| part.as_os_str() == "tests") || path.ends_with("tests.rs") {
                continue;
            }
            let code = code_of(&fs::read_to_string(&path).unwrap());
            for word in IMPURE_WORDS {
                assert!(!code.contains(word), "{} names {word}", path.display());
            }
        }
    }
}

#[test]
fn files_are_short() {
    let mut lengths = Vec::new();
    for entry in fs::read_dir(root().join("crates")).unwrap() {
        for path in sources(&entry.unwrap().path().join("src")) {
            let lines = fs::read_to_string(&path).unwrap().lines().count();
            assert!(lines <= LONGEST_FILE, "{} has {lines} lines; {LONGEST_FILE} are the most", path.display());
            lengths.push(lines);
        }
    }
    lengths.sort_unstable();
    let median = lengths[lengths.len() / 2];
    assert!(median < 200, "half of the files have more than {median} lines");
}
