use super::{Indexes, slug};
use crate::{PackageRequest, Program, Registry};

fn npm(package: &str) -> PackageRequest {
    PackageRequest::new(Registry::Npm, package)
}

#[test]
fn requests_that_install_the_same_share_an_installation() {
    let one = npm("tool");
    let other = PackageRequest { program: Program::Named("other".into()), args: vec!["--x".into()], ..npm("tool") };
    assert_eq!(one.key(), other.key());
}

#[test]
fn requests_that_install_something_else_do_not() {
    let base = npm("tool");
    let indexes = Indexes { main: Some("https://registry.example".into()), ..Indexes::default() };
    let others = [
        npm("tool@1"),
        PackageRequest::new(Registry::Pypi, "tool"),
        PackageRequest { packages: vec!["tool".into(), "more".into()], ..npm("tool") },
        PackageRequest { python: Some("3.12".into()), ..npm("tool") },
        PackageRequest { indexes, ..npm("tool") },
        PackageRequest { prerelease: true, ..npm("tool") },
    ];
    let keys: std::collections::BTreeSet<_> = others.iter().chain([&base]).map(PackageRequest::key).collect();
    assert_eq!(keys.len(), others.len() + 1);
}

#[test]
fn keys_are_plain_names_whatever_was_asked_for() {
    assert!(npm("@scope/Name@^1.2").key().starts_with("npm-scope-name-1-2-"));
    assert_eq!(slug("git+https://user:pw@host/org/repo.git"), "repo-git", "no credentials in names");
    for odd in ["../../etc", "…", "", &"x".repeat(300)] {
        let key = npm(odd).key();
        assert!(key.len() < 64 && key.chars().all(|c| c.is_ascii_alphanumeric() || c == '-'), "{key}");
    }
}

#[test]
fn debug_output_hides_addresses_of_registries() {
    let indexes = Indexes { main: Some("https://user:pw@host".into()), ..Indexes::default() };
    assert_eq!(format!("{:?}", PackageRequest { indexes, ..npm("x") }.indexes), "Indexes(1)");
}
