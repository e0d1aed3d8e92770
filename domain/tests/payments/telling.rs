//! What a payment can be told, as strategies: by every way, under its own name and others, of exact and of other money.

use chrono::{DateTime, TimeDelta, Utc};
use iso_currency::Currency;
use proptest::prelude::*;
use servelink_domain::payment::{
    Capture, Observation, ObservedStatus, Payment, PaymentCommand, PaymentEvent, PaymentInitiated,
    PaymentMethod, PaymentSubmitted, Submission, Unpaid, Via, decide,
};
use servelink_domain::plan::PlanName;
use servelink_domain::{ExternalPaymentId, Money, TeamId, UserId};

/// What the backend calls the payment, unless a property says otherwise.
pub const OWN: &str = "own";

/// When the payment began.
pub fn beginning() -> DateTime<Utc> {
    "2026-11-01T10:00:00Z".parse().unwrap()
}

pub fn initiated(amount: Money) -> PaymentInitiated {
    PaymentInitiated {
        team_id: TeamId::from_bytes([1; 16]),
        user_id: UserId(1),
        plan: PlanName::from("pay_as_you_go"),
        period: 1,
        amount,
        method: PaymentMethod::MobileMoney,
        description: None,
        at: beginning(),
    }
}

pub fn submission(name: &str) -> PaymentCommand {
    PaymentCommand::Submit(Submission {
        submitted: PaymentSubmitted {
            external_payment_id: name.parse().unwrap(),
            payment_url: Some(format!("https://pay.example/{name}")),
            qr_code: None,
            expires_at: Some(beginning() + TimeDelta::hours(1)),
        },
        processing: false,
    })
}

pub fn told(name: &str, via: Via, status: ObservedStatus) -> PaymentCommand {
    PaymentCommand::Observe(observation(name, via, status, 5))
}

/// A callback. The same words have the same digest, whether their sender is in doubt or not.
pub fn callback(name: &str, status: ObservedStatus, trusted: bool) -> PaymentCommand {
    take(observation(name, Via::Callback, status, 5), trusted)
}

fn take(observation: Observation, trusted: bool) -> PaymentCommand {
    PaymentCommand::TakeCallback { digest: format!("{observation:?}"), observation, trusted }
}

fn observation(name: &str, via: Via, status: ObservedStatus, minutes: i64) -> Observation {
    Observation {
        via,
        external_payment_id: name.parse().unwrap(),
        status,
        transaction_id: (minutes % 2 == 0).then(|| format!("tx-{name}")),
        at: beginning() + TimeDelta::minutes(minutes),
    }
}

/// The backend's name in a command; none where it names none.
pub fn named_in(command: &PaymentCommand) -> Option<&ExternalPaymentId> {
    match command {
        PaymentCommand::Submit(submission) => Some(&submission.submitted.external_payment_id),
        PaymentCommand::Observe(observation) | PaymentCommand::TakeCallback { observation, .. } => {
            Some(&observation.external_payment_id)
        }
        PaymentCommand::Initiate(_)
        | PaymentCommand::RefuseSubmission { .. }
        | PaymentCommand::RequestCancellation { .. }
        | PaymentCommand::Expire { .. }
        | PaymentCommand::OweRefund { .. } => None,
    }
}

/// A payment of this much that was told all this, and its events. What was refused changed nothing.
pub fn history(
    asked: Money,
    commands: impl IntoIterator<Item = PaymentCommand>,
) -> (Payment, Vec<PaymentEvent>) {
    let mut payment = Payment::default();
    let mut events = vec![];
    for command in std::iter::once(PaymentCommand::Initiate(initiated(asked))).chain(commands) {
        for event in decide(&payment, command).unwrap_or_default() {
            payment.evolve(&event);
            events.push(event);
        }
    }
    (payment, events)
}

/// What is asked: of a currency with a minor unit, of one without, and the least there is.
pub fn any_asked() -> impl Strategy<Value = Money> {
    prop::sample::select(vec![
        Money::new(300, Currency::EUR),
        Money::new(2_000, Currency::XOF),
        Money::new(1, Currency::EUR),
    ])
}

