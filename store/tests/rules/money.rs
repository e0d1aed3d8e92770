//! Whatever happens to payments, in any order: money comes to exactly one thing.

use domain::payment::{Capture, ObservedStatus, PaymentEvent};
use domain::{Money, PaymentId, UserId};
use iso_currency::Currency;
use proptest::prelude::*;

use crate::backend::name_of;
use crate::payments::{PAID, Till};
use crate::world::{actor, team};

#[derive(Debug, Clone)]
enum Step {
    Begin,
    /// A callback of the nth payment, perhaps under a second link.
    Tell {
        nth: usize,
        status: ObservedStatus,
        trusted: bool,
        second_link: bool,
    },
    Poll {
        nth: usize,
        status: ObservedStatus,
    },
    Cancel {
        nth: usize,
    },
    Settle,
    RemoveTeam,
    RegisterTeam,
}

fn any_status() -> impl Strategy<Value = ObservedStatus> {
    prop_oneof![
        1 => Just(ObservedStatus::Processing),
        1 => Just(ObservedStatus::Failed),
        1 => Just(ObservedStatus::Cancelled),
        4 => Just(PAID),
        1 => Just(ObservedStatus::Completed(Capture::NotTold)),
        1 => Just(ObservedStatus::Completed(Capture::Told(Money::new(299, Currency::EUR)))),
    ]
}

fn any_step() -> impl Strategy<Value = Step> {
    prop_oneof![
        6 => Just(Step::Begin),
        6 => (0_usize..3, any_status(), any::<bool>(), prop::bool::weighted(0.1))
            .prop_map(|(nth, status, trusted, second_link)| Step::Tell { nth, status, trusted, second_link }),
        4 => (0_usize..3, any_status()).prop_map(|(nth, status)| Step::Poll { nth, status }),
        1 => (0_usize..3).prop_map(|nth| Step::Cancel { nth }),
        2 => Just(Step::Settle),
        1 => prop_oneof![1 => Just(Step::RemoveTeam), 4 => Just(Step::RegisterTeam)],
    ]
}

async fn walk(steps: &[Step]) -> Till {
    let till = Till::new().await;
    let mut begun: Vec<(PaymentId, String)> = vec![];
    for (number, step) in steps.iter().enumerate() {
        // The later ones more often: most of the earlier have ended.
        let of = |nth: &usize| begun.iter().rev().nth(*nth % begun.len().max(1)).cloned();
        match step {
            Step::Begin => {
                if let Ok(now) = till.initiate(&number.to_string()).await
                    && begun.iter().all(|(id, _)| *id != now.id)
                {
                    begun.push((now.id, name_of(now.id).to_string()));
                }
            }
            Step::Tell { nth, status, trusted, second_link } => {
                let Some((id, name)) = of(nth) else { continue };
                let name = if *second_link { format!("{name}-2") } else { name };
                till.tell(&name, Some(id), &number.to_string(), *status, *trusted).await.unwrap();
            }
            Step::Poll { nth, status } => {
                let Some((id, name)) = of(nth) else { continue };
                if till.backend.payments().contains(&name) {
                    till.backend.set(&name, *status);
                }
                till.payments.refresh(&actor(), id).await.unwrap();
            }
            Step::Cancel { nth } => {
                let Some((id, _)) = of(nth) else { continue };
                drop(till.payments.cancel(actor(), id, UserId(1)).await);
            }
            Step::Settle => drop(till.settle().await),
            Step::RemoveTeam => drop(till.world.commands.remove_team(&actor(), team(1)).await.unwrap()),
            Step::RegisterTeam => till.world.register(team(1), &[]).await,
        }
    }
    till.settle().await;
    till
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// What was captured as asked is a plan or a refund that is due, and never both; no period is paid twice; and no plan
    /// comes without a capture. Whatever else was captured is a conflict: see `payment::tests` in the domain.
    #[test]
    fn money_comes_to_exactly_one_thing(steps in prop::collection::vec(any_step(), 10..80)) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let till = walk(&steps).await;
            let events = till.events().await;
            let of = |wanted: fn(&PaymentEvent) -> bool| {
                let ids = events.iter().filter(|(_, event)| wanted(event)).map(|(id, _)| *id);
                ids.collect::<Vec<_>>()
            };
            let completed = of(|event| matches!(event, PaymentEvent::PaymentCompleted(_)));
            let refunds = of(|event| matches!(event, PaymentEvent::RefundDue(_)));
            let activations = till.activations().await;
            let mut settled: Vec<_> = activations.iter().chain(&refunds).copied().collect();
            settled.sort();
            let mut captured = completed.clone();
            captured.sort();
            prop_assert_eq!(settled, captured, "each captured payment came to one thing");
            let mut periods = std::collections::BTreeSet::new();
            for (id, event) in &events {
                if let PaymentEvent::PaymentInitiated(initiated) = event
                    && activations.contains(id)
                {
                    prop_assert!(periods.insert(initiated.period), "no period is paid twice");
                }
            }
            Ok(())
        })?;
    }
}
