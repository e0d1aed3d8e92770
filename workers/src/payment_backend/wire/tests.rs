//! Bodies: every field as the contract says, and what is odd is found.

use serde_json::json;

use super::*;

const PRICE: Money = Money::new(300, Currency::EUR);

fn an_order(amount: Money) -> Order {
    Order {
        payment_id: "0192f0c1-2b3c-7d4e-8f50-617283940a5b".parse().unwrap(),
        amount,
        method: PaymentMethod::MobileMoney,
        description: None,
        team_id: TeamId::from_bytes([1; 16]),
        team_name: "L'équipe \"A\"".into(),
        user_id: UserId(7),
        user_email: None,
        plan: PlanName::from("pay_as_you_go"),
    }
}

fn id() -> ExternalPaymentId {
    "x1".parse().unwrap()
}

fn bytes(value: &Value) -> Vec<u8> {
    serde_json::to_vec(value).unwrap()
}

/// This object with these fields put in; null takes one out.
fn with(mut object: Value, fields: &Value) -> Vec<u8> {
    for (name, value) in fields.as_object().unwrap() {
        object[name] = value.clone();
    }
    object.as_object_mut().unwrap().retain(|_, value| !value.is_null());
    bytes(&object)
}

fn take(fields: &Value) -> Result<Submission, Odd> {
    let whole = json!({
        "external_payment_id": "x1", "status": "pending", "payment_url": "https://pay.example/x1?a=b&c",
    });
    taken(&with(whole, fields))
}

fn poll(fields: &Value) -> Result<Polled, Odd> {
    polled(&with(json!({"external_payment_id": "x1", "status": "completed"}), fields), &id(), PRICE)
}

