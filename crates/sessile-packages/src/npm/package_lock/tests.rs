use super::PackageLock;

const LOCK: &str = r#"{"lockfileVersion": 3, "packages": {
    "": {"name": "root", "dependencies": {"tool": "1.0.0"}},
    "node_modules/tool": {"version": "1.0.0", "integrity": "sha512-a"},
    "node_modules/@s/dep": {"version": "2.0.0", "integrity": "sha512-b", "hasInstallScript": true},
    "node_modules/tool/node_modules/@s/dep": {"version": "1.0.0", "integrity": "sha512-c"},
    "node_modules/alias": {"name": "real", "version": "3.0.0", "integrity": "sha512-d"},
    "node_modules/git": {"version": "0.1.0", "resolved": "git+https://user:pw@host/x.git#abc123"},
    "node_modules/other-platform": {"version": "9.0.0", "integrity": "sha512-e", "optional": true}
}}"#;

fn here(place: &str) -> bool {
    place != "node_modules/other-platform"
}

#[test]
fn every_installed_package_has_name_version_and_hash() {
    let lock = PackageLock::parse(LOCK.as_bytes(), here).unwrap();
    let lines: Vec<_> = lock.packages.iter().map(|p| format!("{} {} {}", p.name, p.version, p.hash)).collect();
    assert_eq!(
        lines,
        [
            "@s/dep 2.0.0 sha512-b",
            "real 3.0.0 sha512-d",
            "git 0.1.0 abc123",
            "tool 1.0.0 sha512-a",
            "@s/dep 1.0.0 sha512-c"
        ]
    );
    assert_eq!(lock.version_of("@s/dep").as_deref(), Some("2.0.0"), "the one at the top");
    assert_eq!(lock.version_of("missing"), None);
}

#[test]
fn scripts_count_where_their_package_is_installed() {
    assert!(PackageLock::parse(LOCK.as_bytes(), here).unwrap().has_scripts);
    assert!(!PackageLock::parse(LOCK.as_bytes(), |place| place == "node_modules/tool").unwrap().has_scripts);
}

#[test]
fn locks_of_old_npms_are_refused_with_the_version_that_is_needed() {
    let error = PackageLock::parse(br#"{"lockfileVersion": 1, "dependencies": {}}"#, here).unwrap_err();
    assert!(error.contains("npm 7 or newer"), "{error}");
}
