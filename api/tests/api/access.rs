//! Who may what: a table of every route, walked from the OpenAPI document. A route that is in the document and not in
//! the table fails, and so does one that is in the table and not in the document.

use std::collections::BTreeSet;

use axum::body::Body;
use chrono::TimeDelta;
use domain::UserId;
use domain::service_key::Scope;
use http::{Method, Request};
use serde_json::{Value, json};

use crate::support::backend::sign;
use crate::support::{
    NO_PROJECT, NO_TEAM, OTHER_PROJECT, OTHER_TEAM, OTHER_USER, PROJECT, Server, TEAM, USER,
};

const NO_PAYMENT: &str = "0192f0c1-2b3c-7d4e-8f50-617283940a5b";
/// Belongs to [`TEAM`] without owning or administering it.
const PLAIN_USER: UserId = UserId(3);

/// Whose the thing is that a request is about.
#[derive(Debug, Clone, Copy)]
enum Place {
    Own,
    Foreign,
    Missing,
}

const PLACES: [Place; 3] = [Place::Own, Place::Foreign, Place::Missing];

/// Who may call a route.
enum Access {
    /// Everyone, and everyone gets this.
    Anyone(u16),
    /// Members see their own.
    Members,
    /// Owners and admins change their own, and get this; other members do not.
    Payers(u16),
    /// Whoever signs. A payment backend belongs to no team.
    Signed,
    /// Service keys with this scope; what they get for own, foreign and missing things. A key belongs to no team, so
    /// that the first two never differ.
    Keys(Scope, [u16; 3]),
}

type Row = (&'static str, &'static str, Access, fn(Place) -> Value);

const TABLE: &[Row] = &[
    ("get", "/healthz", Access::Anyone(200), nothing),
    ("get", "/readyz", Access::Anyone(200), nothing),
    ("get", "/api/plans", Access::Anyone(200), nothing),
    ("get", "/api/usage/projects/{project_id}", Access::Members, nothing),
    ("get", "/api/usage/projects/{project_id}/days", Access::Members, nothing),
    ("get", "/api/usage/projects/{project_id}/sources", Access::Members, nothing),
    ("get", "/api/usage/teams/{team_slug}", Access::Members, nothing),
    ("get", "/api/usage/teams/{team_slug}/limits", Access::Members, nothing),
    ("post", "/api/payments/{team_slug}/initiate", Access::Payers(201), wish),
    ("get", "/api/payments/{team_slug}/history", Access::Members, nothing),
    ("get", "/api/payments/{payment_id}/status", Access::Members, nothing),
    ("post", "/api/payments/{payment_id}/cancel", Access::Payers(200), nothing),
    ("post", "/api/payments/callback", Access::Signed, callback),
    ("get", "/api/teams/{team_slug}/subscription", Access::Members, nothing),
    ("get", "/api/teams/{team_slug}/alerts", Access::Members, nothing),
    // Who has a link from a mail needs no credential, and no credential does without the link.
    ("get", "/{team_slug}/notifications", Access::Anyone(404), nothing),
    ("post", "/{team_slug}/notifications", Access::Anyone(404), nothing),
    ("post", "/api/usage/traffic", Access::Keys(Scope::UsageWrite, [200, 200, 422]), traffic),
    ("post", "/api/usage/storage", Access::Keys(Scope::UsageWrite, [200, 200, 422]), storage),
    ("put", "/api/teams/{team_id}", Access::Keys(Scope::DirectoryWrite, [200, 200, 200]), team),
    ("delete", "/api/teams/{team_id}", Access::Keys(Scope::DirectoryWrite, [200, 200, 200]), nothing),
    (
        "put",
        "/api/teams/{team_id}/members/{user_id}",
        Access::Keys(Scope::DirectoryWrite, [200, 200, 404]),
        member,
    ),
    (
        "delete",
        "/api/teams/{team_id}/members/{user_id}",
        Access::Keys(Scope::DirectoryWrite, [200, 200, 200]),
        nothing,
    ),
    (
        "delete",
        "/api/users/{user_id}/personal-data",
        Access::Keys(Scope::DirectoryWrite, [200, 200, 200]),
        nothing,
    ),
    ("put", "/api/projects/{project_id}", Access::Keys(Scope::DirectoryWrite, [200, 200, 404]), project),
    ("delete", "/api/projects/{project_id}", Access::Keys(Scope::DirectoryWrite, [200, 200, 200]), nothing),
];

