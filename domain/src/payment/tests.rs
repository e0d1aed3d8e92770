//! Given, when, then for a payment. What holds for every history, whatever is told how often and in which order, is
//! `domain/tests/payments`.

use chrono::{DateTime, TimeDelta, Utc};
use iso_currency::Currency;

use super::*;
use crate::plan::PlanName;
use crate::{Money, TeamId, UserId};

const PRICE: Money = Money::new(300, Currency::EUR);

fn at(text: &str) -> DateTime<Utc> {
    text.parse().unwrap()
}

fn initiated() -> PaymentInitiated {
    PaymentInitiated {
        team_id: TeamId::from_bytes([1; 16]),
        user_id: UserId(1),
        plan: PlanName::from("pay_as_you_go"),
        period: 1,
        amount: PRICE,
        method: PaymentMethod::MobileMoney,
        description: None,
        at: at("2026-11-01T10:00:00Z"),
    }
}

fn submission(id: &str) -> PaymentCommand {
    PaymentCommand::Submit(Submission {
        submitted: PaymentSubmitted {
            external_payment_id: id.parse().unwrap(),
            payment_url: Some("https://pay.example/1".into()),
            qr_code: None,
            expires_at: Some(at("2026-11-01T11:00:00Z")),
        },
        processing: false,
    })
}

fn told(via: Via, status: ObservedStatus) -> PaymentCommand {
    PaymentCommand::Observe(observation("x1", via, status))
}

fn observation(id: &str, via: Via, status: ObservedStatus) -> Observation {
    Observation {
        via,
        external_payment_id: id.parse().unwrap(),
        status,
        transaction_id: None,
        at: at("2026-11-01T10:05:00Z"),
    }
}

fn callback(digest: &str, status: ObservedStatus, trusted: bool) -> PaymentCommand {
    called_of("x1", digest, status, trusted)
}

/// A callback that tells of the link of this name.
fn called_of(name: &str, digest: &str, status: ObservedStatus, trusted: bool) -> PaymentCommand {
    let observation = observation(name, Via::Callback, status);
    PaymentCommand::TakeCallback { digest: digest.into(), observation, trusted }
}

fn polled(name: &str, status: ObservedStatus) -> PaymentCommand {
    PaymentCommand::Observe(observation(name, Via::Poll, status))
}

fn found(name: &str) -> PaymentEvent {
    PaymentEvent::SecondLinkFound(SecondLinkFound { external_payment_id: name.parse().unwrap() })
}

/// The names of the second links that were found paid, in order.
fn paid_by(events: &[PaymentEvent]) -> Vec<String> {
    let mut names = vec![];
    for event in events {
        if let PaymentEvent::PaymentConflicted(conflicted) = event {
            names.extend(conflicted.external_payment_id.as_ref().map(ToString::to_string));
        }
    }
    names
}

const PAID: ObservedStatus = ObservedStatus::Completed(Capture::Told(PRICE));

fn verdicts(events: &[PaymentEvent]) -> Vec<Verdict> {
    let mut verdicts = Vec::new();
    for event in events {
        if let PaymentEvent::CallbackReceived(callback) = event {
            verdicts.push(callback.verdict);
        }
    }
    verdicts
}

fn paid(via: Via) -> PaymentCommand {
    told(via, PAID)
}

/// The payment after these commands, refused ones included: they change nothing.
fn given(commands: impl IntoIterator<Item = PaymentCommand>) -> Payment {
    history(commands).0
}

fn history(commands: impl IntoIterator<Item = PaymentCommand>) -> (Payment, Vec<PaymentEvent>) {
    let mut payment = Payment::default();
    let mut events = vec![];
    for command in std::iter::once(PaymentCommand::Initiate(initiated())).chain(commands) {
        for event in decide(&payment, command).unwrap_or_default() {
            payment.evolve(&event);
            events.push(event);
        }
    }
    (payment, events)
}

#[test]
fn paid_as_asked() {
    let payment =
        given([submission("x1"), told(Via::Callback, ObservedStatus::Processing), paid(Via::Callback)]);
    assert_eq!(payment.status, Status::Completed);
    assert!(payment.conflicts.is_empty());
}

#[test]
fn a_callback_may_come_before_the_answer_to_initiate() {
    let payment = given([paid(Via::Callback), submission("x1")]);
    assert_eq!(payment.status, Status::Completed);
    assert_eq!(
        payment.payment_url.as_deref(),
        Some("https://pay.example/1"),
        "the answer still tells where to pay"
    );
}

