//! Commands to teams. What one stream cannot know (slugs, other teams of an owner, whose a project is) is taken from
//! [`Known`](crate::known::Known), on the condition that no team has changed since. So is what is sealed with a person's
//! key, which may be destroyed at any moment.

use chrono::{DateTime, Utc};
use cqrs_es::Aggregate;
use domain::plan::PlanName;
use domain::team::{Forecast, Role, Team, TeamCommand, TeamRefusal, UsageNow, decide};
use domain::{ByteCount, EmailAddress, Language, ProjectId, Sealed, Slug, TeamId, TrafficSource, UserId};

use secrecy::ExposeSecret;

use super::{Actor, CommandError, Commands, Loaded, decide_until_first};
use crate::log::{AppendError, Condition, Position, StreamEvents};

/// What is told of how a member is reached. Of what is not told, nothing changes; told to be none, there is none.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ContactChange {
    /// The e-mail address.
    pub email: Option<Option<EmailAddress>>,
    /// The language.
    pub language: Option<Option<Language>>,
    /// Whether he gets no mails that he can do without.
    pub muted: Option<bool>,
}

impl Commands {
    /// The team exists and is called this.
    ///
    /// # Errors
    /// [`CommandError::SlugTaken`], and what any command may meet.
    pub async fn put_team(
        &self,
        actor: &Actor,
        team: TeamId,
        name: &str,
        slug: &Slug,
    ) -> Result<Position, CommandError> {
        let _alone = self.directory.lock().await;
        decide_until_first!(async {
            let condition = self.no_team_changed().await?;
            if self.known.facts().slugs.get(slug).is_some_and(|owner| *owner != team) {
                return Err(CommandError::SlugTaken(slug.clone()));
            }
            let command = TeamCommand::Register { name: name.into(), slug: slug.clone() };
            self.to_team(actor, team, command, vec![condition]).await
        })
    }

    /// The team does not exist any more, and neither do its projects.
    ///
    /// # Errors
    /// What any command may meet.
    pub async fn remove_team(&self, actor: &Actor, team: TeamId) -> Result<Position, CommandError> {
        let at = self.clock.now();
        decide_until_first!(self.to_team(actor, team, TeamCommand::Remove { at }, vec![]))
    }

    /// The user belongs to the team in this role, and is reached so. Both are recorded or neither is.
    ///
    /// # Errors
    /// [`TeamRefusal`], and what any command may meet.
    pub async fn put_member(
        &self,
        actor: &Actor,
        team: TeamId,
        user_id: UserId,
        role: Role,
        contact: &ContactChange,
    ) -> Result<Position, CommandError> {
        let _alone = self.directory.lock().await;
        decide_until_first!(async {
            let condition = self.no_team_changed().await?;
            let other_free_teams = self.known.facts().free_teams_of(user_id, team);
            let mut loaded: Loaded<Team> = self.load(&team.to_string()).await?;
            let put = TeamCommand::PutMember { user_id, role, other_free_teams };
            let mut events = decide(&loaded.state, put, &self.plans)?;
            events.iter().for_each(|event| loaded.state.evolve(event));
            if *contact != ContactChange::default() {
                let standing = loaded.state.contacts.get(&user_id).cloned().unwrap_or_default();
                let email = match &contact.email {
                    Some(told) => self.sealed(user_id, told.as_ref()).await?,
                    None => standing.email,
                };
                let language = contact.language.unwrap_or(standing.language);
                let muted = contact.muted.unwrap_or(standing.muted);
                let set = TeamCommand::SetContact { user_id, email, language, muted };
                events.extend(decide(&loaded.state, set, &self.plans)?);
            }
            self.record(actor, vec![loaded.decided(&events)?], vec![condition]).await
        })
    }

    /// The member gets no more mails that he can do without, or gets them again.
    ///
    /// # Errors
    /// [`TeamRefusal`], and what any command may meet.
    pub async fn mute(
        &self,
        actor: &Actor,
        team: TeamId,
        user_id: UserId,
        muted: bool,
    ) -> Result<Position, CommandError> {
        decide_until_first!(self.to_team(actor, team, TeamCommand::Mute { user_id, muted }, vec![]))
    }

    /// Whether this is what mails to the member prove themselves with: see [`Subjects::token`](crate::subjects::Subjects::token).
    ///
    /// # Errors
    /// What any command may meet.
    pub async fn is_readers_token(
        &self,
        team: TeamId,
        user: UserId,
        token: &str,
    ) -> Result<bool, CommandError> {
        Ok(self.subjects.is_token(team, user, token).await?)
    }

