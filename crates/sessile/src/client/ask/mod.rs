//! Elicitations: what the server asks of the user in the middle of a call.
//!
//! [`form`] reads the schema of a form and checks answers against it, [`dialog`] asks on a terminal, and this
//! module decides which way a question goes: answers given on the command line, the terminal, or a refusal that
//! says what would have answered it.

pub(crate) mod dialog;
pub(crate) mod form;
mod format;
mod read;
pub(crate) mod terminal;

use crate::client::escape::{escaped, one_line};
use crate::client::printer::Printer;
use dialog::{Said, ask_form, ask_url};
use form::Form;
use rmcp::model::{ElicitResult, ElicitationAction};
use serde_json::{Map, Value};
use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, PoisonError};
use terminal::Lines;

/// What the command line says about elicitations.
#[derive(Clone, Debug, Default)]
pub(crate) struct Answers {
    /// `--answer field=value`.
    pub(crate) fields: Vec<(String, String)>,
    /// `--decline`.
    pub(crate) decline: bool,
    /// `--accept`: take defaults, and take URLs as opened.
    pub(crate) accept: bool,
}

/// Answers elicitations, one at a time.
pub(crate) struct Asker<L> {
    answers: Answers,
    /// The user's terminal, when there is one.
    lines: Option<tokio::sync::Mutex<L>>,
    printer: Arc<Printer>,
    used: Mutex<BTreeSet<String>>,
}

/// A question of the server.
#[derive(Debug)]
pub(crate) enum Question {
    /// Fields to fill in.
    Form {
        /// What it is about.
        message: String,
        /// The fields.
        form: Form,
    },
    /// A page to visit.
    Url {
        /// What it is about.
        message: String,
        /// The page.
        url: String,
    },
}

impl<L: Lines> Asker<L> {
    pub(crate) fn new(answers: Answers, lines: Option<L>, printer: Arc<Printer>) -> Self {
        Self { answers, lines: lines.map(tokio::sync::Mutex::new), printer, used: Mutex::default() }
    }

    /// Answers a question; how it was answered is noted where the user did not do it.
    pub(crate) async fn answer(&self, question: Question) -> ElicitResult {
        let said = match question {
            _ if self.answers.decline => {
                self.printer.note("the server asked for input; declined (--decline)");
                Said::Declined
            }
            Question::Form { message, form } => self.fill(&message, &form).await,
            Question::Url { message, url } => self.visit(&message, &url).await,
        };
        match said {
            Said::Accepted(content) => {
                ElicitResult::new(ElicitationAction::Accept).with_content(Value::Object(content))
            }
            Said::Agreed => ElicitResult::new(ElicitationAction::Accept),
            Said::Declined => ElicitResult::new(ElicitationAction::Decline),
            Said::Canceled => ElicitResult::new(ElicitationAction::Cancel),
        }
    }

    /// Names given with `--answer` that no form asked for.
    pub(crate) fn unused(&self) -> Vec<String> {
        let used = self.used.lock().unwrap_or_else(PoisonError::into_inner);
        self.answers.fields.iter().map(|(name, _)| name).filter(|name| !used.contains(*name)).cloned().collect()
    }

    async fn fill(&self, message: &str, form: &Form) -> Said {
        let mut content = Map::new();
        for field in form.fields() {
            let given = self.answers.fields.iter().rev().find(|(name, _)| *name == field.name);
            let Some((name, text)) = given else { continue };
            self.used.lock().unwrap_or_else(PoisonError::into_inner).insert(name.clone());
            match field.read(text) {
                Ok(value) => {
                    content.insert(name.clone(), value);
                }
                Err(why) => {
                    self.printer.note(&format!("--answer {}: {why}", one_line(name)));
                    if self.lines.is_none() {
                        return self.refuse(message, "an answer does not fit");
                    }
                }
            }
        }
        let by_flags = self.answers.accept || !content.is_empty();
        match &self.lines {
            Some(lines) if !self.answers.accept => {
                let said = ask_form(&mut *lines.lock().await, &self.printer, message, form, content).await;
                self.printer.asked();
                said
            }
            _ if !by_flags => self.refuse(message, &form.how_to_answer()),
            _ => match form.complete(content) {
                Ok(content) => Said::Accepted(content),
                Err(missing) => self.refuse(message, &format!("no answer for {missing}; pass --answer NAME=VALUE")),
            },
        }
    }

    async fn visit(&self, message: &str, url: &str) -> Said {
        if self.answers.accept {
            self.printer.note(&format!("the server asks: {}\n  open {}", escaped(message), one_line(url)));
            return Said::Agreed;
        }
        match &self.lines {
            Some(lines) => {
                let said = ask_url(&mut *lines.lock().await, &self.printer, message, url).await;
                self.printer.asked();
                said
            }
            None => {
                self.refuse(message, &format!("no terminal to ask for a visit to {}; pass --accept", one_line(url)))
            }
        }
    }

    fn refuse(&self, message: &str, why: &str) -> Said {
        self.printer.note(&format!("the server asks: {}\n  declined: {why}", escaped(message)));
        Said::Declined
    }
}

#[cfg(test)]
mod tests;
