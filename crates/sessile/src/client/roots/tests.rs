use super::*;

#[test]
fn a_path_becomes_a_file_uri_with_its_last_part_as_name() {
    let dir = tempfile::tempdir().unwrap();
    let project = dir.path().join("my project");
    std::fs::create_dir(&project).unwrap();
    let root = root(project.to_str().unwrap()).unwrap();
    assert!(root.uri.starts_with("file:///") && root.uri.ends_with("/my%20project"), "{}", root.uri);
    assert_eq!(root.name.as_deref(), Some("my project"));
}

#[test]
fn a_uri_stays_and_a_missing_path_is_refused() {
    assert_eq!(root("file:///inside/only").unwrap().uri, "file:///inside/only");
    let error = root("/no/such/place").unwrap_err();
    assert!(error.is_usage() && error.to_string().contains("/no/such/place"), "{error}");
}
