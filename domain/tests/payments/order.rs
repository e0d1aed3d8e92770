//! Any permutation and duplication of observations ends in the same state.
//!
//! Before the last poll that is not so, and cannot be: a callback that tells of a capture after the end waits for a poll,
//! and the same callback before the end is believed. So the statement is about two tellings of the same observations,
//! each in its own order and with its own repetitions, *and then the same poll that tells how it is at the backend*. The
//! reconciler makes that poll: it asks about whatever is open or has ended unpaid. The statement needs these as well:
//!
//! - The backend has named the payment before it tells of a second link. Who is named first is the payment's own for
//!   ever, so the order of *those two* is part of what is told.
//! - What the backend tells by a way that counts, it was at some time: pending, processing, at most one unpaid end, at
//!   most one capture, which is never taken back. Which of two unpaid ends stays is the one told first: the design knows
//!   no way from one to the other. The second property says that nothing else depends on it.
//! - The same holds for each second link, but that its unpaid ends may contradict each other: none of them counts. The
//!   reconciler asks about every one that it heard of, too.
//! - Untrusted callbacks may say anything, contradictions too.
//!
//! The verdict on each callback is no part of the state that is compared: it says what was made of the callback when it
//! came, and so depends on the order. Neither is whether a poll is still wanted.

use std::collections::BTreeSet;

use proptest::prelude::*;
use servelink_domain::payment::{
    Capture, Conflict, ObservedStatus, PaymentCommand, PaymentEvent, Status, Unpaid, Via,
};
use servelink_domain::{ExternalPaymentId, Money};

use crate::telling::{
    OWN, any_asked, any_exact_capture, any_other_capture, any_status, beginning, callback, cancellation,
    history, refund, submission, told,
};

/// What can be seen of a payment when everything is told: by its team, by settlement, by whoever sees to conflicts.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Outcome {
    status: Status,
    external_payment_id: Option<ExternalPaymentId>,
    /// What PaymentCompleted told.
    captured: Vec<Money>,
    conflicts: BTreeSet<Conflict>,
    refund_due: bool,
    payment_url: Option<String>,
}

fn outcome(asked: Money, commands: impl IntoIterator<Item = PaymentCommand>) -> Outcome {
    let (payment, events) = history(asked, commands);
    let mut captured = vec![];
    for event in &events {
        if let PaymentEvent::PaymentCompleted(completed) = event {
            captured.push(completed.captured);
        }
    }
    Outcome {
        status: payment.status,
        external_payment_id: payment.external_payment_id,
        captured,
        conflicts: payment.conflicts,
        refund_due: payment.refund_due,
        payment_url: payment.payment_url,
    }
}

/// One thing that is told, or done, in the meantime.
#[derive(Debug, Clone)]
enum Word {
    /// Of the payment itself, by a way that counts.
    Certain(ObservedStatus, Way),
    /// Of the payment itself, by a callback that only a poll can confirm.
    Doubtful(ObservedStatus),
    /// Of another link of the payment.
    SecondLink {
        name: &'static str,
        status: ObservedStatus,
        way: LinkWay,
    },
    /// The answer to the order comes, perhaps again.
    Answer,
    /// Its time is over, by a poll that found it unpaid.
    Expiry,
    CancellationWanted,
    /// Settlement finds that its money pays for nothing; too early, that is refused.
    RefundOwed,
}

#[derive(Debug, Clone, Copy)]
enum Way {
    Callback,
    Poll,
    AnswerToCancellation,
}

#[derive(Debug, Clone, Copy)]
enum LinkWay {
    Trusted,
    Doubtful,
    Poll,
}

