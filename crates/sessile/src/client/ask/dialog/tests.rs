use super::*;
use crate::client::ask::tests::Typist;
use crate::client::printer::tests::on_page;
use serde_json::json;

fn person() -> Form {
    Form::from_schema(&json!({
        "type": "object",
        "properties": {
            "name": { "type": "string", "title": "Name", "description": "as on the door", "minLength": 2 },
            "age": { "type": "integer", "minimum": 0 },
            "color": { "type": "string", "enum": ["red", "green"], "default": "green" },
        },
        "required": ["name"],
    }))
}

/// What comes of a form when the user types `lines`, and what the user saw.
async fn dialog(form: &Form, lines: &[Option<&str>]) -> (Said, String) {
    let (printer, page) = on_page(false);
    let mut typist = Typist::new(lines);
    let said = ask_form(&mut typist, &printer, "who\x1b are you?", form, Map::new()).await;
    assert!(typist.is_done(), "not everything was asked for");
    (said, page.text())
}

fn accepted(content: Value) -> Said {
    Said::Accepted(content.as_object().unwrap().clone())
}

#[tokio::test]
async fn every_field_is_asked_with_its_type_choices_and_default() {
    let (said, seen) = dialog(&person(), &[Some("Ada"), Some("36"), Some("1")]).await;
    assert_eq!(said, accepted(json!({ "name": "Ada", "age": 36, "color": "red" })));
    assert_eq!(
        seen,
        "the server asks: who\\x1b are you?\n  \
           (* required; Ctrl-D declines, :cancel cancels)\n  \
           name* (text, at least 2 characters) — Name: as on the door\n  \
           >   age (whole number, 0 or more)\n  \
           >   color (one of)\n    1) red\n    2) green\n  \
           > [green] "
    );
}

#[tokio::test]
async fn an_empty_line_takes_the_default_or_leaves_an_optional_field_out() {
    let (said, _) = dialog(&person(), &[Some("Ada"), Some(""), Some("")]).await;
    assert_eq!(said, accepted(json!({ "name": "Ada", "color": "green" })));
}

#[tokio::test]
async fn what_does_not_fit_is_asked_again() {
    let (said, seen) = dialog(&person(), &[Some(""), Some("A"), Some("Ada"), Some("-1"), Some("1"), Some("")]).await;
    assert_eq!(said, accepted(json!({ "name": "Ada", "age": 1, "color": "green" })));
    assert!(seen.contains("it is required"), "{seen}");
    assert!(seen.contains("at least 2 characters, not 1"), "{seen}");
    assert!(seen.contains("-1 is below 0"), "{seen}");
}

#[tokio::test]
async fn ctrl_d_declines_and_cancel_cancels() {
    assert_eq!(dialog(&person(), &[Some("Ada"), None]).await.0, Said::Declined);
    assert_eq!(dialog(&person(), &[Some(":cancel")]).await.0, Said::Canceled);
}

#[tokio::test]
async fn a_form_without_fields_is_a_yes_or_no() {
    let empty = Form::from_schema(&json!({ "type": "object", "properties": {} }));
    assert_eq!(dialog(&empty, &[Some("what"), Some("y")]).await.0, accepted(json!({})));
    assert_eq!(dialog(&empty, &[Some("no")]).await.0, Said::Declined);
}

#[tokio::test]
async fn a_page_is_shown_with_its_host() {
    let (printer, page) = on_page(false);
    let mut typist = Typist::new(&[Some("y")]);
    let said = ask_url(&mut typist, &printer, "sign in", "https://example.com/\x1b?code=1").await;
    assert_eq!(said, Said::Agreed);
    assert!(page.text().contains("open https://example.com/\\x1b?code=1\n  (example.com)"), "{}", page.text());
}
