//! A team as its events have made it.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, Months, Utc};
use serde::{Deserialize, Serialize};

use super::event::{MemberContactChanged, TeamEvent};
use super::{Resource, Role};
use crate::plan::PlanName;
use crate::{ByteCount, Language, Month, PaymentId, ProjectId, Sealed, Slug, TrafficSource, UserId};

/// A team, as far as decisions need it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Team {
    /// Name and slug while it is registered.
    pub registered: Option<(String, Slug)>,
    /// Who belongs to it.
    pub members: BTreeMap<UserId, Role>,
    /// How they are reached, where that was told.
    pub contacts: BTreeMap<UserId, Contact>,
    /// What is its own.
    pub projects: BTreeMap<ProjectId, Project>,
    /// The plan it is on.
    pub plan: PlanName,
    /// The time on that plan; none on the free plan.
    pub term: Option<Term>,
    /// The highest threshold that was raised for each resource, in the month of the last alert. A change of plan begins
    /// anew.
    pub alerts: BTreeMap<Resource, (Month, u8)>,
    /// The last month in which it was told that it will reach a limit. A change of plan begins anew.
    pub forecasts: BTreeMap<Resource, Month>,
    /// What its folders come to that no project mounts, and when that was measured.
    pub unlinked: Option<(ByteCount, DateTime<Utc>)>,
    /// Every payment that paid for a plan, for ever: each pays once.
    pub payments: BTreeSet<PaymentId>,
    /// The last of its months that was paid, for ever: each is paid once.
    pub paid_periods: u32,
}

/// An unbroken time on a paid plan.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Term {
    /// The first instant.
    pub from: DateTime<Utc>,
    /// How many months it has by now.
    pub months: u32,
    /// The first instant after it.
    pub until: DateTime<Utc>,
    /// The last reminder of its end: how many days before it was due.
    pub reminded: Option<u8>,
}

impl Term {
    /// Where it ends with one month more. Counted from its first instant, so that a time which began on the 31st ends
    /// on the last day of each shorter month and on the 31st again after it. None: beyond all calendars.
    #[must_use]
    pub fn until_with_one_more(&self) -> Option<DateTime<Utc>> {
        self.from.checked_add_months(Months::new(self.months.saturating_add(1)))
    }
}

/// How a member is reached.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Contact {
    /// The e-mail address, if there is one.
    pub email: Option<Sealed>,
    /// The language, if one was chosen.
    pub language: Option<Language>,
    /// No mails that he can do without.
    pub muted: bool,
}

/// A project of a team.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Project {
    /// What people call it.
    pub name: String,
    /// What counts its traffic; none: what counts for all projects.
    pub source: Option<TrafficSource>,
}

impl Team {
    /// Takes in one event.
    pub fn evolve(&mut self, event: &TeamEvent) {
        match event {
            TeamEvent::TeamRegistered(team) => self.registered = Some((team.name.clone(), team.slug.clone())),
            TeamEvent::TeamRenamed(team) => self.registered = Some((team.name.clone(), team.slug.clone())),
            TeamEvent::TeamRemoved(_) => {
                let (payments, paid_periods) = (std::mem::take(&mut self.payments), self.paid_periods);
                *self = Self { payments, paid_periods, ..Self::default() };
            }
            TeamEvent::MemberAdded(member) => {
                self.members.insert(member.user_id, member.role);
            }
            TeamEvent::MemberRoleChanged(member) => {
                self.members.insert(member.user_id, member.role);
            }
            TeamEvent::MemberRemoved(member) => {
                self.members.remove(&member.user_id);
                self.contacts.remove(&member.user_id);
            }
            TeamEvent::MemberContactChanged(changed) => {
                let MemberContactChanged { user_id: _, email, language, muted } = changed;
                let contact = Contact { email: email.clone(), language: *language, muted: *muted };
                self.contacts.insert(changed.user_id, contact);
            }
            TeamEvent::SubjectErased(erased) => {
                self.contacts.remove(&erased.user_id);
            }
            TeamEvent::ProjectRegistered(project) => {
                let registered = Project { name: project.name.clone(), source: None };
                self.projects.insert(project.project_id, registered);
            }
            TeamEvent::ProjectRenamed(renamed) => {
                if let Some(project) = self.projects.get_mut(&renamed.project_id) {
                    project.name = renamed.name.clone();
                }
            }
            TeamEvent::ProjectSourceChosen(chosen) => {
                if let Some(project) = self.projects.get_mut(&chosen.project_id) {
                    project.source = chosen.source;
                }
            }
            TeamEvent::ProjectMoved(project) => {
                self.projects.remove(&project.project_id);
            }
            TeamEvent::ProjectRemoved(project) => {
                self.projects.remove(&project.project_id);
            }
            TeamEvent::PlanActivated(activated) => {
                self.alerts.clear();
                self.forecasts.clear();
                self.plan = activated.plan.clone();
                let (from, until) = (activated.from, activated.until);
                self.term = Some(Term { from, months: 1, until, reminded: None });
                self.payments.extend(activated.payment_id);
                self.paid_periods = self.paid_periods.max(activated.period.unwrap_or_default());
            }
            TeamEvent::PlanRenewed(renewed) => {
                if let Some(term) = &mut self.term {
                    term.months = term.months.saturating_add(1);
                    term.until = renewed.until;
                    term.reminded = None;
                }
                self.payments.extend(renewed.payment_id);
                self.paid_periods = self.paid_periods.max(renewed.period.unwrap_or_default());
            }
            TeamEvent::RenewalDue(due) => {
                if let Some(term) = &mut self.term {
                    term.reminded = Some(due.days_before);
                }
            }
            TeamEvent::PlanLapsed(_) => {
                self.plan = PlanName::free();
                self.term = None;
                self.alerts.clear();
                self.forecasts.clear();
            }
            TeamEvent::UsageAlertRaised(raised) => {
                self.alerts.insert(raised.resource, (raised.month, raised.threshold));
            }
            TeamEvent::UsageAlertCleared(cleared) => {
                match cleared.standing {
                    Some(threshold) => self.alerts.insert(cleared.resource, (cleared.month, threshold)),
                    None => self.alerts.remove(&cleared.resource),
                };
            }
            TeamEvent::LimitForecast(forecast) => {
                self.forecasts.insert(forecast.resource, forecast.month);
            }
            TeamEvent::UnlinkedStorageMeasured(measured) => {
                self.unlinked = Some((measured.bytes, measured.measured_at));
            }
        }
    }
}