/// A second link, and where it stands at the backend in the end.
type SecondLink = (&'static str, ObservedStatus);

impl Word {
    fn command(&self) -> PaymentCommand {
        match self {
            Self::Certain(status, Way::Callback) => callback(OWN, *status, true),
            Self::Certain(status, Way::Poll) => told(OWN, Via::Poll, *status),
            Self::Certain(status, Way::AnswerToCancellation) => told(OWN, Via::Cancellation, *status),
            Self::Doubtful(status) => callback(OWN, *status, false),
            Self::SecondLink { name, status, way: LinkWay::Trusted } => callback(name, *status, true),
            Self::SecondLink { name, status, way: LinkWay::Doubtful } => callback(name, *status, false),
            Self::SecondLink { name, status, way: LinkWay::Poll } => told(name, Via::Poll, *status),
            Self::Answer => submission(OWN),
            Self::Expiry => {
                let asked_at = beginning() + servelink_domain::payment::FOLLOWED_FOR;
                PaymentCommand::Expire { asked_at, unpaid: Unpaid::Pending }
            }
            Self::CancellationWanted => cancellation(),
            Self::RefundOwed => refund(),
        }
    }
}

/// A word, and where it stands in each of the two tellings: once for each number, in the order of the numbers.
type Placed = (Word, [Vec<u16>; 2]);

#[derive(Debug, Clone)]
struct Tale {
    asked: Money,
    /// How the payment got its name.
    named_by: Word,
    words: Vec<Placed>,
    second_links: [SecondLink; 2],
    /// Where it stands at the backend in the end.
    truth: ObservedStatus,
    /// Its money pays for nothing, should there be any.
    refund_owed: bool,
}

impl Tale {
    /// Everything in one of the two orders, and then how it is.
    fn telling(&self, which: usize) -> Vec<PaymentCommand> {
        let mut order: Vec<(u16, &Word)> = vec![];
        for (word, places) in &self.words {
            order.extend(places[which].iter().map(|place| (*place, word)));
        }
        order.sort_by_key(|(place, _)| *place);
        let words = order.into_iter().map(|(_, word)| word.command());
        let last = told(OWN, Via::Poll, self.truth);
        [self.named_by.command()]
            .into_iter()
            .chain(words)
            .chain([last])
            .chain(self.heard_of().map(|(name, truth)| told(name, Via::Poll, truth)))
            .chain(self.refund_owed.then(refund))
            .collect()
    }

    /// The second links that anything is told of, in whichever way.
    fn heard_of(&self) -> impl Iterator<Item = SecondLink> {
        let told_of = |(name, _): &SecondLink| {
            let mut words = self.words.iter();
            words.any(|(word, _)| matches!(word, Word::SecondLink { name: told, .. } if told == name))
        };
        self.second_links.into_iter().filter(told_of)
    }

    /// What it comes to, if the backend has told of one unpaid end at the most.
    fn expected(&self) -> Outcome {
        let mut status = Status::Pending;
        let mut conflicts = BTreeSet::new();
        let mut answered = matches!(self.named_by, Word::Answer);
        let last = Word::Certain(self.truth, Way::Poll);
        for word in self.words.iter().map(|(word, _)| word).chain([&last]) {
            match word {
                Word::Certain(told, _) => match told {
                    ObservedStatus::Processing if status == Status::Pending => status = Status::Processing,
                    ObservedStatus::Failed if status != Status::Completed => status = Status::Failed,
                    ObservedStatus::Cancelled if status != Status::Completed => status = Status::Cancelled,
                    ObservedStatus::Completed(Capture::Told(money)) if *money != self.asked => {
                        conflicts.insert((money.minor, money.currency.code().to_owned(), None));
                    }
                    ObservedStatus::Completed(_) => status = Status::Completed,
                    ObservedStatus::Pending
                    | ObservedStatus::Processing
                    | ObservedStatus::Failed
                    | ObservedStatus::Cancelled => {}
                },
                Word::Answer => answered = true,
                Word::Expiry if status != Status::Completed => status = Status::Failed,
                Word::Doubtful(_)
                | Word::SecondLink { .. }
                | Word::Expiry
                | Word::CancellationWanted
                | Word::RefundOwed => {}
            }
        }
        for (name, truth) in self.heard_of() {
            let money = match truth {
                ObservedStatus::Completed(Capture::Told(money)) => money,
                ObservedStatus::Completed(Capture::NotTold) => self.asked,
                ObservedStatus::Pending
                | ObservedStatus::Processing
                | ObservedStatus::Failed
                | ObservedStatus::Cancelled => continue,
            };
            conflicts.insert((money.minor, money.currency.code().to_owned(), Some(name.parse().unwrap())));
        }
        let completed = status == Status::Completed;
        Outcome {
            status,
            external_payment_id: Some(OWN.parse().unwrap()),
            captured: completed.then_some(self.asked).into_iter().collect(),
            conflicts,
            refund_due: completed && self.refund_owed,
            payment_url: answered.then(|| format!("https://pay.example/{OWN}")),
        }
    }
}

/// How it is at the backend in the end, and the unpaid ends that it told on the way there.
fn any_truth(
    asked: Money,
    contradicting: bool,
) -> impl Strategy<Value = (ObservedStatus, Vec<ObservedStatus>)> {
    use ObservedStatus::{Cancelled, Failed, Pending, Processing};
    let capture = prop_oneof![2 => any_exact_capture(asked), 1 => any_other_capture(asked)];
    if contradicting {
        let truth = prop_oneof![1 => Just(Failed), 1 => Just(Cancelled), 2 => capture];
        truth.prop_map(|truth| (truth, vec![Failed, Cancelled])).boxed()
    } else {
        let none_or_one = prop::sample::select(vec![vec![], vec![Failed], vec![Cancelled]]);
        prop_oneof![
            1 => prop::sample::select(vec![Pending, Processing]).prop_map(|truth| (truth, vec![])),
            1 => prop::sample::select(vec![Failed, Cancelled]).prop_map(|end| (end, vec![end])),
            2 => (capture, none_or_one),
        ]
        .boxed()
    }
}

/// What a link that stands here has been, as its backend may tell it.
fn been(truth: ObservedStatus, asked: Money, ends: &[ObservedStatus]) -> Vec<ObservedStatus> {
    let mut been = vec![ObservedStatus::Pending, ObservedStatus::Processing, truth];
    been.extend(ends);
    if let ObservedStatus::Completed(Capture::Told(money)) = truth
        && money == asked
    {
        // Of the same capture a callback may tell the amount and a poll not.
        been.push(ObservedStatus::Completed(Capture::NotTold));
    }
    been
}

fn any_word_of_a_second_link(asked: Money, (name, truth): SecondLink) -> impl Strategy<Value = Word> {
    let been = been(truth, asked, &[ObservedStatus::Failed, ObservedStatus::Cancelled]);
    let certain = (prop::sample::select(been), prop::sample::select(vec![LinkWay::Trusted, LinkWay::Poll]));
    let doubtful = any_status(asked).prop_map(|status| (status, LinkWay::Doubtful));
    prop_oneof![2 => certain, 1 => doubtful].prop_map(move |(status, way)| Word::SecondLink {
        name,
        status,
        way,
    })
}

fn any_word(
    asked: Money,
    second_links: [SecondLink; 2],
    truth: ObservedStatus,
    ends: &[ObservedStatus],
    refund_owed: bool,
) -> BoxedStrategy<Word> {
    let been = been(truth, asked, ends);
    let certain = (prop::sample::select(been), prop::sample::select(vec![Way::Callback, Way::Poll]))
        .prop_map(|(status, way)| Word::Certain(status, way));
    let [second, third] = second_links.map(|link| any_word_of_a_second_link(asked, link));
    let second_link = prop_oneof![second, third];
    let cancelled = Word::Certain(ObservedStatus::Cancelled, Way::AnswerToCancellation);
    let if_so = |so: bool| u32::from(so);
    prop_oneof![
        8 => certain,
        4 => any_status(asked).prop_map(Word::Doubtful),
        3 => second_link,
        1 => Just(Word::Answer),
        1 => Just(Word::CancellationWanted),
        if_so(ends.contains(&ObservedStatus::Failed)) => Just(Word::Expiry),
        if_so(ends.contains(&ObservedStatus::Cancelled)) => Just(cancelled),
        if_so(refund_owed) => Just(Word::RefundOwed),
    ]
    .boxed()
}

fn any_tale(contradicting: bool) -> impl Strategy<Value = Tale> {
    let named_by = prop::sample::select(vec![
        Word::Answer,
        Word::Doubtful(ObservedStatus::Pending),
        Word::Certain(ObservedStatus::Pending, Way::Callback),
    ]);
    let framed = any_asked().prop_flat_map(move |asked| {
        let second_links = (any_status(asked), any_status(asked));
        (Just(asked), any_truth(asked, contradicting), second_links, any::<bool>())
    });
    (named_by, framed).prop_flat_map(|(named_by, (asked, (truth, ends), second_links, refund_owed))| {
        let second_links = [("second", second_links.0), ("third", second_links.1)];
        let places = || prop::collection::vec(any::<u16>(), 1..4);
        let word = any_word(asked, second_links, truth, &ends, refund_owed);
        let placed = (word, [places(), places()]);
        prop::collection::vec(placed, 0..10).prop_map(move |words| Tale {
            asked,
            named_by: named_by.clone(),
            words,
            second_links,
            truth,
            refund_owed,
        })
    })
}

proptest! {
    #![proptest_config(ProptestConfig { max_shrink_time: 10_000, ..ProptestConfig::with_cases(512) })]

    /// Two tellings of the same, in any orders and with any repetitions, and then the poll that tells how it is: the same
    /// outcome, and the one that the observations mean.
    #[test]
    fn any_order_and_repetition_ends_in_the_same_state(tale in any_tale(false)) {
        let one = outcome(tale.asked, tale.telling(0));
        let other = outcome(tale.asked, tale.telling(1));
        prop_assert_eq!(&one, &other, "{:#?}\nagainst {:#?}", tale.telling(0), tale.telling(1));
        prop_assert_eq!(one, tale.expected(), "{:#?}", tale.telling(0));
    }

    /// The same for a backend that says both that a payment failed and that it was cancelled: which of the two it is
    /// called is all that depends on the order.
    #[test]
    fn of_two_unpaid_ends_only_the_name_depends_on_the_order(tale in any_tale(true)) {
        let one_name = |mut outcome: Outcome| {
            if outcome.status == Status::Cancelled {
                outcome.status = Status::Failed;
            }
            outcome
        };
        let [one, other] = [0, 1].map(|which| one_name(outcome(tale.asked, tale.telling(which))));
        prop_assert_eq!(&one, &other, "{:#?}\nagainst {:#?}", tale.telling(0), tale.telling(1));
        prop_assert_eq!(one, one_name(tale.expected()), "{:#?}", tale.telling(0));
    }
}
