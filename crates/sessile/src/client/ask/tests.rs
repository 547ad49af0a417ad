use super::*;
use crate::client::printer::tests::{Page, on_page};
use serde_json::json;
use std::collections::VecDeque;

/// A user who types prepared lines.
pub(crate) struct Typist(VecDeque<Option<String>>);

impl Typist {
    pub(crate) fn new(lines: &[Option<&str>]) -> Self {
        Self(lines.iter().map(|line| line.map(str::to_owned)).collect())
    }

    pub(crate) fn is_done(&self) -> bool {
        self.0.is_empty()
    }
}

impl Lines for Typist {
    async fn next_line(&mut self) -> Option<String> {
        self.0.pop_front().expect("asked for more than was prepared")
    }
}

fn form() -> Question {
    let schema = json!({
        "properties": { "name": { "type": "string" }, "age": { "type": "integer", "default": 30 } },
        "required": ["name"],
    });
    Question::Form { message: "who?".into(), form: Form::from_schema(&schema) }
}

fn page() -> Question {
    Question::Url { message: "sign in".into(), url: "https://example.com/".into() }
}

fn asker(answers: Answers, typed: Option<&[Option<&str>]>) -> (Asker<Typist>, Page) {
    let (printer, page) = on_page(false);
    (Asker::new(answers, typed.map(Typist::new), Arc::new(printer)), page)
}

fn given(fields: &[(&str, &str)]) -> Answers {
    let fields = fields.iter().map(|(name, text)| ((*name).to_owned(), (*text).to_owned()));
    Answers { fields: fields.collect(), ..Answers::default() }
}

async fn json_of(asker: &Asker<Typist>, question: Question) -> Value {
    serde_json::to_value(asker.answer(question).await).unwrap()
}

#[tokio::test]
async fn without_a_terminal_a_question_is_declined_with_what_would_answer_it() {
    let (asker, notes) = asker(Answers::default(), None);
    assert_eq!(json_of(&asker, form()).await, json!({ "action": "decline" }));
    assert!(notes.text().contains("no terminal to ask on; pass --answer name=…"), "{}", notes.text());
    assert_eq!(json_of(&asker, page()).await, json!({ "action": "decline" }));
    assert!(notes.text().contains("https://example.com/; pass --accept"), "{}", notes.text());
}

#[tokio::test]
async fn answers_of_the_command_line_are_typed_and_completed_with_defaults() {
    let (asker, _) = asker(given(&[("name", "Ada"), ("other", "x")]), None);
    let answer = json_of(&asker, form()).await;
    assert_eq!(answer, json!({ "action": "accept", "content": { "name": "Ada", "age": 30 } }));
    assert_eq!(asker.unused(), ["other"]);
}

#[tokio::test]
async fn an_answer_that_does_not_fit_or_lacks_a_field_declines() {
    let (wrong, notes) = asker(given(&[("name", "Ada"), ("age", "old")]), None);
    assert_eq!(json_of(&wrong, form()).await, json!({ "action": "decline" }));
    assert!(notes.text().contains("--answer age: \"old\" is not a whole number"), "{}", notes.text());
    let (short, notes) = asker(given(&[("age", "3")]), None);
    assert_eq!(json_of(&short, form()).await, json!({ "action": "decline" }));
    assert!(notes.text().contains("no answer for name"), "{}", notes.text());
}

#[tokio::test]
async fn the_terminal_is_asked_only_for_what_is_open() {
    let (asker, _) = asker(given(&[("name", "Ada")]), Some(&[Some("7")]));
    let answer = json_of(&asker, form()).await;
    assert_eq!(answer, json!({ "action": "accept", "content": { "name": "Ada", "age": 7 } }));
}

#[tokio::test]
async fn decline_and_accept_ask_no_one() {
    let (declines, _) = asker(Answers { decline: true, ..given(&[]) }, Some(&[]));
    assert_eq!(json_of(&declines, form()).await, json!({ "action": "decline" }));
    let (accepts, notes) = asker(Answers { accept: true, ..given(&[("name", "Ada")]) }, Some(&[]));
    assert_eq!(json_of(&accepts, form()).await["content"], json!({ "name": "Ada", "age": 30 }));
    assert_eq!(json_of(&accepts, page()).await, json!({ "action": "accept" }));
    assert!(notes.text().contains("open https://example.com/"), "{}", notes.text());
}
