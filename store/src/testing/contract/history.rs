//! What is recorded stays as it is, whoever holds the pen.

use crate::log::Expected;
use crate::testing::SqlHarness;
use crate::testing::requests::{history, request};

async fn refused(harness: &dyn SqlHarness, statements: &[&str]) {
    let log = harness.open().await;
    for name in ["one", "two"] {
        log.append(request(name, "a", Expected::Any)).await.unwrap();
    }
    let before = history(&*log).await;
    for sql in statements {
        let error = harness.execute(sql).await.expect_err(sql).to_string();
        assert!(error.contains("events are never"), "{sql}: {error}");
    }
    assert_eq!(history(&*log).await, before);
}

/// Not even to the same.
pub async fn an_event_cannot_be_changed(harness: &dyn SqlHarness) {
    let statements = [
        "UPDATE events SET payload = '{}' WHERE position = 1",
        "UPDATE events SET position = position + 10",
        "UPDATE events SET sequence = sequence",
    ];
    refused(harness, &statements).await;
}

/// Neither one nor all.
pub async fn an_event_cannot_be_deleted(harness: &dyn SqlHarness) {
    refused(harness, &["DELETE FROM events WHERE position = 2", "DELETE FROM events"]).await;
}