fn nothing(_: Place) -> Value {
    Value::Null
}

fn traffic(place: Place) -> Value {
    let sample = json!({
        "project_id": project_id(place), "ingress_bytes": 1, "egress_bytes": 2, "requests": 1, "at": "2026-11-23T11:00:00Z",
    });
    json!({ "batch_id": format!("{place:?}"), "source": "test", "samples": [sample] })
}

fn storage(place: Place) -> Value {
    json!({ "project_id": project_id(place), "volumes_bytes": 1, "images_bytes": 2, "layers_bytes": 3 })
}

fn wish(_: Place) -> Value {
    json!({ "payment_method": "mobile_money", "plan_upgrade": true, "new_plan": "pro" })
}

fn callback(place: Place) -> Value {
    json!({ "external_payment_id": format!("ext-{place:?}"), "status": "processing" })
}

fn team(place: Place) -> Value {
    json!({ "name": "A team", "slug": format!("slug-{place:?}").to_lowercase() })
}

fn member(_: Place) -> Value {
    json!({ "role": "owner" })
}

fn project(place: Place) -> Value {
    json!({ "name": "A project", "team_id": team_id(place) })
}

fn team_id(place: Place) -> &'static str {
    match place {
        Place::Own => TEAM,
        Place::Foreign => OTHER_TEAM,
        Place::Missing => NO_TEAM,
    }
}

fn project_id(place: Place) -> &'static str {
    match place {
        Place::Own => PROJECT,
        Place::Foreign => OTHER_PROJECT,
        Place::Missing => NO_PROJECT,
    }
}

/// Payments of both teams.
struct Payments {
    own: String,
    foreign: String,
}

impl Payments {
    async fn begin(server: &Server) -> Self {
        let begin = async |slug: &str, user| {
            let path = format!("/api/payments/{slug}/initiate");
            let answer =
                server.call(Method::POST, &path, Some(&server.token(user)), Some(&wish(Place::Own))).await;
            answer.body["payment_id"].as_str().unwrap().to_owned()
        };
        Self { own: begin("ferme", USER).await, foreign: begin("autre", OTHER_USER).await }
    }
}

fn path(template: &str, place: Place, payments: Option<&Payments>) -> String {
    let payment = payments.map_or(NO_PAYMENT, |payments| match place {
        Place::Own => &payments.own,
        Place::Foreign => &payments.foreign,
        Place::Missing => NO_PAYMENT,
    });
    let (slug, user) = match place {
        Place::Own => ("ferme", USER),
        Place::Foreign => ("autre", OTHER_USER),
        Place::Missing => ("personne", USER),
    };
    template
        .replace("{project_id}", project_id(place))
        .replace("{team_id}", team_id(place))
        .replace("{team_slug}", slug)
        .replace("{payment_id}", payment)
        .replace("{user_id}", &user.to_string())
}

/// Everyone who may come, with his credential.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Principal {
    Nobody,
    GarbageToken,
    ExpiredToken,
    UnknownKey,
    ExpiredKey,
    RevokedKey,
    KeyWithoutScope,
    PlainMember,
    /// Owns a team.
    Member,
    /// Owns another.
    NonMember,
    /// The payment backend.
    Signer,
    KeyWithScope,
}

