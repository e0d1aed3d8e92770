//! What should happen: asked for, paid at the backend's page, called back, and the team is on Pro.

use reqwest::Method;
use sandbox::{SandboxConfig, Signing};
use serde_json::{Value, json};

use crate::common::home::PAGES;
use crate::common::smtp::SmtpServer;
use crate::common::{Home, eventually, team};
use crate::shop::{CARD, SECRET, Shop, standard};

async fn pays_every_way(config: SandboxConfig, home: Home) {
    let shop = Shop::open_with(config, home, "").await;
    assert_eq!(shop.subscription().await["plan"], "free");
    let mut until = Value::Null;
    let ways =
        [("mobile_money", "XOF"), ("mobile_money", "EUR"), ("credit_card", "XOF"), ("credit_card", "EUR")];
    for (method, currency) in ways {
        let price = if currency == "EUR" { json!(3.0) } else { json!(2000) };
        let body = json!({
            "payment_method": method, "plan_upgrade": true, "new_plan": "pay_as_you_go",
            "description": "Un mois", "amount": price, "currency": currency,
        });
        let order = shop.client.as_user(Method::POST, "/api/payments/team-one/initiate").json(&body);
        let answer = shop.client.send(order).await;
        assert_eq!(answer.status, 201, "{answer:?}");
        let payment = answer.json();
        assert_eq!((&payment["status"], &payment["currency"]), (&json!("pending"), &json!(currency)));
        assert_eq!(payment["amount"].as_f64(), price.as_f64(), "{payment}");
        assert!(payment["qr_code"].as_str().unwrap().starts_with("data:image/png;base64,"), "{payment}");
        let page = reqwest::get(payment["payment_url"].as_str().unwrap()).await.unwrap();
        assert!(page.text().await.unwrap().contains("Team One"), "the payer sees whom he pays for");

        shop.press(&payment, "pay").await;
        let paid = shop.becomes(&payment, "completed").await;
        assert_eq!(paid["flags"], json!({ "unknown": false, "conflicted": false, "refund_due": false }));
        assert!(paid["completed_at"].is_string(), "{paid}");
        let subscription = eventually("a longer time on Pro", || async {
            let now = shop.subscription().await;
            if now["plan"] == "pay_as_you_go" && now["period_end"] != until {
                Ok(now)
            } else {
                Err(now.to_string())
            }
        })
        .await;
        assert!(until.as_str() < subscription["period_end"].as_str(), "{until} {subscription}");
        until = subscription["period_end"].clone();
        let newest = &shop.history().await[0];
        for field in ["payment_id", "amount", "currency"] {
            assert_eq!(newest[field], payment[field], "{newest}");
        }
        assert_eq!((&newest["status"], &newest["payment_method"]), (&json!("completed"), &json!(method)));
    }
    assert_eq!(shop.history().await.len(), ways.len());
    let limits = shop.client.get("/api/usage/teams/team-one").await.ok();
    assert_eq!(limits["plan"]["max_traffic_gb"], json!(10), "what was paid for is there");
    for payment in shop.sandbox.payments() {
        let taken = payment.callbacks.iter().filter(|callback| callback.taken).count();
        assert_eq!(taken, 2, "processing and completed: {payment:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn by_every_method_in_every_currency_with_standard_webhooks() {
    pays_every_way(standard(), Home::embedded()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn by_every_method_in_every_currency_with_the_legacy_signature_on_postgres() {
    let legacy = SandboxConfig { signing: Signing::Legacy { secret: SECRET.into() }, ..standard() };
    pays_every_way(legacy, Home::postgres().await).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn who_paid_gets_a_mail_that_confirms_it() {
    let mut smtp = SmtpServer::start(&["none"]).await;
    let shop = Shop::open_with(standard(), Home::embedded().with_mail(smtp.port), "").await;
    let reader = json!({ "role": "owner", "email": "canary.awa@example.org", "language": "fr" });
    shop.client.put(&format!("/api/teams/{}/members/1", team(1)), &reader).await;
    let payment = shop.begun().await;
    shop.press(&payment, "pay").await;
    let mail = smtp.got().await;
    assert_eq!(mail.to, ["canary.awa@example.org"]);
    let subject = mail.headers["Subject"].replace(['\u{a0}', '\u{202f}'], " ");
    assert_eq!(subject, "Team One : paiement de 2 000 FCFA reçu");
    for told in [payment["payment_id"].as_str().unwrap(), &format!("{PAGES}/team-one/payments")] {
        assert!(mail.text.contains(told), "{told}: {mail:?}");
    }
    let again = shop.home.json("jobs run mail --json").await;
    assert_eq!(again["report"], "0 delivered, 0 to be tried again, 0 given up");
    assert_eq!(smtp.rest().await.len(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn who_paid_another_amount_is_told_not_to_pay_again() {
    let mut smtp = SmtpServer::start(&["none"]).await;
    let home = Home::embedded().with_mail(smtp.port).with("MAIL_REPLY_TO", "Help desk <help@example.org>");
    let shop = Shop::open_with(standard(), home, "").await;
    let reader = json!({ "role": "owner", "email": "canary.awa@example.org", "language": "fr" });
    shop.client.put(&format!("/api/teams/{}/members/1", team(1)), &reader).await;
    for (behaviour, button, subject, says) in [
        (
            json!({}),
            "fail",
            "Team One : paiement de 2 000 FCFA non abouti",
            "Motif : le paiement a été refusé",
        ),
        (
            json!({ "callbacks": { "wrong_amount": true } }),
            "pay",
            "Team One : votre paiement est en cours de vérification",
            "Ne payez pas une seconde fois.",
        ),
    ] {
        shop.behave(behaviour);
        let payment = shop.begun().await;
        shop.press(&payment, button).await;
        let mail = smtp.got().await;
        let ordinary = |text: &str| text.replace(['\u{a0}', '\u{202f}'], " ");
        let text = ordinary(&mail.text);
        assert_eq!(ordinary(&mail.headers["Subject"]), subject);
        assert!(text.contains(says) && text.contains(payment["payment_id"].as_str().unwrap()), "{text}");
        assert_eq!(text.contains("Essayer de nouveau"), button == "fail", "{text}");
        assert!(mail.headers["Reply-To"].contains("<help@example.org>"), "{mail:?}");
        shop.becomes(&payment, "failed").await;
    }
    // And nothing more of it: least of all to try again.
    let again = shop.home.json("jobs run mail --json").await;
    assert_eq!(again["report"], "0 delivered, 0 to be tried again, 0 given up");
    assert_eq!(smtp.rest().await.len(), 0);
}

/// Its month is paid, and the payer has paid a second page of the same payment.
#[tokio::test(flavor = "multi_thread")]
async fn who_paid_twice_is_told_so() {
    let mut smtp = SmtpServer::start(&["none"]).await;
    let shop = Shop::open_with(standard(), Home::embedded().with_mail(smtp.port), "").await;
    let reader = json!({ "role": "owner", "email": "canary.awa@example.org", "language": "en" });
    shop.client.put(&format!("/api/teams/{}/members/1", team(1)), &reader).await;
    let payment = shop.begun().await;
    shop.press(&payment, "pay").await;
    assert!(smtp.got().await.headers["Subject"].contains("received"));
    let second = json!({
        "external_payment_id": "second-page", "status": "completed", "payment_id": payment["payment_id"],
        "amount": 2000, "currency": "XOF",
    });
    assert_eq!(shop.client.send(shop.signed("second", &second.to_string())).await.status, 200);
    let mail = smtp.got().await;
    assert_eq!(mail.headers["Subject"], "Team One: your payment is being checked");
    assert!(mail.text.contains("Do not pay a second time."), "{mail:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_older_backend_is_taken_at_its_word() {
    let old = SandboxConfig { tells_amounts: false, draws_qr: false, ..standard() };
    let shop = Shop::open_with(old, Home::embedded(), "").await;
    let payment = shop.begun().await;
    assert!(payment["qr_code"].as_str().unwrap().starts_with("data:image/png;base64,"), "we draw our own");
    shop.press(&payment, "pay").await;
    shop.becomes(&payment, "completed").await;
    shop.lifted().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_payer_may_fail_or_think_better_of_it() {
    let shop = Shop::open().await;
    for (button, end) in [("fail", "failed"), ("cancel", "cancelled")] {
        let payment = shop.begun().await;
        shop.press(&payment, button).await;
        shop.becomes(&payment, end).await;
    }
    let payment = shop.begun().await;
    let cancel = format!("/api/payments/{}/cancel", payment["payment_id"].as_str().unwrap());
    let cancelled = shop.client.send(shop.client.as_user(Method::POST, &cancel)).await.ok();
    assert_eq!(cancelled["status"], "cancelled");
    assert_eq!(shop.subscription().await["plan"], "free");
    assert_eq!(shop.history().await.len(), 3);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_does_not_fit_is_refused_and_nothing_is_recorded() {
    let shop = Shop::open().await;
    let head = shop.client.head().await;
    let order = |changed: Value| {
        let mut body = json!({ "payment_method": "mobile_money", "plan_upgrade": true, "new_plan": "pro" });
        body.as_object_mut().unwrap().extend(changed.as_object().unwrap().clone());
        shop.client.as_user(Method::POST, "/api/payments/team-one/initiate").json(&body)
    };
    for (field, value) in [
        ("amount", json!(2.99)),
        ("amount", json!("3.00")),
        ("currency", json!("USD")),
        ("new_plan", json!("gold")),
        ("new_plan", json!("free")),
        ("payment_method", json!("cash")),
        ("plan_upgrade", json!(false)),
        ("description", json!(format!("card {CARD}"))),
    ] {
        let answer = shop.client.send(order(json!({ field: value }))).await;
        assert!([400, 422].contains(&answer.status), "{field} {value}: {answer:?}");
        assert!(answer.text.contains(field) && !answer.text.contains(CARD), "{field}: {answer:?}");
    }
    assert_eq!(shop.client.head().await, head);
    assert!(shop.sandbox.payments().is_empty());
}
