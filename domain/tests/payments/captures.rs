//! No plan without an exact verified capture. The plan follows PaymentCompleted alone (`store/tests/rules`), so this is
//! about where PaymentCompleted comes from. It is held against what was observed, and not against what the payment
//! says of itself: `captured` in the event is what was asked, whatever the backend told.

use proptest::prelude::*;
use servelink_domain::payment::{
    Capture, Observation, ObservedStatus, Payment, PaymentCommand, PaymentCompleted, PaymentEvent, Status,
    Via, decide,
};
use servelink_domain::{ExternalPaymentId, Money};

use crate::telling::{
    OWN, any_asked, any_exact_capture, any_history, any_other_capture, callback, history, initiated,
    named_in, submission, told,
};

/// Where a payment stands by its events.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Standing {
    Open,
    EndedUnpaid,
    Completed,
}

impl Standing {
    fn after(self, event: &PaymentEvent) -> Self {
        match event {
            PaymentEvent::PaymentCompleted(_) => Self::Completed,
            PaymentEvent::PaymentFailed(_) | PaymentEvent::PaymentCancelled(_) => Self::EndedUnpaid,
            PaymentEvent::PaymentInitiated(_)
            | PaymentEvent::PaymentSubmitted(_)
            | PaymentEvent::PaymentProcessing(_)
            | PaymentEvent::CancellationRequested(_)
            | PaymentEvent::PaymentConflicted(_)
            | PaymentEvent::RefundDue(_)
            | PaymentEvent::CallbackReceived(_)
            | PaymentEvent::SecondLinkFound(_) => self,
        }
    }
}

/// The observation in this command, if it verifies what it says: a poll does until the payment is completed, a trusted
/// callback while it is open, and nothing else.
fn verified(command: &PaymentCommand, standing: Standing) -> Option<&Observation> {
    match command {
        PaymentCommand::Observe(observation) => match (observation.via, standing) {
            (Via::Poll, Standing::Open | Standing::EndedUnpaid) => Some(observation),
            (Via::Callback, Standing::Open) => Some(observation),
            (Via::Callback, Standing::EndedUnpaid)
            | (Via::Callback | Via::Poll, Standing::Completed)
            | (Via::Cancellation, Standing::Open | Standing::EndedUnpaid | Standing::Completed) => None,
        },
        PaymentCommand::TakeCallback { observation, trusted, .. } => {
            (*trusted && standing == Standing::Open).then_some(observation)
        }
        PaymentCommand::Initiate(_)
        | PaymentCommand::Submit(_)
        | PaymentCommand::RefuseSubmission { .. }
        | PaymentCommand::RequestCancellation { .. }
        | PaymentCommand::Expire { .. }
        | PaymentCommand::OweRefund { .. } => None,
    }
}

/// The PaymentCompleted that this observation is worth: exactly what was asked, under the payment's own name.
fn worth(observation: &Observation, asked: Money, own: &ExternalPaymentId) -> Option<PaymentCompleted> {
    let (captured, told) = match observation.status {
        ObservedStatus::Completed(Capture::Told(money)) => (money, true),
        ObservedStatus::Completed(Capture::NotTold) => (asked, false),
        ObservedStatus::Pending
        | ObservedStatus::Processing
        | ObservedStatus::Failed
        | ObservedStatus::Cancelled => return None,
    };
    let exact = captured == asked && observation.external_payment_id == *own;
    exact.then(|| PaymentCompleted {
        transaction_id: observation.transaction_id.clone(),
        captured,
        told,
        completed_at: observation.at,
    })
}

/// Everything that falls short of an exact verified capture by one thing.
fn any_near_miss(asked: Money, ended: bool) -> impl Strategy<Value = PaymentCommand> {
    let doubtful = any_exact_capture(asked).prop_map(|status| callback(OWN, status, false));
    let other_money = (any_other_capture(asked), 0..3).prop_map(|(status, way)| match way {
        0 => callback(OWN, status, true),
        1 => told(OWN, Via::Poll, status),
        _ => callback(OWN, status, false),
    });
    let other_name = (any_exact_capture(asked), 0..3).prop_map(|(status, way)| match way {
        0 => callback("second", status, true),
        1 => told("second", Via::Poll, status),
        _ => callback("second", status, false),
    });
    // As long as the payment is open this is no miss.
    let after_the_end = any_exact_capture(asked).prop_map(|status| callback(OWN, status, true));
    prop_oneof![
        2 => doubtful,
        2 => other_money,
        2 => other_name,
        if ended { 3 } else { 0 } => after_the_end,
    ]
}

#[derive(Debug, Clone)]
struct NearMisses {
    asked: Money,
    end: Option<ObservedStatus>,
    commands: Vec<PaymentCommand>,
}

fn any_near_misses() -> impl Strategy<Value = NearMisses> {
    let end = prop::option::of(prop::sample::select(vec![ObservedStatus::Failed, ObservedStatus::Cancelled]));
    (any_asked(), end).prop_flat_map(|(asked, end)| {
        prop::collection::vec(any_near_miss(asked, end.is_some()), 1..20)
            .prop_map(move |commands| NearMisses { asked, end, commands })
    })
}

proptest! {
    #![proptest_config(ProptestConfig { max_shrink_time: 10_000, ..ProptestConfig::with_cases(512) })]

    /// A payment completes at the first command that verifies a capture of exactly what was asked (or of what the backend
    /// does not tell) under the payment's own name: by a poll, or by a trusted callback while it is open. It completes
    /// at no other, and the event tells what was observed.
    #[test]
    fn a_payment_completes_exactly_when_an_exact_capture_is_verified((asked, commands) in any_history()) {
        let mut payment = Payment::default();
        payment.evolve(&PaymentEvent::PaymentInitiated(initiated(asked)));
        let mut standing = Standing::Open;
        let mut own = None;
        for command in commands {
            // Whoever names it first has named it.
            own = own.or_else(|| named_in(&command).cloned());
            let expected =
                own.as_ref().and_then(|own| worth(verified(&command, standing)?, asked, own));
            let events = decide(&payment, command.clone()).unwrap_or_default();
            let mut completed = vec![];
            for event in &events {
                payment.evolve(event);
                standing = standing.after(event);
                if let PaymentEvent::PaymentCompleted(event) = event {
                    completed.push(event.clone());
                }
            }
            prop_assert_eq!(completed, Vec::from_iter(expected), "{:?} gave {:?}", command, events);
        }
    }

    /// The same where it is close: untrusted callbacks alone, other amounts, other currencies, other names, and after the
    /// end also trusted callbacks, complete nothing, however many there are. One poll does.
    #[test]
    fn nothing_short_of_it_completes_a_payment(misses in any_near_misses()) {
        let NearMisses { asked, end, commands } = misses;
        let ended = end.map(|end| told(OWN, Via::Poll, end));
        let told_so_far = || [submission(OWN)].into_iter().chain(ended.clone()).chain(commands.clone());
        let (payment, events) = history(asked, told_so_far());
        prop_assert_ne!(payment.status, Status::Completed);
        prop_assert!(!events.iter().any(|event| matches!(event, PaymentEvent::PaymentCompleted(_))));
        let poll = told(OWN, Via::Poll, ObservedStatus::Completed(Capture::Told(asked)));
        prop_assert_eq!(history(asked, told_so_far().chain([poll])).0.status, Status::Completed);
    }
}
