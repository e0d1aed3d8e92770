//! Where the payer goes: he gets a link that works or none, whatever was lost on the way, and never one that pays for
//! nothing. And the other links that a backend has for a payment: money by them is found.

use std::sync::Arc;
use std::time::Duration;

use domain::payment::{
    ObservedStatus, PaymentEvent, PaymentMethod, PaymentSubmitted, Status, Submission, Verdict,
};
use domain::plan::{Catalogue, PlanName};
use domain::team::TeamRefusal;
use domain::{Money, PaymentId, UserId};
use iso_currency::Currency;
use servelink_store::commands::{CommandError, PaymentWish, Settlement};
use servelink_store::known::{Known, SecondLink};
use servelink_store::testing::MemoryStorage;

use crate::backend::{Mood, name_of};
use crate::payments::{PAID, Till};
use crate::world::{World, actor, at, team};

/// The backend was asked long enough ago to be asked again.
async fn let_it_cool() {
    tokio::time::pause();
    tokio::time::advance(Duration::from_secs(6)).await;
    tokio::time::resume();
}

#[tokio::test]
async fn a_payment_that_a_callback_named_first_gets_its_link_all_the_same() {
    let till = Till::new().await;
    till.backend.set_mood(Mood::Mute);
    let id = till.initiate("a").await.unwrap().id;
    let name = name_of(id).to_string();
    till.tell(&name, Some(id), "m1", ObservedStatus::Processing, true).await.unwrap();
    till.backend.set_mood(Mood::Well);
    let_it_cool().await;
    let now = till.initiate("b").await.unwrap();
    assert_eq!((now.id, now.payment.payment_url), (id, Some(format!("https://pay.example/{name}"))));
    assert_eq!(now.payment.status, Status::Processing);
}

#[tokio::test]
async fn a_backend_that_has_another_link_each_time_is_asked_for_no_more_of_them() {
    let till = Till::new().await;
    till.backend.set_mood(Mood::Mute);
    let id = till.initiate("a").await.unwrap().id;
    till.tell("first-link", Some(id), "m1", ObservedStatus::Pending, true).await.unwrap();
    till.backend.set_mood(Mood::Well);
    let_it_cool().await;
    assert_eq!(till.initiate("b").await.unwrap().payment.payment_url, None, "it is the second link's");
    let asked = till.backend.asked();
    let_it_cool().await;
    assert_eq!(till.initiate("c").await.unwrap().id, id);
    assert_eq!(till.backend.asked(), asked);
}

#[tokio::test]
async fn a_refusal_of_what_was_asked_before_ends_nothing() {
    let till = Till::new().await;
    till.backend.set_mood(Mood::Mute);
    let id = till.initiate("a").await.unwrap().id;
    till.backend.set_mood(Mood::Refusing);
    till.payments.refresh(&actor(), id).await.unwrap();
    assert_eq!(till.status(id).await, Status::Pending, "it may say so because it has it");
    till.backend.set_mood(Mood::Well);
    let found = till.payments.refresh(&actor(), id).await.unwrap();
    assert!(found.payment.payment_url.is_some());
}

#[tokio::test]
async fn a_dead_link_is_not_handed_out() {
    let till = Till::new().await;
    *till.backend.expires_at.lock().unwrap() = Some(at("2026-03-10T13:00:00Z"));
    let first = till.initiate("a").await.unwrap().id;
    till.world.set_now("2026-03-10T13:00:00Z");
    *till.backend.expires_at.lock().unwrap() = Some(at("2026-03-10T14:00:00Z"));
    till.world.known.catch_up().await.unwrap();
    let second = till.initiate("b").await.unwrap();
    assert_ne!(second.id, first);
    assert_eq!((till.status(first).await, second.payment.status), (Status::Failed, Status::Pending));
    assert_eq!(till.initiate("a").await.unwrap().id, first, "a key is one payment's");
}

#[tokio::test]
async fn what_was_paid_in_the_last_moment_is_not_paid_again() {
    let till = Till::new().await;
    *till.backend.expires_at.lock().unwrap() = Some(at("2026-03-10T13:00:00Z"));
    let id = till.initiate("a").await.unwrap().id;
    till.backend.set(name_of(id).as_str(), PAID);
    till.world.set_now("2026-03-10T13:00:00Z");
    till.world.known.catch_up().await.unwrap();
    let again = till.initiate("b").await.unwrap();
    assert_eq!((again.id, again.payment.status), (id, Status::Completed));
}

