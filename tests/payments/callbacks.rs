//! Who may call back, and with what.

use chrono::Utc;
use sandbox::SandboxConfig;
use serde_json::json;

use crate::brake::recorded;
use crate::common::{Home, Servelink, eventually};
use crate::endings::NO_WORKERS;
use crate::shop::{SECRET, Shop, signature, standard, told};

#[tokio::test(flavor = "multi_thread")]
async fn only_what_is_signed_as_it_came_and_lately_counts() {
    let shop = Shop::open().await;
    let payment = shop.begun().await;
    let body = told(&payment, "completed");
    let mut flipped = body.clone().into_bytes();
    flipped[10] ^= 1;
    let flipped = String::from_utf8(flipped).unwrap();
    let now = Utc::now().timestamp().to_string();
    let with_signature = |body: &str, timestamp: &str, signature: &str| {
        let request = shop.unsigned(body).header("webhook-id", "x");
        request
            .header("webhook-timestamp", timestamp.to_owned())
            .header("webhook-signature", signature.to_owned())
    };
    let signed_at =
        |timestamp: &str| with_signature(&body, timestamp, &signature(SECRET, "x", timestamp, &body));
    let right = signature(SECRET, "x", &now, &body);
    let refused = [
        ("unsigned", shop.unsigned(&body)),
        ("one bit of the body", with_signature(&flipped, &now, &right)),
        ("another secret", shop.signed_by("canary-no-secret-of-ours", "x", 0, &body)),
        ("too old", shop.signed_by(SECRET, "x", -302, &body)),
        ("too far ahead", shop.signed_by(SECRET, "x", 302, &body)),
        ("the least number", signed_at(&i64::MIN.to_string())),
        ("two signatures", with_signature(&body, &now, &right).header("webhook-signature", right.clone())),
        ("two ids", with_signature(&body, &now, &right).header("webhook-id", "x")),
        ("an odd id", shop.signed("a.b", &body)),
    ];
    let head = shop.client.head().await;
    for (what, request) in refused {
        let answer = shop.client.send(request).await;
        assert_eq!(answer.status, 401, "{what}: {answer:?}");
    }
    let (head_after, status) = (shop.client.head().await, shop.status(&payment).await);
    assert_eq!((head_after, status["status"].clone()), (head, json!("pending")));
    for seconds in [-298, 298] {
        let answer =
            shop.client.send(shop.signed_by(SECRET, &format!("in-time{seconds}"), seconds, &body)).await;
        assert_eq!(answer.status, 200, "{answer:?}");
    }
    let answer = answer_of_another_body(&shop).await;
    assert_eq!(answer.status, 409, "{answer:?}");
}

/// A message id that was used, with another body.
async fn answer_of_another_body(shop: &Shop) -> crate::common::Answer {
    let body = json!({ "external_payment_id": "another", "status": "failed" }).to_string();
    shop.client.send(shop.signed("in-time298", &body)).await
}

