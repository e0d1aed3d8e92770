//! The facts themselves, and how each event changes them. What is about payments is `facts/payments.rs`.

mod payments;

use std::collections::{BTreeMap, BTreeSet, HashMap};

use chrono::{DateTime, Utc};
use cqrs_es::Aggregate;
use domain::inbox::{Inbox, InboxEvent};
use domain::month::MonthError;
use domain::payment::{Payment, PaymentEvent};
use domain::plan::PlanName;
use domain::service_key::{Scope, ServiceKey, ServiceKeyEvent};
use domain::team::{Role, Team, TeamEvent};
use domain::usage::{Usage, UsageEvent, UsageId};
use domain::{
    ByteCount, ExternalPaymentId, Month, PaymentId, ProjectId, Slug, TeamId, TrafficSource, UserId,
};

pub use payments::{OpenPayment, SecondLink, ToConfirm};

use crate::codec::{CodecError, decode};
use crate::log::{Position, Recorded};

/// What is known up to a position.
#[derive(Debug, Default)]
pub struct Facts {
    /// Everything up to here is taken in.
    pub position: Position,
    /// The newest month that is closed for any project: it and all before it take no more samples.
    pub closed_through: Option<Month>,
    /// What counts the traffic of projects that nothing else was chosen for. None: everything that comes in counts.
    pub traffic_source: Option<TrafficSource>,
    /// Every project that ever was.
    pub projects: HashMap<ProjectId, KnownProject>,
    /// Every team that is registered.
    pub teams: HashMap<TeamId, KnownTeam>,
    /// Whose slug is whose.
    pub slugs: HashMap<Slug, TeamId>,
    /// Every service key that ever was, by id.
    pub keys: BTreeMap<String, KnownKey>,
    /// The last of its months that each team has paid.
    pub paid_periods: HashMap<TeamId, u32>,
    /// Payments that may still be paid.
    pub open_payments: BTreeMap<PaymentId, OpenPayment>,
    /// Payments whose money is there and has not come to anything yet: neither a plan nor a refund.
    pub unsettled: BTreeMap<PaymentId, Option<OpenPayment>>,
    /// Payments that a poll may still find paid, for some days: those that have ended otherwise, and those of which a
    /// callback told what its word is not enough for.
    pub to_confirm: BTreeMap<PaymentId, ToConfirm>,
    /// Second links of payments that a poll may find paid, and since when that is so: they were heard of then, or told of in
    /// doubt. Each is asked about for some days, whatever has become of its payment.
    pub second_links: BTreeMap<SecondLink, DateTime<Utc>>,
    /// What the backend calls payments that it said in the last days were paid, and that nobody here knows; and since
    /// when.
    pub unmatched: BTreeMap<ExternalPaymentId, DateTime<Utc>>,
}

/// A project.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct KnownProject {
    /// Whose it is, or was.
    pub team: TeamId,
    /// What counts its traffic; none: what counts for all projects.
    pub source: Option<TrafficSource>,
    /// Since when it does not exist any more.
    pub removed_at: Option<DateTime<Utc>>,
}

/// A team.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KnownTeam {
    /// Its name in addresses.
    pub slug: Slug,
    /// Its plan.
    pub plan: PlanName,
    /// The first instant after the plan's time; none on the free plan.
    pub plan_until: Option<DateTime<Utc>>,
    /// Who owns it.
    pub owners: BTreeSet<UserId>,
    /// Whose address or language was told.
    pub reached: BTreeSet<UserId>,
    /// What its folders come to that no project mounts, as last measured.
    pub unlinked: ByteCount,
}

/// A service key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KnownKey {
    /// What it is for, for people to read.
    pub name: String,
    /// SHA-256 of the secret, in hex.
    pub hash: String,
    /// What it may be used for.
    pub scopes: Vec<Scope>,
    /// Since when it exists.
    pub created_at: DateTime<Utc>,
    /// The first instant at which it is no more valid.
    pub expires_at: Option<DateTime<Utc>>,
    /// Since when it is revoked.
    pub revoked_at: Option<DateTime<Utc>>,
}

