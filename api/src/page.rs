//! Pages for people: what all of them share. What is on one is said by the handler that answers it; their HTML is in
//! `api/templates/`, where every text is escaped.

use askama::Template;
use axum::response::{Html, IntoResponse, Response};
use domain::Language;
use http::header::{ACCEPT_LANGUAGE, CONTENT_LANGUAGE, VARY};
use http::{HeaderMap, HeaderValue, StatusCode};

use crate::problem::Problem;

/// Pages run nothing and load nothing; their style is in them.
pub(crate) const POLICY: HeaderValue = HeaderValue::from_static(
    "default-src 'none'; style-src 'unsafe-inline'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
);

/// Marks an answer that is a page: whatever its status is, it stays one.
#[derive(Debug, Clone, Copy)]
pub(crate) struct IsPage;

/// The page as an answer.
pub(crate) fn answer(
    status: StatusCode,
    language: Language,
    page: &impl Template,
) -> Result<Response, Problem> {
    let html = page.render().map_err(|error| Problem::internal(&error))?;
    let headers = [(CONTENT_LANGUAGE, language.tag()), (VARY, "accept-language")];
    let mut response = (status, headers, Html(html)).into_response();
    response.extensions_mut().insert(IsPage);
    Ok(response)
}

/// The first language that the browser names and we have, else the default one. Browsers name them in the order of their
/// weights (RFC 9110, section 12.5.4).
pub(crate) fn asked_for(headers: &HeaderMap) -> Language {
    let accepted = headers.get(ACCEPT_LANGUAGE).and_then(|header| header.to_str().ok()).unwrap_or_default();
    let tags = accepted.split(',').map(|entry| entry.split(';').next().unwrap_or_default().trim());
    tags.filter_map(|tag| tag.parse().ok()).next().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_language_that_there_is() {
        for (accepted, expected) in [
            ("en-GB,en;q=0.9,fr;q=0.8", Language::English),
            ("wo, fr-SN;q=0.9, en;q=0.5", Language::French),
            ("de", Language::default()),
            ("", Language::default()),
            (";;,,q=", Language::default()),
        ] {
            let headers = HeaderMap::from_iter([(ACCEPT_LANGUAGE, HeaderValue::from_static(accepted))]);
            assert_eq!(asked_for(&headers), expected, "{accepted}");
        }
        assert_eq!(asked_for(&HeaderMap::new()), Language::default());
    }
}
