//! Who may what: a table of every route, walked from the OpenAPI document. A route that is in the document and not in
//! the table fails, and so does one that is in the table and not in the document.

use std::collections::BTreeSet;

use chrono::TimeDelta;
use domain::service_key::Scope;
use http::Method;
use serde_json::{Value, json};

use crate::support::{
    NO_PROJECT, NO_TEAM, OTHER_PROJECT, OTHER_TEAM, OTHER_USER, PROJECT, Server, TEAM, USER,
};

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
    ("get", "/api/usage/teams/{team_slug}", Access::Members, nothing),
    ("get", "/api/usage/teams/{team_slug}/limits", Access::Members, nothing),
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

fn path(template: &str, place: Place) -> String {
    let (slug, user) = match place {
        Place::Own => ("ferme", USER),
        Place::Foreign => ("autre", OTHER_USER),
        Place::Missing => ("personne", USER),
    };
    template
        .replace("{project_id}", project_id(place))
        .replace("{team_id}", team_id(place))
        .replace("{team_slug}", slug)
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
    Member,
    NonMember,
    KeyWithScope,
}

/// The one who changes things comes last.
const PRINCIPALS: [Principal; 10] = [
    Principal::Nobody,
    Principal::GarbageToken,
    Principal::ExpiredToken,
    Principal::UnknownKey,
    Principal::ExpiredKey,
    Principal::RevokedKey,
    Principal::KeyWithoutScope,
    Principal::Member,
    Principal::NonMember,
    Principal::KeyWithScope,
];

async fn credential(server: &Server, principal: Principal, scope: Option<Scope>) -> Option<String> {
    let only = |wanted: bool| {
        Scope::ALL.into_iter().filter(|one| (scope == Some(*one)) == wanted).collect::<Vec<_>>()
    };
    Some(match principal {
        Principal::Nobody => return None,
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
        Principal::Member => server.token(USER),
        Principal::NonMember => server.token(OTHER_USER),
    })
}

fn expected(access: &Access, principal: Principal) -> [u16; 3] {
    match access {
        Access::Anyone(status) => [*status; 3],
        Access::Members => match principal {
            Principal::Member => [200, 404, 404],
            Principal::NonMember => [404, 200, 404],
            Principal::Nobody
            | Principal::GarbageToken
            | Principal::ExpiredToken
            | Principal::UnknownKey
            | Principal::ExpiredKey
            | Principal::RevokedKey
            | Principal::KeyWithoutScope
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
            | Principal::Member
            | Principal::NonMember => [401; 3],
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
        Access::Members => json!([{ "user_token": [] }, { "user_cookie": [] }]),
        Access::Keys(scope, _) => json!([{ "service_key": [scope.as_str()] }]),
    }
}

async fn walk(method: Method, template: &str, access: &Access, body: fn(Place) -> Value) {
    let server = Server::with_two_teams().await;
    let head = server.app.log.head().await.unwrap().0;
    server.get(&format!("/api/usage/teams/ferme?min_position={head}")).await.ok();
    let scope = match access {
        Access::Keys(scope, _) => Some(*scope),
        Access::Anyone(_) | Access::Members => None,
    };
    for principal in PRINCIPALS {
        let mut refusals = Vec::new();
        let credential = credential(&server, principal, scope).await;
        for (place, expected) in PLACES.into_iter().zip(expected(access, principal)) {
            let body = body(place);
            let body = Some(&body).filter(|body| !body.is_null());
            let answer =
                server.call(method.clone(), &path(template, place), credential.as_deref(), body).await;
            assert_eq!(
                answer.status.as_u16(),
                expected,
                "{method} {template} as {principal:?} for {place:?}: {}",
                answer.body
            );
            if expected == 401 {
                assert!(answer.headers.contains_key("www-authenticate"));
            }
            if expected == 404 && matches!(access, Access::Members) {
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