impl Facts {
    /// How many teams on the free plan this user owns, not counting one.
    #[must_use]
    pub fn free_teams_of(&self, user: UserId, not_counting: TeamId) -> u64 {
        let owns = |(id, team): &(&TeamId, &KnownTeam)| {
            **id != not_counting && team.plan.is_free() && team.owners.contains(&user)
        };
        self.teams.iter().filter(owns).count() as u64
    }

    /// The teams that were told how to reach this user.
    #[must_use]
    pub fn reaching(&self, user: UserId) -> Vec<TeamId> {
        let reaches = |(id, team): (&TeamId, &KnownTeam)| team.reached.contains(&user).then_some(*id);
        self.teams.iter().filter_map(reaches).collect()
    }

    /// The one way of counting that bills this project now. None: all of them do.
    #[must_use]
    pub fn billing_source(&self, project: ProjectId) -> Option<TrafficSource> {
        self.projects.get(&project).and_then(|known| known.source).or(self.traffic_source)
    }

    /// Whether a month takes no more samples.
    #[must_use]
    pub fn is_closed(&self, month: Month) -> bool {
        self.closed_through.is_some_and(|closed| month <= closed)
    }

    /// The month that takes corrections of closed ones: the present one, or the first after all that are closed.
    ///
    /// # Errors
    /// [`MonthError`] when the present is outside the months that can be held.
    pub fn open_month(&self, now: DateTime<Utc>) -> Result<Month, MonthError> {
        let present = Month::of(now)?;
        Ok(self.closed_through.map_or(present, |closed| present.max(closed.next())))
    }

    pub(super) fn take_in(&mut self, event: &Recorded) -> Result<(), CodecError> {
        match event.stream.aggregate_type.as_ref() {
            Team::TYPE => self.team_event(event, &decode::<TeamEvent>(event)?),
            Usage::TYPE => self.usage_event(event, &decode::<UsageEvent>(event)?),
            Payment::TYPE => self.payment_event(event, &decode::<PaymentEvent>(event)?),
            Inbox::TYPE => self.inbox_event(event, &decode::<InboxEvent>(event)?),
            ServiceKey::TYPE => self.key_event(event, decode::<ServiceKeyEvent>(event)?),
            // Others' streams (a stock repository's) say nothing about ours.
            _ => {}
        }
        self.position = event.position;
        Ok(())
    }

