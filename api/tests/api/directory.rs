//! The directory: idempotent, and every mistake is named.

use axum::body::Body;
use http::{Method, Request};
use serde_json::json;

use crate::support::{NO_PROJECT, NO_TEAM, OTHER_TEAM, OTHER_USER, PROJECT, Server, TEAM, errors};

#[tokio::test]
async fn sending_the_whole_directory_again_records_nothing() {
    let server = Server::with_two_teams().await;
    let head = server.app.log.head().await.unwrap();
    server.put(&format!("/api/teams/{TEAM}"), json!({ "name": "Team ferme", "slug": "ferme" })).await.ok();
    server.put(&format!("/api/teams/{TEAM}/members/1"), json!({ "role": "owner" })).await.ok();
    let project = json!({ "team_id": TEAM, "name": "Project ferme" });
    let position = server.put(&format!("/api/projects/{PROJECT}"), project).await.position();
    assert_eq!(server.app.log.head().await.unwrap(), head);
    assert_eq!(position, head.0);
}

#[tokio::test]
async fn removing_twice_is_fine_and_records_once() {
    let server = Server::with_two_teams().await;
    for path in [
        format!("/api/projects/{PROJECT}"),
        format!("/api/teams/{TEAM}/members/1"),
        format!("/api/teams/{TEAM}"),
    ] {
        let first = server.delete(&path).await.position();
        assert_eq!(server.app.log.head().await.unwrap().0, first, "{path}");
        assert_eq!(server.delete(&path).await.position(), first, "{path}");
        assert_eq!(server.app.log.head().await.unwrap().0, first, "{path}");
    }
}

#[tokio::test]
async fn removing_what_never_was_is_fine_and_records_nothing() {
    let server = Server::with_two_teams().await;
    let head = server.app.log.head().await.unwrap().0;
    for path in [
        format!("/api/projects/{NO_PROJECT}"),
        format!("/api/teams/{NO_TEAM}"),
        format!("/api/teams/{NO_TEAM}/members/1"),
        format!("/api/teams/{TEAM}/members/{OTHER_USER}"),
    ] {
        let position = server.delete(&path).await.position();
        assert_eq!((position, server.app.log.head().await.unwrap().0), (head, head), "{path}");
        server.get(&format!("/api/usage/teams/ferme?min_position={position}")).await.ok();
    }
}

#[tokio::test]
async fn members_and_projects_of_a_removed_team_are_gone_with_it() {
    let server = Server::with_two_teams().await;
    let removed = server.delete(&format!("/api/teams/{TEAM}")).await.position();
    for path in [format!("/api/teams/{TEAM}/members/1"), format!("/api/projects/{PROJECT}")] {
        assert_eq!(server.delete(&path).await.position(), removed, "{path}");
    }
}

#[tokio::test]
async fn plan_limits_are_named() {
    let server = Server::with_two_teams().await;
    let member = server.put(&format!("/api/teams/{TEAM}/members/9"), json!({ "role": "member" })).await;
    let problem = member.problem(409, "plan-limit");
    assert_eq!(
        (&problem["limit_name"], &problem["limit"], &problem["resource"]),
        (&json!("max_members"), &json!(1), &json!("members"))
    );

    server
        .put(&format!("/api/projects/{NO_PROJECT}"), json!({ "team_id": TEAM, "name": "second" }))
        .await
        .ok();
    let third = format!("/api/projects/{}", "d".repeat(32));
    let problem =
        server.put(&third, json!({ "team_id": TEAM, "name": "third" })).await.problem(409, "plan-limit");
    assert_eq!(problem["limit_name"], "max_projects");
    assert!(problem["detail"].as_str().unwrap().contains("the free plan's max_projects is 2"), "{problem}");

    server.put(&format!("/api/teams/{NO_TEAM}"), json!({ "name": "Third", "slug": "third" })).await.ok();
    let owner = format!("/api/teams/{NO_TEAM}/members/{OTHER_USER}");
    let problem = server.put(&owner, json!({ "role": "owner" })).await.problem(409, "plan-limit");
    assert_eq!((&problem["limit_name"], &problem["wanted"]), (&json!("max_teams"), &json!(2)));
}

