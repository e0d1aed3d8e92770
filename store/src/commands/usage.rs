//! Commands to a month's usage. Traffic samples are not among them: see [`crate::ingest`].

use chrono::{DateTime, Utc};
use domain::usage::{StorageSizes, Usage, UsageCommand, UsageId, decide};
use domain::{Month, ProjectId};

use super::{Actor, CommandError, Commands, Loaded, decide_until_first};
use crate::log::Position;

impl Commands {
    /// Takes down what a measurement of the project's storage found.
    ///
    /// # Errors
    /// [`CommandError::UnknownProject`], [`UsageRefusal`](domain::usage::UsageRefusal), and what any command may meet.
    pub async fn measure_storage(
        &self,
        actor: &Actor,
        project: ProjectId,
        sizes: StorageSizes,
        measured_at: DateTime<Utc>,
        source: &str,
    ) -> Result<Position, CommandError> {
        if !self.known.facts().projects.contains_key(&project) {
            // It may have been registered a moment ago.
            self.known.catch_up().await?;
            if !self.known.facts().projects.contains_key(&project) {
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
    /// What any command may meet.
    pub async fn close_month(&self, actor: &Actor, id: UsageId) -> Result<Position, CommandError> {
        decide_until_first!(async {
            let head = self.log.head().await?;
            self.to_usage(actor, id, UsageCommand::Close { up_to_position: head.0 }).await
        })
    }

    async fn to_usage(
        &self,
        actor: &Actor,
        id: UsageId,
        command: UsageCommand,
    ) -> Result<Position, CommandError> {
        let loaded: Loaded<Usage> = self.load(&id.to_string()).await?;
        let decided = loaded.decided(&decide(&loaded.state, command)?)?;
        self.record(actor, vec![decided], vec![]).await
    }
}
