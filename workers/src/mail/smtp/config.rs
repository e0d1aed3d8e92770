//! Which SMTP server, who we are to it, and what a mail may cost. Messages name the setting and never repeat it: an
//! address may have a password in it.

use std::fmt;
use std::time::Duration;

use lettre::message::Mailbox;
use lettre::transport::smtp::authentication::Credentials;
use lettre::transport::smtp::client::TlsParameters;
use percent_encoding::percent_decode_str;
use reqwest::Url;
use secrecy::{ExposeSecret, SecretString};

use super::dialogue::Server;

/// What a mail may cost.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MailLimits {
    /// The longest that making a connection to one of the server's addresses may take.
    pub connect: Duration,
    /// The longest that a mail may take, the connection included.
    pub total: Duration,
}

impl Default for MailLimits {
    fn default() -> Self {
        Self { connect: Duration::from_secs(10), total: Duration::from_secs(30) }
    }
}

/// Who can read along.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Security {
    /// Nobody: TLS from the first byte (`smtps`).
    Tls,
    /// Nobody: nothing is told before the server has changed to TLS (RFC 3207). A server that does not is not used.
    StartTls,
    /// Everybody on the way: for a server on the same machine, or to try things.
    None,
}

impl Security {
    /// Where servers listen for it (RFC 8314, RFC 6409, RFC 5321).
    const fn port(self) -> u16 {
        match self {
            Self::Tls => 465,
            Self::StartTls => 587,
            Self::None => 25,
        }
    }
}

/// Which SMTP server, and as whom.
#[derive(Clone)]
pub struct MailConfig {
    host: String,
    port: u16,
    security: Security,
    credentials: Option<Credentials>,
    /// Who the mail is from. Its domain is the one of message ids.
    pub(super) from: Mailbox,
    /// Where answers go, if not to whom it is from.
    pub(super) reply_to: Option<Mailbox>,
    /// What a mail may cost.
    pub limits: MailLimits,
}

impl MailConfig {
    /// The server at this URL, with the usual limits:
    ///
    /// | URL | |
    /// |---|---|
    /// | `smtps://user:password@host:465` | TLS |
    /// | `smtp://user:password@host:587` | STARTTLS; `?starttls=required` says the same |
    /// | `smtp://host:25?starttls=never` | no TLS at all |
    ///
    /// User and password are percent-encoded, and may be left out; so may the port. `from` is `usage@example.org` or
    /// `Servelink <usage@example.org>`.
    ///
    /// # Errors
    /// [`MailConfigError`] names the setting.
    pub fn new(url: &SecretString, from: &str) -> Result<Self, MailConfigError> {
        let url = Url::parse(url.expose_secret().trim()).map_err(|_| MailConfigError::Url)?;
        let security = match (url.scheme(), url.query()) {
            ("smtps", None) => Security::Tls,
            ("smtp", None | Some("starttls=required")) => Security::StartTls,
            ("smtp", Some("starttls=never")) => Security::None,
            _ => return Err(MailConfigError::Url),
        };
        let host = url.host_str().map(|host| host.trim_matches(['[', ']'])).filter(|host| !host.is_empty());
        if !matches!(url.path(), "" | "/") || url.fragment().is_some() {
            return Err(MailConfigError::Url);
        }
        Ok(Self {
            host: host.ok_or(MailConfigError::Url)?.into(),
            port: url.port().unwrap_or(security.port()),
            security,
            credentials: credentials(&url)?,
            from: from.trim().parse().map_err(|_| MailConfigError::From)?,
            reply_to: None,
            limits: MailLimits::default(),
        })
    }

    /// Answers go to this mailbox.
    ///
    /// # Errors
    /// [`MailConfigError::ReplyTo`].
    pub fn with_reply_to(self, mailbox: &str) -> Result<Self, MailConfigError> {
        let mailbox = mailbox.trim().parse().map_err(|_| MailConfigError::ReplyTo)?;
        Ok(Self { reply_to: Some(mailbox), ..self })
    }

    /// Who can read along.
    #[must_use]
    pub const fn security(&self) -> Security {
        self.security
    }

    pub(super) fn server(&self) -> Result<Server, MailConfigError> {
        let tls = match self.security {
            Security::Tls | Security::StartTls => Some(TlsParameters::new(self.host.clone())?),
            Security::None => None,
        };
        Ok(Server {
            host: self.host.clone(),
            port: self.port,
            security: self.security,
            tls,
            credentials: self.credentials.clone(),
            connect: self.limits.connect,
        })
    }
}