#[tokio::test(flavor = "multi_thread")]
async fn what_makes_no_sense_is_named_and_what_is_not_known_yet_waits() {
    let shop = Shop::open().await;
    for (number, (body, field)) in [
        ("not json", "JSON"),
        ("[]", "object"),
        (r#"{"status":"completed"}"#, "external_payment_id"),
        (r#"{"external_payment_id":"x","status":"paid"}"#, "status"),
        (r#"{"external_payment_id":"x","status":"completed","amount":2000}"#, "currency"),
        (r#"{"external_payment_id":"x","status":"completed","amount":20.5,"currency":"XOF"}"#, "amount"),
    ]
    .into_iter()
    .enumerate()
    {
        let answer = shop.client.send(shop.signed(&format!("bad-{number}"), body)).await;
        assert!(answer.status == 400 && answer.text.contains(field), "{body}: {answer:?}");
    }
    let large =
        json!({ "external_payment_id": "x", "status": "failed", "metadata": { "a": "x".repeat(70_000) } });
    assert_eq!(shop.client.send(shop.signed("large", &large.to_string())).await.status, 413);

    let unknown = json!({
        "external_payment_id": "nobody-knows", "status": "completed",
        "metadata": { "phone_number": sandbox::PHONE_NUMBER, "provider": "wave" },
    });
    for _ in 0..2 {
        let answer = shop.client.send(shop.signed("waits", &unknown.to_string())).await;
        assert_eq!((answer.status, answer.json()["success"].clone()), (200, json!(true)), "{answer:?}");
    }
    assert!(shop.history().await.is_empty());
}

/// An older backend's callback says only what the backend calls the payment, and overtakes the answer that tells us that.
#[tokio::test(flavor = "multi_thread")]
async fn what_is_not_known_yet_counts_as_soon_as_it_is() {
    let older = SandboxConfig { tells_amounts: false, ..standard() };
    for home in [Home::embedded(), Home::postgres().await] {
        // Nobody asks the backend, so nothing but the callbacks can tell that it is paid.
        let mut shop = Shop::open_with(older.clone(), home, NO_WORKERS).await;
        shop.behave(json!({ "callbacks": { "before_answer": true } }));
        let payment = shop.begun().await;
        assert_eq!(payment["status"], "completed", "{payment}");
        // Not by its status: whoever looks at that has the backend asked.
        eventually("the history to tell it", || async {
            let [kept] = shop.history().await.try_into().unwrap();
            assert_eq!(kept["payment_id"], payment["payment_id"]);
            if kept["status"] == "completed" { Ok(()) } else { Err(kept.to_string()) }
        })
        .await;
        let [told] = shop.sandbox.payments().try_into().unwrap();
        assert_eq!((told.callbacks.len(), told.asked), (2, 0), "{told:?}");
        assert!(told.callbacks.iter().all(|callback| callback.taken && callback.tries == 1), "{told:?}");
        let parked = recorded(&shop.home).await.iter().filter(|event| *event == "CallbackParked").count();
        assert_eq!(parked, 2, "both came before anybody knew whose they are");
        shop.kill().await;
        shop.restart("").await;
        shop.lifted().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn secrets_are_changed_without_a_gap() {
    let (old, new) = ("canary-the-old-secret", "canary-the-new-secret");
    let shop = Shop::open().await.with(&[("PAYMENT_WEBHOOK_SECRETS", &format!("old:{old},new:{new}"))]).await;
    let body = json!({ "external_payment_id": "x", "status": "pending" }).to_string();
    for (secret, status) in [(old, 200), (new, 200), (SECRET, 401)] {
        let answer = shop.client.send(shop.signed_by(secret, secret, 0, &body)).await;
        assert_eq!(answer.status, status, "{secret}: {answer:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_address_that_is_not_allowed_is_refused_whatever_it_claims() {
    let body = json!({ "external_payment_id": "x", "status": "pending" }).to_string();
    let shop = Shop::open().await.with(&[("PAYMENT_CALLBACK_NETWORKS", "203.0.113.0/24")]).await;
    let claims = shop.signed("a", &body).header("x-forwarded-for", "203.0.113.7");
    assert_eq!(shop.client.send(claims).await.status, 403, "nobody said that we are behind a proxy");

    let env = [("PAYMENT_CALLBACK_NETWORKS", "203.0.113.0/24"), ("TRUSTED_PROXIES", "127.0.0.0/8")];
    let shop = Shop::open().await.with(&env).await;
    for (forwarded, status) in [
        ("203.0.113.7", 200),
        ("198.51.100.1, 203.0.113.7, 127.0.0.9", 200),
        ("203.0.113.7, 198.51.100.1", 403),
        ("203.0.113.7, nonsense", 403),
    ] {
        let request =
            shop.signed(&format!("from-{}", forwarded.len()), &body).header("x-forwarded-for", forwarded);
        assert_eq!(shop.client.send(request).await.status, status, "{forwarded}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn callbacks_that_nobody_signed_are_let_in_by_name_only_and_prove_nothing() {
    let home =
        || Home::embedded().with("PAYMENT_BACKEND_URL", "http://127.0.0.1:9").with("PAYMENT_API_KEY", "k");
    let refused = home().run("serve --listen 127.0.0.1:0").await;
    assert_ne!(refused.code, Some(0));
    assert!(refused.err.contains("PAYMENT_WEBHOOK_SECRETS"), "{refused:?}");
    let home = home().with("PAYMENT_UNSIGNED_CALLBACKS", "true");
    drop(Servelink::start(&home, "serve --listen 127.0.0.1:0").await);

    let shop = Shop::open().await.with(&[("PAYMENT_UNSIGNED_CALLBACKS", "true")]).await;
    let payment = shop.begun().await;
    assert_eq!(shop.client.send(shop.unsigned(&told(&payment, "completed"))).await.status, 200);
    assert_eq!(shop.status(&payment).await["status"], "pending", "the backend says otherwise");
}
