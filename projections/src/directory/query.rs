//! Reading the directory.

use domain::plan::PlanName;
use domain::team::Role;
use domain::{Slug, TeamId, UserId};

use super::row::{DirectoryProject, DirectoryTeam, MemberOf};
use crate::db::{Db, DbError};
use crate::reads::QueryError;

/// The team of this slug, if the user belongs to it.
pub(crate) async fn team_of_member(
    db: &Db,
    user: UserId,
    slug: &Slug,
) -> Result<Option<DirectoryTeam>, QueryError> {
    Ok(membership(db, user, slug).await?.map(|(team, _)| team))
}

/// What the user may do in the team of this slug, if he belongs to it.
pub(crate) async fn member_role(db: &Db, user: UserId, slug: &Slug) -> Result<Option<MemberOf>, QueryError> {
    let membership = membership(db, user, slug).await?;
    Ok(membership.map(|(DirectoryTeam { team_id, slug, name, plan: _ }, role)| MemberOf {
        team_id,
        name,
        slug,
        role,
    }))
}

async fn membership(db: &Db, user: UserId, slug: &Slug) -> Result<Option<(DirectoryTeam, Role)>, QueryError> {
    let sql = "SELECT m.user_id, t.team_id, t.slug, t.name, t.plan, m.role \
               FROM projection d \
               LEFT JOIN directory_team t ON t.generation = d.generation AND t.slug = $1 \
               LEFT JOIN directory_member m ON m.generation = d.generation AND m.team_id = t.team_id \
                AND m.user_id = $2 \
               WHERE d.name = 'directory' AND d.state = 'active'";
    let rows = db.fetch(sql, &[slug.as_str().into(), user.0.into()]).await?;
    let Some(row) = rows.first() else { return Err(QueryError::Building) };
    if row.opt_int(0)?.is_none() {
        return Ok(None);
    }
    let team = DirectoryTeam {
        team_id: row.parse(1)?,
        slug: row.parse(2)?,
        name: row.text(3)?.to_owned(),
        plan: PlanName::from(row.text(4)?),
    };
    Ok(Some((team, row.word(5)?)))
}

/// What the user may do in this team, if he belongs to it.
pub(crate) async fn role_in(db: &Db, user: UserId, team: TeamId) -> Result<Option<Role>, QueryError> {
    let sql = "SELECT m.user_id, m.role \
               FROM projection d \
               LEFT JOIN directory_member m ON m.generation = d.generation AND m.team_id = $1 \
                AND m.user_id = $2 \
               WHERE d.name = 'directory' AND d.state = 'active'";
    let rows = db.fetch(sql, &[(&team.to_string()).into(), user.0.into()]).await?;
    let Some(row) = rows.first() else { return Err(QueryError::Building) };
    Ok(match row.opt_int(0)? {
        Some(_) => Some(row.word(1)?),
        None => None,
    })
}

/// Every project that is or was last this team's, by name.
pub(crate) async fn projects_of(db: &Db, team: TeamId) -> Result<Vec<DirectoryProject>, DbError> {
    let sql = "SELECT project_id, name, removed_at FROM directory_project \
               WHERE generation = (SELECT generation FROM projection WHERE name = 'directory' AND state = 'active') \
               AND team_id = $1 ORDER BY name, project_id";
    let rows = db.fetch(sql, &[(&team.to_string()).into()]).await?;
    rows.iter()
        .map(|row| {
            Ok(DirectoryProject {
                project_id: row.parse(0)?,
                name: row.text(1)?.to_owned(),
                removed: row.opt_int(2)?.is_some(),
            })
        })
        .collect()
}
