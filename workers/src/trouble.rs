//! A trouble that lasts is worth two lines in the log, not one every few seconds: when it begins (or becomes another
//! one) and when it ends.

/// What a note changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Change {
    /// There was no trouble before, or another one.
    Begun,
    /// As before.
    None,
    /// There was trouble before.
    Ended,
}

/// The trouble that something has at the moment.
#[derive(Debug)]
pub struct Trouble {
    with: &'static str,
    now: Option<String>,
    times: u32,
}

impl Trouble {
    /// No trouble yet `with` something, as log lines name it.
    #[must_use]
    pub const fn new(with: &'static str) -> Self {
        Self { with, now: None, times: 0 }
    }

    /// How many notes in a row were of trouble.
    #[must_use]
    pub const fn times(&self) -> u32 {
        self.times
    }

    /// Notes how it went this time, and logs what has changed.
    pub fn note(&mut self, trouble: Option<String>) -> Change {
        let with = self.with;
        match trouble {
            None if self.now.is_none() => Change::None,
            None => {
                tracing::info!(with, times = self.times, "well again");
                *self = Self::new(with);
                Change::Ended
            }
            Some(trouble) => {
                self.times = self.times.saturating_add(1);
                if self.now.as_ref() == Some(&trouble) {
                    tracing::debug!(with, %trouble, times = self.times, "still in trouble");
                    return Change::None;
                }
                tracing::warn!(with, %trouble, "trouble; trying again at every turn, and silent until it changes");
                self.now = Some(trouble);
                Change::Begun
            }
        }
    }
}

/// An error and all that caused it, in one line.
#[must_use]
pub fn in_one_line(error: &dyn std::error::Error) -> String {
    let mut line = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        let text = error.to_string();
        // Some crates repeat the cause in the error's own text.
        if !line.ends_with(&text) {
            line.push_str(": ");
            line.push_str(&text);
        }
        cause = error.source();
    }
    line
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_changes_are_told() {
        let mut trouble = Trouble::new("test");
        let mut note = |text: Option<&str>| (trouble.note(text.map(Into::into)), trouble.times());
        assert_eq!(note(None), (Change::None, 0));
        assert_eq!(note(Some("down")), (Change::Begun, 1));
        assert_eq!(note(Some("down")), (Change::None, 2));
        assert_eq!(note(Some("slow")), (Change::Begun, 3));
        assert_eq!(note(None), (Change::Ended, 0));
        assert_eq!(note(None), (Change::None, 0));
    }

    #[test]
    fn causes_are_named_once() {
        #[derive(Debug, thiserror::Error)]
        #[error("cannot read")]
        struct Outer(#[source] std::io::Error);
        let error = Outer(std::io::Error::other("no such disk"));
        assert_eq!(in_one_line(&error), "cannot read: no such disk");
    }
}
