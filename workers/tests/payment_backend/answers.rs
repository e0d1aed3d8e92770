//! What is sent, byte for byte, and what every kind of answer comes to.

use domain::Money;
use domain::payment::{Capture, ObservedStatus};
use iso_currency::Currency;
use store::payments::{BackendError, PaymentBackend};

use crate::server::{Reply, Server};
use crate::{KEY, PAYMENT, PRICE, TAKEN, client, client_with, external, order, payment, quick, unanswered};

const CANCELLED: &str =
    r#"{"external_payment_id":"om-1","status":"cancelled","cancelled_at":"2026-11-01T10:00:00Z"}"#;

#[tokio::test]
async fn the_three_requests_are_the_contract_s() {
    let pending = r#"{"external_payment_id":"a/b","status":"pending"}"#;
    let server = Server::start([
        Reply::Text("201 Created", "", TAKEN.into()),
        Reply::ok(pending),
        Reply::ok(CANCELLED),
    ])
    .await;
    let client = client(&format!("{}/base/", server.url));
    client.initiate(&order(PRICE)).await.unwrap();
    client.poll(&external("a/b"), PRICE).await.unwrap();
    client.cancel(payment(), &external("om-1")).await.unwrap();

    let [initiate, poll, cancel] = server.received().try_into().unwrap();
    assert_eq!(initiate.line(), "POST /base/api/v1/payments/initiate HTTP/1.1");
    assert_eq!(initiate.header("content-type"), Some("application/json"));
    assert_eq!(initiate.header("idempotency-key"), Some(&*format!("{PAYMENT}:1")));
    let callback = r#""callback_url":"https://usage.example/api/payments/callback""#;
    assert!(initiate.body.contains(callback), "{}", initiate.body);
    assert!(initiate.body.contains(r#""payment_method":"credit_card""#), "{}", initiate.body);
    assert_eq!(poll.line(), "GET /base/api/v1/payments/a%2Fb/status HTTP/1.1");
    assert_eq!((poll.header("idempotency-key"), &*poll.body), (None, ""));
    assert_eq!(cancel.line(), "POST /base/api/v1/payments/om-1/cancel HTTP/1.1");
    assert_eq!((cancel.header("idempotency-key"), &*cancel.body), (Some(&*format!("{PAYMENT}:2")), ""));
    assert_eq!((cancel.header("content-length"), poll.header("content-length")), (Some("0"), None));
    for request in [initiate, poll, cancel] {
        assert_eq!(request.header("authorization"), Some(&*format!("Bearer {KEY}")));
        assert_eq!(request.header("accept"), Some("application/json"));
        assert!(request.header("user-agent").unwrap().starts_with("servelink/"));
    }
}

#[tokio::test]
async fn amounts_are_exact_on_the_wire_both_ways() {
    for (money, text) in [
        (PRICE, "3.00"),
        (Money::new(1, Currency::EUR), "0.01"),
        (Money::new(2000, Currency::XOF), "2000"),
        (Money::new(900_719_925_474_099_301, Currency::EUR), "9007199254740993.01"),
    ] {
        let code = money.currency.code();
        let paid = format!(
            r#"{{"external_payment_id":"om-1","status":"completed","amount":{text},"currency":"{code}"}}"#
        );
        let server = Server::start([Reply::ok(TAKEN), Reply::ok(&paid)]).await;
        let client = client(&server.url);
        client.initiate(&order(money)).await.unwrap();
        let body = &server.received()[0].body;
        assert!(body.contains(&format!(r#""amount":{text},"currency":"{code}","#)), "{body}");
        let polled = client.poll(&external("om-1"), PRICE).await.unwrap();
        assert_eq!(polled.status, ObservedStatus::Completed(Capture::Told(money)));
    }
}

#[tokio::test]
async fn every_status_comes_to_what_it_means() {
    let refused = |line: &str| BackendError::Refused { reason: line.into() };
    let unanswered = |line: &str| BackendError::Unanswered { what: line.into() };
    let (no_key, unknown) = (BackendError::Unauthorised, BackendError::Unknown);
    for (line, tries, initiate, poll, cancel) in [
        (
            "400 Bad Request",
            1,
            refused as fn(&str) -> _,
            unanswered as fn(&str) -> _,
            refused as fn(&str) -> _,
        ),
        ("422 Unprocessable Entity", 1, refused, unanswered, refused),
        ("409 Conflict", 1, unanswered, unanswered, refused),
        ("404 Not Found", 1, refused, |_| BackendError::Unknown, |_| BackendError::Unknown),
        ("408 Request Timeout", 3, unanswered, unanswered, unanswered),
        ("425 Too Early", 3, unanswered, unanswered, unanswered),
        ("429 Too Many Requests", 3, unanswered, unanswered, unanswered),
        ("500 Internal Server Error", 1, unanswered, unanswered, unanswered),
        ("502 Bad Gateway", 3, unanswered, unanswered, unanswered),
        ("503 Service Unavailable", 3, unanswered, unanswered, unanswered),
        ("504 Gateway Timeout", 3, unanswered, unanswered, unanswered),
    ] {
        let server = Server::start([Reply::status(line)]).await;
        let client = client(&server.url);
        assert_eq!(client.initiate(&order(PRICE)).await.unwrap_err(), initiate(line));
        assert_eq!(server.received().len(), tries, "{line}");
        assert_eq!(client.poll(&external("om-1"), PRICE).await.unwrap_err(), poll(line));
        assert_eq!(client.cancel(payment(), &external("om-1")).await.unwrap_err(), cancel(line));
    }
    for line in ["401 Unauthorized", "403 Forbidden"] {
        let client = client(&Server::start([Reply::status(line)]).await.url);
        assert_eq!(client.initiate(&order(PRICE)).await.unwrap_err(), no_key);
        assert_eq!(client.poll(&external("om-1"), PRICE).await.unwrap_err(), no_key);
        assert_eq!(client.cancel(payment(), &external("om-1")).await.unwrap_err(), no_key);
    }
    let server = Server::start([Reply::ok(CANCELLED)]).await;
    assert_eq!(client(&server.url).poll(&external(".."), PRICE).await.unwrap_err(), unknown);
    assert_eq!(server.received().len(), 0, "there is no path of that name");
}

#[tokio::test]
async fn a_2xx_that_is_no_answer_is_not_asked_for_again() {
    for (reply, what) in [
        (Reply::status("200 OK"), "the answer is not JSON"),
        (Reply::Text("204 No Content", "", String::new()), "the answer is not JSON"),
        (Reply::ok("[]"), "the answer is not an object of the contract's fields"),
        (Reply::ok(r#"{"status":"pending"}"#), "the answer has no external_payment_id"),
        (Reply::ok(&TAKEN.replace("https", "ftp")), "the answer's payment_url is not an http or https URL"),
        (Reply::ok(&TAKEN.replace("pending", "paid")), "the answer's status is none of the contract's"),
        (Reply::ok(&"x".repeat((64 << 10) + 1)), "the answer is over 65536 bytes"),
    ] {
        let server = Server::start([reply]).await;
        assert_eq!(unanswered(client(&server.url).initiate(&order(PRICE)).await), what);
        assert_eq!(server.received().len(), 1, "{what}");
    }
    // As long as it may be.
    let whole = format!("{}{TAKEN}", " ".repeat((64 << 10) - TAKEN.len()));
    let server = Server::start([Reply::ok(&whole)]).await;
    client(&server.url).initiate(&order(PRICE)).await.unwrap();
}

#[tokio::test]
async fn a_poll_or_cancellation_of_another_payment_is_no_answer() {
    let server = Server::start([Reply::ok(CANCELLED)]).await;
    let client = client(&server.url);
    let what = "the answer is about another payment";
    assert_eq!(unanswered(client.poll(&external("om-2"), PRICE).await), what);
    assert_eq!(unanswered(client.cancel(payment(), &external("om-2")).await), what);
    assert_eq!(client.poll(&external("om-1"), PRICE).await.unwrap().status, ObservedStatus::Cancelled);
}

#[tokio::test]
async fn a_redirection_is_not_followed() {
    let elsewhere = Server::start([Reply::ok(TAKEN)]).await;
    for line in ["301 Moved Permanently", "302 Found", "307 Temporary Redirect", "308 Permanent Redirect"] {
        let location = format!("Location: {}/\r\n", elsewhere.url).leak();
        let server = Server::start([Reply::Text(line, location, String::new())]).await;
        let client = client_with(&server.url, KEY, quick());
        assert_eq!(unanswered(client.initiate(&order(PRICE)).await), line);
        assert_eq!(unanswered(client.poll(&external("om-1"), PRICE).await), line);
        assert_eq!(server.received().len(), 2);
    }
    assert_eq!(elsewhere.received().len(), 0);
}
