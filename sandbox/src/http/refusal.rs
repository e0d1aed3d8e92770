//! Answers that are none. Their bodies are pages, as the contract allows: a caller must not expect JSON.

use axum::http::StatusCode;
use axum::response::{Html, IntoResponse, Response};

use crate::page::html::escape;

/// A status, and a text that says to a person what is wrong.
#[derive(Debug)]
pub(crate) struct Refusal {
    status: StatusCode,
    text: String,
}

impl Refusal {
    pub(crate) fn new(status: StatusCode, text: impl Into<String>) -> Self {
        Self { status, text: text.into() }
    }

    pub(crate) fn invalid(text: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, text)
    }

    pub(crate) fn unknown() -> Self {
        Self::new(StatusCode::NOT_FOUND, "There is no payment of that external_payment_id.")
    }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        let text = escape(&self.text);
        let page = format!("<!doctype html>\n<title>{}</title>\n<p>{text}</p>\n", self.status);
        (self.status, Html(page)).into_response()
    }
}
