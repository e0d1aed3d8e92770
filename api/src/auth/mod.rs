//! Who asks, and whether he may: one extractor a kind of caller.
//!
//! | extractor | credential | may |
//! |---|---|---|
//! | `UsageWriter` | service key with `usage:write` | send measurements |
//! | `DirectoryWriter` | service key with `directory:write` | keep the directory |
//! | `Member` | user token, also from the PaaS's cookie where nothing is changed or a page of the same origin asks | read what his teams used, and pay if his role allows it; which teams those are, the read models know |
//! | [`callback`], no extractor: it needs the body's bytes | signature, and address where a list is kept | tell how payments went |
//!
//! A handler that names none of them is open to everyone. The test in `tests/api/access.rs` holds the whole table.

pub mod callback;
pub mod service_key;
pub mod token;

use std::borrow::Cow;
use std::sync::Arc;

use axum::extract::FromRequestParts;
use axum_extra::extract::cookie::CookieJar;
use domain::UserId;
use domain::service_key::Scope;
use http::header::AUTHORIZATION;
use http::request::Parts;
use http::{HeaderMap, HeaderValue, Method};
use store::commands::Actor;

use crate::app::App;
use crate::problem::{Kind, Problem};
use service_key::KeyError;
use token::TokenError;

/// Holds a service key with `usage:write`.
pub(crate) struct UsageWriter(pub(crate) Actor);

/// Holds a service key with `directory:write`.
pub(crate) struct DirectoryWriter(pub(crate) Actor);

/// Is a user of the PaaS.
pub(crate) struct Member(pub(crate) UserId);

impl FromRequestParts<Arc<App>> for UsageWriter {
    type Rejection = Problem;
    async fn from_request_parts(parts: &mut Parts, app: &Arc<App>) -> Result<Self, Problem> {
        key_holder(&parts.headers, app, Scope::UsageWrite).await.map(Self)
    }
}

impl FromRequestParts<Arc<App>> for DirectoryWriter {
    type Rejection = Problem;
    async fn from_request_parts(parts: &mut Parts, app: &Arc<App>) -> Result<Self, Problem> {
        key_holder(&parts.headers, app, Scope::DirectoryWrite).await.map(Self)
    }
}

impl FromRequestParts<Arc<App>> for Member {
    type Rejection = Problem;
    async fn from_request_parts(parts: &mut Parts, app: &Arc<App>) -> Result<Self, Problem> {
        let token = user_token(&parts.method, &parts.headers, &app.tokens.config().cookie)?;
        Ok(Self(app.tokens.verify(&token).await?))
    }
}

/// The token of a bearer header, or of the cookie of this name.
fn user_token<'a>(method: &Method, headers: &'a HeaderMap, cookie: &str) -> Result<Cow<'a, str>, Problem> {
    // A header that is there counts, even when it is wrong: a caller never acts as whoever his cookie names
    // while he believes to act as somebody else.
    if headers.contains_key(AUTHORIZATION) {
        return bearer(headers).map(Cow::Borrowed);
    }
    // A browser sends the cookie whichever page makes it ask: what a cookie alone proves is enough to read only.
    if !method.is_safe() && !asked_by_our_own_page(headers) {
        return Err(unauthenticated(
            "this changes something and needs a user token as a bearer token; a cookie is enough only from a page of \
             the same origin",
        ));
    }
    let cookies = CookieJar::from_headers(headers);
    let cookie = cookies
        .get(cookie)
        .ok_or_else(|| unauthenticated("this needs a user token, as a bearer token or a cookie"))?;
    Ok(Cow::Owned(cookie.value().to_owned()))
}

/// Whether a browser says that a page of this very origin asks (Fetch Metadata, section 2.2; for older browsers the
/// Origin header of the Fetch standard). A page cannot set either. Of the same site is not enough: on a PaaS every
/// project's page is of the same site.
fn asked_by_our_own_page(headers: &HeaderMap) -> bool {
    let only = |name: &str| {
        let mut values = headers.get_all(name).iter();
        values.next().filter(|_| values.next().is_none()).and_then(|value| value.to_str().ok())
    };
    if headers.contains_key("sec-fetch-site") {
        return only("sec-fetch-site") == Some("same-origin");
    }
    let origin = only("origin").and_then(|origin| origin.split_once("://"));
    origin.zip(only("host")).is_some_and(|((_, origin), host)| origin.eq_ignore_ascii_case(host))
}

async fn key_holder(headers: &HeaderMap, app: &App, scope: Scope) -> Result<Actor, Problem> {
    Ok(app.keys.verify(bearer(headers)?, scope).await?)
}

