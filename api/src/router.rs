//! The whole interface: every route, and what is around them.

use std::sync::Arc;

use axum::Router;
use axum::middleware::from_fn;
use tower_http::compression::CompressionLayer;
use tower_http::compression::predicate::SizeAbove;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::app::App;
use crate::{frame, health, openapi, payment, plans, team, usage};

/// Shorter answers are sent as they are: compressing them costs more than it saves.
const COMPRESSED_ABOVE: u16 = 1_024;

/// Every route, ready to be served. The layers are included.
pub fn router(app: Arc<App>) -> Router {
    let (routes, document) = OpenApiRouter::with_openapi(openapi::base(app.tokens.config()))
        .merge(usage::routes())
        .merge(payment::routes())
        .merge(team::routes())
        .routes(routes!(plans::list))
        .routes(routes!(health::live))
        .routes(routes!(health::ready))
        .split_for_parts();
    routes
        .merge(openapi::routes(&document))
        .layer(from_fn(frame::frame))
        .layer(CompressionLayer::new().compress_when(SizeAbove::new(COMPRESSED_ABOVE)))
        .with_state(app)
}
