//! Hands a rendered letter to an SMTP server: one connection a mail, within a time limit.
//!
//! A mail is handed over at least once: when the server's answer to it is lost, it may have it already. The `Message-ID`
//! is the event's, so that a repeat is recognisable. No error tells a recipient's address in full, or a password.

mod config;
mod error;
mod recipient;

use std::time::{Duration, SystemTime};

use chrono::{DateTime, Utc};
use lettre::message::header::{HeaderName, HeaderValue};
use lettre::message::{Mailbox, MultiPart};
use lettre::{AsyncSmtpTransport, AsyncTransport, Message, Tokio1Executor};
use uuid::Uuid;

pub use config::{MailConfig, MailConfigError, MailLimits, Security};
pub use error::SendError;
pub use recipient::Recipient;

use super::Rendered;

/// Sends mail through one SMTP server.
pub struct Mailer {
    transport: AsyncSmtpTransport<Tokio1Executor>,
    from: Mailbox,
    total: Duration,
}

impl Mailer {
    /// Through the server that is configured. Nothing is asked of it yet.
    ///
    /// # Errors
    /// [`MailConfigError::Tls`] when the certificate authorities that this system trusts cannot be read.
    pub fn new(config: &MailConfig) -> Result<Self, MailConfigError> {
        let transport = config.transport()?;
        Ok(Self { transport, from: config.from.clone(), total: config.limits.total })
    }

    /// Hands it over, `at` this time, under the id that `event_id` gives: `<{event_id}@{domain of the sender}>`. Members
    /// who get the same letter get it under the same id.
    ///
    /// # Errors
    /// [`SendError`] says whether another try can help.
    pub async fn send(
        &self,
        to: &Recipient,
        event_id: Uuid,
        at: DateTime<Utc>,
        letter: &Rendered,
    ) -> Result<(), SendError> {
        let message = self.message(to, event_id, at, letter).map_err(|error| {
            SendError::Permanent(error::masked(&format!("no message can be made: {error}"), to))
        })?;
        match tokio::time::timeout(self.total, self.transport.send(message)).await {
            Ok(Ok(_)) => Ok(()),
            Ok(Err(error)) => Err(SendError::of(&error, to)),
            Err(_) => Err(SendError::Transient(format!("not done within {:?}", self.total))),
        }
    }

    fn message(
        &self,
        to: &Recipient,
        event_id: Uuid,
        at: DateTime<Utc>,
        letter: &Rendered,
    ) -> Result<Message, lettre::error::Error> {
        let mut message = Message::builder()
            .from(self.from.clone())
            .to(to.mailbox())
            .subject(&letter.subject)
            .date(SystemTime::from(at))
            .message_id(Some(format!("<{event_id}@{}>", self.from.email.domain())))
            // RFC 3834: nobody's holiday notice shall answer it.
            .raw_header(header("Auto-Submitted", "auto-generated"))
            .raw_header(header("Content-Language", letter.language.tag()));
        if let Some(page) = &letter.unsubscribe {
            // RFC 2369, and RFC 8058: mail programs unsubscribe by one POST to that page.
            message = message
                .raw_header(header("List-Unsubscribe", &format!("<{page}>")))
                .raw_header(header("List-Unsubscribe-Post", "List-Unsubscribe=One-Click"));
        }
        message.multipart(MultiPart::alternative_plain_html(letter.text.clone(), letter.html.clone()))
    }
}

fn header(name: &'static str, value: &str) -> HeaderValue {
    HeaderValue::new(HeaderName::new_from_ascii_str(name), value.into())
}
