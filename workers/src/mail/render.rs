//! A letter as subject, text and HTML. Both parts say the same.

use std::fmt::Write as _;

use super::format::Written;
use super::html::{self, Bar};
use super::message::Letter;
use super::words::{Link, Words};
use super::{Language, Links};

/// A letter, ready to be sent to anyone who reads its language.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rendered {
    /// One line.
    pub subject: String,
    /// For programs that show no HTML.
    pub text: String,
    /// A whole document, which fetches nothing.
    pub html: String,
    /// What it is written in.
    pub language: Language,
    /// Where one says that one wants no more of this kind; none for what nobody can do without.
    pub unsubscribe: Option<String>,
}

/// The letter in this language, leading to these pages.
#[must_use]
pub fn render(letter: &Letter, language: Language, links: &Links) -> Rendered {
    let words = Words::of(letter, language, links);
    Rendered {
        text: text(&words, language),
        html: html::page(&words, language, bar(letter)),
        language,
        unsubscribe: words.unsubscribe.map(|link| link.url),
        subject: words.subject,
    }
}

/// What its bar shows, if it is about a limit.
fn bar(letter: &Letter) -> Option<Bar> {
    match letter {
        Letter::Alert(usage)
        | Letter::Critical(usage)
        | Letter::LimitReached(usage)
        | Letter::Forecast { usage, .. } => Some(Bar { percent: usage.percent() }),
        Letter::PaymentConfirmation { .. }
        | Letter::PaymentFailed { .. }
        | Letter::PaymentInReview { .. }
        | Letter::RenewalReminder { .. }
        | Letter::PlanLapsed { .. } => None,
    }
}

fn text(words: &Words, language: Language) -> String {
    let colon = language.typeset(match language {
        Language::French => " :",
        Language::English => ":",
    });
    let mut text = format!("{}\n\n", words.heading);
    // Writing to a string does not fail.
    for paragraph in &words.paragraphs {
        let _ = write!(text, "{paragraph}\n\n");
    }
    for (label, value) in &words.facts {
        let _ = writeln!(text, "{label}{colon} {value}");
    }
    if !words.facts.is_empty() {
        text.push('\n');
    }
    let link = |Link { label, url }: &Link| format!("{label}{colon}\n{url}\n");
    let _ = write!(text, "{}\n-- \n{}\n", link(&words.button), words.footer);
    if let Some(unsubscribe) = &words.unsubscribe {
        text.push_str(&link(unsubscribe));
    }
    text
}

#[cfg(test)]
mod tests;
