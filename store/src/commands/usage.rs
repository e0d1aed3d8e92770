//! Commands to a month's usage. Traffic samples are not among them: see [`crate::ingest`].

use chrono::{DateTime, Utc};
use cqrs_es::Aggregate;
use domain::usage::{StorageSizes, Usage, UsageCommand, UsageId, UsageRefusal, decide};
use domain::{Month, ProjectId};

use super::{Actor, CommandError, Commands, Loaded, decide_until_first};
use crate::codec::decode;
use crate::log::{Position, StreamId};

/// Events of a month that are read at once.
const PAGE: usize = 5_000;

impl Commands {
    /// Takes down what a measurement of the project's storage found.
    ///
    /// # Errors
    /// [`CommandError::UnknownProject`], [`UsageRefusal`], and what any command may meet.
    pub async fn measure_storage(
        &self,
        actor: &Actor,
        project: ProjectId,
        sizes: StorageSizes,
        measured_at: DateTime<Utc>,
        source: &str,
    ) -> Result<Position, CommandError> {
        if !self.had(project, measured_at) {
            // It may have been registered a moment ago.
            self.known.catch_up().await?;
            if !self.had(project, measured_at) {
                return Err(CommandError::UnknownProject(project));
            }
        }
        let id = UsageId { project, month: Month::of(measured_at)? };
        let command = UsageCommand::MeasureStorage { sizes, measured_at, source: source.into() };
        decide_until_first!(self.to_usage(actor, id, command.clone()))
    }

    /// Closes a month of a project: its numbers are final.
    ///
    /// # Errors
    /// [`UsageRefusal::MonthNotOver`], and what any command may meet.
    pub async fn close_month(&self, actor: &Actor, id: UsageId) -> Result<Position, CommandError> {
        if self.clock.now() < id.month.next().start() {
            return Err(UsageRefusal::MonthNotOver(id.month).into());
        }
        decide_until_first!(async {
            let loaded = self.load_usage(id).await?;
            // Read after the stream: whatever else is appended to it from here on, the expected sequence keeps out.
            let up_to_position = self.log.head().await?.0;
            let decided = loaded.decided(&decide(&loaded.state, UsageCommand::Close { up_to_position })?)?;
            self.record(actor, vec![decided], vec![]).await
        })
    }

    /// A month's state. Page by page: a busy project's month has more events than should be in memory at once.
    async fn load_usage(&self, id: UsageId) -> Result<Loaded<Usage>, CommandError> {
        let stream = StreamId::new(Usage::TYPE, id.to_string());
        let mut loaded = Loaded { state: Usage::default(), stream, sequence: 0 };
        loop {
            let page = self.log.read_stream(&loaded.stream, loaded.sequence, PAGE).await?;
            for event in &page {
                loaded.state.evolve(&decode(event)?);
                loaded.sequence = event.sequence;
            }
            if page.len() < PAGE {
                return Ok(loaded);
            }
        }
    }

    /// Whether there was such a project at that time.
    fn had(&self, project: ProjectId, at: DateTime<Utc>) -> bool {
        let facts = self.known.facts();
        facts
            .projects
            .get(&project)
            .is_some_and(|known| known.removed_at.is_none_or(|removed_at| at <= removed_at))
    }

    async fn to_usage(
        &self,
        actor: &Actor,
        id: UsageId,
        command: UsageCommand,
    ) -> Result<Position, CommandError> {
        let loaded = self.load_usage(id).await?;
        let decided = loaded.decided(&decide(&loaded.state, command)?)?;
        self.record(actor, vec![decided], vec![]).await
    }
}
