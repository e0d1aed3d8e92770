//! The statements of the projector.

use chrono::{DateTime, Utc};
use domain::payment::PaymentInitiated;
use domain::plan::PlanName;
use domain::team::{MemberContactChanged, Role};
use domain::{DeliveryId, EventId, Language, Money, PaymentId, Sealed, Slug, TeamId, UserId};

use super::row::{Channel, PaymentFacts, Told};
use crate::db::{DbError, Param, Tx};

pub(super) struct Tables<'a> {
    pub(super) tx: &'a mut Tx,
    pub(super) generation: i64,
}

/// Whom a mail is for.
#[derive(Debug, Clone, Copy)]
pub(super) enum Readers {
    /// This member.
    Member(UserId),
    /// Owners and admins: it is what nobody of them can do without.
    All,
    /// Those of them who want to hear the rest too.
    Unmuted,
}

/// A payment that was begun.
pub(super) struct Begun {
    pub(super) team: TeamId,
    pub(super) user: UserId,
    pub(super) facts: PaymentFacts,
    pub(super) completed_at: Option<DateTime<Utc>>,
}

impl Tables<'_> {
    /// `$1` is the generation.
    async fn execute(&mut self, sql: &str, params: &[Param<'_>]) -> Result<u64, DbError> {
        let params = [&[self.generation.into()], params].concat();
        self.tx.execute(sql, &params).await
    }

    pub(super) async fn put_team(&mut self, team: TeamId, name: &str, slug: &Slug) -> Result<(), DbError> {
        let sql = "INSERT INTO deliveries_team (generation, team_id, name, slug, plan) VALUES ($1, $2, $3, $4, $5) \
                   ON CONFLICT (generation, team_id) DO UPDATE SET name = excluded.name, slug = excluded.slug";
        let (team, name, free) = (team.to_string(), storable(name), PlanName::free());
        let params = [(&team).into(), (&name).into(), slug.as_str().into(), free.as_str().into()];
        self.execute(sql, &params).await?;
        Ok(())
    }

    /// What was never told about it is told nobody any more.
    pub(super) async fn remove_team(&mut self, team: TeamId) -> Result<(), DbError> {
        let team = team.to_string();
        for sql in [
            "DELETE FROM deliveries WHERE generation = $1 AND team_id = $2 AND state IN ('due', 'delayed')",
            "DELETE FROM deliveries_member WHERE generation = $1 AND team_id = $2",
            "DELETE FROM deliveries_team WHERE generation = $1 AND team_id = $2",
        ] {
            self.execute(sql, &[(&team).into()]).await?;
        }
        Ok(())
    }

    pub(super) async fn put_plan(&mut self, team: TeamId, plan: &PlanName) -> Result<(), DbError> {
        let sql = "UPDATE deliveries_team SET plan = $3 WHERE generation = $1 AND team_id = $2";
        self.execute(sql, &[(&team.to_string()).into(), plan.as_str().into()]).await?;
        Ok(())
    }

    /// Its slug and plan; none: there is no such team.
    pub(super) async fn team(&mut self, team: TeamId) -> Result<Option<(Slug, PlanName)>, DbError> {
        let sql = "SELECT slug, plan FROM deliveries_team WHERE generation = $1 AND team_id = $2";
        let rows = self.tx.fetch(sql, &[self.generation.into(), (&team.to_string()).into()]).await?;
        rows.first().map(|row| Ok((row.parse(0)?, row.text(1)?.into()))).transpose()
    }

    pub(super) async fn put_member(&mut self, team: TeamId, user: UserId, role: Role) -> Result<(), DbError> {
        let sql = "INSERT INTO deliveries_member (generation, team_id, user_id, role) VALUES ($1, $2, $3, $4) \
                   ON CONFLICT (generation, team_id, user_id) DO UPDATE SET role = excluded.role";
        self.execute(sql, &[(&team.to_string()).into(), user.0.into(), role.as_str().into()]).await?;
        Ok(())
    }

    pub(super) async fn put_contact(
        &mut self,
        team: TeamId,
        contact: &MemberContactChanged,
    ) -> Result<(), DbError> {
        // An empty text is none: parameters are never NULL.
        let sql = "UPDATE deliveries_member SET email = nullif($4, ''), language = nullif($5, ''), muted = $6 \
                   WHERE generation = $1 AND team_id = $2 AND user_id = $3";
        let (team, email) = (team.to_string(), contact.email.as_ref().map_or("", Sealed::as_str));
        let language = contact.language.map_or("", Language::tag);
        let params = [
            (&team).into(),
            contact.user_id.0.into(),
            email.into(),
            language.into(),
            i64::from(contact.muted).into(),
        ];
        self.execute(sql, &params).await?;
        Ok(())
    }

    pub(super) async fn remove_member(&mut self, team: TeamId, user: UserId) -> Result<(), DbError> {
        self.forget_mails(team, user).await?;
        let sql = "DELETE FROM deliveries_member WHERE generation = $1 AND team_id = $2 AND user_id = $3";
        self.execute(sql, &[(&team.to_string()).into(), user.0.into()]).await?;
        Ok(())
    }

    pub(super) async fn erase_member(&mut self, team: TeamId, user: UserId) -> Result<(), DbError> {
        self.forget_mails(team, user).await?;
        let nothing = MemberContactChanged { user_id: user, email: None, language: None, muted: false };
        self.put_contact(team, &nothing).await
    }

    /// Those that he did not get yet.
    async fn forget_mails(&mut self, team: TeamId, user: UserId) -> Result<(), DbError> {
        let sql = "DELETE FROM deliveries WHERE generation = $1 AND team_id = $2 AND user_id = $3 \
                   AND state IN ('due', 'delayed')";
        self.execute(sql, &[(&team.to_string()).into(), user.0.into()]).await?;
        Ok(())
    }

    pub(super) async fn put_payment(
        &mut self,
        id: PaymentId,
        begun: &PaymentInitiated,
    ) -> Result<(), DbError> {
        let sql = "INSERT INTO deliveries_payment \
                   (generation, payment_id, team_id, user_id, plan, amount_minor, currency) \
                   VALUES ($1, $2, $3, $4, $5, $6, $7)";
        let (id, team) = (id.to_string(), begun.team_id.to_string());
        let params = [
            (&id).into(),
            (&team).into(),
            begun.user_id.0.into(),
            begun.plan.as_str().into(),
            begun.amount.minor.into(),
            begun.amount.currency.code().into(),
        ];
        self.execute(sql, &params).await?;
        Ok(())
    }

    pub(super) async fn complete_payment(
        &mut self,
        id: PaymentId,
        completed_at: DateTime<Utc>,
    ) -> Result<(), DbError> {
        let sql = "UPDATE deliveries_payment SET completed_at = $3 WHERE generation = $1 AND payment_id = $2";
        self.execute(sql, &[(&id.to_string()).into(), completed_at.timestamp_micros().into()]).await?;
        Ok(())
    }

    pub(super) async fn payment(&mut self, id: PaymentId) -> Result<Option<Begun>, DbError> {
        let sql = "SELECT team_id, user_id, plan, amount_minor, currency, completed_at FROM deliveries_payment \
                   WHERE generation = $1 AND payment_id = $2";
        let rows = self.tx.fetch(sql, &[self.generation.into(), (&id.to_string()).into()]).await?;
        let Some(row) = rows.first() else { return Ok(None) };
        let amount = Money::new(row.int(3)?, row.word(4)?);
        Ok(Some(Begun {
            team: row.parse(0)?,
            user: UserId(row.int(1)?),
            facts: PaymentFacts { payment_id: id, plan: row.text(2)?.into(), amount },
            completed_at: row.opt_instant(5)?,
        }))
    }

    pub(super) async fn add_webhook(
        &mut self,
        event_id: EventId,
        team: TeamId,
        due_at: DateTime<Utc>,
        told: &Told,
    ) -> Result<(), DbError> {
        let sql = "INSERT INTO deliveries (generation, delivery_id, channel, team_id, due_at, facts, state) \
                   VALUES ($1, $2, $3, $4, $5, $6, 'due')";
        let id = DeliveryId::Webhook { event_id }.to_string();
        let (team, facts) = (team.to_string(), facts(told)?);
        let params = [
            (&id).into(),
            Channel::Webhook.as_str().into(),
            (&team).into(),
            due_at.timestamp_micros().into(),
            (&facts).into(),
        ];
        self.execute(sql, &params).await?;
        Ok(())
    }

    /// One to each of these, if there is an address; how many there are.
    pub(super) async fn add_mails(
        &mut self,
        event_id: EventId,
        team: TeamId,
        to: Readers,
        due_at: DateTime<Utc>,
        told: &Told,
    ) -> Result<u64, DbError> {
        let (team, event_id, facts) = (team.to_string(), event_id.to_string(), facts(told)?);
        let mut params = vec![
            (&team).into(),
            (&event_id).into(),
            Channel::Mail.as_str().into(),
            due_at.timestamp_micros().into(),
            (&facts).into(),
        ];
        let readers = match to {
            Readers::Member(user) => {
                params.push(user.0.into());
                "user_id = $7"
            }
            Readers::All => "role IN ('owner', 'admin')",
            Readers::Unmuted => "role IN ('owner', 'admin') AND muted = 0",
        };
        let sql = format!(
            "INSERT INTO deliveries (generation, delivery_id, channel, team_id, user_id, due_at, facts, state) \
             SELECT generation, 'mail:' || $3 || ':' || user_id, $4, team_id, user_id, $5, $6, 'due' \
             FROM deliveries_member WHERE generation = $1 AND team_id = $2 AND email IS NOT NULL AND {readers}"
        );
        self.execute(&sql, &params).await
    }

    pub(super) async fn delay(
        &mut self,
        id: &DeliveryId,
        at: DateTime<Utc>,
        reason: &str,
    ) -> Result<(), DbError> {
        let sql = "UPDATE deliveries SET state = 'delayed', since = $3, reason = $4 \
                   WHERE generation = $1 AND delivery_id = $2";
        self.tell(sql, id, at, reason).await
    }

    pub(super) async fn give_up(
        &mut self,
        id: &DeliveryId,
        at: DateTime<Utc>,
        reason: &str,
    ) -> Result<(), DbError> {
        let sql = "UPDATE deliveries SET state = 'given_up', done_at = $3, reason = $4 \
                   WHERE generation = $1 AND delivery_id = $2";
        self.tell(sql, id, at, reason).await
    }

    pub(super) async fn deliver(&mut self, id: &DeliveryId, at: DateTime<Utc>) -> Result<(), DbError> {
        let sql = "UPDATE deliveries SET state = 'delivered', done_at = $3, reason = nullif($4, '') \
                   WHERE generation = $1 AND delivery_id = $2";
        self.tell(sql, id, at, "").await
    }

    async fn tell(
        &mut self,
        sql: &str,
        id: &DeliveryId,
        at: DateTime<Utc>,
        reason: &str,
    ) -> Result<(), DbError> {
        let reason = storable(reason);
        self.execute(sql, &[(&id.to_string()).into(), at.timestamp_micros().into(), (&reason).into()])
            .await?;
        Ok(())
    }
}

fn facts(told: &Told) -> Result<String, DbError> {
    serde_json::to_string(told).map_err(|error| DbError::Corrupt(format!("what is no JSON ({error})")))
}

/// Postgres holds no NUL, and one of them must not stop everybody's mail.
fn storable(text: &str) -> String {
    text.replace('\0', "\u{fffd}")
}
