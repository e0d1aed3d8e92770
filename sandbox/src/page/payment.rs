//! The page of a payment: what is to be paid, and three buttons as long as it is open.

use std::fmt::Write;

use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::http::header::LOCATION;
use axum::response::{IntoResponse, Response};

use crate::http::Shop;
use crate::page::html::{escape, page};
use crate::page::language::Language;
use crate::payment::{Payment, Status};
use crate::qr;

/// `GET /pay/{external_payment_id}`
pub(crate) async fn show(language: Language, State(shop): State<Shop>, Path(id): Path<String>) -> Response {
    let url = shop.payment_url(&id);
    let content = shop.backend.look(&id, |payment| content(payment, language, &url));
    match content {
        Some(content) => page(language, language.words().payment, &content),
        None => not_found(language),
    }
}

/// `POST /pay/{external_payment_id}/{button}`, and back to the page. A payment that is final stays as it is.
pub(crate) async fn press(
    language: Language,
    State(shop): State<Shop>,
    Path((id, button)): Path<(String, String)>,
) -> Response {
    let becomes = match button.as_str() {
        "pay" => Status::Completed,
        "fail" => Status::Failed,
        "cancel" => Status::Cancelled,
        _ => return not_found(language),
    };
    if shop.backend.look(&id, |_| ()).is_none() {
        return not_found(language);
    }
    drop(shop.backend.settle(&id, becomes));
    (StatusCode::SEE_OTHER, [(LOCATION, format!("../{id}"))]).into_response()
}

fn not_found(language: Language) -> Response {
    let words = language.words();
    let content = format!("<p>{}</p>\n", words.not_found);
    (StatusCode::NOT_FOUND, page(language, words.payment, &content)).into_response()
}

fn content(payment: &Payment, language: Language, url: &str) -> String {
    let words = language.words();
    let amount = language.amount(payment.order.money);
    let order = &payment.order;
    let mut html = format!(
        "<h1>{amount}</h1>\n<p class=\"state {}\" role=\"status\">{}</p>\n<dl>\n",
        payment.status.word(),
        language.status(payment.status)
    );
    let open = !payment.status.is_final();
    let until = open.then(|| payment.expires_at.format("%H:%M UTC").to_string());
    let transaction = payment.capture.as_ref().map(|capture| capture.transaction_id.as_str());
    let rows = [
        (words.team, order.team.as_deref()),
        (words.plan, order.plan.as_deref()),
        (words.description, order.description.as_deref()),
        (words.method, Some(language.method(order.method))),
        (words.reference, Some(&*order.payment_id)),
        (words.until, until.as_deref()),
        (words.transaction, transaction),
    ];
    for (name, value) in rows {
        if let Some(value) = value {
            // Writing into a String cannot fail.
            let _ = writeln!(html, "<dt>{name}</dt><dd>{}</dd>", escape(value));
        }
    }
    html.push_str("</dl>\n");
    if open {
        let pay = format!("{} {amount}", words.pay);
        for (button, label) in [("pay", pay.as_str()), ("fail", words.fail), ("cancel", words.cancel)] {
            let id = &payment.id;
            let _ = writeln!(
                html,
                r#"<form method="post" action="{id}/{button}"><button class="{button}">{label}</button></form>"#
            );
        }
        if let Some(code) = qr::svg(url) {
            // The words below it say all that there is to hear.
            let code = code.replacen("<svg", r#"<svg aria-hidden="true""#, 1);
            let scan = words.scan;
            let _ = writeln!(html, "<figure>{code}<figcaption>{scan}</figcaption></figure>");
        }
    }
    html
}
