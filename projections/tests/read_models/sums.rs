//! The rows are what the history adds up to, in whatever batches it is read.

use std::sync::Arc;

use servelink_projections::Db;
use store::{EventLog, Recorded};

use crate::common::history::month;
use crate::common::model::{Tables, assert_equal, tables};
use crate::common::{
    Author, Kind, Model, Place, Running, ScriptedLog, both, random_history, runner, until_caught_up,
};

both! {
    rows_equal_the_model
    rows_equal_the_model_near_the_largest_number
    sums_stop_at_the_largest_number_in_the_order_of_events
}

/// Follows the history as it comes, at most `most` events at a time.
async fn follow(db: &Db, history: &[Recorded], most: usize, seed: u64) {
    let log = Arc::new(ScriptedLog::new(most, seed));
    let as_log: Arc<dyn EventLog> = log.clone();
    runner(&as_log, db).prepare().await.unwrap();
    log.extend(history);
    let running = Running::start(runner(&as_log, db));
    until_caught_up(&*log, db).await;
    running.kill().await;
}

/// Steps of a random history: enough for some of everything.
const EVENTS: usize = 400;
const SEEDS: std::ops::Range<u64> = 0..3;

async fn check(kind: Kind, seed: u64, extremes: bool) {
    let history = random_history(seed, EVENTS, extremes);
    let expected: Tables = Model::of(&history).tables();
    for most in [1, 7, 1_000] {
        let place = Place::new(kind).await;
        let db = place.db().await;
        follow(&db, &history, most, seed).await;
        assert_eq!(tables(&db).await, expected, "seed {seed}, up to {most} events at a time");
        db.close().await;
    }
    // The same by building, which is another way through the log.
    let place = Place::new(kind).await;
    let db = place.db().await;
    let log: Arc<dyn EventLog> = Arc::new(ScriptedLog::with(&history, 50, seed));
    runner(&log, &db).rebuild(None, &mut |_| {}).await.unwrap();
    assert_eq!(tables(&db).await, expected, "seed {seed}, built");
}

async fn rows_equal_the_model(kind: Kind) {
    for seed in SEEDS {
        check(kind, seed, false).await;
    }
}

async fn rows_equal_the_model_near_the_largest_number(kind: Kind) {
    for seed in 100..103 {
        check(kind, seed, true).await;
    }
}

/// What the histories are made of: else that rows equal the model says little.
#[test]
fn random_histories_have_some_of_everything() {
    let rows = |name: &str| {
        let tables = SEEDS.map(|seed| Model::of(&random_history(seed, EVENTS, false)).tables());
        tables.flat_map(|tables| tables[name].clone()).collect::<Vec<_>>()
    };
    let fields = |row: &str| row.split('|').map(str::to_owned).collect::<Vec<_>>();
    let payments: Vec<_> = rows("payment_history").iter().map(|row| fields(row)).collect();
    for status in ["pending", "processing", "completed", "failed", "cancelled"] {
        assert!(payments.iter().any(|payment| payment[8] == status), "{status}: {payments:#?}");
    }
    for (flag, place) in [("conflicted", 12), ("refund due", 13), ("to confirm", 14), ("unwanted", 15)] {
        for value in ["0", "1"] {
            assert!(payments.iter().any(|payment| payment[place] == value), "{flag} {value}");
        }
    }
    let alerts: Vec<_> = rows("alerts").iter().map(|row| fields(row)).collect();
    for resource in ["traffic", "storage"] {
        assert!(alerts.iter().any(|alert| alert[2] == resource), "{resource}: {alerts:#?}");
    }
    assert!(alerts.iter().any(|alert| alert[8] == "-") && alerts.iter().any(|alert| alert[8] != "-"));
    let unlinked = rows("team_usage_unlinked");
    assert!(
        unlinked.iter().any(|row| row.ends_with("|0")) && unlinked.iter().any(|row| !row.ends_with("|0"))
    );
    let sources: Vec<_> = rows("traffic_sources").iter().map(|row| fields(row)).collect();
    for source in ["traefik", "docker", "ingest", "unknown"] {
        assert!(sources.iter().any(|row| row[2] == source && row[6] != "0"), "{source} is billed");
    }
    assert!(sources.iter().any(|row| row[6] == "0"), "and some is not billed");
    let deliveries: Vec<_> = rows("deliveries").iter().map(|row| fields(row)).collect();
    for channel in ["mail", "webhook"] {
        for state in ["due", "delayed", "delivered", "given_up"] {
            let is = |row: &Vec<String>| row[1] == channel && row[6] == state;
            assert!(deliveries.iter().any(is), "{channel} {state}: {deliveries:#?}");
        }
    }
    for news in ["UsageAlertRaised", "PaymentConfirmed", "PaymentFailed"] {
        assert!(deliveries.iter().any(|row| row[1] == "mail" && row[5].contains(news)), "a mail of {news}");
    }
    let subscriptions: Vec<_> = rows("subscriptions").iter().map(|row| fields(row)).collect();
    for (what, place) in [("paid", 4), ("reminded", 5), ("lapsed", 6)] {
        assert!(subscriptions.iter().any(|subscription| subscription[place] != "-"), "{what}");
        assert!(subscriptions.iter().any(|subscription| subscription[place] == "-"), "not {what}");
    }
}

async fn sums_stop_at_the_largest_number_in_the_order_of_events(kind: Kind) {
    let mut author = Author::new("2026-11-01T12:00:00Z");
    author.register(1, "one");
    author.project(1, 1);
    author.traffic(1, 1_000, i64::MAX - 5, 7);
    // A broken producer, and whoever puts it right: what the sum lost at the top stays lost.
    author.traffic(1, i64::MAX, 3, i64::MAX.unsigned_abs());
    author.correct(1, -i64::MAX, 10, -100);
    author.correct(1, -50, i64::MIN, i64::MIN);
    author.correct(1, 0, i64::MIN, i64::MAX);
    author.close(1, month("2026-11"));
    for most in [1, 100] {
        let place = Place::new(kind).await;
        let db = place.db().await;
        follow(&db, &author.events, most, 1).await;
        assert_equal(&db, &author.events).await;
        let rows = tables(&db).await;
        let row = rows["project_usage"].first().unwrap();
        assert!(row.contains(&format!("|-50|{}|", -i64::MAX)), "{row}");
        db.close().await;
    }
}
