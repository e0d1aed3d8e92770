//! When the other side does not take it: for a while, for ever, for good, or not now.

use std::sync::Arc;
use std::time::Duration;

use chrono::TimeDelta;
use domain::delivery::DeliveryEvent;
use domain::team::Role;
use domain::{Language, UserId};
use projections::deliveries::{Channel, Pending};
use servelink_workers::deliver::MailTransport;
use servelink_workers::job::Job;
use servelink_workers::mail::{MailConfig, Mailer};

use store::commands::ContactChange;

use crate::fake::{Fake, Mode};
use crate::world::{OWNER, TEAM, World, actor};

const MINUTE: TimeDelta = TimeDelta::minutes(1);

fn kinds(outcomes: &[(String, DeliveryEvent)]) -> Vec<&'static str> {
    let kind = |(_, event): &(String, DeliveryEvent)| match event {
        DeliveryEvent::DeliveryDelayed(_) => "delayed",
        DeliveryEvent::Delivered(_) => "delivered",
        DeliveryEvent::DeliveryGivenUp(_) => "given up",
    };
    outcomes.iter().map(kind).collect()
}

#[tokio::test]
async fn down_for_three_hours_loses_and_repeats_nothing() {
    let world = World::new().await;
    for _ in 0..3 {
        world.alert().await;
    }
    let fake = Fake::new(Mode::Down);
    let mut job = world.job(fake.clone());
    world.run_from(&mut job, TimeDelta::zero()..MINUTE * 175, MINUTE).await;
    // News comes in the middle of it.
    world.alert().await;
    world.run_from(&mut job, MINUTE * 175..MINUTE * 180, MINUTE).await;
    assert!(fake.taken().is_empty());
    assert_eq!(world.counts().await.mail.delayed, 4);
    let first = fake.tried()[0].0;
    let tries = fake.tried().into_iter().filter(|(id, _)| *id == first);
    let minutes: Vec<_> = tries.map(|(_, at)| world.after(at).num_minutes()).collect();
    assert_eq!(minutes, [0, 1, 5, 15, 30, 60, 120]);

    fake.set(Mode::Up);
    world.run_from(&mut job, MINUTE * 180..MINUTE * 300, MINUTE).await;
    let mut taken = fake.taken();
    assert_eq!(taken.len(), 4);
    taken.sort();
    taken.dedup();
    assert_eq!(taken.len(), 4, "none twice");
    let outcomes = world.outcomes().await;
    let mut expected = vec!["delayed"; 4];
    expected.extend(["delivered"; 4]);
    assert_eq!(kinds(&outcomes), expected, "the first failure only");
    let DeliveryEvent::DeliveryDelayed(delayed) = &outcomes[0].1 else { panic!("{outcomes:?}") };
    assert_eq!(delayed.reason, "*** cannot be reached");
    assert_eq!(world.counts().await, Default::default());
}

#[tokio::test]
async fn down_for_more_than_a_day_is_given_up_once() {
    let world = World::new().await;
    world.alert().await;
    let fake = Fake::new(Mode::Down);
    let mut job = world.job(fake.clone());
    world.run_from(&mut job, TimeDelta::zero()..MINUTE * 60 * 30, MINUTE * 20).await;
    fake.set(Mode::Up);
    world.run_from(&mut job, MINUTE * 60 * 30..MINUTE * 60 * 40, MINUTE * 20).await;
    assert!(fake.taken().is_empty());
    let outcomes = world.outcomes().await;
    assert_eq!(kinds(&outcomes), ["delayed", "given up"]);
    let DeliveryEvent::DeliveryGivenUp(up) = &outcomes[1].1 else { panic!("{outcomes:?}") };
    assert_eq!(world.after(up.at), TimeDelta::days(1));
    assert_eq!(world.counts().await.mail.given_up, 1);
    let dead = world.reads.deliveries_given_up(10).await.unwrap();
    assert_eq!((dead.len(), &*dead[0].reason), (1, "*** cannot be reached"));
}

#[tokio::test]
async fn a_process_that_was_down_meanwhile_tries_at_once_and_knows_since_when() {
    let world = World::new().await;
    world.alert().await;
    let fake = Fake::new(Mode::Down);
    world.run(&mut world.job(fake.clone())).await;
    // Started again: too early for another try, and then late for one.
    let mut job = world.job(fake.clone());
    world.at(TimeDelta::seconds(30));
    world.run(&mut job).await;
    assert_eq!(fake.tried().len(), 1);
    world.at(TimeDelta::hours(3) + MINUTE);
    world.run(&mut job).await;
    world.run(&mut job).await;
    assert_eq!(fake.tried().len(), 2);
    // The day is over while nobody tried.
    let mut job = world.job(fake.clone());
    world.at(TimeDelta::days(2));
    assert_eq!(world.run(&mut job).await.given_up, 1);
    assert_eq!(kinds(&world.outcomes().await), ["delayed", "given up"]);
}

#[tokio::test]
async fn what_is_refused_for_good_is_given_up_at_once() {
    let world = World::new().await;
    world.alert().await;
    let fake = Fake::new(Mode::Refuses);
    let mut job = world.job(fake.clone());
    assert_eq!(world.run(&mut job).await.given_up, 1);
    world.at(TimeDelta::hours(5));
    assert_eq!(world.run(&mut job).await, Default::default());
    assert_eq!((fake.tried().len(), kinds(&world.outcomes().await)), (1, vec!["given up"]));
}

