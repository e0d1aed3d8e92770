//! A page is read from the index, however many payments the team has.

use domain::UserId;
use store::testing::PostgresStorage;

use super::query::{page, page_sql};
use super::row::PaymentFilter;
use crate::db::{Db, Param};

/// Ten teams with two thousand payments each, made by the database itself, one payment a second.
async fn fill(db: &Db) {
    let numbers = match db {
        Db::Sqlite { .. } => {
            "(WITH RECURSIVE c(n) AS (SELECT 0 UNION ALL SELECT n + 1 FROM c WHERE n < 19999) SELECT n FROM c)"
        }
        Db::Postgres(_) => "(SELECT generate_series(0, 19999) AS n)",
    };
    let statements = [
        "INSERT INTO projection VALUES ('payment_history', 1, 1, 9, 'active', NULL), \
         ('directory', 1, 1, 9, 'active', NULL)"
            .into(),
        format!(
            "INSERT INTO payment_history SELECT 1, '0192f0c1-2b3c-7d4e-8f50-6172839' || (10000 + n), \
             '0000000000000000000000000000000' || (n % 10), 1, 'p', 1, 300, 'EUR', 'mobile_money', 'pending', NULL, \
             NULL, NULL, 0, 0, 0, 0, NULL, CAST(n AS BIGINT) * 1000000, NULL, 1 FROM {numbers} AS numbers"
        ),
        "INSERT INTO directory_team VALUES (1, '00000000000000000000000000000003', 'three', 'Three', 'free')"
            .into(),
        "INSERT INTO directory_member VALUES (1, '00000000000000000000000000000003', 7, 'member')".into(),
        "ANALYZE".into(),
    ];
    for sql in statements {
        let mut tx = db.begin().await.unwrap();
        tx.execute(&sql, &[]).await.unwrap();
        tx.commit().await.unwrap();
    }
}

/// How the statement is answered for the page in the middle.
async fn plan(db: &Db, explain: &str) -> Vec<String> {
    let params: [Param<'_>; 8] = [
        "00000000000000000000000000000003".into(),
        0.into(),
        i64::MAX.into(),
        10_000_000_000.into(),
        "0192f0c1-2b3c-7d4e-8f50-617283950000".into(),
        "".into(),
        "".into(),
        51.into(),
    ];
    let rows = db.fetch(&format!("{explain} {}", page_sql()), &params).await.unwrap();
    let column = if matches!(db, Db::Sqlite { .. }) { 3 } else { 0 };
    rows.iter().map(|row| row.text(column).unwrap().to_owned()).collect()
}

/// That the statement whose plan is looked at gives what it should.
async fn assert_pages(db: &Db) {
    let slug = "three".parse().unwrap();
    let all = PaymentFilter::default();
    let first = page(db, UserId(7), &slug, &all, 50, None).await.unwrap().unwrap();
    let second = page(db, UserId(7), &slug, &all, 50, first.next).await.unwrap().unwrap();
    let seconds: Vec<_> =
        first.payments.iter().chain(&second.payments).map(|row| row.created_at.timestamp()).collect();
    assert_eq!(seconds, (0..100).map(|n| 19_993 - 10 * n).collect::<Vec<i64>>());
}

#[tokio::test]
async fn sqlite_reads_a_page_from_the_index() {
    let folder = tempfile::tempdir().unwrap();
    let db = Db::open_sqlite(&folder.path().join("reads")).await.unwrap();
    for filled in [false, true] {
        if filled {
            fill(&db).await;
            assert_pages(&db).await;
        }
        let plan = plan(&db, "EXPLAIN QUERY PLAN").await;
        assert!(
            plan.iter().any(|step| {
                step.starts_with(
                    "SEARCH payment_history USING INDEX payment_history_team (generation=? AND team_id=?",
                )
            }),
            "{plan:#?}"
        );
        let sorted = plan.iter().filter(|step| step.contains("TEMP B-TREE")).count();
        assert!(sorted <= 1, "only the page itself is sorted: {plan:#?}");
    }
}

#[tokio::test]
async fn postgres_reads_a_page_from_the_index() {
    let storage = PostgresStorage::create().await;
    let db = Db::open_postgres(storage.options()).await.unwrap();
    fill(&db).await;
    assert_pages(&db).await;
    let plan = plan(&db, "EXPLAIN (ANALYZE, TIMING OFF)").await;
    let page = plan.iter().find(|step| step.contains("payment_history_team"));
    let page = page.unwrap_or_else(|| panic!("{plan:#?}"));
    assert!(page.contains("Scan Backward") && page.contains("actual rows=51"), "{plan:#?}");
}
