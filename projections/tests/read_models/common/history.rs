//! Histories: what an [`Author`] writes by hand, and random ones.

use std::collections::BTreeMap;

use chrono::{DateTime, Duration, TimeDelta, Utc};
use cqrs_es::{Aggregate, DomainEvent};
use domain::TrafficSource::{self, Docker, Ingest, Traefik};
use domain::comparison::{Comparison, ComparisonEvent};
use domain::delivery::{Delivery, DeliveryEvent};
use domain::payment::{Payment, PaymentEvent};
use domain::plan::{Catalogue, PlanName};
use domain::team::{
    MemberAdded, MemberRemoved, MemberRoleChanged, ProjectMoved, ProjectRegistered, ProjectRemoved,
    ProjectRenamed, Role, Team, TeamCommand, TeamEvent, TeamRefusal, TeamRegistered, TeamRemoved,
    TeamRenamed, UsageNow,
};
use domain::usage::{
    Correction, MonthClosed, StorageMeasured, StorageSizes, TrafficRecorded, Usage, UsageCorrected,
    UsageEvent, UsageId,
};
use domain::{ByteCount, DeliveryId, Month, PaymentId, ProjectId, Slug, TeamId, UserId};
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use store::{
    Append, Digest, EventLog, Expected, Key, KeyId, NewEvent, Position, Recorded, StreamEvents, StreamId,
};
use uuid::Uuid;

use super::deliveries;
use super::payments::Payments;
use super::scripted::recorded;

pub(crate) fn team(n: u8) -> TeamId {
    TeamId::from_bytes([n; 16])
}

pub(crate) fn project(n: u8) -> ProjectId {
    ProjectId::from_bytes([n; 16])
}

pub(crate) fn payment(n: u16) -> PaymentId {
    let mut bytes = [7; 16];
    bytes[14..].copy_from_slice(&n.to_be_bytes());
    PaymentId::from_bytes(bytes)
}

pub(crate) fn at(time: &str) -> DateTime<Utc> {
    time.parse().unwrap()
}

pub(crate) fn month(text: &str) -> Month {
    text.parse().unwrap()
}

/// Writes events one after the other. Its clock stands still until it is told to move.
pub(crate) struct Author {
    pub(crate) now: DateTime<Utc>,
    pub(crate) events: Vec<Recorded>,
    /// The teams as they stand: what happens to plans is for them to decide.
    pub(crate) teams: BTreeMap<u8, Team>,
}

impl Author {
    pub(crate) fn new(now: &str) -> Self {
        Self { now: at(now), events: vec![], teams: BTreeMap::new() }
    }

    fn write<E: DomainEvent>(&mut self, stream: StreamId, event: &E) {
        let position = self.events.len() as u64 + 1;
        self.events.push(recorded(position, stream, event, self.now));
    }

    pub(crate) fn team(&mut self, n: u8, event: TeamEvent) {
        self.teams.entry(n).or_default().evolve(&event);
        self.write(StreamId::new(Team::TYPE, team(n).to_string()), &event);
    }

    /// What a team makes of a command about its plan.
    pub(crate) fn plan(&mut self, n: u8, command: TeamCommand) -> Result<(), TeamRefusal> {
        let team = self.teams.entry(n).or_default();
        for event in domain::team::decide(team, command, &Catalogue::default())? {
            self.team(n, event);
        }
        Ok(())
    }

    pub(crate) fn payment(&mut self, n: u16, event: &PaymentEvent) {
        self.write(StreamId::new(Payment::TYPE, payment(n).to_string()), event);
    }

    pub(crate) fn delivery(&mut self, id: DeliveryId, event: &DeliveryEvent) {
        self.write(StreamId::new(Delivery::TYPE, id.to_string()), event);
    }

    pub(crate) fn usage(&mut self, n: u8, month: Month, event: UsageEvent) {
        let id = UsageId { project: project(n), month };
        self.write(StreamId::new(Usage::TYPE, id.to_string()), &event);
    }

