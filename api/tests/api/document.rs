//! The OpenAPI document and its page.

use std::collections::BTreeSet;

use http::Method;
use serde_json::Value;

use crate::support::Server;

fn operations(document: &Value) -> impl Iterator<Item = (&String, &Value)> {
    document["paths"].as_object().unwrap().values().flat_map(|item| item.as_object().unwrap())
}

#[tokio::test]
async fn every_operation_has_a_name_of_its_own_and_says_how_it_fails() {
    let server = Server::empty().await;
    let document = server.call(Method::GET, "/api/openapi.json", None, None).await.ok();
    assert_eq!(document["openapi"], "3.1.0");
    let mut names = BTreeSet::new();
    for (_, operation) in operations(&document) {
        let name = operation["operationId"].as_str().unwrap();
        assert!(names.insert(name.to_owned()), "{name} is there twice");
        assert!(!operation["summary"].as_str().unwrap_or_default().is_empty(), "{name}");
        for (status, response) in operation["responses"].as_object().unwrap() {
            // OpenAPI 3.1, section 4.8.17.
            assert!(!response["description"].as_str().unwrap_or_default().is_empty(), "{name} {status}");
        }
        if operation["security"] != serde_json::json!([{}]) {
            // The payment backend's contract knows no 422.
            let invalid = if name == "receive_payment_callback" { "400" } else { "422" };
            for status in ["401", invalid, "503", "500"] {
                let content = &operation["responses"][status]["content"]["application/problem+json"];
                assert_eq!(content["schema"]["$ref"], "#/components/schemas/Problem", "{name} {status}");
            }
        }
    }
    let wanted = [
        "cancel_payment",
        "choose_notifications",
        "initiate_payment",
        "list_plans",
        "put_member",
        "put_project",
        "put_team",
        "read_health",
        "read_notifications",
        "read_payment_history",
        "read_payment_status",
        "read_project_days",
        "read_project_sources",
        "read_project_usage",
        "read_readiness",
        "read_subscription",
        "read_team_alerts",
        "read_team_limits",
        "read_team_usage",
        "receive_payment_callback",
        "record_storage",
        "record_traffic",
        "remove_member",
        "remove_personal_data",
        "remove_project",
        "remove_team",
    ];
    assert_eq!(names.iter().map(String::as_str).collect::<Vec<_>>(), wanted);
}

#[tokio::test]
async fn every_reference_leads_somewhere() {
    let document = Server::empty().await.call(Method::GET, "/api/openapi.json", None, None).await.ok();
    fn check(value: &Value, document: &Value) {
        match value {
            Value::Object(object) => {
                if let Some(Value::String(reference)) = object.get("$ref") {
                    assert!(document.pointer(reference.trim_start_matches('#')).is_some(), "{reference}");
                }
                object.values().for_each(|value| check(value, document));
            }
            Value::Array(values) => values.iter().for_each(|value| check(value, document)),
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
        }
    }
    check(&document, &document);
    for scheme in ["service_key", "user_token", "user_cookie", "webhook_signature", "payment_signature"] {
        assert!(document["components"]["securitySchemes"][scheme].is_object(), "{scheme}");
    }
}

#[tokio::test]
async fn the_page_needs_no_network() {
    let server = Server::empty().await;
    let page = server.call(Method::GET, "/api/docs/", None, None).await;
    let text = page.body.as_str().unwrap().to_owned();
    assert!(text.contains("swagger-ui"), "{text}");
    assert!(!text.contains("https://") && !text.contains("http://"), "{text}");
    assert!(page.headers["content-security-policy"].to_str().unwrap().contains("default-src 'self'"));
    for file in ["swagger-ui-bundle.js", "swagger-ui.css", "swagger-initializer.js"] {
        let answer = server.call(Method::GET, &format!("/api/docs/{file}"), None, None).await;
        assert_eq!(answer.status.as_u16(), 200, "{file}");
    }
    let settings = server.call(Method::GET, "/api/docs/swagger-initializer.js", None, None).await;
    let settings = settings.body.as_str().unwrap().to_owned();
    assert!(
        settings.contains("/api/openapi.json") && settings.contains("\"validatorUrl\": \"none\""),
        "{settings}"
    );
    server.call(Method::GET, "/api/docs/nothing", None, None).await.problem(404, "not-found");
}
