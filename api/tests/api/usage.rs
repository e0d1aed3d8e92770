//! What was used, read back through the interface.

use axum::body::Body;
use chrono::TimeDelta;
use http::{Method, Request};
use serde_json::{Value, json};
use store::commands::Actor;

use crate::support::{OTHER_PROJECT, PROJECT, Server, TEAM, USER, errors};

const MB: u64 = 1 << 20;
const GB: u64 = 1 << 30;

async fn traffic(server: &Server, batch: &str, project: &str, at: &str, ingress: u64, egress: u64) -> u64 {
    let sample = json!({ "project_id": project, "ingress_bytes": ingress, "egress_bytes": egress, "requests": 3, "at": at });
    let body = json!({ "batch_id": batch, "source": "test", "samples": [sample] });
    server.post("/api/usage/traffic", body).await.position()
}

#[tokio::test]
async fn a_project_s_month_is_exact_and_of_the_fixed_shape() {
    let server = Server::with_two_teams().await;
    traffic(&server, "a", PROJECT, "2026-11-02T00:00:00Z", MB, 2 * MB).await;
    traffic(&server, "b", PROJECT, "2026-10-31T23:59:59Z", 5, 0).await;
    let position = traffic(&server, "c", PROJECT, "2026-11-23T11:00:00Z", 1, 0).await;

    let usage = server
        .get(&format!("/api/usage/projects/{PROJECT}?month=2026-11&min_position={position}"))
        .await
        .ok();
    let fields: Vec<&str> = usage.as_object().unwrap().keys().map(String::as_str).collect();
    let mut wanted = [
        "id",
        "project_id",
        "month",
        "year",
        "traffic_bytes",
        "storage_bytes",
        "created_at",
        "updated_at",
        "traffic_mb",
        "traffic_gb",
        "storage_mb",
        "storage_gb",
        "ingress_bytes",
        "egress_bytes",
        "requests",
        "position",
    ];
    wanted.sort_unstable();
    assert_eq!(fields, wanted);
    assert_eq!(usage["id"], format!("{PROJECT}:2026-11"));
    assert_eq!((&usage["month"], &usage["year"]), (&json!(11), &json!(2026)));
    assert_eq!((&usage["ingress_bytes"], &usage["egress_bytes"]), (&json!(MB + 1), &json!(2 * MB)));
    assert_eq!((&usage["traffic_bytes"], &usage["requests"]), (&json!(3 * MB + 1), &json!(6)));
    assert_eq!((&usage["traffic_mb"], &usage["traffic_gb"]), (&json!(3.000_001), &json!(0.002_93)));
    assert!(usage["position"].as_u64().unwrap() >= position);
    assert!(usage["created_at"].is_string() && usage["updated_at"].is_string());

    let october = server.get(&format!("/api/usage/projects/{PROJECT}?month=2026-10")).await.ok();
    assert_eq!(october["traffic_bytes"], 5);
    let unused = server.get(&format!("/api/usage/projects/{PROJECT}?month=2020-02")).await.ok();
    assert_eq!(
        (&unused["traffic_bytes"], &unused["traffic_gb"], &unused["created_at"]),
        (&json!(0), &json!(0.0), &Value::Null)
    );
}

#[tokio::test]
async fn without_a_month_it_is_the_current_one() {
    let server = Server::with_two_teams().await;
    let position = traffic(&server, "a", PROJECT, "2026-11-23T11:00:00Z", 1, 0).await;
    let path = format!("/api/usage/projects/{PROJECT}?min_position={position}");
    assert_eq!(server.get(&path).await.ok()["traffic_bytes"], 1);
    server.let_pass(TimeDelta::days(10));
    let december = server.get(&path).await.ok();
    assert_eq!((&december["month"], &december["traffic_bytes"]), (&json!(12), &json!(0)));
}

