use super::*;
use serde_json::json;

fn shown(block: Value) -> String {
    blocks(&[block], None).unwrap().concat()
}

#[test]
fn text_is_printed_plainly_and_harmlessly() {
    assert_eq!(shown(json!({ "type": "text", "text": "a\nb\x1b[31m" })), "a\nb\\x1b[31m");
}

#[test]
fn media_are_described() {
    assert_eq!(shown(json!({ "type": "image", "mimeType": "image/png", "data": "AAAA" })), "[image image/png, 3 B]");
    assert_eq!(
        shown(json!({ "type": "audio", "mimeType": "audio/wav", "data": "?" })),
        "[audio audio/wav, not valid base64]"
    );
    let blob = json!({ "type": "resource", "resource": { "uri": "x:/1", "blob": "AA==" } });
    assert_eq!(shown(blob), "[resource x:/1, 1 B]");
}

#[test]
fn text_of_a_resource_comes_under_its_uri() {
    let block = json!({ "type": "resource", "resource": { "uri": "x:/1", "mimeType": "text/plain", "text": "hi" } });
    assert_eq!(shown(block), "[resource x:/1 text/plain]\nhi");
    let link = json!({ "type": "resource_link", "uri": "x:/2", "name": "two", "description": "the second" });
    assert_eq!(shown(link), "[link x:/2 two: the second]");
}

#[test]
fn content_of_a_kind_not_known_here_is_shown_as_it_came() {
    assert_eq!(shown(json!({ "type": "hologram", "depth": 3 })), r#"{"type":"hologram","depth":3}"#);
}

#[test]
fn what_is_saved_says_where() {
    let dir = tempfile::tempdir().unwrap();
    let mut save = SaveDir::open(dir.path(), "pic").unwrap();
    let image = json!({ "type": "image", "mimeType": "image/png", "data": "AAEC" });
    let text = blocks(&[image], Some(&mut save)).unwrap().concat();
    let path = dir.path().join("pic-1.png");
    assert_eq!(text, format!("[image image/png, 3 B, saved as {}]", path.display()));
    assert_eq!(std::fs::read(path).unwrap(), [0, 1, 2]);
}
