//! The statement behind every usage read looks rows up by their keys, on both databases.

use std::fmt::Write;

use store::testing::PostgresStorage;

use super::query::months_sql;
use crate::db::Db;

/// Projects, each with five months: 100,000 rows of usage.
const PROJECTS: u32 = 20_000;

/// A hundred thousand rows, made by the database itself.
async fn fill(db: &Db) {
    let numbers = |most: u32| match db {
        Db::Sqlite { .. } => {
            format!(
                "(WITH RECURSIVE c(n) AS (SELECT 0 UNION ALL SELECT n + 1 FROM c WHERE n < {most} - 1) SELECT n FROM c)"
            )
        }
        Db::Postgres(_) => format!("(SELECT generate_series(0, {most} - 1) AS n)"),
    };
    let statements = [
        "INSERT INTO projection VALUES ('project_usage', 1, 1, 9, 'active', NULL), \
         ('directory', 1, 1, 9, 'active', NULL), ('team_usage', 1, 1, 9, 'active', NULL)"
            .into(),
        format!(
            "INSERT INTO project_usage SELECT 1, 'project-' || p.n, (2000 + m.n / 12) || '-' || (10 + m.n % 12), \
             1, 1, 1, 1, 1, 1, NULL FROM {} AS p CROSS JOIN {} AS m",
            numbers(PROJECTS),
            numbers(5)
        ),
        format!(
            "INSERT INTO directory_project SELECT 1, 'project-' || p.n, 'team-' || (p.n % 100), 'p', NULL FROM {} AS p",
            numbers(PROJECTS)
        ),
        format!(
            "INSERT INTO directory_member SELECT 1, 'team-' || t.n, u.n, 'member' FROM {} AS t CROSS JOIN {} AS u",
            numbers(100),
            numbers(100)
        ),
        "ANALYZE".into(),
    ];
    for sql in statements {
        let mut tx = db.begin().await.unwrap();
        tx.execute(&sql, &[]).await.unwrap();
        tx.commit().await.unwrap();
    }
}

fn questions(count: u32) -> String {
    let mut questions = String::new();
    for n in 0..count {
        write!(questions, "{}[{n},{},\"project-{n}\",\"2000-14\"]", if n == 0 { "[" } else { "," }, n % 100)
            .unwrap();
    }
    questions + "]"
}

async fn plan(db: &Db, explain: &str) -> Vec<String> {
    let sql = format!("{explain} {}", months_sql(db));
    let questions = questions(256);
    let rows = db.fetch(&sql, &[(&questions).into()]).await.unwrap();
    let column = if matches!(db, Db::Sqlite { .. }) { 3 } else { 0 };
    rows.iter().map(|row| row.text(column).unwrap().to_owned()).collect()
}

#[tokio::test]
async fn sqlite_looks_everything_up_by_key() {
    let folder = tempfile::tempdir().unwrap();
    let db = Db::open_sqlite(&folder.path().join("reads")).await.unwrap();
    for filled in [false, true] {
        if filled {
            fill(&db).await;
        }
        let plan = plan(&db, "EXPLAIN QUERY PLAN").await;
        let scans: Vec<_> = plan.iter().filter(|step| step.starts_with("SCAN")).collect();
        assert_eq!(scans.len(), 1, "only the questions are gone through: {plan:#?}");
        assert!(scans[0].contains("asked"), "{plan:#?}");
        for key in [
            "SEARCH o USING INDEX sqlite_autoindex_directory_project_1 (generation=? AND project_id=?)",
            "SEARCH m USING COVERING INDEX sqlite_autoindex_directory_member_1 (generation=? AND team_id=? AND user_id=?)",
            "SEARCH u USING INDEX sqlite_autoindex_project_usage_1 (generation=? AND project_id=? AND month=?)",
            "SEARCH s USING INDEX sqlite_autoindex_project_usage_1 (generation=? AND project_id=? AND month<?)",
        ] {
            assert!(plan.iter().any(|step| step.starts_with(key)), "{key}: {plan:#?}");
        }
        assert!(!plan.iter().any(|step| step.contains("TEMP B-TREE")), "nothing is sorted: {plan:#?}");
    }
}

#[tokio::test]
async fn postgres_looks_everything_up_by_key() {
    let storage = PostgresStorage::create().await;
    let db = Db::open_postgres(storage.options()).await.unwrap();
    fill(&db).await;
    let plan = plan(&db, "EXPLAIN (ANALYZE, TIMING OFF)").await;
    let scanned = plan.iter().filter(|step| step.contains("Seq Scan"));
    // A table of three rows is read whole by anyone.
    let large: Vec<_> = scanned.filter(|step| !step.contains(" on projection ")).collect();
    assert!(large.is_empty(), "{plan:#?}");
    let by_key = plan.iter().filter(|step| step.contains("project_usage_pkey")).count();
    assert!(by_key >= 2, "{plan:#?}");
}
