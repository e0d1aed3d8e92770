//! A plan is activated at most once per team and period, and no payment pays twice: several teams at once, each asked
//! again and again for payments and periods in any order, and removed and registered again in between.

use std::collections::{BTreeMap, BTreeSet};

use chrono::TimeDelta;
use proptest::prelude::*;
use servelink_domain::plan::Catalogue;
use servelink_domain::team::{PaidBy, Team, TeamCommand, TeamEvent, TeamRefusal, decide};
use servelink_domain::{PaymentId, TeamId};

use crate::telling::beginning;

#[derive(Debug, Clone)]
enum Step {
    /// Settlement asks for a month of the team; the nth payment is for one period of one team.
    Pay {
        team: u8,
        payment: u8,
    },
    /// An operator gives a month.
    Give {
        team: u8,
    },
    /// Reminders, and the end of the plan.
    Check {
        team: u8,
    },
    Remove {
        team: u8,
    },
    Register {
        team: u8,
    },
    Wait {
        days: u8,
    },
}

const TEAMS: u8 = 3;
/// Payments of each team: two for each of its periods.
const PAYMENTS: u8 = 8;

fn any_step() -> impl Strategy<Value = Step> {
    let team = || 0..TEAMS;
    prop_oneof![
        10 => (team(), 0..PAYMENTS).prop_map(|(team, payment)| Step::Pay { team, payment }),
        1 => team().prop_map(|team| Step::Give { team }),
        2 => team().prop_map(|team| Step::Check { team }),
        1 => team().prop_map(|team| Step::Remove { team }),
        2 => team().prop_map(|team| Step::Register { team }),
        2 => (1_u8..40).prop_map(|days| Step::Wait { days }),
    ]
}

fn paid_by(team: u8, payment: u8) -> PaidBy {
    let period = u32::from(payment / 2) + 1;
    PaidBy { payment_id: PaymentId::from_bytes([team * PAYMENTS + payment; 16]), period }
}

/// What paid for a month, in an event that gives one.
fn month_of(event: &TeamEvent) -> Option<(Option<PaymentId>, Option<u32>)> {
    match event {
        TeamEvent::PlanActivated(activated) => Some((activated.payment_id, activated.period)),
        TeamEvent::PlanRenewed(renewed) => Some((renewed.payment_id, renewed.period)),
        TeamEvent::TeamRegistered(_)
        | TeamEvent::TeamRenamed(_)
        | TeamEvent::TeamRemoved(_)
        | TeamEvent::MemberAdded(_)
        | TeamEvent::MemberRemoved(_)
        | TeamEvent::MemberRoleChanged(_)
        | TeamEvent::MemberContactChanged(_)
        | TeamEvent::SubjectErased(_)
        | TeamEvent::ProjectRegistered(_)
        | TeamEvent::ProjectRenamed(_)
        | TeamEvent::ProjectSourceChosen(_)
        | TeamEvent::ProjectMoved(_)
        | TeamEvent::ProjectRemoved(_)
        | TeamEvent::RenewalDue(_)
        | TeamEvent::PlanLapsed(_)
        | TeamEvent::UsageAlertRaised(_)
        | TeamEvent::UsageAlertCleared(_)
        | TeamEvent::LimitForecast(_)
        | TeamEvent::UnlinkedStorageMeasured(_) => None,
    }
}

proptest! {
    #![proptest_config(ProptestConfig { max_shrink_time: 10_000, ..ProptestConfig::with_cases(256) })]

    /// Each period of a team is paid once, each payment pays once, and a payment that is refused is refused because its
    /// period is paid or nobody is there to pay for: its money is then due for a refund.
    #[test]
    fn each_period_of_a_team_is_paid_once(steps in prop::collection::vec(any_step(), 1..80)) {
        let plans = Catalogue::default();
        let plan = plans.find("pro").unwrap().0.clone();
        let mut teams: BTreeMap<u8, Team> = (0..TEAMS).map(|team| (team, Team::default())).collect();
        let mut paid_periods: BTreeSet<(u8, u32)> = BTreeSet::new();
        let mut used_payments: BTreeSet<PaymentId> = BTreeSet::new();
        let mut now = beginning();
        for step in steps {
            let (team, command) = match &step {
                Step::Pay { team, payment } => {
                    let paid_by = Some(paid_by(*team, *payment));
                    (*team, TeamCommand::ActivatePlan { plan: plan.clone(), paid_by, at: now })
                }
                Step::Give { team } => {
                    (*team, TeamCommand::ActivatePlan { plan: plan.clone(), paid_by: None, at: now })
                }
                Step::Check { team } => (*team, TeamCommand::CheckPlan { at: now }),
                Step::Remove { team } => (*team, TeamCommand::Remove { at: now }),
                Step::Register { team } => {
                    let slug = TeamId::from_bytes([*team; 16]).to_string().parse().unwrap();
                    (*team, TeamCommand::Register { name: "Team".into(), slug })
                }
                Step::Wait { days } => {
                    now += TimeDelta::days((*days).into());
                    continue;
                }
            };
            let standing = teams.get_mut(&team).unwrap();
            let decided = decide(standing, command, &plans);
            let months: Vec<_> = decided.iter().flatten().filter_map(month_of).collect();
            match &step {
                Step::Pay { payment, .. } => {
                    let PaidBy { payment_id, period } = paid_by(team, *payment);
                    if let [(told_payment, told_period)] = months[..] {
                        prop_assert_eq!((told_payment, told_period), (Some(payment_id), Some(period)));
                        prop_assert!(paid_periods.insert((team, period)), "paid before: {:?}", step);
                        prop_assert!(used_payments.insert(payment_id), "it paid before: {:?}", step);
                    } else if used_payments.contains(&payment_id) && standing.registered.is_some() {
                        prop_assert_eq!(&decided, &Ok(vec![]), "asked again: {:?}", step);
                    } else if standing.registered.is_some() {
                        prop_assert_eq!(&decided, &Err(TeamRefusal::PeriodPaid { period }));
                        let later = paid_periods.range((team, period)..=(team, u32::MAX)).next();
                        prop_assert!(later.is_some(), "neither it nor a later one was paid: {:?}", step);
                    } else {
                        prop_assert_eq!(&decided, &Err(TeamRefusal::NotRegistered));
                    }
                }
                Step::Give { .. } => prop_assert!(months.iter().all(|month| *month == (None, None))),
                Step::Check { .. } | Step::Remove { .. } | Step::Register { .. } | Step::Wait { .. } => {
                    prop_assert!(months.is_empty(), "{:?} gave a month", step);
                }
            }
            decided.iter().flatten().for_each(|event| standing.evolve(event));
        }
    }
}