/// The one who changes things comes last.
const PRINCIPALS: [Principal; 12] = [
    Principal::Nobody,
    Principal::GarbageToken,
    Principal::ExpiredToken,
    Principal::UnknownKey,
    Principal::ExpiredKey,
    Principal::RevokedKey,
    Principal::KeyWithoutScope,
    Principal::PlainMember,
    Principal::Member,
    Principal::NonMember,
    Principal::Signer,
    Principal::KeyWithScope,
];

async fn credential(server: &Server, principal: Principal, scope: Option<Scope>) -> Option<String> {
    let only = |wanted: bool| {
        Scope::ALL.into_iter().filter(|one| (scope == Some(*one)) == wanted).collect::<Vec<_>>()
    };
    Some(match principal {
        Principal::Nobody | Principal::Signer => return None,
        Principal::GarbageToken => "garbage".into(),
        Principal::ExpiredToken => {
            let token = server.token(USER);
            server.let_pass(TimeDelta::seconds(3_661));
            token
        }
        Principal::UnknownKey => servelink_api::auth::service_key::generate().expose().to_owned(),
        Principal::ExpiredKey => {
            let key = server.new_key(&Scope::ALL, Some(server.now() + TimeDelta::seconds(1))).await;
            server.let_pass(TimeDelta::seconds(1));
            key
        }
        Principal::RevokedKey => {
            let key = server.new_key(&Scope::ALL, None).await;
            let id = key.split('_').nth(1).unwrap();
            let actor = store::commands::Actor("test".into());
            server.app.commands.revoke_service_key(&actor, id).await.unwrap();
            server.app.known.catch_up().await.unwrap();
            key
        }
        // A route without a scope takes no key at all: then the key has every scope and is refused all the same.
        Principal::KeyWithoutScope => server.new_key(&only(false), None).await,
        Principal::KeyWithScope => match scope {
            Some(_) => server.new_key(&only(true), None).await,
            None => server.key.clone(),
        },
        Principal::PlainMember => server.token(PLAIN_USER),
        Principal::Member => server.token(USER),
        Principal::NonMember => server.token(OTHER_USER),
    })
}

fn expected(access: &Access, principal: Principal) -> [u16; 3] {
    match access {
        Access::Anyone(status) => [*status; 3],
        Access::Members => match principal {
            Principal::Member | Principal::PlainMember => [200, 404, 404],
            Principal::NonMember => [404, 200, 404],
            Principal::Nobody
            | Principal::GarbageToken
            | Principal::ExpiredToken
            | Principal::UnknownKey
            | Principal::ExpiredKey
            | Principal::RevokedKey
            | Principal::KeyWithoutScope
            | Principal::Signer
            | Principal::KeyWithScope => [401; 3],
        },
        Access::Payers(status) => match principal {
            Principal::Member => [*status, 404, 404],
            Principal::PlainMember => [403, 404, 404],
            Principal::NonMember => [404, *status, 404],
            Principal::Nobody
            | Principal::GarbageToken
            | Principal::ExpiredToken
            | Principal::UnknownKey
            | Principal::ExpiredKey
            | Principal::RevokedKey
            | Principal::KeyWithoutScope
            | Principal::Signer
            | Principal::KeyWithScope => [401; 3],
        },
        Access::Signed => match principal {
            Principal::Signer => [200; 3],
            Principal::Nobody
            | Principal::GarbageToken
            | Principal::ExpiredToken
            | Principal::UnknownKey
            | Principal::ExpiredKey
            | Principal::RevokedKey
            | Principal::KeyWithoutScope
            | Principal::PlainMember
            | Principal::Member
            | Principal::NonMember
            | Principal::KeyWithScope => [401; 3],
        },
        Access::Keys(_, holder) => match principal {
            Principal::KeyWithScope => *holder,
            Principal::KeyWithoutScope => [403; 3],
            Principal::Nobody
            | Principal::GarbageToken
            | Principal::ExpiredToken
            | Principal::UnknownKey
            | Principal::ExpiredKey
            | Principal::RevokedKey
            | Principal::PlainMember
            | Principal::Member
            | Principal::NonMember
            | Principal::Signer => [401; 3],
        },
    }
}

