//! History stays readable for ever: `golden/<aggregate>/<EventType>.v<version>.json` is what each version of each
//! event looks like in the log. A file is never changed once a release has written such events; a new version is a
//! new file, which the store's codec turns into the present event.
#![allow(clippy::unwrap_used, missing_docs)]

use std::collections::BTreeSet;
use std::fmt::Debug;
use std::fs;
use std::path::Path;

use chrono::{DateTime, Utc};
use cqrs_es::DomainEvent;
use iso_currency::Currency;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;
use servelink_domain::comparison::ComparisonEvent;
use servelink_domain::delivery::{Delivered, DeliveryDelayed, DeliveryEvent, DeliveryGivenUp};
use servelink_domain::inbox::{CallbackParked, InboxEvent, PaymentMatched};
use servelink_domain::payment::{
    CallbackReceived, CancellationRequested, PaymentCancelled, PaymentCompleted, PaymentConflicted,
    PaymentEvent, PaymentFailed, PaymentInitiated, PaymentMethod, PaymentProcessing, PaymentSubmitted,
    RefundDue, SecondLinkFound, Verdict,
};
use servelink_domain::payment::{Capture, ObservedStatus};
use servelink_domain::plan::PlanName;
use servelink_domain::service_key::{Scope, ServiceKeyCreated, ServiceKeyEvent, ServiceKeyRevoked};
use servelink_domain::source::{Counted, CountersRead, SourceEvent, Totals};
use servelink_domain::team::{
    LimitForecast, MemberAdded, MemberContactChanged, MemberRemoved, MemberRoleChanged, PlanActivated,
    PlanLapsed, PlanRenewed, ProjectMoved, ProjectRegistered, ProjectRemoved, ProjectRenamed,
    ProjectSourceChosen, RenewalDue, Resource, Role, SubjectErased, TeamEvent, TeamRegistered, TeamRemoved,
    TeamRenamed, UnlinkedStorageMeasured, UsageAlertCleared, UsageAlertRaised,
};
use servelink_domain::usage::{
    Correction, MonthClosed, StorageMeasured, StorageSizes, TrafficRecorded, UsageCorrected, UsageEvent,
};
use servelink_domain::{
    ByteCount, Language, Money, PaymentId, ProjectId, Sealed, TeamId, TrafficSource, UserId,
};

/// The golden of an event's type. A variant without one does not compile.
macro_rules! golden_of {
    ($of:ident, $event:ident in $folder:literal: $($variant:ident)*) => {
        fn $of(event: &$event) -> &'static str {
            match event {
                $($event::$variant(_) => include_str!(concat!("../golden/", $folder, "/", stringify!($variant), ".v1.json")),)*
            }
        }
    };
}

golden_of!(usage, UsageEvent in "usage": TrafficRecorded StorageMeasured UsageCorrected MonthClosed);
golden_of!(team, TeamEvent in "team":
    TeamRegistered TeamRenamed TeamRemoved MemberAdded MemberRemoved MemberRoleChanged MemberContactChanged
    SubjectErased ProjectSourceChosen LimitForecast UnlinkedStorageMeasured
    ProjectRegistered ProjectRenamed ProjectMoved ProjectRemoved PlanActivated PlanRenewed RenewalDue PlanLapsed
    UsageAlertRaised UsageAlertCleared);
golden_of!(payment, PaymentEvent in "payment":
    PaymentInitiated PaymentSubmitted PaymentProcessing PaymentCompleted PaymentFailed CancellationRequested
    PaymentCancelled PaymentConflicted RefundDue CallbackReceived SecondLinkFound);
golden_of!(comparison, ComparisonEvent in "comparison": TrafficCompared);
golden_of!(delivery, DeliveryEvent in "delivery": DeliveryDelayed Delivered DeliveryGivenUp);
golden_of!(inbox, InboxEvent in "inbox": CallbackParked PaymentMatched);
golden_of!(source, SourceEvent in "source": CountersRead);
golden_of!(service_key, ServiceKeyEvent in "service_key": ServiceKeyCreated ServiceKeyRevoked);

