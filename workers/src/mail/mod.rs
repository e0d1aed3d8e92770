//! What a mail says, and how it is handed to an SMTP server.
//!
//! | module | holds |
//! |---|---|
//! | [`message`] | a [`Letter`] for each thing that teams are told, with just the facts that it tells |
//! | [`mod@format`] | amounts, dates and sizes as each language writes them |
//! | [`links`] | the pages that letters lead to |
//! | [`mod@render`] | a letter as subject, text and HTML |
//! | [`sample`] | one of each, for tests and the preview |
//! | [`smtp`] | hands a rendered letter to an SMTP server |
//!
//! A letter's words are in `words/`, one file a language; they know nothing of HTML, and `render` and `html` nothing of
//! words. Which letter is due, to whom, whether it was sent before and when it is tried again is not here: that is the
//! outbox's. Neither is where addresses and languages of members come from.

pub mod format;
mod html;
pub mod links;
pub mod message;
pub mod render;
pub mod sample;
pub mod smtp;
mod words;

pub use domain::Language;
pub use links::Links;
pub use message::Letter;
pub use render::{Rendered, render};
pub use smtp::{MailConfig, Mailer, Recipient, SendError};
