//! Mails of real events at a real SMTP server.

use std::collections::BTreeMap;
use std::sync::Arc;

use chrono::{Months, NaiveDate, TimeDelta};
use domain::payment::{
    Capture, Observation, ObservedStatus, PaymentMethod, PaymentSubmitted, Submission, Via,
};
use domain::team::{LimitForecast, Resource, Role, TeamEvent};
use domain::{ExternalPaymentId, Language, Money, PaymentId, UserId};
use iso_currency::Currency;
use servelink_workers::deliver::MailTransport;
use servelink_workers::mail::Mailer;
use store::codec::encode;
use store::commands::{Initiation, PaymentWish};
use store::{Append, Digest, EventLog, Expected, Filter, Key, KeyId, Position, StreamEvents, StreamId};

use crate::server::{Got, SmtpServer};
use crate::world::{OWNER, TEAM, World, actor};

const ADMIN: UserId = UserId(2);
const PRICE: Money = Money::new(2_000, Currency::XOF);

fn transport(world: &World, mailer: Mailer) -> MailTransport {
    MailTransport::new(mailer, world.subjects.clone(), Arc::default(), "https://usage.example".into())
        .unwrap()
}

/// An owner who reads French, and an admin who reads English, on a plan that was given.
async fn two_readers() -> World {
    let world = World::new().await;
    world.commands.give_plan(&actor(), TEAM, &"pay_as_you_go".into()).await.unwrap();
    world.reach(ADMIN, Role::Admin, "moussa@example.org", Language::English).await;
    world
}

async fn begin(world: &World, user: UserId) -> PaymentId {
    let wish = PaymentWish {
        team: TEAM,
        user,
        plan: "pay_as_you_go".into(),
        amount: PRICE,
        method: PaymentMethod::MobileMoney,
        description: None,
    };
    let id = KeyId::of(&["test", &world.log.head().await.unwrap().to_string()]);
    let key = Key { id, digest: Digest::default(), answer: None };
    let begun = world.commands.initiate_payment(&actor(), &wish, Some(&key)).await.unwrap();
    let Initiation::New(now) = begun else { panic!("{begun:?}") };
    now.id
}

async fn fail(world: &World, user: UserId) {
    let id = begin(world, user).await;
    world.commands.refuse_payment(&actor(), id, "insufficient balance".into()).await.unwrap();
}

async fn pay(world: &World, user: UserId) {
    let id = begin(world, user).await;
    let external_payment_id: ExternalPaymentId = format!("x-{id}").parse().unwrap();
    let submitted = PaymentSubmitted {
        external_payment_id: external_payment_id.clone(),
        payment_url: None,
        qr_code: None,
        expires_at: None,
    };
    let submission = Submission { submitted, processing: false };
    world.commands.submit_payment(&actor(), id, submission).await.unwrap();
    let captured = Observation {
        via: Via::Poll,
        external_payment_id,
        status: ObservedStatus::Completed(Capture::Told(PRICE)),
        transaction_id: None,
        at: world.clock.now(),
    };
    world.commands.observe_payment(&actor(), id, captured).await.unwrap();
    world.commands.settle_payment(&actor(), id).await.unwrap();
}

async fn forecast(world: &World) {
    let forecast = LimitForecast {
        resource: Resource::Traffic,
        month: "2026-11".parse().unwrap(),
        used: 1_000.into(),
        limit: 2_000.into(),
        reached_on: NaiveDate::from_ymd_opt(2026, 11, 28).unwrap(),
        at: world.clock.now(),
    };
    let events = StreamEvents {
        stream: StreamId::new("team", TEAM.to_string()),
        expected: Expected::Any,
        events: vec![encode(&TeamEvent::LimitForecast(forecast)).unwrap()],
    };
    let key = Key { id: KeyId::of(&["forecast"]), digest: Digest::default(), answer: None };
    let append = Append { keys: vec![key], streams: vec![events], ..Append::default() };
    world.log.append(append).await.unwrap();
}

/// By event type, the ids of what was recorded, in order.
async fn recorded(world: &World) -> BTreeMap<String, Vec<String>> {
    let mut ids = BTreeMap::<String, Vec<String>>::new();
    for event in world.log.read_after(Position::default(), usize::MAX >> 1, Filter::All).await.unwrap() {
        ids.entry(event.event_type.to_string()).or_default().push(event.event_id.to_string());
    }
    ids
}

fn seen(got: &Got) -> (String, String, String) {
    let [id, language, subject] =
        ["Message-ID", "Content-Language", "Subject"].map(|name| &got.headers[name]);
    // Of the event, and of its reader.
    let (id, _) = id.trim_start_matches('<').split_once('.').unwrap();
    (id.to_owned(), language.clone(), subject.replace(['\u{a0}', '\u{202f}'], " "))
}

