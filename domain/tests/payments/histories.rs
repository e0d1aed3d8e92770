//! What holds at every step of every history of a payment.

use std::collections::BTreeSet;

use proptest::prelude::*;
use servelink_domain::payment::{
    Capture, MOST_SECOND_LINKS, ObservedStatus, Payment, PaymentCommand, PaymentConflicted, PaymentEvent,
    Status, Verdict, decide,
};
use servelink_domain::{ExternalPaymentId, Money};

use crate::telling::{any_history, initiated};

/// The conflict that this command tells of, however it tells it: other money under the payment's own name, or any under
/// another.
fn told_conflict(
    command: &PaymentCommand,
    asked: Money,
    own: &ExternalPaymentId,
) -> Option<PaymentConflicted> {
    let (PaymentCommand::Observe(observation) | PaymentCommand::TakeCallback { observation, .. }) = command
    else {
        return None;
    };
    let captured = match observation.status {
        ObservedStatus::Completed(Capture::Told(money)) => money,
        ObservedStatus::Completed(Capture::NotTold) => asked,
        ObservedStatus::Pending
        | ObservedStatus::Processing
        | ObservedStatus::Failed
        | ObservedStatus::Cancelled => return None,
    };
    let name = &observation.external_payment_id;
    let external_payment_id = (name != own).then(|| name.clone());
    (captured != asked || external_payment_id.is_some()).then_some(PaymentConflicted {
        asked,
        captured,
        external_payment_id,
    })
}

/// Whether this tells of a link that is not the payment's own.
fn is_of_another_link(command: &PaymentCommand, payment: &Payment) -> bool {
    let (PaymentCommand::Observe(observation) | PaymentCommand::TakeCallback { observation, .. }) = command
    else {
        return false;
    };
    payment.external_payment_id.as_ref().is_some_and(|own| *own != observation.external_payment_id)
}

/// Whether this event is about another link than the payment's own, and so changes nothing of the payment.
fn says_nothing_of_the_payment(event: &PaymentEvent) -> bool {
    match event {
        PaymentEvent::SecondLinkFound(_) => true,
        PaymentEvent::PaymentConflicted(conflicted) => conflicted.external_payment_id.is_some(),
        PaymentEvent::CallbackReceived(callback) => match callback.verdict {
            Verdict::Applied | Verdict::NoNews | Verdict::ToConfirm => callback.external_payment_id.is_some(),
        },
        PaymentEvent::PaymentInitiated(_)
        | PaymentEvent::PaymentSubmitted(_)
        | PaymentEvent::PaymentProcessing(_)
        | PaymentEvent::PaymentCompleted(_)
        | PaymentEvent::PaymentFailed(_)
        | PaymentEvent::CancellationRequested(_)
        | PaymentEvent::PaymentCancelled(_)
        | PaymentEvent::RefundDue(_) => false,
    }
}

proptest! {
    #![proptest_config(ProptestConfig { max_shrink_time: 10_000, ..ProptestConfig::with_cases(512) })]

    /// Completed is for ever; a payment has one external id; everything happens once; a conflict is of money that was
    /// told in that moment, and one of a second link comes once; what is told of a second link changes nothing else, and
    /// a doubtful word of it makes no conflict; there are only so many of them; and replaying the events gives the same
    /// payment.
    #[test]
    fn what_holds_for_every_history((asked, commands) in any_history()) {
        let begun = PaymentEvent::PaymentInitiated(initiated(asked));
        let mut payment = Payment::default();
        payment.evolve(&begun);
        let mut events = vec![begun];
        let mut conflicts = BTreeSet::new();
        let mut paid_links = BTreeSet::new();
        for command in commands {
            let before = payment.clone();
            let decided = decide(&payment, command.clone()).unwrap_or_default();
            if is_of_another_link(&command, &before) {
                for event in &decided {
                    prop_assert!(says_nothing_of_the_payment(event), "{:?} gave {:?}", command, decided);
                }
                let doubtful = matches!(&command, PaymentCommand::TakeCallback { trusted: false, .. });
                let conflicted = |event: &PaymentEvent| matches!(event, PaymentEvent::PaymentConflicted(_));
                prop_assert!(!doubtful || !decided.iter().any(conflicted), "{:?} gave {:?}", command, decided);
            }
            for event in decided {
                payment.evolve(&event);
                if let PaymentEvent::PaymentConflicted(PaymentConflicted { external_payment_id: Some(link), .. }) =
                    &event
                {
                    prop_assert!(paid_links.insert(link.clone()), "each link once: {}", link);
                }
                if let PaymentEvent::PaymentConflicted(conflicted) = &event {
                    let own = payment.external_payment_id.as_ref().unwrap();
                    prop_assert_eq!(Some(conflicted.clone()), told_conflict(&command, asked, own));
                    prop_assert!(conflicts.insert(format!("{conflicted:?}")), "each once: {:?}", conflicted);
                }
                events.push(event);
            }
            if before.status == Status::Completed {
                prop_assert_eq!(payment.status, Status::Completed);
            }
            if before.external_payment_id.is_some() {
                prop_assert_eq!(&payment.external_payment_id, &before.external_payment_id);
            }
            prop_assert!(payment.second_links.len() <= MOST_SECOND_LINKS);
        }
        let count = |wanted: fn(&PaymentEvent) -> bool| events.iter().filter(|event| wanted(event)).count();
        prop_assert_eq!(count(|event| matches!(event, PaymentEvent::PaymentInitiated(_))), 1);
        prop_assert!(count(|event| matches!(event, PaymentEvent::PaymentCompleted(_))) <= 1);
        prop_assert!(count(|event| matches!(event, PaymentEvent::RefundDue(_))) <= 1);
        prop_assert!(count(|event| matches!(event, PaymentEvent::CancellationRequested(_))) <= 1);
        let mut replayed = Payment::default();
        events.iter().for_each(|event| replayed.evolve(event));
        prop_assert_eq!(replayed, payment, "replaying history gives the same state");
    }
}