#[tokio::test]
async fn whoever_asks_to_be_left_alone_is() {
    let world = World::new().await;
    for _ in 0..6 {
        world.alert().await;
    }
    let fake = Fake::new(Mode::Busy(Duration::from_secs(600)));
    let mut job = world.job(fake.clone());
    let report = world.run(&mut job).await;
    assert_eq!((report.failed, report.held_until), (3, Some(world.begun + TimeDelta::minutes(10))));
    assert!(report.to_string().contains("nothing more before"), "{report}");
    fake.set(Mode::Up);
    world.run_from(&mut job, MINUTE..MINUTE * 10, MINUTE).await;
    assert_eq!(fake.tried().len(), 3, "those that were under way");
    world.at(MINUTE * 10);
    assert_eq!(world.run(&mut job).await.delivered, 6);
}

#[tokio::test]
async fn nobody_is_written_to_of_what_is_a_week_old() {
    let world = World::new().await;
    world.alert().await;
    let fake = Fake::new(Mode::Up);
    let mut job = world.job(fake.clone());
    world.at(TimeDelta::days(7) + MINUTE);
    assert_eq!(world.run(&mut job).await, Default::default());
    world.at(TimeDelta::days(7) - MINUTE);
    assert_eq!(world.run(&mut job).await.delivered, 1);
}

#[tokio::test]
async fn what_nobody_could_send_for_a_week_is_given_up_and_counted() {
    let world = World::new().await;
    world.alert().await;
    let fake = Fake::new(Mode::Up);
    // The channel is set up before the next alert.
    assert_eq!(world.run(&mut world.job(fake.clone())).await.delivered, 1);
    world.alert().await;
    // No worker ran since.
    world.at(TimeDelta::days(8));
    let mut job = world.job(fake.clone());
    assert_eq!(world.run(&mut job).await.given_up, 1);
    assert_eq!(world.run(&mut job).await, Default::default(), "once");
    assert_eq!(fake.tried().len(), 1);
    let (_, outcome) = world.outcomes().await.pop().unwrap();
    let DeliveryEvent::DeliveryGivenUp(up) = outcome else { panic!("{outcome:?}") };
    assert_eq!(up.reason, "older than 7 days when it could first be sent");
    assert_eq!((world.after(up.at), world.counts().await.mail.given_up), (TimeDelta::days(8), 1));
}

#[tokio::test]
async fn nobody_is_left_alone_for_longer_than_an_hour() {
    let world = World::new().await;
    world.alert().await;
    let fake = Fake::new(Mode::Busy(Duration::MAX));
    let mut job = world.job(fake.clone());
    assert_eq!(world.run(&mut job).await.held_until, Some(world.begun + TimeDelta::hours(1)));
    world.at(TimeDelta::hours(1) - MINUTE);
    world.run(&mut job).await;
    assert_eq!(fake.tried().len(), 1);
    world.at(TimeDelta::hours(1));
    world.run(&mut job).await;
    assert_eq!(fake.tried().len(), 2);
}

fn mails(world: &World) -> MailTransport {
    // Nobody listens there, and nobody is asked.
    let config = MailConfig::new(&"smtp://127.0.0.1:9?starttls=never".into(), "usage@example.org").unwrap();
    let mailer = Mailer::new(&config).unwrap();
    MailTransport::new(mailer, world.subjects.clone(), Arc::default(), "https://usage.example".into())
        .unwrap()
}

#[tokio::test]
async fn who_was_forgotten_is_not_written_to() {
    let mut world = World::new().await;
    world.alert().await;
    // The key is gone, and the read model does not know it yet.
    world.stop_reading().await;
    world.commands.erase_subject(&actor(), OWNER).await.unwrap();
    let pending =
        world.reads.pending_deliveries(Channel::Mail, &Pending::untried(world.begun), 10).await.unwrap();
    assert_eq!(pending.deliveries.len(), 1, "that is what it still says");
    let mut job = world.job(mails(&world));
    let report = job.run().await.unwrap();
    assert_eq!(report.given_up, 1);
    let outcomes = world.outcomes().await;
    let [(_, DeliveryEvent::DeliveryGivenUp(up))] = &outcomes[..] else { panic!("{outcomes:?}") };
    assert_eq!(up.reason, "the person was forgotten");
    // Then it does, and nobody is counted as dead.
    world.read_on();
    assert_eq!(world.counts().await, Default::default());
}

#[tokio::test]
async fn who_has_no_address_any_more_is_not_written_to() {
    let world = World::new().await;
    world.alert().await;
    let none = ContactChange { email: Some(None), ..ContactChange::default() };
    world.commands.put_member(&actor(), TEAM, OWNER, Role::Owner, &none).await.unwrap();
    let mut job = world.job(mails(&world));
    assert_eq!(world.run(&mut job).await.given_up, 1);
    let (_, outcome) = world.outcomes().await.pop().unwrap();
    let DeliveryEvent::DeliveryGivenUp(up) = outcome else { panic!("{outcome:?}") };
    assert_eq!(up.reason, "the member has no address any more");
}

#[tokio::test]
async fn who_leaves_gets_nothing_more() {
    let world = World::new().await;
    world.commands.give_plan(&actor(), TEAM, &"pay_as_you_go".into()).await.unwrap();
    world.reach(UserId(2), Role::Admin, "moussa@example.org", Language::English).await;
    world.use_traffic(170).await;
    let fake = Fake::new(Mode::Down);
    let mut job = world.job(fake.clone());
    assert_eq!(world.run(&mut job).await.failed, 2);
    world.commands.remove_member(&actor(), TEAM, UserId(2)).await.unwrap();
    fake.set(Mode::Up);
    world.at(MINUTE);
    assert_eq!(world.run(&mut job).await.delivered, 1);
}