#[tokio::test]
async fn days_come_in_order() {
    let server = Server::with_two_teams().await;
    traffic(&server, "a", PROJECT, "2026-11-03T12:00:00Z", 1, 1).await;
    let position = traffic(&server, "b", PROJECT, "2026-11-01T12:00:00Z", 2, 3).await;
    let days = server.get(&format!("/api/usage/projects/{PROJECT}/days?min_position={position}")).await.ok();
    assert_eq!(
        days["days"],
        json!([
            { "date": "2026-11-01", "traffic_bytes": 5, "ingress_bytes": 2, "egress_bytes": 3, "requests": 3, "storage_bytes": null },
            { "date": "2026-11-03", "traffic_bytes": 2, "ingress_bytes": 1, "egress_bytes": 1, "requests": 3, "storage_bytes": null },
        ])
    );
}

#[tokio::test]
async fn a_team_s_month_stands_beside_its_plan() {
    let server = Server::with_two_teams().await;
    let position = traffic(&server, "a", PROJECT, "2026-11-02T00:00:00Z", GB, GB / 2).await;
    traffic(&server, "b", OTHER_PROJECT, "2026-11-02T00:00:00Z", 1, 1).await;
    let usage =
        server.get(&format!("/api/usage/teams/ferme?month=2026-11&min_position={position}")).await.ok();
    let bytes = GB + GB / 2;
    assert_eq!(
        usage,
        json!({
            "plan": { "name": "free", "display_name": "Free", "max_traffic_gb": 5, "max_storage_mb": 100 },
            "usage": {
                "traffic_bytes": bytes, "traffic_mb": 1536.0, "traffic_gb": 1.5,
                "storage_bytes": 0, "storage_mb": 0.0, "storage_gb": 0.0,
            },
            "limits": {
                "traffic": { "used_gb": 1.5, "limit_gb": 5, "percentage": 30.0 },
                "storage": { "used_mb": 0.0, "limit_mb": 100, "percentage": 0.0 },
            },
            "projects": [{
                "project_id": PROJECT, "name": "Project ferme", "traffic_bytes": bytes, "storage_bytes": 0,
                "ingress_bytes": GB, "egress_bytes": GB / 2, "requests": 3,
            }],
        })
    );
    let limits = server.get("/api/usage/teams/ferme/limits").await.ok();
    assert_eq!(limits, json!({ "within_limits": true, "exceeded": [] }));
}

#[tokio::test]
async fn folders_that_no_project_mounts_are_the_team_s_storage() {
    let server = Server::with_two_teams().await;
    let project = json!({ "project_id": PROJECT, "volumes_bytes": MB, "images_bytes": 0, "layers_bytes": 0 });
    server.post("/api/usage/storage", project).await.position();
    let bytes = (100 * MB).try_into().unwrap();
    let (team, now, actor) = (TEAM.parse().unwrap(), server.app.clock.now(), Actor("test".into()));
    let measured = server.app.commands.measure_unlinked_storage(&actor, team, bytes, now, "docker").await;
    let position = measured.unwrap().0;
    let usage = server.get(&format!("/api/usage/teams/ferme?min_position={position}")).await.ok();
    assert_eq!(usage["usage"]["storage_bytes"], 101 * MB);
    assert_eq!(usage["usage"]["unlinked_storage_bytes"], 100 * MB);
    assert_eq!(usage["projects"][0]["storage_bytes"], MB);
    let limits = server.get("/api/usage/teams/ferme/limits").await.ok();
    assert_eq!(limits["exceeded"][0]["resource"], "storage", "{limits}");
}

#[tokio::test]
async fn exceeded_limits_are_named() {
    let server = Server::with_two_teams().await;
    traffic(&server, "a", PROJECT, "2026-11-02T00:00:00Z", 6 * GB, 0).await;
    let storage =
        json!({ "project_id": PROJECT, "volumes_bytes": 101 * MB, "images_bytes": 0, "layers_bytes": 0 });
    let position = server.post("/api/usage/storage", storage).await.position();
    let limits = server.get(&format!("/api/usage/teams/ferme/limits?min_position={position}")).await.ok();
    assert_eq!(
        limits,
        json!({
            "within_limits": false,
            "exceeded": [
                {
                    "resource": "traffic", "used": 6 * GB, "limit": 5 * GB,
                    "detail": "traffic of 6 GB in 2026-11 is over the Free plan's 5 GB",
                },
                {
                    "resource": "storage", "used": 101 * MB, "limit": 100 * MB,
                    "detail": "storage of 101 MB is over the Free plan's 100 MB",
                },
            ],
        })
    );
}

