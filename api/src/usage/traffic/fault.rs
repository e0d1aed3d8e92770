//! What is wrong with a body as a whole, so that nothing of it is taken, and how the caller is told. What is wrong
//! with one sample only is its rejection, and not here.

use crate::problem::{Item, Kind, Problem};

/// A fault, where in the body it is, and at which field.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Fault {
    pub(super) kind: FaultKind,
    /// The field, as in `samples[3].ingress_bytes`; empty for the body itself.
    pub(super) path: String,
    /// Where the reader stood, in bytes from the beginning of its text.
    pub(super) at: usize,
}

/// What is wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum FaultKind {
    /// It is not JSON (RFC 8259), or nested too deeply; says what was expected.
    Syntax(&'static str),
    /// A key comes twice in one object: which of the two is meant cannot be known.
    DuplicateKey,
    /// No such field.
    UnknownField,
    /// A field that everything else depends on is missing.
    Missing,
    /// A field that everything else depends on cannot be what it is; says why.
    Invalid(&'static str),
}

/// Boxed, so that the way without a fault carries one word only.
pub(super) type Result<T> = std::result::Result<T, Box<Fault>>;

impl Fault {
    #[cold]
    pub(super) fn new(kind: FaultKind, at: usize) -> Box<Self> {
        Box::new(Self { kind, path: String::new(), at })
    }

    #[cold]
    pub(super) fn field(kind: FaultKind, field: &str, at: usize) -> Box<Self> {
        Self::new(kind, at).inside(field)
    }

    /// The same fault, seen from what holds this field or place.
    #[cold]
    pub(super) fn inside(mut self: Box<Self>, outer: &str) -> Box<Self> {
        let dot = if self.path.is_empty() || self.path.starts_with('[') { "" } else { "." };
        // A field's name is the caller's own text, which may be anything and as long as the body.
        let outer: String = outer.chars().take(64).collect();
        self.path = outer + dot + &self.path;
        self
    }

    /// The same fault in a text of which the reader saw only what follows this place.
    #[cold]
    pub(super) fn moved(mut self: Box<Self>, start: usize) -> Box<Self> {
        self.at += start;
        self
    }

    /// The line and the column, both from 1, of where it is in this text.
    fn place(&self, text: &str) -> (usize, usize) {
        let before = text.get(..self.at).unwrap_or(text);
        let line_start = before.rfind('\n').map_or(0, |newline| newline + 1);
        (before.matches('\n').count() + 1, before[line_start..].chars().count() + 1)
    }

    /// What the caller is told; `text` is the body.
    pub(super) fn into_problem(self, text: &str) -> Problem {
        let (line, column) = self.place(text);
        let place = format!("line {line}, column {column}");
        let (code, detail) = match self.kind {
            FaultKind::Syntax(why) => {
                let problem =
                    Problem::new(Kind::MalformedBody, format!("the body is broken at {place}: {why}"));
                return match self.path {
                    path if path.is_empty() => problem,
                    path => problem.with(Item {
                        field: Some(path.into()),
                        index: None,
                        code: "malformed".into(),
                        detail: format!("{why} ({place})"),
                    }),
                };
            }
            FaultKind::DuplicateKey => ("duplicate_field", format!("comes twice in one object ({place})")),
            FaultKind::UnknownField => ("unknown_field", format!("there is no such field ({place})")),
            FaultKind::Missing => ("missing_field", "is missing".to_owned()),
            FaultKind::Invalid(why) if self.path.is_empty() => return Problem::new(Kind::Invalid, why),
            FaultKind::Invalid(why) => ("invalid", format!("{why} ({place})")),
        };
        Problem::field(self.path, code, detail)
    }
}
