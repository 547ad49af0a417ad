//! What is wrong with a manifest, as its author reads it.

use std::fmt;

/// One mistake, or one warning: where it is and what to do about it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// The file, as it was named.
    pub file: String,
    /// Where in the file; `None` if the file could not be read at all.
    pub place: Option<Place>,
    /// The key it concerns, from the top: `servers.files.limits.memory`. Empty for the file as a whole.
    pub key: String,
    /// What is wrong and what to write instead. Never holds a value of `env`, `headers` or the like.
    pub message: String,
    /// The line with a mark under the place, where that helps. Values that may be secret are masked.
    pub excerpt: Option<String>,
}

/// A position in a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Place {
    /// Line, counted from 1.
    pub line: usize,
    /// Column in characters, counted from 1.
    pub column: usize,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:", self.file)?;
        if let Some(place) = self.place {
            write!(f, "{}:{}:", place.line, place.column)?;
        }
        if !self.key.is_empty() {
            write!(f, " {}:", self.key)?;
        }
        write!(f, " {}", self.message)?;
        self.excerpt.as_ref().map_or(Ok(()), |excerpt| write!(f, "\n{excerpt}"))
    }
}

/// Everything that is wrong with one manifest, in the order of the file. Never empty.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ManifestErrors {
    problems: Vec<Problem>,
}

impl ManifestErrors {
    pub(crate) fn new(problems: Vec<Problem>) -> Self {
        Self { problems }
    }

    /// The mistake that concerns `file` as a whole.
    pub(crate) fn whole(file: &str, message: String) -> Self {
        let file = file.to_owned();
        Self::new(vec![Problem { file, place: None, key: String::new(), message, excerpt: None }])
    }

    /// The mistakes, in the order of the file.
    pub fn problems(&self) -> &[Problem] {
        &self.problems
    }
}

impl fmt::Display for ManifestErrors {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, problem) in self.problems.iter().enumerate() {
            let newline = if index == 0 { "" } else { "\n" };
            write!(f, "{newline}{problem}")?;
        }
        Ok(())
    }
}

impl std::error::Error for ManifestErrors {}