/// Both or neither.
fn credentials(url: &Url) -> Result<Option<Credentials>, MailConfigError> {
    let decoded = |text: &str| match percent_decode_str(text).decode_utf8() {
        Ok(text) => Ok(text.into_owned()),
        Err(_) => Err(MailConfigError::Url),
    };
    match (url.username(), url.password()) {
        ("", None) => Ok(None),
        ("", Some(_)) | (_, None) => Err(MailConfigError::Url),
        (user, Some(password)) => Ok(Some(Credentials::new(decoded(user)?, decoded(password)?))),
    }
}

/// Neither user nor password.
impl fmt::Debug for MailConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { host, port, security, credentials: _, from: _, reply_to: _, limits } = self;
        f.debug_struct("MailConfig")
            .field("host", host)
            .field("port", port)
            .field("security", security)
            .field("limits", limits)
            .finish_non_exhaustive()
    }
}

/// What is wrong with a configuration.
#[derive(Debug, thiserror::Error)]
pub enum MailConfigError {
    /// The server's address.
    #[error(
        "MAIL_URL must be a URL such as smtp://user:password@mail.example:587 (STARTTLS), smtps://... (TLS) or \
         smtp://localhost:25?starttls=never, with both user and password or neither, percent-encoded"
    )]
    Url,
    /// The sender.
    #[error("MAIL_FROM must be a mail address such as usage@example.org or Servelink <usage@example.org>")]
    From,
    /// Where answers go.
    #[error(
        "MAIL_REPLY_TO must be a mail address such as help@example.org or Our help desk <help@example.org>"
    )]
    ReplyTo,
    /// No certificate can be checked.
    #[error(
        "the certificate authorities that this system trusts cannot be read, and mail (MAIL_URL) needs TLS"
    )]
    Tls(#[from] lettre::transport::smtp::Error),
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config(url: &str) -> Result<MailConfig, MailConfigError> {
        MailConfig::new(&SecretString::from(url), "Servelink <usage@example.org>")
    }

    #[test]
    fn a_url_says_how_safe_it_is() {
        for (url, host, port, security) in [
            ("smtps://mail.example", "mail.example", 465, Security::Tls),
            ("smtp://mail.example", "mail.example", 587, Security::StartTls),
            ("smtp://mail.example:2525/?starttls=required", "mail.example", 2525, Security::StartTls),
            (" smtp://[::1]:1025?starttls=never ", "::1", 1025, Security::None),
            ("smtp://localhost?starttls=never", "localhost", 25, Security::None),
        ] {
            let config = config(url).unwrap();
            assert_eq!((&*config.host, config.port, config.security), (host, port, security), "{url}");
            assert!(config.credentials.is_none());
        }
    }

    #[test]
    fn credentials_are_decoded_and_never_shown() {
        let config = config("smtps://us%40er:can%3Aary%C3%A9@mail.example").unwrap();
        assert!(config.credentials == Some(Credentials::new("us@er".into(), "can:aryé".into())));
        let shown = format!("{config:?}");
        assert!(!shown.contains("ary") && !shown.contains("us@er"), "{shown}");
    }

    #[test]
    fn mistakes_are_named_and_not_repeated() {
        for url in [
            "",
            "canary.example",
            "http://canary.example",
            "smtp://",
            "smtp:canary",
            "smtp://canary@mail.example",
            "smtp://:canary@mail.example",
            "smtp://u:canary%ff@mail.example",
            "smtp://mail.example/canary",
            "smtp://mail.example#canary",
            "smtp://mail.example?starttls=canary",
            "smtp://mail.example?tls=required",
            "smtps://mail.example?starttls=never",
        ] {
            let text = config(url).unwrap_err().to_string();
            assert!(text.contains("MAIL_URL") && !text.contains("canary"), "{url}: {text}");
        }
        for from in [
            "",
            "canary",
            "Canary <canary",
            "canary@example.org, b@example.org",
            "canary@example.org\nBcc: x@y.z",
        ] {
            let text = MailConfig::new(&"smtps://mail.example".into(), from).unwrap_err().to_string();
            assert!(text.contains("MAIL_FROM") && !text.contains("canary"), "{from}: {text}");
        }
    }
}
