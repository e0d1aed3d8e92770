//! Given, when, then for the inbox of an external id.

use super::*;
use crate::PaymentId;
use crate::payment::ObservedStatus;

fn callback(digest: &str) -> CallbackParked {
    CallbackParked {
        digest: digest.into(),
        status: ObservedStatus::Processing,
        transaction_id: None,
        at: "2026-11-01T10:00:00Z".parse().unwrap(),
        trusted: true,
    }
}

fn given(commands: impl IntoIterator<Item = InboxCommand>) -> Inbox {
    let mut inbox = Inbox::default();
    for command in commands {
        decide(&inbox, command).unwrap().iter().for_each(|event| inbox.evolve(event));
    }
    inbox
}

fn matched(n: u8) -> InboxCommand {
    InboxCommand::Match { payment_id: PaymentId::from_bytes([n; 16]) }
}

#[test]
fn callbacks_wait_each_once_and_in_order_until_the_payment_is_known() {
    let inbox = given(["a", "b", "a"].map(|digest| InboxCommand::Park(callback(digest))));
    assert_eq!(inbox.parked, [callback("a"), callback("b")]);
    let doubtful = CallbackParked { trusted: false, ..callback("a") };
    let both = given([doubtful.clone(), callback("a"), doubtful].map(InboxCommand::Park));
    assert_eq!(both.parked.len(), 2, "whose word is enough is not silenced by whose is not");
    let inbox = given([InboxCommand::Park(callback("a")), matched(1)]);
    assert_eq!(inbox.payment_id, Some(PaymentId::from_bytes([1; 16])));
    let late = decide(&inbox, InboxCommand::Park(callback("b")));
    assert_eq!(late, Err(InboxRefusal::Matched { payment_id: PaymentId::from_bytes([1; 16]) }));
}

#[test]
fn an_external_id_is_one_payment_s_for_ever() {
    let inbox = given([matched(1), matched(1)]);
    let refused = decide(&inbox, matched(2));
    assert_eq!(refused, Err(InboxRefusal::Matched { payment_id: PaymentId::from_bytes([1; 16]) }));
}

#[test]
fn no_more_wait_than_anybody_needs() {
    let full = given((0..MOST_PARKED).map(|n| InboxCommand::Park(callback(&n.to_string()))));
    assert_eq!(decide(&full, InboxCommand::Park(callback("one more"))), Err(InboxRefusal::Full));
    assert_eq!(decide(&full, InboxCommand::Park(callback("0"))), Ok(vec![]), "what waits, waits");
}
