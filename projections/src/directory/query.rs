//! Reading the directory.

use domain::plan::PlanName;
use domain::{Slug, TeamId, UserId};

use super::row::{DirectoryProject, DirectoryTeam};
use crate::db::{Db, DbError};

/// The team of this slug, if the user belongs to it.
pub(crate) async fn team_of_member(
    db: &Db,
    user: UserId,
    slug: &Slug,
) -> Result<Option<DirectoryTeam>, DbError> {
    let sql = "SELECT t.team_id, t.slug, t.name, t.plan \
               FROM directory_team t \
               JOIN directory_member m ON m.generation = t.generation AND m.team_id = t.team_id \
               WHERE t.generation = (SELECT generation FROM projection WHERE name = 'directory' AND state = 'active') \
               AND t.slug = $1 AND m.user_id = $2";
    let rows = db.fetch(sql, &[slug.as_str().into(), user.0.into()]).await?;
    let team = rows.first().map(|row| {
        Ok::<_, DbError>(DirectoryTeam {
            team_id: row.parse(0)?,
            slug: row.parse(1)?,
            name: row.text(2)?.to_owned(),
            plan: PlanName::from(row.text(3)?),
        })
    });
    team.transpose()
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
