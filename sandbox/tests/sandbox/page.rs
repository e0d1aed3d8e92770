//! What the payer sees and does.

use reqwest::Method;
use serde_json::{Value, json};
use servelink_sandbox::SandboxConfig;

use crate::rig::{Rig, id, json_of, patient};

async fn seen(rig: &Rig, path: &str, language: &str) -> String {
    let answer = rig.open(Method::GET, path).header("accept-language", language).send().await.unwrap();
    assert_eq!(answer.status(), 200);
    assert!(answer.headers()["content-type"].to_str().unwrap().starts_with("text/html"));
    assert_eq!(answer.headers()["vary"], "accept-language");
    let policy = answer.headers()["content-security-policy"].to_str().unwrap();
    assert!(policy.contains("default-src 'none'"), "{policy}");
    answer.text().await.unwrap()
}

fn assert_says(page: &str, words: &[&str]) {
    for word in words {
        assert!(page.contains(word), "no {word:?} in {page}");
    }
}

#[tokio::test]
async fn it_says_what_is_to_be_paid_in_both_languages() {
    let rig = Rig::start(patient()).await;
    let euros = format!("/pay/{}", rig.ordered("3.00", "EUR").await);
    let francs = format!("/pay/{}", rig.ordered("2000", "XOF").await);
    let all = ["Atelier Baobab", "pay_as_you_go", "One month", "0199-ours", "viewport", "<svg "];
    let french = seen(&rig, &euros, "fr-SN,fr;q=0.9,en;q=0.5").await;
    assert_says(&french, &all);
    assert_says(
        &french,
        &["<html lang=\"fr\">", "3,00 EUR", "Payer 3,00 EUR", "Annuler", "En attente", "Formule"],
    );
    let english = seen(&rig, &euros, "en").await;
    assert_says(&english, &all);
    assert_says(&english, &["<html lang=\"en\">", "3.00 EUR", "Pay 3.00 EUR", "Cancel", "Waiting", "Plan"]);
    assert_says(&seen(&rig, &francs, "fr").await, &["2 000 FCFA", "Payer 2 000 FCFA"]);
    assert_says(&seen(&rig, &francs, "de").await, &["2,000 FCFA"]);
    assert!(french.len() < 40_000, "light enough for a phone: {}", french.len());
    assert!(!french.contains("<script"));
}

#[tokio::test]
async fn each_button_does_what_it_says() {
    for (button, status, english, french, told) in [
        ("pay", "completed", "Paid", "Payé", 2),
        ("fail", "failed", "Failed", "Échoué", 1),
        ("cancel", "cancelled", "Cancelled", "Annulé", 1),
    ] {
        let rig = Rig::start(patient()).await;
        let id = rig.ordered("5.00", "EUR").await;
        let path = format!("/pay/{id}");
        let form = format!(r#"<form method="post" action="{id}/{button}">"#);
        assert_says(&seen(&rig, &path, "en").await, &[&form]);
        let answer = rig.press(&id, button).await;
        assert_eq!(answer.status(), 303);
        // Relative, so that it holds behind any public URL.
        let back = answer.url().join(answer.headers()["location"].to_str().unwrap()).unwrap();
        assert_eq!(back.path(), path);
        assert_eq!(rig.told(&id).await["status"], status);
        assert_eq!(rig.receiver.statuses(told).await.last().unwrap(), status);
        for (language, word) in [("en", english), ("fr", french)] {
            let page = seen(&rig, &path, language).await;
            assert_says(&page, &[word]);
            assert!(!page.contains("<form") && !page.contains("<svg"), "nothing is left to do: {page}");
        }
        // What is final stays.
        for button in ["pay", "fail", "cancel"] {
            assert_eq!(rig.press(&id, button).await.status(), 303);
        }
        assert_eq!(rig.told(&id).await["status"], status);
        assert_eq!(rig.sandbox.payments()[0].callbacks.len(), told);
    }
}

#[tokio::test]
async fn nothing_of_an_order_becomes_markup() {
    let rig = Rig::start(patient()).await;
    let mut order: Value = serde_json::from_str(&rig.order("5", "EUR")).unwrap();
    let nasty = r#"<script>alert("x")</script>'&amp;"#;
    order["payment_id"] = json!(nasty);
    for field in ["team_name", "new_plan", "description"] {
        order["metadata"][field] = json!(nasty);
    }
    let answer = rig.post("/api/v1/payments/initiate").body(order.to_string()).send().await.unwrap();
    let id = id(&json_of(answer).await);
    let escaped = "&lt;script&gt;alert(&quot;x&quot;)&lt;/script&gt;&#39;&amp;amp;";
    for (path, times) in [(format!("/pay/{id}"), 4), ("/".to_owned(), 1)] {
        let page = seen(&rig, &path, "fr").await;
        assert!(!page.contains("<script"), "{page}");
        assert_eq!(page.matches(escaped).count(), times, "{page}");
    }
}

#[tokio::test]
async fn what_is_not_there_is_not_found() {
    let rig = Rig::start(patient()).await;
    let id = rig.ordered("5.00", "EUR").await;
    let missing =
        rig.open(Method::GET, "/pay/sbx_none").header("accept-language", "fr").send().await.unwrap();
    assert_eq!(missing.status(), 404);
    assert_says(&missing.text().await.unwrap(), &["Ce paiement n’existe pas."]);
    assert_eq!(rig.press("sbx_none", "pay").await.status(), 404);
    assert_eq!(rig.press(&id, "steal").await.status(), 404);
    // A link that is only looked at, by a preview for instance, pays nothing.
    assert_eq!(rig.open(Method::GET, &format!("/pay/{id}/pay")).send().await.unwrap().status(), 405);
    assert_eq!(rig.told(&id).await["status"], "pending");
}

#[tokio::test]
async fn the_index_leads_to_every_payment() {
    let rig =
        Rig::start(SandboxConfig { public_url: Some("https://pay.example/x".into()), ..patient() }).await;
    assert_says(&seen(&rig, "/", "en").await, &["Nothing has been ordered yet."]);
    let [one, other] = [rig.ordered("5.00", "EUR").await, rig.ordered("2000", "XOF").await];
    rig.press(&one, "pay").await;
    let page = seen(&rig, "/", "fr").await;
    let [one, other] = [one, other].map(|id| page.find(&format!(r#"<a href="pay/{id}">"#)).unwrap());
    assert!(other < one, "the latest first");
    assert_says(&page, &["Payé", "En attente", "2 000 FCFA", "5,00 EUR"]);
}