/// The credential of the one `Authorization` header (RFC 6750, section 2.1).
fn bearer(headers: &HeaderMap) -> Result<&str, Problem> {
    let mut values = headers.get_all(AUTHORIZATION).iter();
    match (values.next(), values.next()) {
        (None, _) => Err(unauthenticated("this needs an `Authorization: Bearer` header")),
        (Some(_), Some(_)) => Err(unauthenticated("there is more than one `Authorization` header")),
        (Some(value), None) => bearer_of(value).ok_or_else(|| {
            unauthenticated("the `Authorization` header is not of the form `Bearer CREDENTIAL`")
        }),
    }
}

fn bearer_of(value: &HeaderValue) -> Option<&str> {
    let (scheme, credential) = value.to_str().ok()?.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| credential.trim())
}

fn unauthenticated(detail: &'static str) -> Problem {
    Problem::new(Kind::Unauthenticated, detail)
}

impl From<KeyError> for Problem {
    fn from(error: KeyError) -> Self {
        match error {
            KeyError::Invalid => unauthenticated("the service key is unknown, expired or revoked"),
            KeyError::MissingScope(scope) => {
                Self::new(Kind::MissingScope, format!("the service key is valid but lacks the scope {scope}"))
                    .member("scope", scope.as_str())
            }
            KeyError::Unreadable(error) => error.into(),
        }
    }
}

impl From<TokenError> for Problem {
    fn from(error: TokenError) -> Self {
        match &error {
            TokenError::Invalid(why) => {
                Self::new(Kind::Unauthenticated, format!("the user token is not valid: {why}"))
            }
            TokenError::KeysUnavailable => Self::new(
                Kind::Unavailable,
                "the keys that user tokens are checked with cannot be fetched now",
            )
            .retry_after(5)
            .because(&error),
        }
    }
}

#[cfg(test)]
mod tests {
    use http::header::COOKIE;

    use super::*;

    fn headers(values: &[&str]) -> HeaderMap {
        values.iter().map(|value| (AUTHORIZATION, HeaderValue::from_str(value).unwrap())).collect()
    }

    #[test]
    fn the_scheme_is_read_whatever_its_case() {
        assert_eq!(bearer(&headers(&["bEARER  abc"])).unwrap(), "abc");
    }

    #[test]
    fn a_cookie_that_came_along_changes_nothing() {
        let cookie = HeaderMap::from_iter([(COOKIE, HeaderValue::from_static("theme=dark; t=abc"))]);
        assert_eq!(user_token(&Method::GET, &cookie, "t").unwrap(), "abc");
        for method in [Method::POST, Method::PUT, Method::PATCH, Method::DELETE] {
            let refused = user_token(&method, &cookie, "t").unwrap_err();
            assert_eq!(refused.kind(), Kind::Unauthenticated, "{method}");
            assert_eq!(user_token(&method, &headers(&["Bearer abc"]), "t").unwrap(), "abc", "{method}");
        }
    }

    #[test]
    fn a_cookie_changes_something_only_from_a_page_of_the_same_origin() {
        let asked = |more: &[(&'static str, &'static str)]| {
            let mut headers = HeaderMap::from_iter([(COOKIE, HeaderValue::from_static("t=abc"))]);
            for (name, value) in more {
                headers.append(*name, HeaderValue::from_static(value));
            }
            user_token(&Method::POST, &headers, "t").is_ok()
        };
        let (site, origin, host) = ("sec-fetch-site", "origin", ("host", "paas.example"));
        assert!(asked(&[(site, "same-origin"), host]));
        assert!(asked(&[(origin, "https://paas.example"), host]));
        for foreign in [
            &[host][..],
            &[(site, "same-site"), (origin, "https://paas.example"), host],
            &[(site, "cross-site"), host],
            &[(site, "none"), host],
            &[(site, "same-origin"), (site, "cross-site"), host],
            &[(origin, "https://shop.paas.example"), host],
            &[(origin, "https://paas.example:8443"), host],
            &[(origin, "null"), host],
            &[(origin, "https://paas.example")],
            &[(origin, "https://paas.example"), (origin, "https://evil.example"), host],
        ] {
            assert!(!asked(foreign), "{foreign:?}");
        }
    }

    #[test]
    fn anything_else_is_no_credential() {
        for bad in [&[][..], &["abc"], &["Basic abc"], &["Bearer"], &["Bearer a", "Bearer b"]] {
            assert_eq!(bearer(&headers(bad)).unwrap_err().kind(), Kind::Unauthenticated, "{bad:?}");
        }
    }
}