#[test]
fn another_amount_or_currency_is_a_conflict_and_no_payment() {
    for captured in
        [Money::new(299, Currency::EUR), Money::new(301, Currency::EUR), Money::new(300, Currency::XOF)]
    {
        let wrong = told(Via::Poll, ObservedStatus::Completed(Capture::Told(captured)));
        let (payment, events) = history([submission("x1"), wrong.clone(), wrong]);
        assert_eq!(payment.status, Status::Pending, "{captured}");
        let conflicted = PaymentEvent::PaymentConflicted(PaymentConflicted {
            asked: PRICE,
            captured,
            external_payment_id: None,
        });
        assert_eq!(events.iter().filter(|event| **event == conflicted).count(), 1, "{captured}");
    }
}

#[test]
fn a_backend_that_does_not_tell_the_amount_is_taken_at_its_word_and_the_event_says_so() {
    let untold = told(Via::Callback, ObservedStatus::Completed(Capture::NotTold));
    let (_, events) = history([submission("x1"), untold]);
    let Some(PaymentEvent::PaymentCompleted(completed)) = events.last() else { panic!("{events:?}") };
    assert_eq!((completed.captured, completed.told), (PRICE, false));
}

#[test]
fn late_captures_are_believed_from_a_poll_only() {
    for ended in [ObservedStatus::Failed, ObservedStatus::Cancelled] {
        let by_callback = given([submission("x1"), told(Via::Callback, ended), paid(Via::Callback)]);
        assert_ne!(by_callback.status, Status::Completed);
        let by_poll = given([submission("x1"), told(Via::Callback, ended), paid(Via::Poll)]);
        assert_eq!(by_poll.status, Status::Completed);
    }
}

#[test]
fn money_on_a_second_link_is_a_conflict_and_everything_else_of_it_is_no_news() {
    let payment = given([submission("x2")]);
    assert_eq!(decide(&payment, told(Via::Callback, ObservedStatus::Failed)), Ok(vec![found("x1")]));
    let (known, told) = ("x2".parse().unwrap(), "x1".parse().unwrap());
    assert_eq!(decide(&payment, submission("x1")), Err(PaymentRefusal::OtherExternalId { known, told }));
    for first in [vec![], vec![PaymentCommand::Observe(observation("x2", Via::Callback, PAID))]] {
        let second_link_paid = [paid(Via::Callback), paid(Via::Callback)];
        let (payment, events) = history([submission("x2")].into_iter().chain(first).chain(second_link_paid));
        let conflicted = PaymentEvent::PaymentConflicted(PaymentConflicted {
            asked: PRICE,
            captured: PRICE,
            external_payment_id: Some("x1".parse().unwrap()),
        });
        assert_eq!(events.iter().filter(|event| **event == conflicted).count(), 1, "{events:?}");
        assert_eq!(payment.external_payment_id, Some("x2".parse().unwrap()));
    }
}

#[test]
fn a_second_link_is_remembered_once_and_changes_nothing_of_the_payment() {
    use ObservedStatus::{Cancelled, Failed, Pending, Processing};
    for own in [vec![], vec![paid(Via::Poll)], vec![told(Via::Poll, Failed)]] {
        let before = given([submission("x1")].into_iter().chain(own.clone()));
        let of_it = [Pending, Processing, Failed, Cancelled, PAID];
        let told_of_it = of_it.map(|status| polled("x2", status)).into_iter();
        let (after, events) = history([submission("x1")].into_iter().chain(own).chain(told_of_it));
        assert_eq!(events.iter().filter(|event| **event == found("x2")).count(), 1, "{events:?}");
        assert_eq!((after.status, after.external_payment_id), (before.status, before.external_payment_id));
        assert_eq!(paid_by(&events), ["x2"]);
    }
}

#[test]
fn a_second_link_is_followed_until_money_came_by_it() {
    let second: crate::ExternalPaymentId = "x2".parse().unwrap();
    let told = |status| given([submission("x1"), called_of("x2", "a", status, true)]).follows(&second);
    assert!(told(ObservedStatus::Processing));
    assert!(told(ObservedStatus::Failed), "it may be paid in the last moment, like the payment itself");
    assert!(!told(PAID));
    assert!(!given([submission("x1")]).follows(&second));
    assert!(!given([submission("x2")]).follows(&second), "it is the payment's own");
}

