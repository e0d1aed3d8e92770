//! Letters, and what hands them to the tests' SMTP server.

use chrono::{DateTime, Utc};
use domain::UserId;
use servelink_workers::mail::sample::sample;
use servelink_workers::mail::{Language, Links, MailConfig, Mailer, Recipient, Rendered, SendError, render};
use uuid::Uuid;

#[path = "smtp.rs"]
mod smtp;

#[allow(unused_imports, reason = "the tests of the outbox look into it")]
pub(crate) use smtp::Got;
pub(crate) use smtp::SmtpServer;

pub(crate) const EVENT: Uuid = Uuid::from_u128(0x0192_f0c1_2b3c_7d4e_8f50_6172_8394_0a5b);
pub(crate) const READER: UserId = UserId(7);

impl SmtpServer {
    /// Without TLS.
    pub(crate) fn mailer(&self) -> Mailer {
        mailer(&format!("smtp://127.0.0.1:{}?starttls=never", self.port))
    }
}

pub(crate) fn config(url: &str) -> MailConfig {
    MailConfig::new(&url.into(), "Servelink à Dakar <usage@example.org>").unwrap()
}

pub(crate) fn mailer(url: &str) -> Mailer {
    Mailer::new(&config(url)).unwrap()
}

/// The sample with this name.
pub(crate) fn letter(name: &str, language: Language) -> Rendered {
    let (_, letter) = sample().into_iter().find(|(its, _)| *its == name).unwrap();
    render(&letter, language, &Links::new("https://usage.example", &letter.team().slug).unwrap())
}

/// Sends it to this address.
pub(crate) async fn send(mailer: &Mailer, to: &str, letter: &Rendered) -> Result<(), SendError> {
    mailer.send(&to.parse::<Recipient>().unwrap(), (EVENT, READER), at(), letter).await
}

fn at() -> DateTime<Utc> {
    "2026-11-23T09:30:00Z".parse().unwrap()
}
