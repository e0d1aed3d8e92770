//! An endpoint's misbehaviour, wrapped around its handler.

use std::future::pending;
use std::sync::Arc;

use axum::extract::{Request, State};
use axum::http::StatusCode;
use axum::middleware::Next;
use axum::response::{Html, IntoResponse, Response};
use tokio::time::sleep;

use crate::backend::Backend;
use crate::behaviour::{Answer, Endpoint, status_code};
use crate::serve::Unanswered;

const PAGE: &str =
    "<!doctype html>\n<title>Something else</title>\n<p>This is not the JSON that you expect.</p>\n";

pub(crate) async fn fault(
    State((backend, endpoint)): State<(Arc<Backend>, Endpoint)>,
    request: Request,
    next: Next,
) -> Response {
    let fault = backend.switches.meet(endpoint);
    sleep(fault.delay()).await;
    let response = match fault.answer {
        Answer::Normal => next.run(request).await,
        Answer::Drop => {
            next.run(request).await;
            Unanswered.into_response()
        }
        Answer::Hang => {
            next.run(request).await;
            // hyper drops this as soon as the client goes away.
            pending().await
        }
        Answer::Html500 => (StatusCode::INTERNAL_SERVER_ERROR, Html(PAGE)).into_response(),
        Answer::Html200 => Html(PAGE).into_response(),
        Answer::Status(code) => status_code(code).into_response(),
    };
    sleep(fault.lateness()).await;
    response
}