    /// The person is forgotten: his key is destroyed, and every team that can reach him says so in its history. May be
    /// repeated at any time, and does what is still to be done.
    ///
    /// The key goes first. A crash after that leaves a person who is forgotten already and of whom some history does not
    /// know it yet, which the next try mends; the other way round, histories would say what is not so. When somebody
    /// tells an address meanwhile, he came first, and the key that he sealed it with goes too; or he comes second, and
    /// seals it with a new one.
    ///
    /// # Errors
    /// What any command may meet; the key may be destroyed all the same.
    pub async fn erase_subject(&self, actor: &Actor, user_id: UserId) -> Result<Position, CommandError> {
        let _alone = self.directory.lock().await;
        decide_until_first!(async {
            let condition = self.no_team_changed().await?;
            self.subjects.erase(user_id).await?;
            let reaching = self.known.facts().reaching(user_id);
            let mut streams = Vec::with_capacity(reaching.len());
            for team in reaching {
                streams.push(self.decided(team, TeamCommand::EraseSubject { user_id }).await?);
            }
            self.record(actor, streams, vec![condition]).await
        })
    }

    /// The user does not belong to the team.
    ///
    /// # Errors
    /// [`TeamRefusal`], and what any command may meet.
    pub async fn remove_member(
        &self,
        actor: &Actor,
        team: TeamId,
        user_id: UserId,
    ) -> Result<Position, CommandError> {
        decide_until_first!(self.to_team(actor, team, TeamCommand::RemoveMember { user_id }, vec![]))
    }

    /// The project is this team's and is called this. When it was another team's, it moves, and both teams'
    /// histories say so or neither does.
    ///
    /// # Errors
    /// [`TeamRefusal`], and what any command may meet.
    pub async fn put_project(
        &self,
        actor: &Actor,
        project_id: ProjectId,
        team: TeamId,
        name: &str,
    ) -> Result<Position, CommandError> {
        let _alone = self.directory.lock().await;
        decide_until_first!(async {
            let condition = self.no_team_changed().await?;
            let standing = self.known.facts().projects.get(&project_id).copied();
            let moved_from = standing
                .filter(|project| project.removed_at.is_none() && project.team != team)
                .map(|project| project.team);
            let mut streams = Vec::new();
            if let Some(from) = moved_from {
                let give = TeamCommand::GiveProject { project_id, to_team: team };
                match self.decided(from, give).await {
                    // It went on to a third team after we looked.
                    Err(CommandError::Team(TeamRefusal::NotItsProject(_))) => return Err(changed(condition)),
                    given => streams.push(given?),
                }
            }
            let put = TeamCommand::PutProject { project_id, name: name.into(), moved_from };
            streams.push(self.decided(team, put).await?);
            self.record(actor, streams, vec![condition]).await
        })
    }

    /// The project does not exist any more. That it never did is no error: the PaaS may say so again at any time.
    ///
    /// # Errors
    /// What any command may meet.
    pub async fn remove_project(
        &self,
        actor: &Actor,
        project_id: ProjectId,
    ) -> Result<Position, CommandError> {
        let at = self.clock.now();
        let _alone = self.directory.lock().await;
        decide_until_first!(async {
            let condition = self.no_team_changed().await?;
            let standing = self.known.facts().projects.get(&project_id).copied();
            let Some(standing) = standing.filter(|project| project.removed_at.is_none()) else {
                return Ok(self.known.position());
            };
            let removed = self.decided(standing.team, TeamCommand::RemoveProject { project_id, at }).await?;
            if removed.events.is_empty() {
                // It went on to another team after we looked, where it still stands.
                return Err(changed(condition));
            }
            self.record(actor, vec![removed], vec![condition]).await
        })
    }

    /// The project's traffic is counted so from now on; none: as all projects' is.
    ///
    /// # Errors
    /// [`CommandError::UnknownProject`], and what any command may meet.
    pub async fn choose_source(
        &self,
        actor: &Actor,
        project_id: ProjectId,
        source: Option<TrafficSource>,
    ) -> Result<Position, CommandError> {
        let _alone = self.directory.lock().await;
        decide_until_first!(async {
            let condition = self.no_team_changed().await?;
            let standing = self.known.facts().projects.get(&project_id).copied();
            let Some(standing) = standing.filter(|project| project.removed_at.is_none()) else {
                return Err(CommandError::UnknownProject(project_id));
            };
            let choose = TeamCommand::ChooseSource { project_id, source };
            match self.decided(standing.team, choose).await {
                // It went on to another team after we looked.
                Err(CommandError::Team(TeamRefusal::NotItsProject(_))) => Err(changed(condition)),
                chosen => self.record(actor, vec![chosen?], vec![condition]).await,
            }
        })
    }