fn check<E>(folder: &str, golden: fn(&E) -> &'static str, events: &[E])
where
    E: DomainEvent + Serialize + DeserializeOwned + PartialEq + Debug,
{
    let mut names = BTreeSet::new();
    for event in events {
        let text = golden(event);
        assert_eq!(serde_json::from_str::<E>(text).unwrap(), *event);
        assert_eq!(serde_json::to_value(event).unwrap(), serde_json::from_str::<Value>(text).unwrap());
        names.insert(format!("{}.v{}.json", event.event_type(), event.event_version()));
    }
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("golden").join(folder);
    let files = fs::read_dir(folder).unwrap().map(|file| file.unwrap().file_name().into_string().unwrap());
    assert_eq!(files.collect::<BTreeSet<_>>(), names, "each golden is checked above");
}

fn at(text: &str) -> DateTime<Utc> {
    text.parse().unwrap()
}

fn project() -> ProjectId {
    "00112233445566778899aabbccddeeff".parse().unwrap()
}

fn payment_id() -> PaymentId {
    "0192f0c1-2b3c-7d4e-8f50-617283940a5b".parse().unwrap()
}

fn team_id(text: &str) -> TeamId {
    text.parse().unwrap()
}

fn totals(ingress: u32, egress: u32, requests: u64) -> Totals {
    Totals { ingress_bytes: ingress.into(), egress_bytes: egress.into(), requests }
}

#[test]
fn usage_events() {
    let sizes = StorageSizes { volumes_bytes: 1.into(), images_bytes: 20.into(), layers_bytes: 300.into() };
    let events = [
        UsageEvent::TrafficRecorded(TrafficRecorded {
            source: "traefik-1".into(),
            kind: None,
            batch_ids: vec!["batch-7".into(), "batch-8".into()],
            from: at("2026-11-23T00:00:00Z"),
            until: at("2026-11-23T23:59:59.999999Z"),
            ingress_bytes: 1024.into(),
            egress_bytes: ByteCount::MAX,
            requests: 3,
        }),
        UsageEvent::StorageMeasured(StorageMeasured {
            sizes,
            total_bytes: 321.into(),
            measured_at: at("2026-11-23T12:00:00.500Z"),
            source: "docker".into(),
        }),
        UsageEvent::UsageCorrected(UsageCorrected {
            reason: "late samples of 2026-10-31, after that month was closed".into(),
            delta: Correction { ingress_bytes: -5, egress_bytes: 7, requests: 0 },
            by: "traefik-1".into(),
            at: at("2026-11-23T12:00:00Z"),
            batch_ids: vec!["batch-9".into()],
        }),
        UsageEvent::MonthClosed(MonthClosed {
            traffic_bytes: 12.into(),
            storage_bytes: 321.into(),
            up_to_position: 4711,
        }),
    ];
    check("usage", usage, &events);
}

#[test]
fn team_events() {
    let noon = at("2026-11-23T12:00:00Z");
    let slug = |text: &str| text.parse().unwrap();
    let events = [
        TeamEvent::TeamRegistered(TeamRegistered { name: "Équipe A".into(), slug: slug("equipe-a") }),
        TeamEvent::TeamRenamed(TeamRenamed { name: "Équipe B".into(), slug: slug("equipe-b") }),
        TeamEvent::TeamRemoved(TeamRemoved { at: noon }),
        TeamEvent::MemberAdded(MemberAdded { user_id: UserId(1), role: Role::Owner }),
        TeamEvent::MemberRemoved(MemberRemoved { user_id: UserId(2) }),
        TeamEvent::MemberRoleChanged(MemberRoleChanged { user_id: UserId(3), role: Role::Admin }),
        TeamEvent::ProjectRegistered(ProjectRegistered {
            project_id: project(),
            name: "shop".into(),
            moved_from: Some(team_id("fedcba9876543210fedcba9876543210")),
        }),
        TeamEvent::ProjectRenamed(ProjectRenamed { project_id: project(), name: "boutique".into() }),
        TeamEvent::ProjectMoved(ProjectMoved {
            project_id: project(),
            to_team: team_id("0123456789abcdef0123456789abcdef"),
        }),
        TeamEvent::ProjectRemoved(ProjectRemoved { project_id: project(), at: noon }),
        TeamEvent::PlanActivated(PlanActivated {
            plan: PlanName::from("pay_as_you_go"),
            payment_id: Some(payment_id()),
            period: Some(1),
            from: noon,
            until: at("2026-12-23T12:00:00Z"),
        }),
        TeamEvent::PlanRenewed(PlanRenewed {
            plan: PlanName::from("pay_as_you_go"),
            payment_id: None,
            period: None,
            from: at("2026-12-23T12:00:00Z"),
            until: at("2027-01-23T12:00:00Z"),
        }),
        TeamEvent::RenewalDue(RenewalDue {
            plan: PlanName::from("pay_as_you_go"),
            until: at("2027-01-23T12:00:00Z"),
            days_before: 5,
        }),
        TeamEvent::PlanLapsed(PlanLapsed {
            plan: PlanName::from("pay_as_you_go"),
            until: at("2027-01-23T12:00:00Z"),
            at: at("2027-01-26T12:00:00Z"),
        }),
    ];
    let alerts = [
        TeamEvent::UsageAlertRaised(UsageAlertRaised {
            resource: Resource::Traffic,
            threshold: 80,
            month: "2026-11".parse().unwrap(),
            used: ByteCount::from(4_294_967_295),
            limit: ByteCount::MAX,
            at: noon,
        }),
        TeamEvent::UsageAlertCleared(UsageAlertCleared {
            resource: Resource::Storage,
            standing: Some(80),
            month: "2026-11".parse().unwrap(),
            used: ByteCount::from(94),
            limit: ByteCount::from(104),
            at: noon,
        }),
    ];
    let later = [
        TeamEvent::MemberContactChanged(MemberContactChanged {
            user_id: UserId(3),
            email: Some(Sealed::new("AQIDBAUGBwgJCgsMDQ4PEA".into())),
            language: Some(Language::French),
            // Left out: it was not there at first.
            muted: false,
        }),
        TeamEvent::SubjectErased(SubjectErased { user_id: UserId(3) }),
        TeamEvent::ProjectSourceChosen(ProjectSourceChosen {
            project_id: project(),
            source: Some(TrafficSource::Docker),
        }),
        TeamEvent::LimitForecast(LimitForecast {
            resource: Resource::Traffic,
            month: "2026-11".parse().unwrap(),
            used: ByteCount::from(4_294_967_295),
            limit: ByteCount::MAX,
            reached_on: "2026-11-28".parse().unwrap(),
            at: noon,
        }),
        TeamEvent::UnlinkedStorageMeasured(UnlinkedStorageMeasured {
            bytes: ByteCount::from(4_294_967_295),
            measured_at: noon,
            source: "docker".into(),
        }),
    ];
    let events: Vec<_> = events.into_iter().chain(alerts).chain(later).collect();
    check("team", team, &events);
}

#[test]
fn source_events() {
    let counters = vec![
        Counted {
            service: "deployment-1@docker".into(),
            totals: totals(100, 200, 3),
            project_id: Some(project()),
            counted: totals(10, 20, 1),
            waiting: Totals::ZERO,
        },
        Counted {
            service: "deployment-2@docker".into(),
            totals: totals(5, 6, 7),
            project_id: None,
            counted: Totals::ZERO,
            waiting: totals(5, 6, 7),
        },
    ];
    let read = CountersRead {
        at: at("2026-11-23T12:00:00Z"),
        started_at: at("2026-11-22T08:30:00Z"),
        since_complete: 4,
        counters,
    };
    check("source", source, &[SourceEvent::CountersRead(read)]);
}

#[test]
fn service_key_events() {
    let created = ServiceKeyCreated {
        name: "the PaaS".into(),
        hash: "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08".into(),
        scopes: Scope::ALL.to_vec(),
        at: at("2026-11-23T12:00:00Z"),
        expires_at: Some(at("2027-02-21T12:00:00Z")),
    };
    let events = [
        ServiceKeyEvent::ServiceKeyCreated(created),
        ServiceKeyEvent::ServiceKeyRevoked(ServiceKeyRevoked { at: at("2026-11-24T12:00:00Z") }),
    ];
    check("service_key", service_key, &events);
}

#[test]
fn comparison_events() {
    let seen = TrafficRecorded {
        source: "docker".into(),
        kind: Some(TrafficSource::Docker),
        batch_ids: vec!["docker:7".into()],
        from: at("2026-11-23T12:00:00Z"),
        until: at("2026-11-23T12:00:10Z"),
        ingress_bytes: 1024.into(),
        egress_bytes: 2048.into(),
        requests: 0,
    };
    check("comparison", comparison, &[ComparisonEvent::TrafficCompared(seen)]);
}

/// What is not said is left out, and may be.
#[test]
fn optional_fields_may_be_missing() {
    let registered = TeamEvent::ProjectRegistered(ProjectRegistered {
        project_id: project(),
        name: "shop".into(),
        moved_from: None,
    });
    let text = r#"{"ProjectRegistered":{"project_id":"00112233445566778899aabbccddeeff","name":"shop"}}"#;
    assert_eq!(serde_json::to_string(&registered).unwrap(), text);
    assert_eq!(serde_json::from_str::<TeamEvent>(text).unwrap(), registered);

    let mut corrected: Value =
        serde_json::from_str(include_str!("../golden/usage/UsageCorrected.v1.json")).unwrap();
    corrected["UsageCorrected"].as_object_mut().unwrap().remove("batch_ids");
    let UsageEvent::UsageCorrected(by_hand) = serde_json::from_value(corrected.clone()).unwrap() else {
        panic!()
    };
    assert!(by_hand.batch_ids.is_empty());
    assert_eq!(serde_json::to_value(UsageEvent::UsageCorrected(by_hand)).unwrap(), corrected);

    // History from before it was told how traffic was counted, and since.
    let golden = include_str!("../golden/usage/TrafficRecorded.v1.json");
    let mut counted: Value = serde_json::from_str(golden).unwrap();
    counted["TrafficRecorded"]["kind"] = "ingest".into();
    let event: UsageEvent = serde_json::from_value(counted.clone()).unwrap();
    let UsageEvent::TrafficRecorded(traffic) = &event else { panic!() };
    assert_eq!(traffic.kind, Some(TrafficSource::Ingest));
    assert_eq!(serde_json::to_value(&event).unwrap(), counted);

    // A callback of a second link, and of the payment itself.
    let golden = include_str!("../golden/payment/CallbackReceived.v1.json");
    let mut received: Value = serde_json::from_str(golden).unwrap();
    received["CallbackReceived"]["external_payment_id"] = "om-2".into();
    let event: PaymentEvent = serde_json::from_value(received.clone()).unwrap();
    let PaymentEvent::CallbackReceived(callback) = &event else { panic!() };
    assert_eq!(callback.external_payment_id, Some("om-2".parse().unwrap()));
    assert_eq!(serde_json::to_value(&event).unwrap(), received);
}

#[test]
fn payment_events() {
    let noon = at("2026-11-23T12:00:00Z");
    let euros = |cents| Money::new(cents, Currency::EUR);
    let events = [
        PaymentEvent::PaymentInitiated(PaymentInitiated {
            team_id: team_id("00112233445566778899aabbccddeeff"),
            user_id: UserId(7),
            plan: PlanName::from("pay_as_you_go"),
            period: 2,
            amount: euros(300),
            method: PaymentMethod::MobileMoney,
            description: Some("Novembre".into()),
            at: noon,
        }),
        PaymentEvent::PaymentSubmitted(PaymentSubmitted {
            external_payment_id: "om-1".parse().unwrap(),
            payment_url: Some("https://pay.example/om-1".into()),
            qr_code: None,
            expires_at: Some(at("2026-11-23T13:00:00Z")),
        }),
        PaymentEvent::PaymentProcessing(PaymentProcessing { at: noon }),
        PaymentEvent::PaymentCompleted(PaymentCompleted {
            transaction_id: Some("tx-1".into()),
            captured: Money::new(2000, Currency::XOF),
            told: true,
            completed_at: noon,
        }),
        PaymentEvent::PaymentFailed(PaymentFailed {
            reason: "the backend says that it failed".into(),
            cause: None,
        }),
        PaymentEvent::CancellationRequested(CancellationRequested { by: UserId(7), at: noon }),
        PaymentEvent::PaymentCancelled(PaymentCancelled { at: noon }),
        PaymentEvent::PaymentConflicted(PaymentConflicted {
            asked: euros(300),
            captured: euros(299),
            external_payment_id: Some("om-2".parse().unwrap()),
        }),
        PaymentEvent::RefundDue(RefundDue { why: "the period is paid by another payment".into() }),
        PaymentEvent::CallbackReceived(CallbackReceived {
            digest: "00ff".into(),
            verdict: Verdict::ToConfirm,
            // Left out: it was not there at first.
            external_payment_id: None,
        }),
        PaymentEvent::SecondLinkFound(SecondLinkFound { external_payment_id: "om-2".parse().unwrap() }),
    ];
    check("payment", payment, &events);
}

#[test]
fn inbox_events() {
    let events = [
        InboxEvent::CallbackParked(CallbackParked {
            digest: "00ff".into(),
            status: ObservedStatus::Completed(Capture::Told(Money::new(300, Currency::EUR))),
            transaction_id: Some("tx-1".into()),
            at: at("2026-11-23T12:00:00Z"),
            trusted: true,
        }),
        InboxEvent::PaymentMatched(PaymentMatched { payment_id: payment_id() }),
    ];
    check("inbox", inbox, &events);
}

#[test]
fn delivery_events() {
    let noon = at("2026-11-23T12:00:00Z");
    let events = [
        DeliveryEvent::DeliveryDelayed(DeliveryDelayed { at: noon, reason: "cannot be reached".into() }),
        DeliveryEvent::Delivered(Delivered { at: noon }),
        DeliveryEvent::DeliveryGivenUp(DeliveryGivenUp { at: noon, reason: "no such mailbox".into() }),
    ];
    check("delivery", delivery, &events);
}