#[tokio::test]
async fn every_kind_is_written_in_the_language_of_its_reader() {
    let world = two_readers().await;
    // Of the 10 GB that the plan allows.
    for of_five in [168, 192, 202] {
        world.use_traffic(of_five).await;
    }
    forecast(&world).await;
    fail(&world, OWNER).await;
    fail(&world, ADMIN).await;
    pay(&world, OWNER).await;
    pay(&world, ADMIN).await;
    // Given for a month, and paid for two.
    let end = world.begun + Months::new(3) - world.begun;
    world.at(end - TimeDelta::days(4));
    world.commands.check_plan(&actor(), TEAM).await.unwrap();
    world.at(end + TimeDelta::days(4));
    world.commands.check_plan(&actor(), TEAM).await.unwrap();
    world.at(TimeDelta::zero());

    let mut server = SmtpServer::start(&["none"]).await;
    let mut job = world.job(transport(&world, server.mailer()));
    // Read meanwhile: the server waits for whoever reads.
    let reading = async {
        let mut got = Vec::new();
        for _ in 0..16 {
            let mail = server.got().await;
            let reader = if mail.headers["Content-Language"] == "fr" { "awa" } else { "moussa" };
            assert_eq!(mail.to, [format!("{reader}@example.org")]);
            got.push(seen(&mail));
        }
        got
    };
    let (report, got) = tokio::join!(world.run(&mut job), reading);
    assert_eq!(report.delivered, 16);
    let ids = recorded(&world).await;
    let (both, first, second) = (&[0, 1][..], &[0][..], &[1][..]);
    let languages = ["fr", "en"];
    // What stands after the name; a date that depends on today is left out.
    for (event, nth, to, subjects) in [
        ("UsageAlertRaised", 0, both, ["84 % du trafic mensuel utilisé", "84% of the monthly traffic used"]),
        ("UsageAlertRaised", 1, both, ["96 % du trafic mensuel utilisé", "96% of the monthly traffic used"]),
        ("UsageAlertRaised", 2, both, ["limite de trafic atteinte", "traffic limit reached"]),
        (
            "LimitForecast",
            0,
            both,
            [
                "limite de trafic prévue pour le 28 novembre 2026",
                "traffic limit expected on 28 November 2026",
            ],
        ),
        ("PaymentFailed", 0, first, ["paiement de 2 000 FCFA non abouti", ""]),
        ("PaymentFailed", 1, second, ["", "payment of 2,000 FCFA did not succeed"]),
        ("PlanRenewed", 0, first, ["paiement de 2 000 FCFA reçu", ""]),
        ("PlanRenewed", 1, second, ["", "payment of 2,000 FCFA received"]),
        ("RenewalDue", 0, both, ["forfait Pro à renouveler avant le", "renew the Pro plan before"]),
        ("PlanLapsed", 0, both, ["forfait Pro expiré", "Pro plan expired"]),
    ] {
        let id = &ids[event][nth];
        let own: Vec<_> = got.iter().filter(|(its, ..)| its == id).collect();
        assert_eq!(own.len(), to.len(), "{event}: {got:#?}");
        for place in to {
            let mail = own.iter().find(|(_, language, _)| language == languages[*place]);
            let (_, _, subject) = mail.unwrap_or_else(|| panic!("{event}: {got:#?}"));
            assert!(
                subject.contains("Équipe à Dakar") && subject.contains(subjects[*place]),
                "{event}: {subject}"
            );
        }
    }
    assert_eq!(world.run(&mut job).await, Default::default());
}

#[tokio::test]
async fn a_server_that_is_down_for_a_while_loses_and_repeats_nothing() {
    let world = two_readers().await;
    let mut server = SmtpServer::start(&["none"]).await;
    let port = server.port;
    let mut job = world.job(transport(&world, server.mailer()));
    let mut got = Vec::new();
    for hour in 0..6 {
        world.at(TimeDelta::hours(hour));
        world.use_traffic(168).await;
        // Up, down, and up again for good.
        let report = match hour {
            2 => {
                server.stop().await;
                let report = world.run(&mut job).await;
                // At the port where it was.
                world.use_traffic(192).await;
                assert_eq!(world.run(&mut job).await.failed, 2);
                server = SmtpServer::start_at(port, &["none"]).await;
                assert_eq!((report.delivered, report.failed), (0, 2));
                continue;
            }
            _ => world.run(&mut job).await,
        };
        for _ in 0..report.delivered {
            got.push(seen(&server.got().await));
        }
        assert_eq!(report.delivered, if hour == 3 { 6 } else { 2 }, "{hour}");
    }
    let mut expected: Vec<_> = recorded(&world).await.remove("UsageAlertRaised").unwrap();
    expected.sort();
    for language in ["fr", "en"] {
        let mut ids: Vec<_> =
            got.iter().filter(|mail| mail.1 == language).map(|mail| mail.0.clone()).collect();
        ids.sort();
        assert_eq!(ids, expected, "each once");
    }
    assert_eq!(world.counts().await, Default::default());
}
