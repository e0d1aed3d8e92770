//! From the directory and samples to what a user sees of a month, and that it stays so whatever ends the server.

use chrono::{Datelike, Utc};
use reqwest::Method;
use serde_json::{Value, json};

use crate::common::client::{batch, position, sample, start};
use crate::common::home::text;
use crate::common::{Answer, Client, Home, project, team};

#[tokio::test(flavor = "multi_thread")]
async fn from_a_key_to_a_months_usage_embedded() {
    from_a_key_to_a_months_usage(Home::embedded()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn from_a_key_to_a_months_usage_on_postgres() {
    from_a_key_to_a_months_usage(Home::postgres().await).await;
}

async fn from_a_key_to_a_months_usage(home: Home) {
    let (server, paas) = start(&home, "").await;
    paas.register(&[1, 2]).await;
    let again = paas
        .put(&format!("/api/projects/{}", project(1)), &json!({ "team_id": team(1), "name": "Shop" }))
        .await;

    // Two days of one month, and a measurement of storage.
    let samples = [
        sample(1, "2024-05-01T00:00:00Z", [1_000, 2_000_000, 7]),
        sample(1, "2024-05-31T23:59:59.999999Z", [1 << 20, 1, 0]),
        sample(2, "2024-05-31T12:00:00+02:00", [0, 5, 1]),
    ];
    let recorded = paas.post("/api/usage/traffic", &batch("may", &samples)).await.ok();
    assert_eq!(
        (&recorded["accepted"], &recorded["duplicates"], &recorded["rejected"]),
        (&json!(3), &json!(0), &json!([]))
    );
    assert!(position(&recorded) > position(&again));
    let storage = json!({
        "project_id": project(1), "volumes_bytes": 1 << 20, "images_bytes": 1 << 19, "layers_bytes": 0,
        "measured_at": "2024-05-31T10:00:00Z"
    });
    let measured = paas.post("/api/usage/storage", &storage).await.ok();
    assert_eq!((&measured["accepted"], &measured["rejected"]), (&json!(1), &json!([])));
    let up_to = position(&measured);

    let first = Answers::of(&paas, up_to).await;
    first.are_exact(up_to);
    assert_eq!(server.terminate().await.code(), Some(0));

    let server = home.serve("").await;
    let paas = paas.at(&server);
    assert_eq!(Answers::of(&paas, up_to).await, first, "nothing has changed over a restart");
    let repeated = paas.post("/api/usage/traffic", &batch("may", &samples)).await.ok();
    let expected =
        json!({ "accepted": 0, "duplicates": 3, "rejected": [], "position": recorded["position"] });
    assert_eq!(repeated, expected, "the answer to a batch sent again is the first answer");
    assert_eq!(Answers::of(&paas, up_to).await, first);
    server.kill().await;

    let server = home.serve("").await;
    assert_eq!(Answers::of(&paas.at(&server), up_to).await, first, "nothing has changed over a kill");
}

/// What the user sees of May.
#[derive(Debug, PartialEq)]
struct Answers {
    shop: Value,
    days: Value,
    team: Value,
    unused: Value,
}

impl Answers {
    async fn of(user: &Client, up_to: u64) -> Self {
        let query = format!("month=2024-05&min_position={up_to}");
        let shop = format!("/api/usage/projects/{}", project(1));
        Self {
            shop: user.get(&format!("{shop}?{query}")).await.ok(),
            days: user.get(&format!("{shop}/days?{query}")).await.ok(),
            team: user.get(&format!("/api/usage/teams/team-one?{query}")).await.ok(),
            unused: user.get(&format!("{shop}?month=2023-02")).await.ok(),
        }
    }

    fn are_exact(&self, up_to: u64) {
        let mut shop = self.shop.clone();
        for time in ["created_at", "updated_at"] {
            let time: chrono::DateTime<Utc> = text(&shop[time].take()).parse().unwrap();
            assert!((Utc::now() - time).num_minutes() < 5, "when it was recorded: {time}");
        }
        let expected = json!({
            "id": format!("{}:2024-05", project(1)), "project_id": project(1), "month": 5, "year": 2024,
            "traffic_bytes": 3_049_577, "storage_bytes": 1_572_864, "created_at": null, "updated_at": null,
            "traffic_mb": 2.908303, "traffic_gb": 0.00284, "storage_mb": 1.5, "storage_gb": 0.001465,
            "ingress_bytes": 1_049_576, "egress_bytes": 2_000_001, "requests": 7, "position": up_to
        });
        assert_eq!(shop, expected);

        let days = json!([
            { "date": "2024-05-01", "traffic_bytes": 2_001_000, "ingress_bytes": 1_000, "egress_bytes": 2_000_000,
              "requests": 7, "storage_bytes": null },
            { "date": "2024-05-31", "traffic_bytes": 1_048_577, "ingress_bytes": 1_048_576, "egress_bytes": 1,
              "requests": 0, "storage_bytes": 1_572_864 }
        ]);
        assert_eq!(self.days, json!({ "project_id": project(1), "month": 5, "year": 2024, "days": days }));

        let team = json!({
            "plan": { "name": "free", "display_name": "Free", "max_traffic_gb": 5, "max_storage_mb": 100 },
            "usage": { "traffic_bytes": 3_049_582, "traffic_mb": 2.908308, "traffic_gb": 0.00284,
                "storage_bytes": 1_572_864, "storage_mb": 1.5, "storage_gb": 0.001465 },
            "limits": {
                "traffic": { "used_gb": 0.00284, "limit_gb": 5, "percentage": 0.06 },
                "storage": { "used_mb": 1.5, "limit_mb": 100, "percentage": 1.5 }
            },
            "projects": [
                { "project_id": project(1), "name": "Shop", "traffic_bytes": 3_049_577, "storage_bytes": 1_572_864,
                  "ingress_bytes": 1_049_576, "egress_bytes": 2_000_001, "requests": 7 },
                { "project_id": project(2), "name": "project 2", "traffic_bytes": 5, "storage_bytes": 0,
                  "ingress_bytes": 0, "egress_bytes": 5, "requests": 1 }
            ]
        });
        assert_eq!(self.team, team);
        for field in
            ["traffic_bytes", "storage_bytes", "ingress_bytes", "egress_bytes", "requests", "traffic_gb"]
        {
            assert_eq!(self.unused[field].as_f64(), Some(0.0), "{field} of an unused month");
        }
        assert_eq!((&self.unused["created_at"], &self.unused["month"]), (&Value::Null, &json!(2)));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn limits_are_of_the_current_month_and_name_what_is_exceeded() {
    let home = Home::embedded();
    let (_server, paas) = start(&home, "").await;
    let registered = paas.register(&[1]).await;
    let within = paas.get(&format!("/api/usage/teams/team-one/limits?min_position={registered}")).await.ok();
    assert_eq!(within, json!({ "within_limits": true, "exceeded": [] }));

    let now = Utc::now();
    let traffic = batch("much", &[sample(1, &now.to_rfc3339(), [5 << 30, 1, 1])]);
    let up_to = position(&paas.post("/api/usage/traffic", &traffic).await.ok());
    let current = format!("/api/usage/projects/{}?min_position={up_to}", project(1));
    let current = paas.get(&current).await.ok();
    assert_eq!(
        (current["month"].as_u64(), current["year"].as_i64()),
        (Some(now.month().into()), Some(now.year().into()))
    );
    assert_eq!(current["traffic_bytes"], json!((5_u64 << 30) + 1), "without a month it is the current one");
    let limits = paas.get(&format!("/api/usage/teams/team-one/limits?min_position={up_to}")).await.ok();
    assert_eq!(limits["within_limits"], json!(false));
    let [exceeded] = limits["exceeded"].as_array().unwrap().as_slice() else { panic!("{limits}") };
    let numbers = (&exceeded["resource"], &exceeded["used"], &exceeded["limit"]);
    assert_eq!(numbers, (&json!("traffic"), &json!((5_u64 << 30) + 1), &json!(5_u64 << 30)));
    assert!(text(&exceeded["detail"]).contains("Free plan's 5 GB"), "{exceeded}");

    // The free plan's limits on what there may be hold in the directory.
    for (path, body, limit) in [
        (format!("/api/teams/{}/members/2", team(1)), json!({ "role": "member" }), "max_members"),
        (
            format!("/api/projects/{}", project(3)),
            json!({ "team_id": team(1), "name": "third" }),
            "max_projects",
        ),
    ] {
        paas.register(&[1, 2]).await;
        let refused = paas.send(paas.request(Method::PUT, &path).json(&body)).await;
        assert_eq!(
            (refused.status, refused.json()["limit_name"].as_str()),
            (409, Some(limit)),
            "{refused:?}"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_seen_without_being_a_member() {
    let home = Home::embedded();
    let (server, paas) = start(&home, "").await;
    paas.register(&[1]).await;
    let stranger = Client::new(&server, "", &home.token(2).await);
    for path in [format!("/api/usage/projects/{}", project(1)), "/api/usage/teams/team-one".into()] {
        let up_to = format!("{path}?min_position={}", paas.head().await);
        assert_eq!(paas.get(&up_to).await.status, 200);
        let (foreign, missing) =
            (stranger.get(&up_to).await, stranger.get(&format!("/api/usage/projects/{}", project(9))).await);
        let same = |answer: &Answer| (answer.status, answer.json()["detail"].clone());
        assert_eq!(same(&foreign), same(&missing));
        assert_eq!(foreign.status, 404);
    }
}
