//! Escaping, and what all pages share.

use axum::http::header::{CACHE_CONTROL, CONTENT_SECURITY_POLICY, REFERRER_POLICY, VARY};
use axum::response::{Html, IntoResponse, Response};

use crate::page::language::Language;

/// The pages run nothing and load nothing.
const POLICY: &str = "default-src 'none'; style-src 'unsafe-inline'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'";

/// Text for an element's content or a quoted attribute.
pub(crate) fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&#39;"),
            other => escaped.push(other),
        }
    }
    escaped
}

/// A whole page around this content, which is HTML already; the title is not.
pub(crate) fn page(language: Language, title: &str, content: &str) -> Response {
    let (lang, title, note) = (language.tag(), escape(title), language.words().note);
    let style = include_str!("style.css");
    let html = format!(
        r#"<!doctype html>
<html lang="{lang}">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="robots" content="noindex">
<title>{title}</title>
<style>
{style}</style>
</head>
<body>
<main>
<p class="note">{note}</p>
{content}</main>
</body>
</html>
"#
    );
    let headers = [
        (CACHE_CONTROL, "no-store"),
        (CONTENT_SECURITY_POLICY, POLICY),
        (REFERRER_POLICY, "no-referrer"),
        (VARY, "accept-language"),
    ];
    (headers, Html(html)).into_response()
}

#[test]
fn nothing_of_a_text_is_markup() {
    assert_eq!(
        escape(r#"<a href="x" id='y'>Thé & co</a>"#),
        "&lt;a href=&quot;x&quot; id=&#39;y&#39;&gt;Thé &amp; co&lt;/a&gt;"
    );
}
