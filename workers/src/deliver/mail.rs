//! Mails to members, each in his own language.

use std::sync::Arc;

use chrono::{DateTime, Utc};
use domain::plan::Catalogue;
use domain::{DeliveryId, Slug, UserId};
use projections::PendingDelivery;
use projections::deliveries::Channel;
use secrecy::ExposeSecret;
use store::state::StateError;
use store::subjects::Subjects;
use uuid::Uuid;

use super::letter::letter;
use super::{Failure, Retries, Transport};
use crate::mail::links::BaseUrlError;
use crate::mail::{Links, Mailer, Recipient, render};
use crate::trouble::in_one_line;

/// Sends mails.
pub struct MailTransport {
    mailer: Mailer,
    subjects: Subjects,
    plans: Arc<Catalogue>,
    base_url: String,
}

impl MailTransport {
    /// Through this mailer. Letters lead to pages below `base_url`, where browsers reach Servelink.
    ///
    /// # Errors
    /// [`BaseUrlError`].
    pub fn new(
        mailer: Mailer,
        subjects: Subjects,
        plans: Arc<Catalogue>,
        base_url: String,
    ) -> Result<Self, BaseUrlError> {
        let any: Slug = "any".parse().map_err(|_| BaseUrlError)?;
        Links::new(&base_url, &any)?;
        Ok(Self { mailer, subjects, plans, base_url })
    }

    /// Where its reader is reached now.
    async fn recipient(&self, delivery: &PendingDelivery, user_id: UserId) -> Result<Recipient, Failure> {
        let contact = delivery.contact.as_ref();
        let contact = contact.ok_or_else(|| Failure::permanent("the member has no address any more"))?;
        let opened = self.subjects.open(user_id, &contact.email).await;
        let address =
            opened.map_err(not_known_now)?.ok_or_else(|| Failure::permanent("the person was forgotten"))?;
        let recipient = address.expose_secret().parse();
        recipient.map_err(|_| Failure::permanent("the member's address is none that can be written to"))
    }
}

impl Transport for MailTransport {
    const CHANNEL: Channel = Channel::Mail;
    const JOB: &'static str = "mail";
    const AT_ONCE: usize = 2;
    const RETRIES: Retries = Retries::MAIL;

    async fn send(&self, delivery: &PendingDelivery, at: DateTime<Utc>) -> Result<(), Failure> {
        let DeliveryId::Mail { event_id, user_id } = delivery.id else {
            return Err(Failure::permanent("it is no mail"));
        };
        let event_id = Uuid::parse_str(&event_id.to_string())
            .map_err(|_| Failure::permanent("the event's id is none"))?;
        let letter =
            letter(delivery, &self.plans).ok_or_else(|| Failure::permanent("no letter tells of this"))?;
        let recipient = self.recipient(delivery, user_id).await?;
        let links = Links::new(&self.base_url, &delivery.team.slug)
            .map_err(|error| Failure::transient(format!("the base URL {error}")))?;
        let token = self.subjects.token(delivery.team_id, user_id).await.map_err(not_known_now)?;
        let token = token.ok_or_else(|| Failure::permanent("the person was forgotten"))?;
        let links = links.of_reader(delivery.team_id, user_id, &token);
        let language = delivery.contact.as_ref().and_then(|contact| contact.language).unwrap_or_default();
        let rendered = render(&letter, language, &links);
        Ok(self.mailer.send(&recipient, (event_id, user_id), at, &rendered).await?)
    }
}

fn not_known_now(error: StateError) -> Failure {
    Failure::transient(format!("the address is not known now: {}", in_one_line(&error)))
}