#[tokio::test]
async fn what_would_pay_a_month_again_is_called_off_and_not_handed_out() {
    let till = Till::new().await;
    let first = till.initiate("a").await.unwrap().id;
    let name = name_of(first).to_string();
    till.callback(&name, "m1", ObservedStatus::Failed).await;
    let second = till.initiate("b").await.unwrap().id;
    till.backend.set(&name, PAID);
    till.payments.refresh(&actor(), first).await.unwrap();
    let third = till.initiate("c").await.unwrap().id;
    assert_ne!(third, second, "its month is paid, if not settled yet");
    assert_eq!(till.settle().await.len(), 1);
    till.world.known.catch_up().await.unwrap();
    assert_eq!(till.world.known.facts().superseded(), [second]);
    till.world.commands.supersede_payment(&actor(), second).await.unwrap();
    till.payments.follow_cancellation(&actor(), second).await.unwrap();
    till.world.known.catch_up().await.unwrap();
    assert!(till.world.known.facts().superseded().is_empty());
    assert_eq!((till.status(second).await, till.status(third).await), (Status::Cancelled, Status::Pending));
}

#[tokio::test]
async fn whoever_gives_no_key_leaves_nothing_behind_by_asking_again() {
    let till = Till::new().await;
    let wish = || PaymentWish {
        team: team(1),
        user: UserId(1),
        plan: PlanName::from("pay_as_you_go"),
        amount: Money::new(300, Currency::EUR),
        method: PaymentMethod::MobileMoney,
        description: None,
    };
    let id = till.payments.initiate(actor(), wish(), None).await.unwrap().now.id;
    let head = till.world.log.head().await.unwrap();
    let again = till.payments.initiate(actor(), wish(), None).await.unwrap();
    assert_eq!((again.now.id, again.own), (id, false));
    assert_eq!(till.world.log.head().await.unwrap(), head);
}

#[tokio::test]
async fn money_for_a_plan_that_the_settings_lack_waits_for_them() {
    let storage = MemoryStorage::default();
    let till = Till::open(&storage, Arc::default()).await;
    let wish = PaymentWish {
        team: team(1),
        user: UserId(1),
        plan: PlanName::from("gold"),
        amount: Money::new(300, Currency::EUR),
        method: PaymentMethod::CreditCard,
        description: None,
    };
    let id = till.payments.initiate(actor(), wish, None).await.unwrap().now.id;
    till.callback(name_of(id).as_str(), "m1", PAID).await;
    let settled = till.world.commands.settle_payment(&actor(), id).await;
    assert!(matches!(settled, Err(CommandError::Team(TeamRefusal::UnknownPlan(_)))), "{settled:?}");
    till.world.known.catch_up().await.unwrap();
    assert!(till.world.known.facts().unsettled.contains_key(&id), "and no refund is due");
    till.world.close().await;

    let settings = include_str!("../../../domain/src/plans.toml").replace("[pay_as_you_go", "[gold");
    let mended = World::open_with(&storage, Catalogue::from_toml(&settings).unwrap()).await;
    let settled = mended.commands.settle_payment(&actor(), id).await.unwrap();
    assert!(matches!(settled, Settlement::Activated(_)), "{settled:?}");
    assert_eq!(mended.team(team(1)).await.plan.as_str(), "gold");
    mended.known.catch_up().await.unwrap();
    assert!(mended.known.facts().unsettled.is_empty());
    assert_eq!(mended.commands.settle_payment(&actor(), id).await.unwrap(), Settlement::Nothing);
}

#[tokio::test]
async fn money_that_nobody_here_knows_is_counted_until_somebody_does() {
    let till = Till::new().await;
    till.backend.set_mood(Mood::Mute);
    let id = till.initiate("a").await.unwrap().id;
    till.callback(name_of(id).as_str(), "m1", ObservedStatus::Processing).await;
    till.world.known.catch_up().await.unwrap();
    assert!(till.world.known.facts().unmatched.is_empty(), "no money is told of");
    till.callback(name_of(id).as_str(), "m2", PAID).await;
    till.world.known.catch_up().await.unwrap();
    assert!(till.world.known.facts().unmatched.contains_key(&name_of(id)));
    till.backend.set_mood(Mood::Well);
    till.payments.refresh(&actor(), id).await.unwrap();
    till.world.known.catch_up().await.unwrap();
    assert!(till.world.known.facts().unmatched.is_empty());
}

const SECOND: &str = "second-link";

/// The backend has answered the same order once more, with another link.
async fn answered_again(till: &Till, id: PaymentId) {
    till.backend.open_another(SECOND, id);
    let external_payment_id = SECOND.parse().unwrap();
    let submitted =
        PaymentSubmitted { external_payment_id, payment_url: None, qr_code: None, expires_at: None };
    let submission = Submission { submitted, processing: false };
    till.world.commands.submit_payment(&actor(), id, submission).await.unwrap();
}

async fn ask_about_second_links(till: &Till) {
    for link in followed(till).await {
        till.payments.refresh_second_link(&actor(), link.payment, &link.name).await.unwrap();
    }
}

async fn followed(till: &Till) -> Vec<SecondLink> {
    till.world.known.catch_up().await.unwrap();
    till.world.known.facts().second_links.keys().cloned().collect()
}

