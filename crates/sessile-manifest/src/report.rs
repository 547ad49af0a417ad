//! Collects what is found wrong while a manifest is read, so that all of it is told at once.

use std::ops::Range;

use crate::Problem;
use crate::path::KeyPath;
use crate::source::Source;

/// Most mistakes that are told of one file. What follows is as good as always a consequence.
const MOST: usize = 50;

/// Findings so far, by position in the text.
#[derive(Default)]
pub(crate) struct Report {
    errors: Vec<Finding>,
    warnings: Vec<Finding>,
    hidden: Vec<Range<usize>>,
}

#[derive(PartialEq)]
struct Finding {
    span: Range<usize>,
    key: String,
    message: String,
}

impl Report {
    /// A mistake: the manifest will not be used.
    pub(crate) fn error(&mut self, span: &Range<usize>, key: &KeyPath<'_>, message: impl Into<String>) {
        add(&mut self.errors, Finding::new(span, key, message));
    }

    /// Something that the manifest says and that is not used, or that is right only in some cases.
    pub(crate) fn warning(&mut self, span: &Range<usize>, key: &KeyPath<'_>, message: impl Into<String>) {
        add(&mut self.warnings, Finding::new(span, key, message));
    }

    /// Keeps this part of the text out of every excerpt.
    pub(crate) fn hide(&mut self, span: Range<usize>) {
        self.hidden.push(span);
    }

    /// Whether nothing is wrong so far.
    pub(crate) fn is_clean(&self) -> bool {
        self.errors.is_empty()
    }

    /// How many mistakes there are so far.
    pub(crate) fn errors(&self) -> usize {
        self.errors.len()
    }

    /// The warnings, if there is no mistake; else the mistakes.
    pub(crate) fn finish(self, file: &str, source: &Source<'_>) -> Result<Vec<Problem>, Vec<Problem>> {
        let Self { errors, warnings, hidden } = self;
        let failed = !errors.is_empty();
        let mut findings = if failed { errors } else { warnings };
        findings.sort_by_key(|finding| finding.span.start);
        let untold = findings.len().saturating_sub(MOST);
        findings.truncate(MOST);
        let told = findings.into_iter().map(|finding| finding.at(file, source, &hidden));
        let more = (untold > 0).then(|| Problem {
            file: file.to_owned(),
            place: None,
            key: String::new(),
            message: format!("{untold} more like these; mend the first ones and read it again"),
            excerpt: None,
        });
        let problems = told.chain(more).collect();
        if failed { Err(problems) } else { Ok(problems) }
    }
}

fn add(findings: &mut Vec<Finding>, finding: Finding) {
    // What is found in `[defaults]` shows in every server that inherits it.
    let known = findings.iter().any(|other| other.span == finding.span && other.message == finding.message);
    if !known {
        findings.push(finding);
    }
}

impl Finding {
    fn new(span: &Range<usize>, key: &KeyPath<'_>, message: impl Into<String>) -> Self {
        Self { span: span.clone(), key: key.to_string(), message: message.into() }
    }

    fn at(self, file: &str, source: &Source<'_>, hidden: &[Range<usize>]) -> Problem {
        Problem {
            file: file.to_owned(),
            place: Some(source.place(self.span.start)),
            excerpt: source.excerpt(&self.span, hidden),
            key: self.key,
            message: self.message,
        }
    }
}
