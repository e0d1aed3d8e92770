//! What a callback says. Unlike other bodies it may hold fields that nobody here knows: newer backends add some. What
//! is wrong is named without being shown, since it may be anybody's telephone number.

use chrono::{DateTime, Utc};
use domain::payment::{Capture, ObservedStatus, Status};
use domain::{ExternalPaymentId, Money, PaymentId};
use iso_currency::Currency;
use serde::Deserialize;
use serde_json::Value;
use serde_json::value::RawValue;
use utoipa::ToSchema;

use super::super::answer::StatusWord;
use crate::body;
use crate::problem::{Item, Kind, Problem};

/// Characters of a transaction's id.
const LONGEST: usize = 128;

/// How a payment went. Fields that are not named here are ignored and never stored: `metadata.phone_number` is one.
#[derive(Deserialize, ToSchema)]
#[schema(as = PaymentCallback)]
pub(crate) struct Body {
    /// What the backend calls the payment: 1 to 128 visible ASCII characters.
    #[schema(value_type = String)]
    external_payment_id: ExternalPaymentId,
    status: StatusWord,
    /// What Servelink calls it.
    #[schema(value_type = Option<String>)]
    payment_id: Option<PaymentId>,
    /// What was captured, in major units; together with `currency`.
    #[schema(value_type = Option<f64>, example = 3.0)]
    amount: Option<Box<RawValue>>,
    /// ISO 4217; together with `amount`.
    #[schema(example = "EUR")]
    currency: Option<String>,
    metadata: Option<Metadata>,
}

/// More about it. What is odd in here is left out: it is no reason to lose what was captured.
#[derive(Default, Deserialize, ToSchema)]
#[schema(as = PaymentCallbackMetadata)]
pub(crate) struct Metadata {
    /// The provider's id of the transaction: 1 to 128 visible ASCII characters.
    #[schema(value_type = Option<String>)]
    transaction_id: Option<Value>,
    /// When it was completed, in RFC 3339.
    #[schema(value_type = Option<DateTime<Utc>>)]
    completed_at: Option<Value>,
}

/// What a callback says.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Told {
    pub(super) external_payment_id: ExternalPaymentId,
    pub(super) payment_id: Option<PaymentId>,
    /// The status as the wire has it.
    pub(super) word: &'static str,
    pub(super) status: ObservedStatus,
    pub(super) transaction_id: Option<String>,
    /// When it happened, as told, else now.
    pub(super) at: DateTime<Utc>,
}

/// What these bytes say, and that they came now.
pub(super) fn parse(bytes: &[u8], now: DateTime<Utc>) -> Result<Told, Problem> {
    // To serde, a list of the fields' values would do as well.
    if !bytes.trim_ascii_start().starts_with(b"{") {
        return Err(wrong("", "invalid"));
    }
    let body: Body = body::parse(bytes).map_err(unshown)?;
    let captured = captured(body.amount.as_deref(), body.currency.as_deref())?;
    let Metadata { transaction_id, completed_at } = body.metadata.unwrap_or_default();
    let visible =
        |id: &str| (1..=LONGEST).contains(&id.len()) && id.bytes().all(|byte| byte.is_ascii_graphic());
    let transaction_id = transaction_id.as_ref().and_then(Value::as_str).filter(|id| visible(id));
    let completed_at = completed_at.as_ref().and_then(Value::as_str).and_then(|at| at.parse().ok());
    let status = match body.status {
        StatusWord::Pending => ObservedStatus::Pending,
        StatusWord::Processing => ObservedStatus::Processing,
        StatusWord::Completed => ObservedStatus::Completed(captured),
        StatusWord::Failed => ObservedStatus::Failed,
        StatusWord::Cancelled => ObservedStatus::Cancelled,
    };
    Ok(Told {
        external_payment_id: body.external_payment_id,
        payment_id: body.payment_id,
        word: Status::from(body.status).as_str(),
        status,
        transaction_id: transaction_id.map(ToOwned::to_owned),
        at: completed_at.unwrap_or(now),
    })
}