    pub(crate) fn register(&mut self, n: u8, slug: &str) {
        let registered = TeamRegistered { name: format!("Team {slug}"), slug: slug.parse().unwrap() };
        self.team(n, TeamEvent::TeamRegistered(registered));
    }

    pub(crate) fn member(&mut self, n: u8, user: i64) {
        self.team(n, TeamEvent::MemberAdded(MemberAdded { user_id: UserId(user), role: Role::Member }));
    }

    pub(crate) fn project(&mut self, n: u8, of: u8) {
        let registered =
            ProjectRegistered { project_id: project(n), name: format!("p{n}"), moved_from: None };
        self.team(of, TeamEvent::ProjectRegistered(registered));
    }

    pub(crate) fn move_project(&mut self, n: u8, from: u8, to: u8) {
        self.team(from, TeamEvent::ProjectMoved(ProjectMoved { project_id: project(n), to_team: team(to) }));
        let registered =
            ProjectRegistered { project_id: project(n), name: format!("p{n}"), moved_from: Some(team(from)) };
        self.team(to, TeamEvent::ProjectRegistered(registered));
    }

    pub(crate) fn remove_project(&mut self, n: u8, of: u8) {
        let removed = ProjectRemoved { project_id: project(n), at: self.now };
        self.team(of, TeamEvent::ProjectRemoved(removed));
    }

    /// Traffic of the clock's month.
    pub(crate) fn traffic(&mut self, n: u8, ingress: i64, egress: i64, requests: u64) {
        let traffic = self.samples("gateway", None, self.now, [ingress, egress], requests);
        self.billed(n, traffic);
    }

    /// Samples that came in together, all at this time.
    pub(crate) fn samples(
        &self,
        source: &str,
        kind: Option<TrafficSource>,
        from: DateTime<Utc>,
        bytes: [i64; 2],
        requests: u64,
    ) -> TrafficRecorded {
        TrafficRecorded {
            source: source.into(),
            kind,
            batch_ids: vec![format!("b{}", self.events.len())],
            from,
            until: from,
            ingress_bytes: bytes[0].try_into().unwrap(),
            egress_bytes: bytes[1].try_into().unwrap(),
            requests,
        }
    }

    pub(crate) fn billed(&mut self, n: u8, traffic: TrafficRecorded) {
        self.usage(n, Month::of(traffic.from).unwrap(), UsageEvent::TrafficRecorded(traffic));
    }

    pub(crate) fn compared(&mut self, n: u8, traffic: TrafficRecorded) {
        let id = UsageId { project: project(n), month: Month::of(traffic.from).unwrap() };
        let event = ComparisonEvent::TrafficCompared(traffic);
        self.write(StreamId::new(Comparison::TYPE, id.to_string()), &event);
    }

    pub(crate) fn storage(&mut self, n: u8, bytes: i64) {
        let total_bytes: ByteCount = bytes.try_into().unwrap();
        let measured = StorageMeasured {
            sizes: StorageSizes { volumes_bytes: total_bytes, ..StorageSizes::default() },
            total_bytes,
            measured_at: self.now,
            source: "docker".into(),
        };
        self.usage(n, Month::of(self.now).unwrap(), UsageEvent::StorageMeasured(measured));
    }

    /// A correction of the clock's month that counts on the clock's day.
    /// What no project mounts.
    pub(crate) fn unlinked_storage(&mut self, n: u8, bytes: i64) {
        let (bytes, measured_at) = (bytes.try_into().unwrap(), self.now);
        let source = "docker".into();
        self.plan(n, TeamCommand::MeasureUnlinkedStorage { bytes, measured_at, source }).unwrap();
    }

    pub(crate) fn correct(&mut self, n: u8, ingress_bytes: i64, egress_bytes: i64, requests: i64) {
        let corrected = UsageCorrected {
            reason: "counted twice".into(),
            delta: Correction { ingress_bytes, egress_bytes, requests },
            by: "ops".into(),
            at: self.now,
            batch_ids: vec![],
        };
        self.usage(n, Month::of(self.now).unwrap(), UsageEvent::UsageCorrected(corrected));
    }

