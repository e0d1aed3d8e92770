//! Events as ingestion makes them, and appending many of them.

use std::sync::Arc;

use chrono::{DateTime, TimeDelta, Utc};
use domain::team::{MemberAdded, ProjectRegistered, Role, TeamEvent, TeamRegistered};
use domain::usage::{TrafficRecorded, UsageEvent, UsageId};
use domain::{ByteCount, Month, ProjectId, TeamId, TrafficSource, UserId};
use futures::{StreamExt, TryStreamExt, stream};
use store::codec::encode;
use store::{Append, Digest, EventLog, Expected, Key, KeyId, StreamEvents, StreamId};

use crate::Failure;

/// Events that one request appends, each to another stream.
pub(super) const OF_A_REQUEST: usize = 1_000;
/// Requests that are under way at the same time.
const IN_FLIGHT: usize = 4;

/// A project of its own for each number.
pub(super) fn project(number: usize) -> ProjectId {
    ProjectId::from_bytes((number as u128).to_be_bytes())
}

/// Requests that append these many events to these many projects in turn. `name` makes their keys their own.
pub(super) fn traffic(
    name: &str,
    events: usize,
    project_of: impl Fn(usize) -> ProjectId,
) -> Result<Vec<Append>, Failure> {
    let now = Utc::now();
    let month = Month::of(now)?;
    let numbers: Vec<usize> = (0..events).collect();
    let requests = numbers.chunks(OF_A_REQUEST).enumerate().map(|(request, numbers)| {
        let batch = format!("{name}-{request}");
        let streams = numbers.iter().map(|number| recorded(project_of(*number), month, now, *number, &batch));
        Ok(Append {
            keys: vec![Key {
                id: KeyId::of(&["bench", &batch]),
                digest: Digest::default(),
                answer: Some(r#"{"accepted":1000}"#.to_owned()),
            }],
            streams: streams.collect::<Result<_, Failure>>()?,
            conditions: vec![],
            metadata: r#"{"actor":"service_key:0123456789ab"}"#.to_owned(),
        })
    });
    requests.collect()
}

fn recorded(
    project: ProjectId,
    month: Month,
    now: DateTime<Utc>,
    number: usize,
    batch: &str,
) -> Result<StreamEvents, Failure> {
    let bytes = ByteCount::try_from(number as u64)?;
    let event = UsageEvent::TrafficRecorded(TrafficRecorded {
        source: "bench".to_owned(),
        kind: Some(TrafficSource::Ingest),
        batch_ids: vec![batch.to_owned()],
        from: now.max(month.start() + TimeDelta::seconds(1)) - TimeDelta::seconds(1),
        until: now,
        ingress_bytes: bytes,
        egress_bytes: bytes,
        requests: 1,
    });
    Ok(StreamEvents {
        stream: StreamId::new("usage", UsageId { project, month }.to_string()),
        expected: Expected::Any,
        events: vec![encode(&event)?],
    })
}

/// One request that registers these many projects, two in each team.
pub(super) fn directory(projects: usize) -> Result<Append, Failure> {
    let team = |number: usize| {
        let id = TeamId::from_bytes((number as u128).to_be_bytes());
        let register = |project| {
            let name = "Project".to_owned();
            TeamEvent::ProjectRegistered(ProjectRegistered { project_id: project, name, moved_from: None })
        };
        let slug = format!("team-{number}").parse()?;
        let owner = UserId(i64::try_from(number)?);
        let events = [
            TeamEvent::TeamRegistered(TeamRegistered { name: format!("Team {number}"), slug }),
            TeamEvent::MemberAdded(MemberAdded { user_id: owner, role: Role::Owner }),
            register(project(2 * number)),
            register(project(2 * number + 1)),
        ];
        Ok(StreamEvents {
            stream: StreamId::new("team", id.to_string()),
            expected: Expected::Exactly(0),
            events: events.iter().map(encode).collect::<Result<_, _>>()?,
        })
    };
    let key = Key { id: KeyId::of(&["bench", "directory"]), digest: Digest::default(), answer: None };
    let streams = (0..projects.div_ceil(2)).map(team).collect::<Result<_, Failure>>()?;
    Ok(Append { keys: vec![key], streams, conditions: vec![], metadata: String::new() })
}

/// Appends all of them, some at the same time, as the requests of many clients are.
pub(super) async fn append_all(log: &Arc<dyn EventLog>, appends: Vec<Append>) -> Result<(), Failure> {
    stream::iter(appends)
        .map(|append| {
            let log = Arc::clone(log);
            async move { log.append(append).await }
        })
        .buffered(IN_FLIGHT)
        .try_for_each(|_| std::future::ready(Ok(())))
        .await?;
    Ok(())
}