fn captured(amount: Option<&RawValue>, currency: Option<&str>) -> Result<Capture, Problem> {
    match (amount, currency) {
        (None, None) => Ok(Capture::NotTold),
        (Some(_), None) => Err(wrong("currency", "missing_field")),
        (None, Some(_)) => Err(wrong("amount", "missing_field")),
        (Some(amount), Some(currency)) => {
            let currency = Currency::from_code(&currency.to_ascii_uppercase())
                .ok_or_else(|| wrong("currency", "invalid"))?;
            let money = Money::from_major(amount.get(), currency).map_err(|_| wrong("amount", "invalid"))?;
            Ok(Capture::Told(money))
        }
    }
}

/// The same problem without any word of the body.
fn unshown(problem: Problem) -> Problem {
    match problem.errors().first() {
        Some(item) => wrong(item.field.as_deref().unwrap_or_default(), &item.code),
        None => problem,
    }
}

fn wrong(field: &str, code: &str) -> Problem {
    let rule = match field {
        "external_payment_id" => "it must be 1 to 128 visible ASCII characters",
        "status" => "it must be pending, processing, completed, failed or cancelled",
        "payment_id" => "it must be a payment's id as Servelink gave it",
        "amount" => {
            "it must be a number in major units with no more digits than its currency has, beside `currency`"
        }
        "currency" => "it must be an ISO 4217 code, beside `amount`",
        "metadata" => "it must be an object",
        _ => "the body must be a JSON object with `external_payment_id` and `status`",
    };
    let (name, code) = (field.to_owned(), code.to_owned());
    let detail = if field.is_empty() { rule.to_owned() } else { format!("{field}: {rule}") };
    let item = Item {
        field: (!name.is_empty()).then(|| name.into()),
        index: None,
        code: code.into(),
        detail: rule.to_owned(),
    };
    Problem::new(Kind::MalformedBody, detail).with(item)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn now() -> DateTime<Utc> {
        DateTime::from_timestamp(1_800_000_000, 0).unwrap()
    }

    fn told(changed: Value) -> Result<Told, Problem> {
        let mut body = json!({ "external_payment_id": "ext-1", "status": "completed" });
        body.as_object_mut().unwrap().extend(changed.as_object().unwrap().clone());
        parse(body.to_string().as_bytes(), now())
    }

    #[test]
    fn the_least_that_it_may_say() {
        let told = told(json!({})).unwrap();
        assert_eq!(told.external_payment_id.as_str(), "ext-1");
        assert_eq!((told.word, told.status), ("completed", ObservedStatus::Completed(Capture::NotTold)));
        assert_eq!((told.payment_id, told.transaction_id, told.at), (None, None, now()));
    }

    #[test]
    fn everything_that_it_may_say() {
        let told = told(json!({
            "payment_id": "0192f0c1-2b3c-7d4e-8f50-617283940a5b", "amount": 2000, "currency": "XOF", "new": [1],
            "metadata": {
                "transaction_id": "OM-1", "completed_at": "2027-01-01T01:00:00+01:00", "provider": "orange",
                "provider_reference": 7, "phone_number": "+2250708091011",
            },
        }))
        .unwrap();
        let paid = ObservedStatus::Completed(Capture::Told(Money::new(2_000, Currency::XOF)));
        assert_eq!((told.status, told.transaction_id.as_deref()), (paid, Some("OM-1")));
        assert_eq!(told.at.to_rfc3339(), "2027-01-01T00:00:00+00:00");
        assert!(told.payment_id.is_some());
    }

    #[test]
    fn nulls_are_not_told() {
        let nulls = json!({ "payment_id": null, "amount": null, "currency": null, "metadata": null });
        assert_eq!(told(nulls).unwrap(), told(json!({})).unwrap());
        assert_eq!(told(json!({ "metadata": { "completed_at": null } })).unwrap().at, now());
    }

    #[test]
    fn what_is_odd_beside_the_money_is_left_out() {
        for odd in [
            json!({ "transaction_id": "a b" }),
            json!({ "transaction_id": "x".repeat(129) }),
            json!({ "transaction_id": 7, "completed_at": 7 }),
            json!({ "completed_at": "yesterday" }),
        ] {
            let told = told(json!({ "metadata": odd, "amount": 3, "currency": "eur" })).unwrap();
            assert_eq!((told.transaction_id, told.at), (None, now()), "{odd}");
            let paid = ObservedStatus::Completed(Capture::Told(Money::new(300, Currency::EUR)));
            assert_eq!(told.status, paid);
        }
    }

    #[test]
    fn what_is_wrong_is_named_and_not_shown() {
        let secret = "+2250708091011";
        for (changed, field, code) in [
            (json!({ "external_payment_id": null }), "external_payment_id", "invalid"),
            (json!({ "external_payment_id": "" }), "external_payment_id", "invalid"),
            (json!({ "external_payment_id": "+225 0708091011" }), "external_payment_id", "invalid"),
            (json!({ "status": secret }), "status", "invalid"),
            (json!({ "status": "unknown" }), "status", "invalid"),
            (json!({ "payment_id": secret }), "payment_id", "invalid"),
            (json!({ "amount": 3 }), "currency", "missing_field"),
            (json!({ "currency": "EUR" }), "amount", "missing_field"),
            (json!({ "amount": "3.00", "currency": "EUR" }), "amount", "invalid"),
            (json!({ "amount": 3.001, "currency": "EUR" }), "amount", "invalid"),
            (json!({ "amount": 3, "currency": secret }), "currency", "invalid"),
            (json!({ "metadata": secret }), "metadata", "invalid"),
        ] {
            let problem = told(changed.clone()).unwrap_err();
            assert_eq!(problem.kind(), Kind::MalformedBody, "{changed}");
            let item = problem.errors().first().unwrap();
            assert_eq!((item.field.as_deref(), &*item.code), (Some(field), code), "{changed}");
            assert!(!problem.to_string().contains("0708"), "{problem}");
        }
        for (body, code) in
            [(r#"{"status":"failed"}"#, "missing_field"), (r#"{"external_payment_id":"a"}"#, "missing_field")]
        {
            assert_eq!(parse(body.as_bytes(), now()).unwrap_err().errors()[0].code, code, "{body}");
        }
        let twice = r#"{"external_payment_id":"a","status":"failed","status":"completed"}"#;
        assert_eq!(parse(twice.as_bytes(), now()).unwrap_err().errors()[0].code, "duplicate_field");
    }

    #[test]
    fn only_a_json_object_is_a_callback() {
        let signed_otherwise = br#"msg_1.1800000000.{"external_payment_id":"a","status":"completed"}"#;
        for bytes in [
            &b""[..],
            b"x",
            b"\xff",
            b"[\"a\",\"failed\",null,null,null,null]",
            b"7",
            b"\"+2250708091011\"",
            b"{",
            signed_otherwise,
        ] {
            let problem = parse(bytes, now()).unwrap_err();
            assert_eq!(problem.kind(), Kind::MalformedBody);
            assert!(!problem.to_string().contains("0708"), "{problem}");
        }
    }

    proptest::proptest! {
        #[test]
        fn no_bytes_make_it_panic(bytes: Vec<u8>, amount in ".*", status in ".*") {
            let _ = parse(&bytes, now());
            let _ = told(json!({ "status": status, "currency": amount, "amount": 1 }));
            let text = format!(r#"{{"external_payment_id":"a","status":"completed","amount":{amount},"currency":"EUR"}}"#);
            let _ = parse(text.as_bytes(), now());
        }
    }
}