    pub(crate) fn close(&mut self, n: u8, month: Month) {
        let closed = MonthClosed {
            traffic_bytes: ByteCount::ZERO,
            storage_bytes: ByteCount::ZERO,
            up_to_position: self.events.len() as u64,
        };
        self.usage(n, month, UsageEvent::MonthClosed(closed));
    }
}

/// What the author keeps in mind of a team, so that the history is one that the domain allows.
#[derive(Default)]
struct Standing {
    registered: bool,
    members: Vec<i64>,
    projects: Vec<u8>,
}

/// A history of this many events or a few more: three teams that come and go, seven projects that move between them,
/// three months, payments and plans. With `extremes`, some samples are near the largest number that can be held.
pub(crate) fn random_history(seed: u64, length: usize, extremes: bool) -> Vec<Recorded> {
    let mut random = StdRng::seed_from_u64(seed);
    let mut author = Author::new("2026-10-01T00:00:00Z");
    let mut teams: [Standing; 3] = Default::default();
    let mut payments = Payments::default();
    let mut slugs = 0;
    for n in 0..3 {
        register(&mut author, &mut teams, n, &mut slugs);
    }
    for n in 0..7_u8 {
        author.project(n, n % 3);
        teams[usize::from(n % 3)].projects.push(n);
    }
    let step = Duration::days(80) / i32::try_from(length).unwrap();
    while author.events.len() < length {
        author.now += step;
        let n = random.random_range(0..7);
        match random.random_range(0..100) {
            0..43 => traffic(&mut author, &mut random, n, extremes),
            43..52 => {
                let bytes = random.random_range(0..1 << 40);
                if bytes % 4 == 0 && teams[usize::from(n % 3)].registered {
                    author.unlinked_storage(n % 3, bytes);
                } else {
                    author.storage(n, bytes);
                }
            }
            52..58 => {
                let mut delta = || random.random_range(-1_000_000..1_000_000);
                author.correct(n, delta(), delta(), delta() / 1_000);
            }
            58..60 => author.close(n, month("2026-10")),
            60..62 => {
                // Somebody else's aggregate, and a clock that was put back.
                author.write(
                    StreamId::new("account", "x"),
                    &UsageEvent::MonthClosed(MonthClosed {
                        traffic_bytes: ByteCount::ZERO,
                        storage_bytes: ByteCount::ZERO,
                        up_to_position: 0,
                    }),
                );
                author.now -= TimeDelta::minutes(30);
            }
            62..76 => payments.something(&mut author, &mut random),
            76..83 => deliveries::something(&mut author, &mut random),
            _ => directory(&mut author, &mut random, &mut teams, &mut slugs),
        }
    }
    author.events
}

fn traffic(author: &mut Author, random: &mut StdRng, n: u8, extremes: bool) {
    let source = ["traefik-1", "gateway"][random.random_range(0..2)];
    let from = author.now - TimeDelta::hours(random.random_range(0..100));
    let most = if extremes && random.random_range(0..10) == 0 { i64::MAX } else { 1 << 33 };
    let bytes = [random.random_range(0..=most), random.random_range(0..=most)];
    let requests: u64 = random.random_range(0..=most.unsigned_abs());
    // Every fourth is of a history in which that was not told yet, and every fifth of the others is not billed.
    let kind = [None, Some(Traefik), Some(Docker), Some(Ingest)][usize::try_from(requests % 4).unwrap()];
    let traffic = author.samples(source, kind, from, bytes, requests);
    if kind.is_some() && requests.is_multiple_of(5) {
        author.compared(n, traffic);
    } else {
        author.billed(n, traffic);
    }
}

fn register(author: &mut Author, teams: &mut [Standing; 3], n: u8, slugs: &mut u32) {
    *slugs += 1;
    author.register(n, &format!("team-{slugs}"));
    author.member(n, i64::from(n));
    teams[usize::from(n)] = Standing { registered: true, members: vec![n.into()], projects: vec![] };
}