#[tokio::test]
async fn every_route_of_the_document_is_in_the_table_and_behaves_so() {
    let document = Server::empty().await.get("/api/openapi.json").await.ok();
    let documented: BTreeSet<(String, String)> = document["paths"]
        .as_object()
        .unwrap()
        .iter()
        .flat_map(|(path, item)| {
            item.as_object().unwrap().keys().map(|method| (method.clone(), path.clone()))
        })
        .collect();
    let tabled = TABLE.iter().map(|(method, path, ..)| ((*method).to_owned(), (*path).to_owned())).collect();
    assert_eq!(documented, tabled, "the access table and the OpenAPI document name different routes");

    for (method, template, access, body) in TABLE {
        let security = &document["paths"][template][method]["security"];
        assert_eq!(*security, declared(access), "{method} {template}");
        walk(method.to_uppercase().parse().unwrap(), template, access, *body).await;
    }
}

/// What the document must say of a route's access.
fn declared(access: &Access) -> Value {
    match access {
        Access::Anyone(_) => json!([{}]),
        Access::Members | Access::Payers(_) => json!([{ "user_token": [] }, { "user_cookie": [] }]),
        Access::Signed => json!([{ "webhook_signature": [] }, { "payment_signature": [] }]),
        Access::Keys(scope, _) => json!([{ "service_key": [scope.as_str()] }]),
    }
}

fn signed(server: &Server, method: &Method, path: &str, body: &Value) -> Request<Body> {
    let (id, body) = (body["external_payment_id"].as_str().unwrap_or("id"), body.to_string());
    let request = Request::builder().method(method).uri(path).header("content-type", "application/json");
    sign(request, id, server.now(), &body).body(Body::from(body)).unwrap()
}

async fn walk(method: Method, template: &str, access: &Access, body: fn(Place) -> Value) {
    let server = Server::with_two_teams().await;
    let (actor, team) = (store::commands::Actor("test".into()), TEAM.parse().unwrap());
    // The free plan has no place for a second member.
    server.app.commands.give_plan(&actor, team, &"pay_as_you_go".into()).await.unwrap();
    server.put(&format!("/api/teams/{TEAM}/members/{PLAIN_USER}"), json!({ "role": "member" })).await.ok();
    let about_payments = template.contains("{payment_id}");
    let payments = if about_payments { Some(Payments::begin(&server).await) } else { None };
    server.caught_up().await;
    let scope = match access {
        Access::Keys(scope, _) => Some(*scope),
        Access::Anyone(_) | Access::Members | Access::Payers(_) | Access::Signed => None,
    };
    for principal in PRINCIPALS {
        let mut refusals = Vec::new();
        let credential = credential(&server, principal, scope).await;
        for (place, expected) in PLACES.into_iter().zip(expected(access, principal)) {
            let body = body(place);
            let body = Some(&body).filter(|body| !body.is_null());
            let path = path(template, place, payments.as_ref());
            let answer = match (principal, body) {
                (Principal::Signer, Some(body)) => server.send(signed(&server, &method, &path, body)).await,
                _ => server.call(method.clone(), &path, credential.as_deref(), body).await,
            };
            assert_eq!(
                answer.status.as_u16(),
                expected,
                "{method} {template} as {principal:?} for {place:?}: {}",
                answer.body
            );
            if expected == 401 {
                assert!(answer.headers.contains_key("www-authenticate"));
            }
            if expected == 404 && matches!(access, Access::Members | Access::Payers(_)) {
                let mut problem = answer.body;
                problem.as_object_mut().unwrap().remove("instance");
                refusals.push(problem);
            }
        }
        assert!(
            refusals.windows(2).all(|pair| pair[0] == pair[1]),
            "foreign and missing differ: {refusals:?}"
        );
    }
}
