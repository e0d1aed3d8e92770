//! `servelink payments review`: what the operator is told of money that a person has to decide about.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use crate::common::{Home, PATIENCE};
use crate::endings::NO_WORKERS;
use crate::settling::{both_paid, one_is_due, tell};
use crate::shop::{Shop, standard};

/// The findings, each with the backend's id.
fn findings(review: &Value) -> BTreeMap<(String, String), Value> {
    let rows = review.as_array().unwrap().iter();
    let key = |row: &Value, field: &str| row[field].as_str().unwrap().to_owned();
    rows.map(|row| ((key(row, "finding"), key(row, "external_payment_id")), row.clone())).collect()
}

/// What Prometheus reads.
async fn metrics(shop: &Shop) -> String {
    let log = shop.home.log();
    let (_, rest) = log.rsplit_once("metrics are at ").unwrap();
    let http = reqwest::Client::builder().no_proxy().timeout(PATIENCE).build().unwrap();
    let answer = http.get(rest.split_whitespace().next().unwrap()).send().await.unwrap();
    answer.error_for_status().unwrap().text().await.unwrap()
}

async fn all_money_that_is_out_of_place_is_shown(home: Home) {
    let mut shop = Shop::open_with(standard(), home, NO_WORKERS).await;
    assert_eq!(shop.home.json("payments review --json").await, json!([]));
    let none = shop.home.run("payments review").await;
    assert!(none.code == Some(0) && none.out.contains("No money waits"), "{none:?}");

    let payments = both_paid(&shop).await;
    shop.kill().await;
    shop.restart("").await;
    let due = one_is_due(&shop, &payments).await;
    shop.kill().await;
    shop.restart(&format!("{NO_WORKERS} --metrics-listen 127.0.0.1:0")).await;
    let [refunded, kept] = if due[0] { [&payments[0], &payments[1]] } else { [&payments[1], &payments[0]] };
    let second = json!({
        "external_payment_id": "second-page", "status": "completed", "payment_id": kept["payment_id"],
        "amount": 2000, "currency": "XOF",
    });
    tell(&shop, "second", &second).await.ok();
    let short = shop.begun().await;
    let less = json!({
        "external_payment_id": short["external_payment_id"], "status": "completed", "amount": 1999,
        "currency": "XOF",
    });
    tell(&shop, "short", &less).await.ok();
    tell(&shop, "nobody", &json!({ "external_payment_id": "nobody-knows", "status": "completed" }))
        .await
        .ok();
    shop.seen(shop.client.head().await).await;

    let review = shop.home.json("payments review --json").await;
    let found = findings(&review);
    let money = |minor: i64| json!({ "minor": minor, "currency": "XOF" });
    let expected = [
        ("conflicted", json!("second-page"), Some(kept), money(2000)),
        ("conflicted", short["external_payment_id"].clone(), Some(&short), money(1999)),
        ("refund_due", refunded["external_payment_id"].clone(), Some(refunded), money(2000)),
        ("unmatched", json!("nobody-knows"), None, Value::Null),
    ];
    assert_eq!(found.len(), expected.len(), "{review}");
    for (finding, id, payment, captured) in expected {
        let row = &found[&(finding.to_owned(), id.as_str().unwrap().to_owned())];
        assert_eq!(row["captured"], captured, "{row}");
        assert!(row["since"].is_string() && !row["why"].as_str().unwrap().is_empty(), "{row}");
        let (id, team, asked) = match payment {
            Some(payment) => (payment["payment_id"].clone(), json!("team-one"), money(2000)),
            None => (Value::Null, Value::Null, Value::Null),
        };
        assert_eq!((&row["payment_id"], &row["team"], &row["asked"]), (&id, &team, &asked), "{row}");
    }
    let since: Vec<&str> =
        review.as_array().unwrap().iter().map(|row| row["since"].as_str().unwrap()).collect();
    assert!(since.is_sorted_by(|newer, older| newer >= older), "{since:?}");

    let shown = shop.home.run("payments review").await;
    for text in ["1999 XOF", "second-page", "team-one", "refund due:", "unmatched:", "conflicted:"] {
        assert!(shown.out.contains(text), "{text}: {}", shown.out);
    }
    assert!(!shown.out.contains("--limit"), "{}", shown.out);
    let shown = shop.home.run("payments review --limit 1").await;
    assert!(shown.out.contains("--limit shows more") && !shown.out.contains("refund due"), "{}", shown.out);

    let numbers = metrics(&shop).await;
    for line in [
        "servelink_payments_flagged{flag=\"conflicted\"} 2",
        "servelink_payments_flagged{flag=\"refund_due\"} 1",
        "servelink_payments_unmatched 1",
    ] {
        assert!(numbers.lines().any(|its| its == line), "no {line} in\n{numbers}");
    }
    for payment in [kept, &short] {
        let warns = |line: &&str| line.contains("WARN") && line.contains("other than was asked");
        let id = payment["payment_id"].as_str().unwrap();
        let log = shop.home.log();
        assert_eq!(log.lines().filter(warns).filter(|line| line.contains(id)).count(), 1, "{id} in {log}");
    }

    // The same without a server.
    shop.kill().await;
    assert_eq!(shop.home.json("payments review --json").await, review);

    // Whoever cannot know whether this is all says so.
    shop.restart("--roles api").await;
    tell(&shop, "second", &second).await.ok();
    let more = json!({ "external_payment_id": "third-page", "status": "completed", "payment_id": kept["payment_id"] });
    tell(&shop, "third", &more).await.ok();
    shop.kill().await;
    let behind = shop.home.run("payments review").await;
    assert!(behind.code == Some(1) && behind.err.contains("may not be all"), "{behind:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn all_money_that_is_out_of_place_is_shown_on_the_embedded_store() {
    all_money_that_is_out_of_place_is_shown(Home::embedded()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn all_money_that_is_out_of_place_is_shown_on_postgres() {
    all_money_that_is_out_of_place_is_shown(Home::postgres().await).await;
}
