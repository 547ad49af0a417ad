use super::Report;

const REPORT: &str = r#"{"version": "1", "install": [
    {"requested": false, "metadata": {"name": "Dep_One", "version": "2"},
     "download_info": {"url": "u", "archive_info": {"hash": "sha256=aa", "hashes": {"sha256": "aa"}}}},
    {"requested": true, "metadata": {"name": "from-git", "version": "0.1"},
     "download_info": {"url": "u", "vcs_info": {"vcs": "git", "commit_id": "abc"}}},
    {"requested": true, "metadata": {"name": "My.Tool", "version": "1"},
     "download_info": {"url": "u", "archive_info": {"hash": "sha256=bb"}}},
    {"requested": false, "metadata": {"name": "local", "version": "3"}, "download_info": {"url": "file:///x"}}
]}"#;

#[test]
fn the_main_package_is_found_by_name_or_as_what_was_asked_for() {
    let report: Report = serde_json::from_str(REPORT).unwrap();
    assert_eq!(report.main(Some("my-tool")).unwrap().version, "1");
    assert_eq!(report.main(None).unwrap().name, "from-git");
}

#[test]
fn every_package_has_a_hash_or_says_that_it_has_none() {
    let report: Report = serde_json::from_str(REPORT).unwrap();
    let lines: Vec<_> = report.packages().iter().map(|p| format!("{} {} {}", p.name, p.version, p.hash)).collect();
    assert_eq!(lines, ["dep-one 2 sha256:aa", "from-git 0.1 abc", "my-tool 1 sha256:bb", "local 3 unknown"]);
}
