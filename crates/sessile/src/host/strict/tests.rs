use super::refusal;
use sessile_manifest::{Format, Server, Surroundings, parse};
use sessile_sandbox::{Capabilities, Capability, Feature, Strength};

fn driver(rows: &[(Feature, Strength)]) -> Capabilities {
    let rows = rows.iter().cloned().map(|(feature, strength)| Capability { feature, strength }).collect();
    Capabilities { driver: "process", rows }
}

/// A server called `files`, with more keys.
fn server(keys: &str) -> Server {
    let text = format!("[servers.files]\ncommand = [\"files\"]\n{keys}\n");
    let surroundings = Surroundings::new("/srv", |name| (name == "HOME").then(|| "/home/ada".to_owned()));
    let manifest = parse(&text, "sessile.toml", Format::Toml, &surroundings).expect("right");
    manifest.servers.into_iter().next().expect("a server")
}

fn enforced() -> Strength {
    Strength::Enforced { how: "a cgroup".into() }
}

fn fallback() -> Strength {
    Strength::Fallback { how: "RLIMIT_DATA".into(), why: "no cgroup; delegate one".into() }
}

fn missing() -> Strength {
    Strength::Missing { why: "no cgroup".into(), fix: "delegate one".into() }
}

#[test]
fn a_strict_server_starts_where_everything_is_enforced() {
    let files = server("");
    assert_eq!(refusal(&files, &driver(&[(Feature::Memory, enforced()), (Feature::Cpu, enforced())])), None);
    // What only says less, or allows less, is no reason.
    assert_eq!(
        refusal(&files, &driver(&[(Feature::Accounting, fallback()), (Feature::CopyOnWrite, fallback())])),
        None
    );
}

#[test]
fn a_strict_server_is_told_each_gap_and_what_to_do() {
    let rows = [(Feature::Files, enforced()), (Feature::Memory, fallback()), (Feature::Cpu, missing())];
    let told = refusal(&server(""), &driver(&rows)).expect("a refusal");
    assert_eq!(
        told,
        "server files has `strict = true`, and this host does not enforce all that it asks for:\n  \
         memory limit: fallback: RLIMIT_DATA; no cgroup; delegate one\n  \
         processor limit: missing: no cgroup; delegate one\n\
         do what the lines say, or remove `strict`"
    );
}

#[test]
fn a_workspace_that_is_kept_has_a_limit_that_is_only_counted() {
    let told = refusal(&server("files.workspace = \"principal\""), &driver(&[(Feature::Disk, enforced())]));
    let told = told.expect("a refusal");
    assert!(told.contains("disk limit: fallback: `limits.disk` (1GiB) is counted"), "{told}");
}
