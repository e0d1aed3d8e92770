//! Random payments: whatever is asked and told of them, the domain decides. What is paid activates the team's plan.

use chrono::TimeDelta;
use domain::payment::{
    Capture, Observation, ObservedStatus, Payment, PaymentCommand, PaymentEvent, PaymentInitiated,
    PaymentMethod, PaymentSubmitted, Submission, Unpaid, Via, decide,
};
use domain::plan::PlanName;
use domain::team::{PaidBy, TeamCommand};
use domain::{ExternalPaymentId, Money, UserId};
use iso_currency::Currency;
use rand::Rng;
use rand::rngs::StdRng;
use rand::seq::IndexedRandom;

use super::history::{Author, payment, team};

/// The payments of a history by number, with the team that each is for.
#[derive(Default)]
pub(crate) struct Payments(Vec<(u8, Payment)>);

impl Payments {
    pub(crate) fn something(&mut self, author: &mut Author, random: &mut StdRng) {
        if self.0.is_empty() || random.random_range(0..5) == 0 {
            return self.begin(author, random);
        }
        // Mostly one of the last, so that something comes of it.
        let last = self.0.len() - 1;
        let n = if random.random_range(0..8) == 0 {
            random.random_range(0..=last)
        } else {
            last - random.random_range(0..=last.min(2))
        };
        let command = command(author, random, n, &self.0[n].1);
        self.give(author, n, command);
    }

    fn begin(&mut self, author: &mut Author, random: &mut StdRng) {
        let of = random.random_range(0..3_u8);
        let paid = author.teams[&of].paid_periods;
        self.0.push((of, Payment::default()));
        let initiated = PaymentInitiated {
            team_id: team(of),
            user_id: UserId(random.random_range(0..6)),
            plan: PlanName::from("pay_as_you_go"),
            // Sometimes one that is paid: then its money is due for a refund.
            period: some([paid.max(1), paid + 1], random),
            amount: some([Money::new(300, Currency::EUR), Money::new(2_000, Currency::XOF)], random),
            method: some([PaymentMethod::MobileMoney, PaymentMethod::CreditCard], random),
            description: some([None, Some("pour l'équipe \u{1d11e} \"A\"".into())], random),
            at: author.now,
        };
        self.give(author, self.0.len() - 1, PaymentCommand::Initiate(initiated));
    }

    fn give(&mut self, author: &mut Author, n: usize, command: PaymentCommand) {
        let (of, payment) = &mut self.0[n];
        let of = *of;
        let events = decide(payment, command).unwrap_or_default();
        for event in &events {
            payment.evolve(event);
            author.payment(n.try_into().unwrap(), event);
        }
        if events.iter().any(|event| matches!(event, PaymentEvent::PaymentCompleted(_))) {
            self.activate(author, n, of);
        }
    }

    fn activate(&mut self, author: &mut Author, n: usize, of: u8) {
        let asked = self.0[n].1.initiated.as_ref().unwrap();
        let paid_by = PaidBy { payment_id: payment(n.try_into().unwrap()), period: asked.period };
        let activate =
            TeamCommand::ActivatePlan { plan: asked.plan.clone(), paid_by: Some(paid_by), at: author.now };
        if let Err(refusal) = author.plan(of, activate) {
            self.give(author, n, PaymentCommand::OweRefund { why: refusal.to_string() });
        }
    }
}

fn command(author: &Author, random: &mut StdRng, n: usize, payment: &Payment) -> PaymentCommand {
    let now = author.now;
    let id = |text: String| -> ExternalPaymentId { text.parse().unwrap() };
    let own = id(format!("om-{n}"));
    let asked = payment.initiated.as_ref().unwrap().amount;
    let mut observation = || Observation {
        via: some([Via::Callback, Via::Poll, Via::Cancellation], random),
        external_payment_id: if random.random_range(0..8) == 0 {
            id(format!("om-{n}-second"))
        } else {
            own.clone()
        },
        status: some(
            [
                ObservedStatus::Pending,
                ObservedStatus::Processing,
                ObservedStatus::Completed(Capture::NotTold),
                ObservedStatus::Completed(Capture::Told(asked)),
                ObservedStatus::Completed(Capture::Told(Money::new(asked.minor - 1, asked.currency))),
                ObservedStatus::Failed,
                ObservedStatus::Cancelled,
            ],
            random,
        ),
        transaction_id: some([None, Some(format!("tx-{n}"))], random),
        at: now - TimeDelta::nanoseconds(random.random_range(0..5_000_000_000)),
    };
    let observed = observation();
    match random.random_range(0..12) {
        0..4 => PaymentCommand::Submit(Submission {
            submitted: PaymentSubmitted {
                external_payment_id: own,
                payment_url: Some("https://pay.example/x".into()),
                qr_code: None,
                expires_at: some([None, Some(now + TimeDelta::hours(1))], random),
            },
            processing: random.random(),
        }),
        4..7 => PaymentCommand::Observe(observed),
        7..9 => PaymentCommand::TakeCallback {
            digest: format!("{:064}", random.random_range(0..9)),
            observation: observed,
            trusted: random.random(),
        },
        9 => PaymentCommand::RequestCancellation { by: UserId(1), at: now },
        10 => PaymentCommand::RefuseSubmission { reason: "400".into() },
        _ => PaymentCommand::Expire {
            asked_at: now + TimeDelta::days(random.random_range(0..10)),
            unpaid: Unpaid::Pending,
        },
    }
}

fn some<T: Clone, const N: usize>(of: [T; N], random: &mut StdRng) -> T {
    of.choose(random).unwrap().clone()
}