    /// The team is on this plan for one calendar month, without a payment: from where its time on the same plan ends,
    /// else from now on.
    ///
    /// # Errors
    /// [`TeamRefusal`], and what any command may meet.
    pub async fn give_plan(
        &self,
        actor: &Actor,
        team: TeamId,
        plan: &PlanName,
    ) -> Result<Position, CommandError> {
        let command = TeamCommand::ActivatePlan { plan: plan.clone(), paid_by: None, at: self.clock.now() };
        decide_until_first!(self.to_team(actor, team, command.clone(), vec![]))
    }

    /// Time has passed for the team's plan: a renewal may be due, or its time over.
    ///
    /// # Errors
    /// What any command may meet.
    pub async fn check_plan(&self, actor: &Actor, team: TeamId) -> Result<Position, CommandError> {
        let command = TeamCommand::CheckPlan { at: self.clock.now() };
        decide_until_first!(self.to_team(actor, team, command.clone(), vec![]))
    }

    /// Where this member can be written to, if the PaaS told it and he is not forgotten.
    pub(crate) async fn address_of(
        &self,
        team: &Team,
        user: UserId,
    ) -> Result<Option<EmailAddress>, CommandError> {
        let sealed = team.contacts.get(&user).and_then(|contact| contact.email.as_ref());
        let Some(sealed) = sealed else { return Ok(None) };
        let opened = self.subjects.open(user, sealed).await?;
        Ok(opened.and_then(|address| address.expose_secret().parse().ok()))
    }

    /// The team has used this much: an alert may be due.
    ///
    /// # Errors
    /// What any command may meet.
    pub async fn report_usage(
        &self,
        actor: &Actor,
        team: TeamId,
        now: UsageNow,
    ) -> Result<Position, CommandError> {
        decide_until_first!(self.to_team(actor, team, TeamCommand::ReportUsage(now), vec![]))
    }

    /// At this pace the team reaches a limit before the month ends: that may have to be told.
    ///
    /// # Errors
    /// What any command may meet.
    pub async fn report_forecast(
        &self,
        actor: &Actor,
        team: TeamId,
        forecast: Forecast,
    ) -> Result<Position, CommandError> {
        decide_until_first!(self.to_team(actor, team, TeamCommand::ReportForecast(forecast), vec![]))
    }

    /// Takes down what the team's folders come to that no project mounts.
    ///
    /// # Errors
    /// What any command may meet.
    pub async fn measure_unlinked_storage(
        &self,
        actor: &Actor,
        team: TeamId,
        bytes: ByteCount,
        measured_at: DateTime<Utc>,
        source: &str,
    ) -> Result<Position, CommandError> {
        let command = TeamCommand::MeasureUnlinkedStorage { bytes, measured_at, source: source.into() };
        decide_until_first!(self.to_team(actor, team, command.clone(), vec![]))
    }

    async fn sealed(
        &self,
        user: UserId,
        email: Option<&EmailAddress>,
    ) -> Result<Option<Sealed>, CommandError> {
        let Some(email) = email else { return Ok(None) };
        Ok(Some(self.subjects.seal(user, email).await?))
    }

    /// Catches up, and gives the condition under which what is known of teams still holds.
    async fn no_team_changed(&self) -> Result<Condition, CommandError> {
        self.known.catch_up().await?;
        Ok(Condition { aggregate_type: Team::TYPE, event_type: None, unless_after: self.known.position() })
    }

    async fn to_team(
        &self,
        actor: &Actor,
        team: TeamId,
        command: TeamCommand,
        conditions: Vec<Condition>,
    ) -> Result<Position, CommandError> {
        let decided = self.decided(team, command).await?;
        self.record(actor, vec![decided], conditions).await
    }

    async fn decided(&self, team: TeamId, command: TeamCommand) -> Result<StreamEvents, CommandError> {
        let loaded: Loaded<Team> = self.load(&team.to_string()).await?;
        let events = decide(&loaded.state, command, &self.plans)?;
        Ok(loaded.decided(&events)?)
    }
}

/// What was known of teams holds no more: to be decided again.
fn changed(condition: Condition) -> CommandError {
    CommandError::Append(AppendError::Changed(condition))
}