/// The links that conflicts are of, one for each.
async fn paid_by(till: &Till) -> Vec<String> {
    let mut names = vec![];
    for (_, event) in till.events().await {
        if let PaymentEvent::PaymentConflicted(conflicted) = event {
            names.push(conflicted.external_payment_id.unwrap().to_string());
        }
    }
    names
}

async fn last_verdict(till: &Till) -> Option<Verdict> {
    let mut last = None;
    for (_, event) in till.events().await {
        if let PaymentEvent::CallbackReceived(callback) = event {
            last = Some(callback.verdict);
        }
    }
    last
}

#[tokio::test]
async fn money_by_a_second_link_whose_callback_is_lost_is_found_by_asking() {
    let till = Till::new().await;
    let id = till.initiate("a").await.unwrap().id;
    answered_again(&till, id).await;
    let name = name_of(id).to_string();
    till.backend.set(&name, PAID);
    till.payments.refresh(&actor(), id).await.unwrap();
    assert_eq!(till.settle().await.len(), 1);
    let link = SecondLink { payment: id, name: SECOND.parse().unwrap() };
    assert_eq!(followed(&till).await, [link], "whatever has become of its payment");
    ask_about_second_links(&till).await;
    assert_eq!(paid_by(&till).await, Vec::<String>::new());
    till.backend.set(SECOND, ObservedStatus::Failed);
    ask_about_second_links(&till).await;
    assert_eq!(followed(&till).await.len(), 1, "it may have been paid in the last moment");

    till.backend.set(SECOND, PAID);
    let by = actor();
    let second = SECOND.parse().unwrap();
    let ask = || till.payments.refresh_second_link(&by, id, &second);
    let (one, other, told) = tokio::join!(ask(), ask(), till.tell(SECOND, Some(id), "m1", PAID, true));
    assert!(one.is_ok() && other.is_ok() && told.is_ok());
    till.callback(SECOND, "m2", PAID).await;
    ask().await.unwrap();
    assert_eq!(paid_by(&till).await, [SECOND], "once, however it is told");
    assert_eq!(till.status(id).await, Status::Completed);
    assert_eq!((till.settle().await.len(), till.activations().await.len()), (0, 1));
    assert!(followed(&till).await.is_empty(), "there is nothing more to learn");
}

#[tokio::test]
async fn a_doubtful_word_of_a_second_link_waits_until_that_link_was_asked_about() {
    for parked in [true, false] {
        let till = Till::new().await;
        let id = till.initiate("a").await.unwrap().id;
        if parked {
            let waits = till.tell(SECOND, Some(id), "m1", PAID, false).await.unwrap();
            assert_eq!(waits.payment, None, "whose word is not enough gives no names");
            answered_again(&till, id).await;
        } else {
            answered_again(&till, id).await;
            let told = till.tell(SECOND, None, "m1", PAID, false).await.unwrap();
            assert_eq!((told.payment, told.to_confirm), (Some((id, Status::Pending)), false));
        }
        assert_eq!(last_verdict(&till).await, Some(Verdict::ToConfirm), "parked: {parked}");
        till.payments.refresh(&actor(), id).await.unwrap();
        ask_about_second_links(&till).await;
        assert_eq!(paid_by(&till).await, Vec::<String>::new(), "the backend says that it is not so");
        till.backend.set(SECOND, PAID);
        till.payments.refresh(&actor(), id).await.unwrap();
        assert_eq!(paid_by(&till).await, Vec::<String>::new(), "another link was asked about");
        ask_about_second_links(&till).await;
        assert_eq!(paid_by(&till).await, [SECOND]);
        assert_eq!(till.status(id).await, Status::Pending);
    }
}

#[tokio::test]
async fn a_node_that_starts_knows_which_second_links_are_asked_about() {
    let till = Till::new().await;
    let id = till.initiate("a").await.unwrap().id;
    answered_again(&till, id).await;
    let before = followed(&till).await;
    till.tell("third-link", Some(id), "m1", ObservedStatus::Processing, true).await.unwrap();
    let heard = till.world.known.facts().second_links.values().next().copied();
    till.tell(SECOND, None, "m2", PAID, false).await.unwrap();
    assert_eq!(followed(&till).await.len(), before.len() + 1);
    let facts = till.world.known.facts().second_links.clone();
    let told_again = facts[&before[0]];
    assert!(Some(told_again) >= heard, "it is asked about at once, and as long as if it were new");
    let started = Known::open(Arc::clone(&till.world.log)).await.unwrap();
    assert_eq!(started.facts().second_links, facts);
}

#[tokio::test]
async fn a_link_that_the_log_does_not_have_is_not_asked_about() {
    let till = Till::new().await;
    let id = till.initiate("a").await.unwrap().id;
    till.backend.open_another(SECOND, id);
    till.backend.set(SECOND, PAID);
    till.payments.refresh_second_link(&actor(), id, &SECOND.parse().unwrap()).await.unwrap();
    till.payments.refresh_second_link(&actor(), id, &name_of(id)).await.unwrap();
    assert_eq!(paid_by(&till).await, Vec::<String>::new());
}
