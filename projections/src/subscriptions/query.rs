//! Reading subscriptions. Only a member of the team finds it.

use domain::plan::PlanName;
use domain::{Slug, UserId};

use super::row::{Lapsed, Subscription};
use crate::db::{Db, DbError, Row};
use crate::reads::QueryError;

/// What the team of this slug has; one that never had a plan is on the free one. None: no such team, or none that the
/// user belongs to.
pub(crate) async fn of_team(db: &Db, user: UserId, slug: &Slug) -> Result<Option<Subscription>, QueryError> {
    // LEFT all the way, so that what is not built yet differs from what is not there.
    let sql = "SELECT p.generation, m.user_id, t.team_id, t.slug, s.plan, s.since, s.until, s.payment_id, \
               s.reminded_days, s.lapsed_plan, s.lapsed_at \
               FROM projection d \
               LEFT JOIN projection p ON p.name = 'subscriptions' AND p.state = 'active' \
               LEFT JOIN directory_team t ON t.generation = d.generation AND t.slug = $1 \
               LEFT JOIN directory_member m ON m.generation = d.generation AND m.team_id = t.team_id \
                AND m.user_id = $2 \
               LEFT JOIN subscriptions s ON s.generation = p.generation AND s.team_id = t.team_id \
               WHERE d.name = 'directory' AND d.state = 'active'";
    let rows = db.fetch(sql, &[slug.as_str().into(), user.0.into()]).await?;
    let Some(row) = rows.first() else { return Err(QueryError::Building) };
    if row.opt_int(0)?.is_none() {
        return Err(QueryError::Building);
    }
    Ok(match row.opt_int(1)? {
        Some(_) => Some(read(row)?),
        None => None,
    })
}

fn read(row: &Row) -> Result<Subscription, DbError> {
    let reminded = match row.opt_int(8)? {
        Some(_) => Some(row.number(8)?),
        None => None,
    };
    let lapsed = match row.opt_text(9)? {
        Some(plan) => Some(Lapsed { plan: plan.into(), at: row.instant(10)? }),
        None => None,
    };
    Ok(Subscription {
        team_id: row.parse(2)?,
        slug: row.parse(3)?,
        plan: row.opt_text(4)?.map_or_else(PlanName::free, PlanName::from),
        since: row.opt_instant(5)?,
        until: row.opt_instant(6)?,
        payment_id: row.opt_parse(7)?,
        reminded,
        lapsed,
    })
}
