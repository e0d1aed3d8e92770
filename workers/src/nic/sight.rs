//! What was seen of one container: its interfaces' counters, and which life of it they are of.
//!
//! A container keeps its id when it is started again, and its counters begin anew. So what it counts for is named by
//! its id, the start and the interface: no such counter ever goes back. When it was started is another question to the
//! engine than what it has counted; only what was counted between two equal answers to the former is known to be of that
//! start.

use chrono::{DateTime, SecondsFormat, Utc};
use domain::source::{Reading, Totals};
use domain::{ByteCount, ProjectId};

use super::engine::{Engine, EngineError, Interfaces};

/// As much of a container's id as names it, as everywhere in Docker.
const SHORT_ID: usize = 12;

/// How often a container may be started while it is looked at before it is left.
const LOOKS: usize = 3;

/// What a container has counted since a start.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Sight {
    pub(super) id: String,
    pub(super) project: ProjectId,
    pub(super) started_at: DateTime<Utc>,
    pub(super) interfaces: Interfaces,
}

impl Sight {
    /// Looks at it now. `None`: it does not run any more, or it never runs for long. `last_started_at` is its start as
    /// it was seen before, which saves a question.
    pub(super) async fn of(
        engine: &Engine,
        id: &str,
        project: ProjectId,
        last_started_at: Option<DateTime<Utc>>,
    ) -> Result<Option<Self>, EngineError> {
        let mut before = match last_started_at {
            Some(before) => before,
            None => match engine.started_at(id).await? {
                Some(before) => before,
                None => return Ok(None),
            },
        };
        for _ in 0..LOOKS {
            let Some(interfaces) = engine.interfaces(id).await? else { return Ok(None) };
            match engine.started_at(id).await? {
                Some(after) if after != before => before = after,
                // Removed meanwhile, it was not started again.
                Some(_) | None => {
                    return Ok(Some(Self { id: id.into(), project, started_at: before, interfaces }));
                }
            }
        }
        Ok(None)
    }

    /// Its counters: what it received was sent by clients, or by whom it asked.
    pub(super) fn readings(&self) -> impl Iterator<Item = Reading> {
        let bytes = |bytes: u64| ByteCount::try_from(bytes).unwrap_or(ByteCount::MAX);
        self.interfaces.iter().map(move |(interface, counted)| Reading {
            service: self.service(interface),
            totals: Totals {
                ingress_bytes: bytes(counted.rx_bytes),
                egress_bytes: bytes(counted.tx_bytes),
                requests: 0,
            },
            project_id: Some(self.project),
        })
    }

    fn service(&self, interface: &str) -> String {
        let started_at = self.started_at.to_rfc3339_opts(SecondsFormat::Micros, true);
        format!("{}{started_at}/{interface}", services_of(&self.id))
    }
}

/// What the names of all of a container's services begin with.
pub(super) fn services_of(id: &str) -> String {
    format!("{}@", id.get(..SHORT_ID).unwrap_or(id))
}

#[cfg(test)]
mod tests {
    use super::super::engine::Bytes;
    use super::*;

    #[test]
    fn each_interface_of_each_start_is_a_service() {
        let id = "6fa92ae65ecbcab2efa5e683fe22f12016b2815c0bfb1b825d3c7261bfcd8a57";
        let interfaces = [("eth0", 1, 2), ("eth1", 3, u64::MAX)]
            .map(|(name, rx_bytes, tx_bytes)| (name.to_owned(), Bytes { rx_bytes, tx_bytes }));
        let sight = Sight {
            id: id.into(),
            project: ProjectId::from_bytes([1; 16]),
            started_at: "2026-11-24T00:28:49.3273677Z".parse().unwrap(),
            interfaces: interfaces.into(),
        };
        let readings: Vec<_> = sight.readings().collect();
        assert_eq!(readings[0].service, "6fa92ae65ecb@2026-11-24T00:28:49.327367Z/eth0");
        assert!(readings.iter().all(|reading| reading.service.starts_with(&services_of(id))));
        let bytes = readings.iter().map(|r| (r.totals.ingress_bytes.get(), r.totals.egress_bytes.get()));
        let most = ByteCount::MAX.get();
        assert_eq!(bytes.collect::<Vec<_>>(), [(1, 2), (3, most)]);
        assert_eq!(services_of("short"), "short@");
    }
}