#[test]
fn a_doubtful_word_of_a_second_link_s_money_waits_for_a_poll_of_that_link() {
    let doubtful = || called_of("x2", "a", PAID, false);
    for known in [vec![], vec![called_of("x2", "b", ObservedStatus::Pending, true)]] {
        let told = || [submission("x1")].into_iter().chain(known.clone()).chain([doubtful(), doubtful()]);
        let (payment, events) = history(told());
        assert_eq!(verdicts(&events).last(), Some(&Verdict::ToConfirm));
        assert_eq!(paid_by(&events), Vec::<String>::new());
        assert!(!payment.to_confirm, "it is no news of the payment itself");
        assert_eq!(payment.second_links, [("x2".parse().unwrap(), true)].into());
        let (_, events) = history(told().chain([paid(Via::Poll)]));
        assert_eq!(paid_by(&events), Vec::<String>::new(), "the payment's own link was asked about");
        let (payment, events) = history(told().chain([polled("x2", ObservedStatus::Pending)]));
        assert_eq!((paid_by(&events), payment.status), (vec![], Status::Pending), "it is not so");
        let (payment, events) = history(told().chain([polled("x2", PAID), doubtful(), polled("x2", PAID)]));
        assert_eq!((paid_by(&events), payment.status), (vec!["x2".to_owned()], Status::Pending));
    }
}

#[test]
fn money_of_a_second_link_is_told_once_however_it_is_told() {
    let untold = ObservedStatus::Completed(Capture::NotTold);
    let less = ObservedStatus::Completed(Capture::Told(Money::new(299, Currency::EUR)));
    let trusted = |digest, status| called_of("x2", digest, status, true);
    for told in [
        vec![trusted("a", PAID), trusted("b", PAID), polled("x2", PAID)],
        vec![called_of("x2", "a", PAID, false), trusted("a", PAID), polled("x2", PAID)],
        vec![polled("x2", less), trusted("a", untold), called_of("x2", "b", untold, false)],
        vec![trusted("a", untold), polled("x2", less)],
    ] {
        let (payment, events) = history([submission("x1")].into_iter().chain(told.clone()));
        assert_eq!((paid_by(&events), payment.status), (vec!["x2".to_owned()], Status::Pending), "{told:?}");
    }
    // After the payment has ended a capture by its own link waits for a poll. One by another link does not.
    let ended = told(Via::Poll, ObservedStatus::Failed);
    let (_, events) = history([
        submission("x1"),
        ended,
        called_of("x2", "a", PAID, false),
        called_of("x2", "a", PAID, true),
    ]);
    assert_eq!(verdicts(&events), [Verdict::ToConfirm, Verdict::Applied]);
    assert_eq!(paid_by(&events), ["x2"]);
}

#[test]
fn as_many_second_links_are_followed_and_of_more_only_money_counts() {
    let name = |n: usize| format!("y{n}");
    let many = (0..20).map(|n| called_of(&name(n), &n.to_string(), ObservedStatus::Pending, true));
    let told = || [submission("x1")].into_iter().chain(many.clone());
    let payment = given(told());
    assert_eq!(payment.second_links.len(), MOST_SECOND_LINKS);
    assert!(!payment.follows(&name(MOST_SECOND_LINKS).parse().unwrap()));
    for trusted in [true, false] {
        let (_, events) = history(told().chain([called_of("y19", "money", PAID, trusted)]));
        assert_eq!(paid_by(&events), ["y19"], "no poll would confirm it, trusted or not");
        let (_, events) =
            history(told().chain([called_of("y0", "money", PAID, trusted), polled("y0", PAID)]));
        assert_eq!(paid_by(&events), ["y0"]);
    }
}

#[test]
fn callbacks_of_second_links_are_recorded_up_to_a_number_too() {
    let many = (0..200).map(|n| called_of("x2", &n.to_string(), PAID, false));
    let (payment, events) = history([submission("x1")].into_iter().chain(many));
    assert_eq!((payment.callbacks.len(), verdicts(&events).len()), (64, 64));
    let still = decide(&payment, called_of("x3", "news", PAID, false)).unwrap();
    assert_eq!(still[1..], [found("x3")], "what is to be asked about is always recorded");
}

#[test]
fn every_callback_is_recorded_once_with_what_was_made_of_it() {
    let processing = || callback("a", ObservedStatus::Processing, true);
    let (payment, events) = history([
        submission("x1"),
        processing(),
        processing(),
        callback("b", PAID, true),
        callback("c", PAID, true),
    ]);
    assert_eq!(verdicts(&events), [Verdict::Applied, Verdict::Applied, Verdict::NoNews]);
    assert_eq!((payment.status, payment.to_confirm), (Status::Completed, false));
}

#[test]
fn a_callback_without_id_and_time_gives_the_name_and_a_poll_decides() {
    let (payment, events) = history([callback("a", PAID, false)]);
    assert_eq!(verdicts(&events), [Verdict::ToConfirm]);
    assert_eq!((payment.status, payment.to_confirm), (Status::Pending, true));
    assert_eq!(payment.external_payment_id, Some("x1".parse().unwrap()));
    assert_eq!(given([callback("a", PAID, false), paid(Via::Poll)]).status, Status::Completed);
    let (_, events) = history([paid(Via::Poll), callback("a", PAID, false)]);
    assert_eq!(verdicts(&events), [Verdict::NoNews]);
}