#[tokio::test]
async fn a_slug_belongs_to_one_team() {
    let server = Server::with_two_teams().await;
    let taken =
        server.put(&format!("/api/teams/{OTHER_TEAM}"), json!({ "name": "x", "slug": "ferme" })).await;
    assert!(taken.problem(409, "conflict")["detail"].as_str().unwrap().contains("`ferme`"));
}

#[tokio::test]
async fn a_moved_project_is_its_new_team_s() {
    let server = Server::with_two_teams().await;
    let moved = server
        .put(&format!("/api/projects/{PROJECT}"), json!({ "team_id": OTHER_TEAM, "name": "moved" }))
        .await;
    let position = moved.position();
    let path = format!("/api/usage/projects/{PROJECT}?min_position={position}");
    server.get(&path).await.problem(404, "not-found");
    server.call(Method::GET, &path, Some(&server.token(OTHER_USER)), None).await.ok();
}

#[tokio::test]
async fn bad_bodies_name_the_field_and_change_nothing() {
    let server = Server::with_two_teams().await;
    let head = server.app.log.head().await.unwrap();
    let team = format!("/api/teams/{TEAM}");
    let cases = [
        (r#"{"name":"a"}"#, "slug", "missing_field"),
        (r#"{"name":"a","slug":"b","plan":"pro"}"#, "plan", "unknown_field"),
        (r#"{"name":"a","name":"a","slug":"b"}"#, "name", "duplicate_field"),
        (r#"{"name":7,"slug":"b"}"#, "name", "invalid"),
        (r#"{"name":"a","slug":"A!"}"#, "slug", "invalid"),
        (r#"{"name":" ","slug":"b"}"#, "name", "invalid"),
    ];
    let put = |path: &str, content_type: &str, body: Vec<u8>| {
        let request = Request::put(path).header("authorization", format!("Bearer {}", server.key));
        request.header("content-type", content_type).body(Body::from(body)).unwrap()
    };
    for (body, field, code) in cases {
        let problem = server.send(put(&team, "application/json", body.into())).await.problem(422, "invalid");
        assert_eq!(errors(&problem), [(Some(field), code)], "{body}");
    }
    for broken in ["", "{", "{}}", "\u{0}"] {
        server.send(put(&team, "application/json", broken.into())).await.problem(400, "malformed-body");
    }
    server.send(put(&team, "application/json", vec![0xff; 8])).await.problem(400, "malformed-body");
    server.send(put(&team, "text/plain", "{}".into())).await.problem(415, "unsupported-media-type");
    server.send(put(&team, "application/json", vec![b' '; 10 << 20])).await.problem(413, "too-large");
    assert_eq!(server.app.log.head().await.unwrap(), head);
}

#[tokio::test]
async fn bad_names_in_the_path_are_named() {
    let server = Server::with_two_teams().await;
    let upper = TEAM.replace('1', "A");
    for (path, body, field) in [
        (format!("/api/teams/{upper}"), json!({ "name": "a", "slug": "b" }), "team_id"),
        (format!("/api/teams/{TEAM}/members/x"), json!({ "role": "member" }), "user_id"),
        (format!("/api/teams/{TEAM}/members/01"), json!({ "role": "member" }), "user_id"),
        ("/api/projects/7".into(), json!({ "name": "a", "team_id": TEAM }), "project_id"),
    ] {
        let problem = server.put(&path, body).await.problem(422, "invalid");
        assert_eq!(errors(&problem), [(Some(field), "invalid")], "{path}");
        let problem = server.delete(&path).await.problem(422, "invalid");
        assert_eq!(errors(&problem), [(Some(field), "invalid")], "{path}");
    }
    let problem = server.put(&format!("/api/teams/{TEAM}/members/1"), json!({ "role": "king" })).await;
    assert_eq!(errors(&problem.problem(422, "invalid")), [(Some("role"), "invalid")]);
    server
        .put(&format!("/api/projects/{PROJECT}"), json!({ "name": "a", "team_id": NO_TEAM }))
        .await
        .problem(404, "not-found");
}