#[test]
fn an_order_is_written_as_the_contract_says() {
    let url = "https://usage.example/api/payments/callback";
    let text = order(&an_order(PRICE), url).unwrap();
    assert!(text.contains(r#""amount":3.00,"currency":"EUR""#), "{text}");
    let expected = json!({
        "payment_id": "0192f0c1-2b3c-7d4e-8f50-617283940a5b",
        "amount": 3.0,
        "currency": "EUR",
        "payment_method": "mobile_money",
        "metadata": {
            "team_id": "01010101010101010101010101010101",
            "team_name": "L'équipe \"A\"",
            "user_id": 7,
            "plan_upgrade": true,
            "new_plan": "pay_as_you_go",
        },
        "callback_url": url,
    });
    assert_eq!(serde_json::from_str::<Value>(&text).unwrap(), expected);

    let described = Order { description: Some("Novembre".into()), ..an_order(PRICE) };
    let body: Value = serde_json::from_str(&order(&described, url).unwrap()).unwrap();
    assert_eq!(body["metadata"]["description"], "Novembre");

    let reached = Order { user_email: Some("awa@example.org".parse().unwrap()), ..an_order(PRICE) };
    let body: Value = serde_json::from_str(&order(&reached, url).unwrap()).unwrap();
    assert_eq!(body["metadata"]["user_email"], "awa@example.org");
    assert!(!format!("{reached:?}").contains("awa@"), "it is personal");
}

#[test]
fn amounts_are_written_with_their_currency_s_digits() {
    for (money, text) in [
        (Money::new(2000, Currency::XOF), r#""amount":2000,"currency":"XOF""#),
        (Money::new(1, Currency::EUR), r#""amount":0.01,"currency":"EUR""#),
        (Money::new(5, Currency::TND), r#""amount":0.005,"currency":"TND""#),
        // More digits than a float has.
        (Money::new(900_719_925_474_099_301, Currency::EUR), r#""amount":9007199254740993.01,"#),
    ] {
        let body = order(&an_order(money), "https://usage.example").unwrap();
        assert!(body.contains(text), "{body}");
    }
}

#[test]
fn an_order_is_taken_with_what_the_payer_needs() {
    let whole = take(&json!({
        "status": "processing",
        "qr_code": "data:image/png;base64,iVBORw0KGgo=",
        "expires_at": "2026-11-01T12:00:00+01:00",
        "phone_number": "+22670000000",
        "unheard_of": {"of": []},
    }))
    .unwrap();
    let submitted = PaymentSubmitted {
        external_payment_id: id(),
        payment_url: Some("https://pay.example/x1?a=b&c".into()),
        qr_code: Some("data:image/png;base64,iVBORw0KGgo=".into()),
        expires_at: Some("2026-11-01T11:00:00Z".parse().unwrap()),
    };
    assert_eq!(whole, Submission { submitted, processing: true });

    let least = take(&json!({})).unwrap();
    assert!(!least.processing && least.submitted.qr_code.is_none() && least.submitted.expires_at.is_none());
    // Given again after the payment went on.
    assert!(!take(&json!({"status": "completed"})).unwrap().processing);
}

#[test]
fn an_order_is_not_taken_by_an_odd_answer() {
    for (fields, odd) in [
        (json!({"external_payment_id": null}), Odd::Missing("external_payment_id")),
        (json!({"external_payment_id": ""}), Odd::Id),
        (json!({"external_payment_id": "a b"}), Odd::Id),
        (json!({"external_payment_id": ".."}), Odd::Id),
        (json!({"external_payment_id": 17}), Odd::Shape),
        (json!({"status": null}), Odd::Missing("status")),
        (json!({"status": "paid"}), Odd::Status),
        (json!({"status": "Pending"}), Odd::Status),
        (json!({"payment_url": null}), Odd::Missing("payment_url")),
        (json!({"payment_url": "javascript:alert(1)"}), Odd::Url),
        (json!({"payment_url": "/pay/x1"}), Odd::Url),
        (json!({"payment_url": format!("https://pay.example/{}", "x".repeat(URL_BYTES))}), Odd::Url),
    ] {
        assert_eq!(take(&fields), Err(odd), "{fields}");
    }
    for (body, odd) in [
        ("", Odd::NotJson),
        ("<!doctype html><title>OK</title>", Odd::NotJson),
        (r#"{"external_payment_id": "x1", "status": "pend"#, Odd::NotJson),
        ("[]", Odd::Shape),
        ("null", Odd::Shape),
        (r#"{"status": "pending", "status": "failed"}"#, Odd::Shape),
    ] {
        assert_eq!(taken(body.as_bytes()), Err(odd), "{body}");
    }
}

#[test]
fn optional_fields_that_are_odd_are_left_out() {
    let too_long = format!("{QR_PREFIX}{}", "A".repeat(QR_BYTES));
    for qr_code in [
        json!(5),
        json!("https://pay.example/qr.png"),
        json!("data:image/svg+xml;base64,AAAA"),
        json!("data:image/png;base64,AA\"onerror="),
        json!(QR_PREFIX),
        json!(too_long),
    ] {
        assert_eq!(take(&json!({"qr_code": qr_code})).unwrap().submitted.qr_code, None, "{qr_code}");
    }
    for time in [json!("tomorrow"), json!(1_793_534_400), json!("2026-11-01 12:00")] {
        assert_eq!(take(&json!({"expires_at": time})).unwrap().submitted.expires_at, None);
        assert_eq!(poll(&json!({"completed_at": time})).unwrap().completed_at, None);
    }
    for id in [json!(""), json!("a\nb"), json!("x".repeat(256)), json!({})] {
        assert_eq!(poll(&json!({"transaction_id": id})).unwrap().transaction_id, None);
    }
}

#[test]
fn a_poll_tells_where_a_payment_stands() {
    for (word, status) in [
        ("pending", ObservedStatus::Pending),
        ("processing", ObservedStatus::Processing),
        ("failed", ObservedStatus::Failed),
        ("cancelled", ObservedStatus::Cancelled),
        ("completed", ObservedStatus::Completed(Capture::NotTold)),
    ] {
        assert_eq!(poll(&json!({"status": word})).unwrap().status, status);
    }
    let polled = poll(&json!({
        "transaction_id": "T-1",
        "completed_at": "2026-11-01T10:05:00Z",
        "metadata": {"provider": "orange", "phone_number": "+22670000000"},
    }))
    .unwrap();
    assert_eq!(polled.transaction_id.as_deref(), Some("T-1"));
    assert_eq!(polled.completed_at, Some("2026-11-01T10:05:00Z".parse().unwrap()));
    assert_eq!(poll(&json!({"external_payment_id": "x2"})), Err(Odd::OtherPayment));
    assert_eq!(poll(&json!({"status": "paid"})), Err(Odd::Status));
}

#[test]
fn what_was_captured_is_read_exactly() {
    let told = |amount: &str, currency: Option<&str>| {
        let currency = currency.map(|code| format!(r#","currency":"{code}""#)).unwrap_or_default();
        let body =
            format!(r#"{{"external_payment_id":"x1","status":"completed","amount":{amount}{currency}}}"#);
        polled(body.as_bytes(), &id(), PRICE).map(|polled| polled.status)
    };
    let captured =
        |minor, currency| Ok(ObservedStatus::Completed(Capture::Told(Money::new(minor, currency))));
    assert_eq!(told("3.0", Some("EUR")), captured(300, Currency::EUR));
    assert_eq!(told("3", Some("eur")), captured(300, Currency::EUR));
    assert_eq!(told("2.99", Some("EUR")), captured(299, Currency::EUR));
    assert_eq!(told("2000.0", Some("XOF")), captured(2000, Currency::XOF));
    assert_eq!(told("3.01", None), captured(301, Currency::EUR));
    assert_eq!(told("9007199254740993.01", Some("EUR")), captured(900_719_925_474_099_301, Currency::EUR));
    assert_eq!(told("null", None), Ok(ObservedStatus::Completed(Capture::NotTold)));
    assert_eq!(told("null", Some("EUR")), Ok(ObservedStatus::Completed(Capture::NotTold)));
    for amount in ["3.001", "3e0", r#""3.00""#, "{}", "92233720368547758.08"] {
        assert_eq!(told(amount, Some("EUR")), Err(Odd::Amount), "{amount}");
    }
    assert_eq!(told("3.00", Some("EURO")), Err(Odd::Currency));
    assert_eq!(told("null", Some("XOF")), Err(Odd::CurrencyOnly));
    // Only of what is completed does it matter.
    assert_eq!(poll(&json!({"status": "pending", "amount": "?"})).unwrap().status, ObservedStatus::Pending);
}

#[test]
fn a_cancellation_is_confirmed_or_not() {
    let cancel =
        |status: &str| cancelled(&bytes(&json!({"external_payment_id": "x1", "status": status})), &id());
    assert_eq!(cancel("cancelled"), Ok(()));
    for status in ["pending", "processing", "completed", "failed"] {
        let reason = format!("the payment is {status}");
        assert_eq!(cancel(status), Err(BackendError::Refused { reason }));
    }
    assert_eq!(cancel("canceled"), Err(Odd::Status.into()));
    let other = bytes(&json!({"external_payment_id": "x2", "status": "cancelled"}));
    assert_eq!(cancelled(&other, &id()), Err(Odd::OtherPayment.into()));
    assert_eq!(cancelled(b"", &id()), Err(Odd::NotJson.into()));
}

#[test]
fn messages_repeat_nothing_of_the_answer() {
    for body in [
        r#"{"external_payment_id": {"canary": 1}, "status": "canary"}"#,
        r#"{"external_payment_id": "x1", "status": "canary"}"#,
        r#"{"external_payment_id": "x1", "status": "pending", "payment_url": "canary"}"#,
        "canary",
    ] {
        let error = BackendError::from(taken(body.as_bytes()).unwrap_err());
        assert!(!format!("{error} {error:?}").contains("canary"), "{error}");
    }
}
