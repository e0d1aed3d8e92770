//! The directory: the PaaS keeps its teams, members and projects here. Every route that changes it is idempotent, so
//! that the PaaS may send its whole directory again at any time; a DELETE of what is not there answers as one of what
//! is. What personal data it told can be taken back. And a team's subscription and alerts, which its members read, and the
//! page where a member says which mails he gets.

mod alerts;
mod notifications;
mod put;
mod put_member;
mod put_project;
mod recorded;
mod remove;
mod remove_member;
mod remove_personal_data;
mod remove_project;
mod subscription;

use std::sync::Arc;

use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::app::App;

pub(crate) fn routes() -> OpenApiRouter<Arc<App>> {
    OpenApiRouter::new()
        .routes(routes!(put::put))
        .routes(routes!(remove::remove))
        .routes(routes!(put_member::put_member))
        .routes(routes!(remove_member::remove_member))
        .routes(routes!(remove_personal_data::remove_personal_data))
        .routes(routes!(put_project::put_project))
        .routes(routes!(remove_project::remove_project))
        .routes(routes!(subscription::read))
        .routes(routes!(alerts::read))
        .routes(routes!(notifications::read, notifications::choose))
}
