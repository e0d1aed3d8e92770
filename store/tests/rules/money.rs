//! Whatever happens to payments, in any order and at the same time: all money is accounted for, no month is paid twice,
//! and nothing is asked of the backend that is not in the log. What happens is `shop.rs`.

use std::collections::{BTreeMap, BTreeSet};

use domain::payment::{PaymentEvent, PaymentInitiated};
use domain::{ExternalPaymentId, Money, PaymentId};
use proptest::prelude::*;

use crate::shop::{Shop, walk};
use crate::steps::any_rounds;

/// What the log has of all payments, for counting.
#[derive(Default)]
struct Ledger {
    initiated: BTreeMap<PaymentId, PaymentInitiated>,
    names: BTreeMap<PaymentId, ExternalPaymentId>,
    completed: Vec<(PaymentId, Money)>,
    refunds: Vec<PaymentId>,
    /// Whose, what, and under which name if not the payment's own.
    conflicts: Vec<(PaymentId, Money, Option<ExternalPaymentId>)>,
}

impl Ledger {
    async fn of(shop: &Shop) -> Self {
        let mut ledger = Self::default();
        for (id, event) in shop.payment_events().await {
            match event {
                PaymentEvent::PaymentInitiated(initiated) => drop(ledger.initiated.insert(id, initiated)),
                PaymentEvent::PaymentSubmitted(submitted) => {
                    drop(ledger.names.insert(id, submitted.external_payment_id));
                }
                PaymentEvent::PaymentCompleted(completed) => ledger.completed.push((id, completed.captured)),
                PaymentEvent::RefundDue(_) => ledger.refunds.push(id),
                PaymentEvent::PaymentConflicted(conflicted) => {
                    ledger.conflicts.push((id, conflicted.captured, conflicted.external_payment_id));
                }
                PaymentEvent::PaymentProcessing(_)
                | PaymentEvent::PaymentFailed(_)
                | PaymentEvent::CancellationRequested(_)
                | PaymentEvent::PaymentCancelled(_)
                | PaymentEvent::CallbackReceived(_)
                | PaymentEvent::SecondLinkFound(_) => {}
            }
        }
        ledger
    }

    /// What a payment captured as it was asked.
    fn captured(&self, id: PaymentId) -> Money {
        self.completed.iter().find(|(completed, _)| *completed == id).unwrap().1
    }
}

/// By currency, in minor units.
fn sum(all: impl IntoIterator<Item = Money>) -> BTreeMap<&'static str, i128> {
    let mut sums = BTreeMap::new();
    for money in all {
        *sums.entry(money.currency.code()).or_default() += i128::from(money.minor);
    }
    sums
}

fn sorted<T: Ord>(all: impl IntoIterator<Item = T>) -> Vec<T> {
    let mut all: Vec<T> = all.into_iter().collect();
    all.sort();
    all
}

fn in_order(conflict: &(PaymentId, Money, Option<ExternalPaymentId>)) -> impl Ord + std::fmt::Debug + use<> {
    let (id, money, name) = conflict;
    (*id, money.minor, money.currency.code(), name.clone())
}

fn after<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(future)
}

proptest! {
    #![proptest_config(ProptestConfig { max_shrink_time: 10_000, ..ProptestConfig::with_cases(64) })]

    /// The sum of what the bank has captured is what was activated, what is due for a refund and what is in conflict: by
    /// currency, in minor units. Each capture of exactly what was asked, at the payment's own link, came to one thing; each
    /// other capture became one conflict. What was captured by a link that Servelink has heard of was told by nobody in
    /// the end: asking found it.
    #[test]
    fn all_money_is_accounted_for(rounds in any_rounds()) {
        let (shop, ledger, months) = after(async {
            let shop = walk(&rounds).await;
            let (ledger, months) = (Ledger::of(&shop).await, shop.months().await);
            (shop, ledger, months)
        });
        let mut as_asked = vec![];
        let mut otherwise = vec![];
        for link in shop.bank.links() {
            let Some(money) = link.captured() else { continue };
            let own = ledger.names.get(&link.payment) == Some(&link.name);
            if own && money == link.asked {
                as_asked.push(link.payment);
            } else {
                otherwise.push((link.payment, money, (!own).then_some(link.name)));
            }
        }
        let activated: Vec<_> = months.iter().map(|(_, id, _)| *id).collect();
        let came_to_one_thing = sorted(activated.iter().chain(&ledger.refunds).copied());
        prop_assert_eq!(sorted(as_asked), came_to_one_thing, "a plan or a refund that is due, and never both");
        let conflicts = sorted(ledger.conflicts.iter().map(in_order));
        prop_assert_eq!(sorted(otherwise.iter().map(in_order)), conflicts, "a conflict each");
        let captured = sum(shop.bank.links().iter().filter_map(|link| link.captured()));
        let accounted_for = activated.iter().chain(&ledger.refunds).map(|id| ledger.captured(*id));
        let in_conflict = ledger.conflicts.iter().map(|(_, money, _)| *money);
        prop_assert_eq!(captured, sum(accounted_for.chain(in_conflict)));
    }

    /// A plan is activated at most once for each team and period, whatever teams do beside each other; each payment pays
    /// for its own team and for the period that it was begun for, once.
    #[test]
    fn no_month_is_paid_twice(rounds in any_rounds()) {
        let (ledger, months) = after(async {
            let shop = walk(&rounds).await;
            (Ledger::of(&shop).await, shop.months().await)
        });
        let mut paid = BTreeSet::new();
        let mut used = BTreeSet::new();
        for (team, id, period) in months {
            prop_assert!(paid.insert((team, period)), "{} has paid month {} before", team, period);
            prop_assert!(used.insert(id), "{} has paid before", id);
            let initiated = &ledger.initiated[&id];
            prop_assert_eq!((initiated.team_id, initiated.period), (team, period));
        }
    }

    /// Nothing is asked of the backend before the log has why: answers that are lost, nodes that ask at the same time, and
    /// cancellations change nothing of that.
    #[test]
    fn nothing_is_asked_that_is_not_in_the_log(rounds in any_rounds()) {
        let seen = after(async { walk(&rounds).await.seen() });
        prop_assert_eq!(seen.unannounced, Vec::<String>::new(), "of {} calls", seen.calls);
    }
}
