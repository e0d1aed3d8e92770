//! Problems as a caller sees them.

use axum::body::to_bytes;
use serde_json::json;
use store::AppendError;
use store::commands::CommandError;

use super::*;

async fn seen(problem: impl Into<Problem>) -> (Response, Value) {
    let response = finish(problem.into().into_response(), "req-1");
    let (parts, body) = response.into_parts();
    let body = to_bytes(body, 1 << 20).await.unwrap();
    (Response::from_parts(parts, axum::body::Body::empty()), serde_json::from_slice(&body).unwrap())
}

#[tokio::test]
async fn the_body_is_rfc_9457() {
    let (response, body) = seen(Problem::field("month", "invalid", "must be a month")).await;
    assert_eq!(response.status(), StatusCode::UNPROCESSABLE_ENTITY);
    assert_eq!(response.headers()[CONTENT_TYPE], "application/problem+json");
    assert_eq!(
        body,
        json!({
            "type": "/problems/invalid",
            "title": "Invalid request",
            "status": 422,
            "detail": "month: must be a month",
            "instance": "req-1",
            "errors": [{ "field": "month", "code": "invalid", "detail": "must be a month" }],
        })
    );
}

#[tokio::test]
async fn a_plan_limit_is_named() {
    use domain::plan::Limit;
    use domain::team::TeamRefusal;
    let refusal = TeamRefusal::PlanLimit {
        limit_name: "max_projects",
        limit: Limit::AtMost(2),
        wanted: 3,
        plan: "free".into(),
    };
    let (response, body) = seen(CommandError::from(refusal)).await;
    assert_eq!(response.status(), StatusCode::CONFLICT);
    assert_eq!(body["type"], "/problems/plan-limit");
    assert_eq!(
        (&body["plan"], &body["resource"], &body["limit_name"], &body["limit"], &body["wanted"]),
        (&json!("free"), &json!("projects"), &json!("max_projects"), &json!(2), &json!(3))
    );
}

#[tokio::test]
async fn what_may_be_tried_again_says_when() {
    let cases = [
        (AppendError::Busy, 429),
        (AppendError::Closed, 503),
        (AppendError::Unavailable("password=x".into()), 503),
        (AppendError::Uncertain("password=x".into()), 503),
    ];
    for (error, status) in cases {
        let (response, body) = seen(error.clone()).await;
        assert_eq!(response.status().as_u16(), status, "{error}");
        assert!(response.headers().contains_key(RETRY_AFTER), "{error}");
        assert!(!body.to_string().contains("password"), "{body}");
    }
}

#[tokio::test]
async fn faults_of_ours_tell_nothing() {
    let (response, body) = seen(AppendError::KeysReused(vec![])).await;
    assert_eq!(response.status(), StatusCode::INTERNAL_SERVER_ERROR);
    assert!(body["detail"].as_str().unwrap().starts_with("something went wrong here"));
}

#[tokio::test]
async fn who_is_not_known_is_told_how_to_be() {
    let (response, _) = seen(Problem::new(Kind::Unauthenticated, "who are you?")).await;
    assert_eq!(response.headers()[WWW_AUTHENTICATE], "Bearer realm=\"servelink\"");
    let (response, _) = seen(Problem::new(Kind::BadSignature, "who says so?")).await;
    assert_eq!(response.headers()[WWW_AUTHENTICATE], "StandardWebhooks realm=\"servelink\"");
}

#[test]
fn every_type_is_stable_and_its_own() {
    let mut types: Vec<&str> = Kind::ALL.into_iter().map(|kind| kind.facts().0).collect();
    types.sort_unstable();
    assert_eq!(
        types,
        [
            "/problems/address-refused",
            "/problems/bad-request",
            "/problems/bad-signature",
            "/problems/busy",
            "/problems/conflict",
            "/problems/id-reused",
            "/problems/idempotency-key-reused",
            "/problems/in-flight",
            "/problems/internal",
            "/problems/invalid",
            "/problems/malformed-body",
            "/problems/method-not-allowed",
            "/problems/missing-role",
            "/problems/missing-scope",
            "/problems/not-acceptable",
            "/problems/not-found",
            "/problems/payment-refused",
            "/problems/payments-off",
            "/problems/plan-limit",
            "/problems/position-not-reached",
            "/problems/time-limit",
            "/problems/too-large",
            "/problems/unauthenticated",
            "/problems/unavailable",
            "/problems/unsupported-media-type",
        ]
    );
}