#[test]
fn callbacks_without_news_are_recorded_up_to_a_number() {
    let many = (0..200).map(|n| callback(&n.to_string(), ObservedStatus::Pending, true));
    let (payment, events) = history([submission("x1")].into_iter().chain(many));
    assert_eq!((payment.callbacks.len(), verdicts(&events).len()), (64, 64));
    let still = decide(&payment, callback("news", PAID, true)).unwrap();
    assert!(matches!(still[1], PaymentEvent::PaymentCompleted(_)), "news is always taken");
}

#[test]
fn words_that_were_in_doubt_count_when_they_come_again_beyond_doubt() {
    let (payment, events) = history([
        submission("x1"),
        callback("a", PAID, false),
        callback("a", PAID, false),
        callback("a", PAID, true),
    ]);
    assert_eq!(verdicts(&events), [Verdict::ToConfirm, Verdict::Applied]);
    assert_eq!(payment.status, Status::Completed);
}

#[test]
fn a_callback_that_tells_of_a_capture_after_the_end_asks_for_a_poll() {
    let ended = told(Via::Callback, ObservedStatus::Cancelled);
    let (payment, events) = history([submission("x1"), ended, callback("a", PAID, true)]);
    assert_eq!(verdicts(&events), [Verdict::ToConfirm]);
    assert_eq!((payment.status, payment.to_confirm), (Status::Cancelled, true));
}

fn expire(asked_at: &str, unpaid: Unpaid) -> PaymentCommand {
    PaymentCommand::Expire { asked_at: at(asked_at), unpaid }
}

#[test]
fn time_alone_fails_nothing() {
    let payment = given([submission("x1")]);
    let before = expire("2026-11-01T10:59:59Z", Unpaid::Pending);
    assert_eq!(decide(&payment, before), Err(PaymentRefusal::NotExpired));
    let after = expire("2026-11-01T11:00:00Z", Unpaid::Pending);
    assert_eq!(given([submission("x1"), after.clone()]).status, Status::Failed);
    assert_eq!(given([submission("x1"), paid(Via::Callback), after]).status, Status::Completed);
}

#[test]
fn what_may_still_be_paid_is_waited_for() {
    let no_end = || told(Via::Callback, ObservedStatus::Pending);
    for (begun, unpaid, ends) in [
        (no_end(), Unpaid::Pending, "2026-11-09T10:00:00Z"),
        (submission("x1"), Unpaid::Processing, "2026-11-09T10:00:00Z"),
        (submission("x1"), Unpaid::Unknown, "2026-11-09T10:00:00Z"),
    ] {
        let just_before = at(ends) - TimeDelta::seconds(1);
        let early = PaymentCommand::Expire { asked_at: just_before, unpaid };
        assert_eq!(decide(&given([begun.clone()]), early), Err(PaymentRefusal::NotExpired), "{unpaid:?}");
        assert_eq!(given([begun, expire(ends, unpaid)]).status, Status::Failed, "{unpaid:?}");
    }
}

#[test]
fn a_payment_that_nobody_can_pay_does_not_stand_in_the_way_for_ever() {
    let unwanted = PaymentCommand::RequestCancellation { by: UserId(1), at: at("2026-11-01T10:01:00Z") };
    for (wish, ends) in [(None, "2026-11-02T10:00:00Z"), (Some(unwanted), "2026-11-01T10:05:00Z")] {
        let payment = given(wish.clone());
        let early =
            PaymentCommand::Expire { asked_at: at(ends) - TimeDelta::seconds(1), unpaid: Unpaid::Unnamed };
        assert_eq!(decide(&payment, early), Err(PaymentRefusal::NotExpired));
        let ended = given(wish.into_iter().chain([expire(ends, Unpaid::Unnamed)]));
        assert_eq!(ended.status, Status::Failed);
    }
    let named = decide(&given([submission("x1")]), expire("2027-11-02T10:00:00Z", Unpaid::Unnamed));
    assert_eq!(named, Err(PaymentRefusal::NotExpired));
}

