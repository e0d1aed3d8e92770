//! Hands a rendered letter to an SMTP server: one connection a mail, within a time limit.
//!
//! A mail is handed over at least once: when the server's answer to it is lost, it may have it already. The `Message-ID`
//! is made of the event and its reader, so that a repeat is recognisable. No error tells a recipient's address in full, or a password.

mod config;
mod dialogue;
mod error;
mod recipient;

use std::time::{Duration, SystemTime};

use chrono::{DateTime, Utc};
use domain::UserId;
use lettre::Message;
use lettre::message::header::{HeaderName, HeaderValue};
use lettre::message::{Mailbox, MultiPart};
use tokio::time::{Instant, timeout, timeout_at};
use uuid::Uuid;

pub use config::{MailConfig, MailConfigError, MailLimits, Security};
pub use error::SendError;
pub use recipient::Recipient;

use super::Rendered;
use dialogue::{Refused, Server};

/// How long a server may take to say goodbye. What it took before that, it has.
const GOODBYE: Duration = Duration::from_secs(1);

/// Sends mail through one SMTP server.
pub struct Mailer {
    server: Server,
    from: Mailbox,
    reply_to: Option<Mailbox>,
    total: Duration,
}

impl Mailer {
    /// Through the server that is configured. Nothing is asked of it yet.
    ///
    /// # Errors
    /// [`MailConfigError::Tls`] when the certificate authorities that this system trusts cannot be read.
    pub fn new(config: &MailConfig) -> Result<Self, MailConfigError> {
        let server = config.server()?;
        Ok(Self {
            server,
            from: config.from.clone(),
            reply_to: config.reply_to.clone(),
            total: config.limits.total,
        })
    }

    /// Hands it over, `at` this time, under the id `<{event_id}.{reader}@{domain of the sender}>`: the same at every try,
    /// and another for each reader, whose letters differ.
    ///
    /// # Errors
    /// [`SendError`] says whether another try can help.
    pub async fn send(
        &self,
        to: &Recipient,
        (event_id, reader): (Uuid, UserId),
        at: DateTime<Utc>,
        letter: &Rendered,
    ) -> Result<(), SendError> {
        let id = format!("<{event_id}.{reader}@{}>", self.from.email.domain());
        let message = self.message(to, id, at, letter).map_err(|error| {
            SendError::Permanent(error::masked(&format!("no message can be made: {error}"), to))
        })?;
        let end = Instant::now() + self.total;
        let late = |_| SendError::Transient(format!("not done within {:?}", self.total));
        let refused = |refused: Refused| SendError::of(&refused, to);
        let mut connection = timeout_at(end, self.server.connect()).await.map_err(late)?.map_err(refused)?;
        let (envelope, text) = (message.envelope(), message.formatted());
        let handed =
            timeout_at(end, dialogue::hand_over(&mut connection, envelope, &text)).await.map_err(late)?;
        // The server has it, or will not take it: that holds however long it takes to say goodbye.
        let _ = timeout(GOODBYE, connection.abort()).await;
        handed.map_err(refused)
    }

    fn message(
        &self,
        to: &Recipient,
        id: String,
        at: DateTime<Utc>,
        letter: &Rendered,
    ) -> Result<Message, lettre::error::Error> {
        let mut message = Message::builder()
            .from(self.from.clone())
            .to(to.mailbox())
            .subject(&letter.subject)
            .date(SystemTime::from(at))
            .message_id(Some(id))
            // RFC 3834: nobody's holiday notice shall answer it.
            .raw_header(header("Auto-Submitted", "auto-generated"))
            .raw_header(header("Content-Language", letter.language.tag()));
        if let Some(mailbox) = &self.reply_to {
            message = message.reply_to(mailbox.clone());
        }
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