    fn team_event(&mut self, recorded: &Recorded, event: &TeamEvent) {
        let Ok(id) = recorded.stream.aggregate_id.parse::<TeamId>() else {
            return;
        };
        match event {
            TeamEvent::TeamRegistered(team) => {
                let plan = PlanName::free();
                self.teams.insert(
                    id,
                    KnownTeam {
                        slug: team.slug.clone(),
                        plan,
                        plan_until: None,
                        owners: BTreeSet::new(),
                        reached: BTreeSet::new(),
                        unlinked: ByteCount::ZERO,
                    },
                );
                self.slugs.insert(team.slug.clone(), id);
            }
            TeamEvent::TeamRenamed(renamed) => {
                if let Some(team) = self.teams.get_mut(&id) {
                    self.slugs.remove(&team.slug);
                    team.slug = renamed.slug.clone();
                    self.slugs.insert(renamed.slug.clone(), id);
                }
            }
            TeamEvent::TeamRemoved(_) => {
                if let Some(team) = self.teams.remove(&id) {
                    self.slugs.remove(&team.slug);
                }
            }
            TeamEvent::MemberAdded(member) => self.role_of(id, member.user_id, Some(member.role)),
            TeamEvent::MemberRoleChanged(member) => self.role_of(id, member.user_id, Some(member.role)),
            TeamEvent::MemberRemoved(member) => {
                self.role_of(id, member.user_id, None);
                self.reached(id, member.user_id, false);
            }
            TeamEvent::MemberContactChanged(changed) => self.reached(id, changed.user_id, true),
            TeamEvent::SubjectErased(erased) => self.reached(id, erased.user_id, false),
            TeamEvent::ProjectRegistered(project) => {
                self.projects
                    .insert(project.project_id, KnownProject { team: id, source: None, removed_at: None });
            }
            TeamEvent::ProjectMoved(project) => {
                self.projects.insert(
                    project.project_id,
                    KnownProject { team: project.to_team, source: None, removed_at: None },
                );
            }
            TeamEvent::ProjectRemoved(project) => {
                let removed_at = Some(project.at);
                self.projects.insert(project.project_id, KnownProject { team: id, source: None, removed_at });
            }
            TeamEvent::ProjectRenamed(_) => {}
            TeamEvent::ProjectSourceChosen(chosen) => {
                if let Some(project) = self.projects.get_mut(&chosen.project_id) {
                    project.source = chosen.source;
                }
            }
            TeamEvent::PlanActivated(activated) => {
                self.plan_of(id, &activated.plan, Some(activated.until));
                self.settled_by(id, activated.payment_id, activated.period);
            }
            TeamEvent::PlanRenewed(renewed) => {
                self.plan_of(id, &renewed.plan, Some(renewed.until));
                self.settled_by(id, renewed.payment_id, renewed.period);
            }
            TeamEvent::PlanLapsed(_) => self.plan_of(id, &PlanName::free(), None),
            TeamEvent::RenewalDue(_)
            | TeamEvent::UsageAlertRaised(_)
            | TeamEvent::UsageAlertCleared(_)
            | TeamEvent::LimitForecast(_) => {}
            TeamEvent::UnlinkedStorageMeasured(measured) => {
                if let Some(team) = self.teams.get_mut(&id) {
                    team.unlinked = measured.bytes;
                }
            }
        }
    }

    fn plan_of(&mut self, team: TeamId, plan: &PlanName, until: Option<DateTime<Utc>>) {
        if let Some(team) = self.teams.get_mut(&team) {
            team.plan = plan.clone();
            team.plan_until = until;
        }
    }

    fn role_of(&mut self, team: TeamId, user: UserId, role: Option<Role>) {
        let Some(team) = self.teams.get_mut(&team) else {
            return;
        };
        if role == Some(Role::Owner) {
            team.owners.insert(user);
        } else {
            team.owners.remove(&user);
        }
    }

    fn reached(&mut self, team: TeamId, user: UserId, told: bool) {
        if let Some(team) = self.teams.get_mut(&team) {
            if told {
                team.reached.insert(user)
            } else {
                team.reached.remove(&user)
            };
        }
    }

    fn usage_event(&mut self, recorded: &Recorded, event: &UsageEvent) {
        match event {
            UsageEvent::MonthClosed(_) => {
                if let Ok(id) = recorded.stream.aggregate_id.parse::<UsageId>() {
                    self.closed_through = self.closed_through.max(Some(id.month));
                }
            }
            UsageEvent::TrafficRecorded(_)
            | UsageEvent::StorageMeasured(_)
            | UsageEvent::UsageCorrected(_) => {}
        }
    }

    fn key_event(&mut self, recorded: &Recorded, event: ServiceKeyEvent) {
        let id = &recorded.stream.aggregate_id;
        match event {
            ServiceKeyEvent::ServiceKeyCreated(created) => {
                let key = KnownKey {
                    name: created.name,
                    hash: created.hash,
                    scopes: created.scopes,
                    created_at: created.at,
                    expires_at: created.expires_at,
                    revoked_at: None,
                };
                self.keys.insert(id.clone(), key);
            }
            ServiceKeyEvent::ServiceKeyRevoked(revoked) => {
                if let Some(key) = self.keys.get_mut(id) {
                    key.revoked_at = Some(revoked.at);
                }
            }
        }
    }
}
