//! Given, when, then for a delivery.

use chrono::{DateTime, Utc};

use super::*;

fn at(minute: u32) -> DateTime<Utc> {
    format!("2026-11-24T10:{minute:02}:00Z").parse().unwrap()
}

fn delay(minute: u32) -> DeliveryCommand {
    DeliveryCommand::Delay { at: at(minute), reason: "the server cannot be reached".into() }
}

fn deliver(minute: u32) -> DeliveryCommand {
    DeliveryCommand::Deliver { at: at(minute) }
}

fn give_up(minute: u32) -> DeliveryCommand {
    DeliveryCommand::GiveUp { at: at(minute), reason: "no such mailbox".into() }
}

fn given(commands: impl IntoIterator<Item = DeliveryCommand>) -> (Delivery, usize) {
    let (mut delivery, mut events) = (Delivery::default(), 0);
    for command in commands {
        for event in decide(&delivery, command).unwrap() {
            delivery.evolve(&event);
            events += 1;
        }
    }
    (delivery, events)
}

#[test]
fn only_the_first_failure_is_recorded() {
    assert_eq!(given([delay(1), delay(2), delay(3)]), (Delivery::Delayed { since: at(1) }, 1));
    assert_eq!(given([delay(1), delay(2), deliver(3)]), (Delivery::Delivered, 2));
    assert_eq!(given([delay(1), give_up(2), delay(3), give_up(4)]), (Delivery::GivenUp, 2));
}

#[test]
fn what_got_there_has_got_there() {
    assert_eq!(given([deliver(1), deliver(2), delay(3), give_up(4)]), (Delivery::Delivered, 1));
    assert_eq!(given([give_up(1), deliver(2), give_up(3)]), (Delivery::Delivered, 2), "sent again by hand");
}

#[test]
fn reasons_are_short() {
    let reason = |bytes| DeliveryCommand::Delay { at: at(1), reason: "x".repeat(bytes) };
    assert!(decide(&Delivery::Due, reason(LONGEST_REASON)).is_ok());
    let refused = decide(&Delivery::Due, reason(LONGEST_REASON + 1));
    assert_eq!(refused, Err(DeliveryRefusal::LongReason(LONGEST_REASON + 1)));
}

#[test]
fn ids_keep_their_text() {
    let event = "0192f0c1-2b3c-7d4e-8f50-617283940a5b";
    for text in [format!("mail:{event}:17"), format!("webhook:{event}")] {
        assert_eq!(text.parse::<DeliveryId>().unwrap().to_string(), text);
    }
    for text in ["", "mail", &format!("mail:{event}"), &format!("webhook:{event}:1"), "webhook:x", "sms:x"] {
        assert!(text.parse::<DeliveryId>().is_err(), "{text}");
    }
}