/// Money that is not what was asked: off by one, in another currency, major units taken for minor ones and the reverse.
pub fn any_other_money(asked: Money) -> impl Strategy<Value = Money> {
    let Money { minor, currency } = asked;
    let other = if currency == Currency::EUR { Currency::XOF } else { Currency::EUR };
    prop::sample::select(vec![
        Money::new(minor - 1, currency),
        Money::new(minor + 1, currency),
        Money::new(minor, other),
        Money::new(minor * 100, currency),
        Money::new(-minor, currency),
    ])
}

pub fn any_exact_capture(asked: Money) -> impl Strategy<Value = ObservedStatus> {
    prop_oneof![2 => Just(Capture::Told(asked)), 1 => Just(Capture::NotTold)]
        .prop_map(ObservedStatus::Completed)
}

pub fn any_other_capture(asked: Money) -> impl Strategy<Value = ObservedStatus> {
    any_other_money(asked).prop_map(|money| ObservedStatus::Completed(Capture::Told(money)))
}

pub fn any_status(asked: Money) -> impl Strategy<Value = ObservedStatus> {
    prop_oneof![
        1 => Just(ObservedStatus::Pending),
        1 => Just(ObservedStatus::Processing),
        1 => Just(ObservedStatus::Failed),
        1 => Just(ObservedStatus::Cancelled),
        2 => any_exact_capture(asked),
        2 => any_other_capture(asked),
    ]
}

fn any_name() -> impl Strategy<Value = &'static str> {
    prop_oneof![6 => Just(OWN), 2 => Just("second"), 1 => Just("third")]
}

fn any_unpaid() -> impl Strategy<Value = Unpaid> {
    prop::sample::select(vec![
        Unpaid::Pending,
        Unpaid::Processing,
        Unpaid::OtherMoney,
        Unpaid::Unknown,
        Unpaid::Unnamed,
    ])
}

/// Whatever may happen to a payment once it is there.
pub fn any_command(asked: Money) -> impl Strategy<Value = PaymentCommand> {
    let via = prop_oneof![4 => Just(Via::Poll), 1 => Just(Via::Callback)];
    let observed = (any_name(), via, any_status(asked), 0_i64..4).prop_map(|(name, via, status, minutes)| {
        PaymentCommand::Observe(observation(name, via, status, minutes))
    });
    let called = (any_name(), any_status(asked), 0_i64..4, any::<bool>()).prop_map(
        |(name, status, minutes, trusted)| take(observation(name, Via::Callback, status, minutes), trusted),
    );
    let expire = (0_i64..20_000, any_unpaid()).prop_map(|(minutes, unpaid)| PaymentCommand::Expire {
        asked_at: beginning() + TimeDelta::minutes(minutes),
        unpaid,
    });
    prop_oneof![
        4 => observed,
        6 => called,
        // The contract knows no other answer to a cancellation: `PaymentBackend::cancel` in the store tells nothing more.
        1 => any_name().prop_map(|name| told(name, Via::Cancellation, ObservedStatus::Cancelled)),
        2 => any_name().prop_map(submission),
        1 => Just(PaymentCommand::RefuseSubmission { reason: "400".into() }),
        1 => expire,
        1 => Just(cancellation()),
        1 => Just(refund()),
    ]
}

pub fn cancellation() -> PaymentCommand {
    PaymentCommand::RequestCancellation { by: UserId(1), at: beginning() + TimeDelta::minutes(1) }
}

pub fn refund() -> PaymentCommand {
    PaymentCommand::OweRefund { why: "the period is paid".into() }
}

/// What is asked, and what happens then.
pub fn any_history() -> impl Strategy<Value = (Money, Vec<PaymentCommand>)> {
    any_asked().prop_flat_map(|asked| (Just(asked), prop::collection::vec(any_command(asked), 0..30)))
}