#[test]
fn a_payment_that_was_paid_wrongly_ends_at_once_and_says_why() {
    let wrong = ObservedStatus::Completed(Capture::Told(Money::new(299, Currency::EUR)));
    let soon = || expire("2026-11-01T10:06:00Z", Unpaid::OtherMoney);
    assert_eq!(decide(&given([submission("x1")]), soon()), Err(PaymentRefusal::NotExpired));
    let (payment, events) = history([submission("x1"), told(Via::Poll, wrong), soon()]);
    assert_eq!((payment.status, payment.conflicts.len()), (Status::Failed, 1));
    let Some(PaymentEvent::PaymentFailed(failed)) = events.last() else { panic!("{events:?}") };
    assert!(failed.reason.contains("a person decides"), "{failed:?}");
}

/// The payer is told by it whether to try again.
#[test]
fn each_failure_says_why() {
    let cause = |commands: Vec<PaymentCommand>| {
        let (_, events) = history(commands);
        let Some(PaymentEvent::PaymentFailed(failed)) = events.last() else { panic!("{events:?}") };
        serde_json::to_value(failed.cause).unwrap()
    };
    let late = "2026-12-01T10:00:00Z";
    let failed = || told(Via::Poll, ObservedStatus::Failed);
    let wrong =
        || told(Via::Callback, ObservedStatus::Completed(Capture::Told(Money::new(299, Currency::EUR))));
    for (commands, expected) in [
        (vec![PaymentCommand::RefuseSubmission { reason: "400".into() }], "not_taken_on"),
        (vec![submission("x1"), failed()], "declined"),
        (vec![submission("x1"), expire(late, Unpaid::Pending)], "expired"),
        (vec![submission("x1"), expire(late, Unpaid::Processing)], "unfinished"),
        (vec![submission("x1"), expire(late, Unpaid::Unknown)], "lost"),
        (vec![expire(late, Unpaid::Unnamed)], "lost"),
        (vec![submission("x1"), wrong(), expire(late, Unpaid::OtherMoney)], "other_money"),
        // Whatever ends it then: money has come, and nobody is to pay again.
        (vec![submission("x1"), wrong(), failed()], "other_money"),
        (vec![submission("x1"), wrong(), expire(late, Unpaid::Pending)], "other_money"),
    ] {
        assert_eq!(cause(commands.clone()), expected, "{commands:?}");
    }
}

#[test]
fn a_refusal_does_not_fail_what_the_backend_has_taken_on() {
    let refuse = || PaymentCommand::RefuseSubmission { reason: "400".into() };
    assert_eq!(given([refuse()]).status, Status::Failed);
    assert_eq!(given([told(Via::Callback, ObservedStatus::Pending), refuse()]).status, Status::Pending);
}

#[test]
fn cancelling_waits_for_the_backend_s_word() {
    let cancel = || PaymentCommand::RequestCancellation { by: UserId(1), at: at("2026-11-01T10:10:00Z") };
    let payment = given([submission("x1"), cancel()]);
    assert_eq!((payment.status, payment.cancellation_requested), (Status::Pending, true));
    assert_eq!(decide(&payment, cancel()), Ok(vec![]));
    assert_eq!(
        given([submission("x1"), cancel(), paid(Via::Callback)]).status,
        Status::Completed,
        "it raced and lost"
    );
    let confirmed = told(Via::Cancellation, ObservedStatus::Cancelled);
    assert_eq!(given([submission("x1"), cancel(), confirmed]).status, Status::Cancelled);
    let too_late = decide(&given([submission("x1"), paid(Via::Poll)]), cancel());
    assert_eq!(too_late, Err(PaymentRefusal::TooLate("completed")));
}

#[test]
fn a_refund_is_owed_once_and_only_for_a_capture() {
    let owe = || PaymentCommand::OweRefund { why: "the period is paid".into() };
    assert_eq!(decide(&given([submission("x1")]), owe()), Err(PaymentRefusal::NothingCaptured));
    let (payment, events) = history([submission("x1"), paid(Via::Poll), owe(), owe()]);
    assert!(payment.refund_due);
    assert_eq!(events.iter().filter(|event| matches!(event, PaymentEvent::RefundDue(_))).count(), 1);
}

#[test]
fn payments_that_make_no_sense_are_refused() {
    let free = PaymentInitiated { amount: Money::new(0, Currency::EUR), ..initiated() };
    assert_eq!(decide(&Payment::default(), PaymentCommand::Initiate(free)), Err(PaymentRefusal::NoAmount));
    assert_eq!(decide(&Payment::default(), paid(Via::Poll)), Err(PaymentRefusal::Unknown));
    let again = PaymentCommand::Initiate(PaymentInitiated { user_id: UserId(2), ..initiated() });
    assert_eq!(decide(&given([]), again), Err(PaymentRefusal::Exists));
    assert_eq!(decide(&given([]), PaymentCommand::Initiate(initiated())), Ok(vec![]));
}