fn directory(author: &mut Author, random: &mut StdRng, teams: &mut [Standing; 3], slugs: &mut u32) {
    let n = random.random_range(0..3_u8);
    let standing = &mut teams[usize::from(n)];
    if !standing.registered {
        return register(author, teams, n, slugs);
    }
    let user_id = UserId(random.random_range(0..6));
    let project_id = random.random_range(0..7_u8);
    match random.random_range(0..8) {
        0 => {
            *slugs += 1;
            let slug: Slug = format!("team-{slugs}").parse().unwrap();
            author.team(n, TeamEvent::TeamRenamed(TeamRenamed { name: format!("Né {slugs}"), slug }));
        }
        1 if random.random_range(0..3) == 0 => {
            for gone in std::mem::take(&mut standing.projects) {
                author.remove_project(gone, n);
            }
            *standing = Standing::default();
            let at = author.now;
            author.team(n, TeamEvent::TeamRemoved(TeamRemoved { at }));
        }
        1 | 2 if !standing.members.contains(&user_id.0) => {
            standing.members.push(user_id.0);
            author.member(n, user_id.0);
        }
        2 | 3 if standing.members.contains(&user_id.0) => {
            standing.members.retain(|member| *member != user_id.0);
            author.team(n, TeamEvent::MemberRemoved(MemberRemoved { user_id }));
        }
        4 if standing.members.contains(&user_id.0) => {
            let changed = MemberRoleChanged { user_id, role: Role::Owner };
            author.team(n, TeamEvent::MemberRoleChanged(changed));
        }
        5 if standing.projects.contains(&project_id) => {
            let renamed = ProjectRenamed { project_id: project(project_id), name: format!("n{slugs}") };
            author.team(n, TeamEvent::ProjectRenamed(renamed));
        }
        6 if standing.projects.contains(&project_id) => {
            standing.projects.retain(|other| *other != project_id);
            author.remove_project(project_id, n);
        }
        7 if !standing.projects.contains(&project_id) => {
            let holder = (0..3_u8).find(|other| teams[usize::from(*other)].projects.contains(&project_id));
            match holder {
                Some(holder) => {
                    teams[usize::from(holder)].projects.retain(|other| *other != project_id);
                    author.move_project(project_id, holder, n);
                }
                None => author.project(project_id, n),
            }
            teams[usize::from(n)].projects.push(project_id);
        }
        _ => plan(author, random, n),
    }
}

/// A month is given, or time passes to around the end of the plan's, or the team uses much.
fn plan(author: &mut Author, random: &mut StdRng, n: u8) {
    if random.random_range(0..3) == 0 {
        let mut bytes = |most: u64| ByteCount::try_from(random.random_range(0..most)).unwrap();
        let (traffic, storage) = (bytes(12 << 30), bytes(140 << 20));
        let month = Month::of(author.now).unwrap();
        let now = UsageNow { month, traffic, storage, at: author.now };
        author.plan(n, TeamCommand::ReportUsage(now)).unwrap();
        return;
    }
    let command = match author.teams.get(&n).and_then(|team| team.term) {
        Some(term) if random.random_range(0..4) > 0 => {
            TeamCommand::CheckPlan { at: term.until + TimeDelta::hours(random.random_range(-150..100)) }
        }
        Some(_) | None => {
            TeamCommand::ActivatePlan { plan: PlanName::from("pay_as_you_go"), paid_by: None, at: author.now }
        }
    };
    author.plan(n, command).unwrap();
}

/// Appends these events to a real log, which gives them its own times. Their streams' sequences follow what is there.
pub(crate) async fn append(log: &dyn EventLog, events: &[Recorded]) -> Position {
    let id = KeyId(*Uuid::new_v4().as_bytes());
    let new = |event: &Recorded| StreamEvents {
        stream: event.stream.clone(),
        expected: Expected::Any,
        events: vec![NewEvent {
            event_type: event.event_type.clone(),
            event_version: event.event_version.clone(),
            payload: event.payload.clone(),
        }],
    };
    let append = Append {
        keys: vec![Key { id, digest: Digest::default(), answer: None }],
        streams: events.iter().map(new).collect(),
        ..Append::default()
    };
    log.append(append).await.unwrap().position
}
