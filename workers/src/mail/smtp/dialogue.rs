//! What is said to an SMTP server to hand over one mail (RFC 5321, section 3.3), in lettre's words.
//!
//! lettre's own transport says the same, but waits for the answer to QUIT as long as for all others, although the mail is
//! taken before that; and its errors do not tell what was refused: us, or the reader.

use std::time::Duration;

use lettre::address::Envelope;
use lettre::transport::smtp::Error;
use lettre::transport::smtp::authentication::{Credentials, DEFAULT_MECHANISMS};
use lettre::transport::smtp::client::{AsyncSmtpConnection, TlsParameters};
use lettre::transport::smtp::commands::{Data, Mail, Rcpt};
use lettre::transport::smtp::extension::{ClientId, Extension, MailParameter};

use super::config::Security;

/// A server, and how to come to the point where it takes mail.
pub(super) struct Server {
    pub(super) host: String,
    pub(super) port: u16,
    pub(super) security: Security,
    /// None without TLS.
    pub(super) tls: Option<TlsParameters>,
    pub(super) credentials: Option<Credentials>,
    /// The longest that a connection may take.
    pub(super) connect: Duration,
}

/// What a server refuses, or leaves without an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Step {
    /// Us: it cannot be reached, or does not want to speak to us.
    Welcome,
    /// Our user and password.
    Password,
    /// What we send from.
    Sender,
    /// Whom we send to.
    Recipient,
    /// The mail itself.
    Content,
}

/// How far it came, and why no farther.
#[derive(Debug)]
pub(super) struct Refused {
    pub(super) step: Step,
    pub(super) error: Error,
}

impl Step {
    const fn refused(self) -> impl FnOnce(Error) -> Refused {
        move |error| Refused { step: self, error }
    }
}

impl Server {
    /// A connection that takes mail.
    pub(super) async fn connect(&self) -> Result<AsyncSmtpConnection, Refused> {
        let (name, address) = (ClientId::default(), (&*self.host, self.port));
        let (at_once, later) = match self.security {
            Security::Tls => (self.tls.clone(), None),
            Security::StartTls => (None, self.tls.clone()),
            Security::None => (None, None),
        };
        let connecting =
            AsyncSmtpConnection::connect_tokio1(address, Some(self.connect), &name, at_once, None);
        let mut connection = connecting.await.map_err(Step::Welcome.refused())?;
        if let Some(tls) = later {
            connection.starttls(tls, &name).await.map_err(Step::Welcome.refused())?;
        }
        if let Some(credentials) = &self.credentials {
            connection.auth(DEFAULT_MECHANISMS, credentials).await.map_err(Step::Password.refused())?;
        }
        Ok(connection)
    }
}

/// Once this is `Ok` the server has the mail.
pub(super) async fn hand_over(
    connection: &mut AsyncSmtpConnection,
    envelope: &Envelope,
    mail: &[u8],
) -> Result<(), Refused> {
    let mut addresses = envelope.to().iter().chain(envelope.from());
    // RFC 6531: what is not ASCII is announced, to servers that know of it.
    let international = !addresses.all(|address| AsRef::<str>::as_ref(address).is_ascii());
    if international && !connection.server_info().supports_feature(Extension::SmtpUtfEight) {
        // Nothing may be sent then, and lettre says so.
        return connection.send(envelope, mail).await.map(drop).map_err(Step::Recipient.refused());
    }
    let parameters = if international { vec![MailParameter::SmtpUtfEight] } else { vec![] };
    let sender = Mail::new(envelope.from().cloned(), parameters);
    connection.command(sender).await.map_err(Step::Sender.refused())?;
    for recipient in envelope.to() {
        let recipient = Rcpt::new(recipient.clone(), vec![]);
        connection.command(recipient).await.map_err(Step::Recipient.refused())?;
    }
    connection.command(Data).await.map_err(Step::Content.refused())?;
    connection.message(mail).await.map_err(Step::Content.refused())?;
    Ok(())
}
