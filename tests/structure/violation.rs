//! What a broken rule says: where, which rule, and what to do about it.

use std::fmt;

/// One place that breaks one rule.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Violation {
    /// From the repository's root.
    pub(crate) file: String,
    /// Counted from 1; none where the whole file is meant.
    pub(crate) line: Option<usize>,
    /// Its short name.
    pub(crate) rule: &'static str,
    /// What was found, and what to do.
    pub(crate) advice: String,
}

impl Violation {
    pub(crate) fn file(file: &str, rule: &'static str, advice: impl Into<String>) -> Self {
        Self { file: file.to_owned(), line: None, rule, advice: advice.into() }
    }

    pub(crate) fn line(file: &str, line: usize, rule: &'static str, advice: impl Into<String>) -> Self {
        Self { line: Some(line), ..Self::file(file, rule, advice) }
    }
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.file)?;
        if let Some(line) = self.line {
            write!(f, ":{line}")?;
        }
        write!(f, ": [{}] {}", self.rule, self.advice)
    }
}
