//! The OpenAPI 3.1 document and the page that shows it. Both are made from the routes themselves and need no network.

use std::sync::Arc;

use axum::Router;
use axum::response::Redirect;
use axum::routing::get;
use bytes::Bytes;
use http::StatusCode;
use http::header::CONTENT_TYPE;
use serde_json::Value;
use utoipa::OpenApi;
use utoipa::openapi::OpenApi as Document;
use utoipa::openapi::security::{ApiKey, ApiKeyValue, HttpAuthScheme, HttpBuilder, SecurityScheme};
use utoipa_swagger_ui::{Config, SwaggerUi, Url};

use crate::app::App;
use crate::auth::token::TokenConfig;
use crate::problem::{Item, Kind, ProblemBody};

/// Where the document is.
pub(crate) const DOCUMENT: &str = "/api/openapi.json";
/// Where the page is.
const PAGE: &str = "/api/docs";

#[derive(OpenApi)]
#[openapi(
    info(title = "Servelink", license(name = "Apache-2.0", identifier = "Apache-2.0")),
    components(schemas(ProblemBody, Item)),
    tags(
        (name = "usage", description = "Measurements in, usage out"),
        (name = "directory", description = "Teams, members and projects, as the PaaS has them"),
        (name = "payments", description = "Paying for a plan, and what was paid"),
        (name = "plans", description = "What plans allow and cost"),
        (name = "pages", description = "For people, in French and English"),
        (name = "operations", description = "Whether it lives and works"),
    ),
)]
struct Base;

/// OpenAPI 3.1 wants a description of every response: where the route gives none, the status says it.
fn describe_responses(document: &mut Value) {
    let operations = document["paths"].as_object_mut().into_iter().flat_map(serde_json::Map::values_mut);
    let operations = operations.filter_map(Value::as_object_mut).flat_map(serde_json::Map::values_mut);
    for responses in operations.filter_map(|operation| operation.get_mut("responses")?.as_object_mut()) {
        for (status, response) in responses {
            let said = response["description"].as_str().is_some_and(|text| !text.is_empty());
            if !said && response.get("$ref").is_none() {
                let status = status.parse().ok().and_then(|status| StatusCode::from_u16(status).ok());
                response["description"] =
                    status.and_then(|status| status.canonical_reason()).unwrap_or("").into();
            }
        }
    }
}

/// Whether this path is the page or one of its files.
pub(crate) fn is_page(path: &str) -> bool {
    path.strip_prefix(PAGE).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

/// The document before any route is in it.
pub(crate) fn base(tokens: &TokenConfig) -> Document {
    let mut document = Base::openapi();
    document.info.version = env!("CARGO_PKG_VERSION").to_owned();
    document.info.description = Some(description());
    let components = document.components.get_or_insert_default();
    let bearer = |format: &str, description: &str| {
        let http = HttpBuilder::new()
            .scheme(HttpAuthScheme::Bearer)
            .bearer_format(format)
            .description(Some(description));
        SecurityScheme::Http(http.build())
    };
    components.add_security_scheme(
        "service_key",
        bearer("slk_<id>_<secret>", "A service key with the scope that is named"),
    );
    components.add_security_scheme("user_token", bearer("JWT", "A user's token"));
    let signed = |header: &str, description: &str| {
        SecurityScheme::ApiKey(ApiKey::Header(ApiKeyValue::with_description(header, description)))
    };
    components.add_security_scheme(
        "webhook_signature",
        signed("webhook-signature", "Standard Webhooks 1.0.0, with `webhook-id` and `webhook-timestamp`"),
    );
    components.add_security_scheme(
        "payment_signature",
        signed("x-payment-signature", "`sha256=` and the HMAC-SHA256 of the body in hex"),
    );
    let cookie = ApiKeyValue::with_description(
        tokens.cookie.as_str(),
        "A user's token in the PaaS's own cookie; to change something, only from a page of the same origin",
    );
    components.add_security_scheme("user_cookie", SecurityScheme::ApiKey(ApiKey::Cookie(cookie)));
    document
}

fn description() -> String {
    let mut text = String::from(
        "Meters what the projects of a self-hosted PaaS use, and holds it against their team's plan.\n\n\
         A command answers the position of the event log that it wrote; a read that names it as `min_position` sees it.\n\n\
         Every error is a problem of RFC 9457. Its `type` is stable:\n\n| type | status | |\n|---|---|---|\n",
    );
    for (slug, title, status) in Kind::ALL.into_iter().map(Kind::facts) {
        text.push_str(&format!("| `{slug}` | {} | {title} |\n", status.as_u16()));
    }
    text
}

/// The document and the page, as routes.
pub(crate) fn routes(document: &Document) -> Router<Arc<App>> {
    // Rendered once. The document is made of what serde can write by construction.
    let mut document = serde_json::to_value(document).unwrap_or_default();
    describe_responses(&mut document);
    let json = Bytes::from(document.to_string());
    let serve = move || async move { ([(CONTENT_TYPE, "application/json")], json) };
    // "none": the page would otherwise send the document's address to a validator on the internet.
    let config = Config::new([Url::from(DOCUMENT)]).validator_url("none").try_it_out_enabled(true);
    let page: Router<Arc<App>> = SwaggerUi::new(PAGE).config(config).into();
    page.route(DOCUMENT, get(serve)).route("/", get(|| async { Redirect::temporary(PAGE) }))
}
