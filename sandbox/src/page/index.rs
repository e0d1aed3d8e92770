//! The list of payments, for whoever tries things.

use std::fmt::Write;

use axum::extract::State;
use axum::response::Response;

use crate::http::Shop;
use crate::page::html::{escape, page};
use crate::page::language::Language;
use crate::payment::Payment;

/// The latest that are shown.
const SHOWN: usize = 100;

/// `GET /`
pub(crate) async fn show(language: Language, State(shop): State<Shop>) -> Response {
    let words = language.words();
    let rows = shop.backend.latest(SHOWN, |payment| row(payment, language));
    let mut html = format!("<h1>{}</h1>\n", words.payments);
    // Writing into a String cannot fail.
    let _ = match rows.is_empty() {
        true => writeln!(html, "<p>{}</p>", words.no_payments),
        false => writeln!(html, "<ul>\n{}</ul>", rows.concat()),
    };
    page(language, words.payments, &html)
}

fn row(payment: &Payment, language: Language) -> String {
    let (id, reference) = (&payment.id, escape(&payment.order.payment_id));
    let (status, word) = (language.status(payment.status), payment.status.word());
    let amount = language.amount(payment.order.money);
    format!(
        r#"<li><a href="pay/{id}">{amount}</a> <span class="{word}">{status}</span><br><small>{reference}</small></li>
"#
    )
}