#[tokio::test]
async fn wrong_parameters_are_named_on_every_read() {
    let server = Server::with_two_teams().await;
    let project = format!("/api/usage/projects/{PROJECT}");
    for path in [project.clone(), format!("{project}/days"), "/api/usage/teams/ferme".into()] {
        let problem = server.get(&format!("{path}?month=2026-13")).await.problem(422, "invalid");
        assert_eq!(errors(&problem), [(Some("month"), "invalid")], "{path}");
    }
    let limits = "/api/usage/teams/ferme/limits";
    let problem = server.get(&format!("{limits}?month=2026-11")).await.problem(422, "invalid");
    assert_eq!(errors(&problem), [(Some("month"), "unknown_field")]);
    let problem = server.get(&format!("{limits}?min_position=x")).await.problem(422, "invalid");
    assert_eq!(errors(&problem), [(Some("min_position"), "invalid")]);
}

#[tokio::test]
async fn names_that_cannot_be_are_not_found() {
    let server = Server::with_two_teams().await;
    for path in [
        "projects/x",
        "projects/AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA",
        "projects/x/days",
        "teams/Ferme",
        "teams/a%20b/limits",
    ] {
        server.get(&format!("/api/usage/{path}")).await.problem(404, "not-found");
    }
}

#[tokio::test]
async fn a_position_beyond_the_end_is_refused() {
    let server = Server::with_two_teams().await;
    let head = server.app.log.head().await.unwrap().0;
    let path = format!("/api/usage/projects/{PROJECT}?min_position");
    server.get(&format!("{path}={head}")).await.ok();
    let problem = server.get(&format!("{path}={}", head + 1)).await.problem(422, "invalid");
    assert_eq!(errors(&problem), [(Some("min_position"), "beyond_the_end")]);
    assert_eq!(problem["position"], head);
    server.get(&format!("{path}={}", u64::MAX)).await.problem(422, "invalid");
}

#[tokio::test]
async fn a_read_that_waited_in_vain_says_how_far_it_is() {
    let mut server = Server::with_two_teams().await;
    let reached = server.app.log.head().await.unwrap().0;
    server.get(&format!("/api/usage/projects/{PROJECT}?min_position={reached}")).await.ok();
    server.stop_runner().await;
    let position = traffic(&server, "a", PROJECT, "2026-11-23T11:00:00Z", 1, 0).await;
    let answer = server.get(&format!("/api/usage/projects/{PROJECT}?min_position={position}")).await;
    assert!(answer.headers.contains_key("retry-after"));
    assert_eq!(answer.problem(503, "position-not-reached")["position"], reached);
}

#[tokio::test]
async fn the_paas_s_cookie_is_as_good_as_a_bearer_token() {
    let server = Server::with_two_teams().await;
    let token = server.token(USER);
    let head = server.app.log.head().await.unwrap().0;
    let request = |authorization: Option<&str>| {
        let request = Request::get(format!("/api/usage/projects/{PROJECT}?min_position={head}"));
        let request = request.header("cookie", format!("theme=dark; auth_token={token}"));
        let request =
            authorization.into_iter().fold(request, |request, value| request.header("authorization", value));
        request.body(Body::empty()).unwrap()
    };
    server.send(request(None)).await.ok();
    server.send(request(Some("Bearer garbage"))).await.problem(401, "unauthenticated");
    server
        .call(Method::GET, &format!("/api/usage/projects/{PROJECT}"), None, None)
        .await
        .problem(401, "unauthenticated");
}
