//! `GET` and `POST /{team_slug}/notifications`: the page that a mail's last link leads to, where its reader says whether he
//! wants mails that he can do without. The link proves who he is: he need not be logged in. A `POST` to the link itself
//! unsubscribes, as RFC 8058 has it for mail programs; a `GET` changes nothing, because programs look into links.

mod words;

use std::sync::Arc;

use askama::Template;
use axum::extract::{Query, State};
use axum::response::Response;
use domain::{Language, TeamId, UserId};
use http::{HeaderMap, StatusCode};
use projections::Reader;
use serde::Deserialize;
use store::commands::Actor;
use utoipa::IntoParams;

use self::words::Words;
use crate::app::App;
use crate::page;
use crate::problem::Problem;

/// The link. Whatever else programs add to it is passed over.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct Link {
    /// The team.
    #[serde(default)]
    team: String,
    /// The reader's id in the PaaS.
    #[serde(default)]
    member: String,
    /// What proves that the link was mailed to him.
    #[serde(default)]
    token: String,
    /// `false`: he wants them again. Only for `POST`.
    #[serde(default)]
    muted: String,
}

/// Who came by a link that is good.
struct Visitor {
    team: TeamId,
    user: UserId,
    reader: Reader,
}

#[derive(Template)]
#[template(path = "notifications.html")]
struct Page {
    language: Language,
    heading: String,
    state: String,
    choice: Option<Choice>,
    note: &'static str,
}

struct Choice {
    /// Relative to the page, wherever a proxy has it.
    action: String,
    label: &'static str,
}

/// The page where the reader of a mail says which mails he gets
#[utoipa::path(
    get,
    path = "/{team_slug}/notifications",
    operation_id = "read_notifications",
    tag = "pages",
    params(("team_slug" = String, Path, description = "The team's name in addresses when the mail was sent"), Link),
    responses(
        (status = 200, description = "The page", content_type = "text/html", body = String),
        (status = 404, description = "A page that says that the link is not good, or not any more", content_type = "text/html", body = String),
    ),
    security(()),
)]
pub(crate) async fn read(
    State(app): State<Arc<App>>,
    Query(link): Query<Link>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    match link.visitor(&app).await? {
        Some(visitor) => link.page(&visitor.reader, visitor.reader.muted),
        None => no_page(page::asked_for(&headers)),
    }
}

/// Unsubscribe from mails that one can do without, or subscribe again
///
/// Without `muted`, whatever the body is, it unsubscribes (RFC 8058).
#[utoipa::path(
    post,
    path = "/{team_slug}/notifications",
    operation_id = "choose_notifications",
    tag = "pages",
    params(("team_slug" = String, Path, description = "The team's name in addresses when the mail was sent"), Link),
    responses(
        (status = 200, description = "The page, after it", content_type = "text/html", body = String),
        (status = 404, description = "A page that says that the link is not good, or not any more", content_type = "text/html", body = String),
    ),
    security(()),
)]
pub(crate) async fn choose(
    State(app): State<Arc<App>>,
    Query(link): Query<Link>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let Some(Visitor { team, user, reader }) = link.visitor(&app).await? else {
        return no_page(page::asked_for(&headers));
    };
    let muted = link.muted != "false";
    app.commands.mute(&Actor(format!("user:{user}")), team, user, muted).await?;
    link.page(&reader, muted)
}

impl Link {
    async fn visitor(&self, app: &App) -> Result<Option<Visitor>, Problem> {
        let (Ok(team), Ok(user)) = (self.team.parse(), self.member.parse().map(UserId)) else {
            return Ok(None);
        };
        if !app.commands.is_readers_token(team, user, &self.token).await? {
            return Ok(None);
        }
        let reader = app.reads.mail_reader(team, user).await?;
        Ok(reader.map(|reader| Visitor { team, user, reader }))
    }

    fn page(&self, reader: &Reader, muted: bool) -> Result<Response, Problem> {
        let language = reader.language.unwrap_or_default();
        let Words { heading, heard, unheard, mute, unmute, note, .. } = words::of(language);
        // The three are what they were parsed from, and hold nothing that a query must escape.
        let Self { team, member, token, .. } = self;
        let page = Page {
            language,
            heading: heading.replace("{team}", &reader.team.name),
            state: if muted { unheard } else { heard }.replace("{team}", &reader.team.name),
            choice: Some(Choice {
                action: format!("?team={team}&member={member}&token={token}&muted={}", !muted),
                label: if muted { unmute } else { mute },
            }),
            note,
        };
        page::answer(StatusCode::OK, language, &page)
    }
}

fn no_page(language: Language) -> Result<Response, Problem> {
    let Words { gone, gone_heading, note, .. } = words::of(language);
    let page = Page { language, heading: (*gone_heading).into(), state: (*gone).into(), choice: None, note };
    page::answer(StatusCode::NOT_FOUND, language, &page)
}
