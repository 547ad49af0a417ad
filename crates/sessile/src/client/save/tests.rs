use super::*;

#[test]
fn files_get_free_names_and_never_replace_others() {
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(dir.path().join("shot-1.png"), "mine").unwrap();
    let mut save = SaveDir::open(dir.path(), "shot").unwrap();
    let first = save.add(Some("image/png"), b"a").unwrap();
    let second = save.add(Some("text/x-rust; charset=utf-8"), b"b").unwrap();
    assert_eq!(first, dir.path().join("shot-2.png"));
    assert_eq!(second, dir.path().join("shot-3.txt"));
    assert_eq!(std::fs::read_to_string(dir.path().join("shot-1.png")).unwrap(), "mine");
}

#[test]
fn the_name_of_a_tool_does_not_lead_out_of_the_directory() {
    let dir = tempfile::tempdir().unwrap();
    let path = SaveDir::open(dir.path(), "../../etc/x").unwrap().add(None, b"").unwrap();
    assert_eq!(path.parent(), Some(dir.path()));
}
