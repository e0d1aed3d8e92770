//! A store that comes no further than to one event: there a server can be killed at a fixed point. The only place in
//! these tests that knows how the log is stored.

use sqlx::postgres::PgConnection;
use sqlx::sqlite::{SqliteConnectOptions, SqliteConnection};
use sqlx::{ConnectOptions, Connection, Executor};

use crate::common::{Home, eventually};

/// What the embedded store says.
const REFUSES: &str = "no further than here";

/// While it is there, no event of one type is recorded: Postgres never comes to the end of writing it, and the embedded
/// store, whose only writer is the server, refuses it.
#[must_use]
pub(crate) struct Brake {
    event: &'static str,
}

impl Brake {
    /// No event of this type is recorded at this home from now on. Of an embedded store the server must be down.
    pub(crate) async fn before(home: &Home, event: &'static str) -> Self {
        let sql = match home.database {
            Some(_) => format!(
                "CREATE FUNCTION brake() RETURNS trigger LANGUAGE plpgsql AS
                    $$ BEGIN PERFORM pg_sleep(3600); RETURN NEW; END $$;
                 CREATE TRIGGER brake BEFORE INSERT ON events FOR EACH ROW
                    WHEN (NEW.event_type = '{event}') EXECUTE FUNCTION brake();"
            ),
            None => format!(
                "CREATE TRIGGER brake BEFORE INSERT ON events WHEN NEW.event_type = '{event}'
                    BEGIN SELECT RAISE(ABORT, '{REFUSES}'); END;"
            ),
        };
        execute(home, &sql).await;
        Self { event }
    }

    /// Waits until a server is about to record it.
    pub(crate) async fn reached(&self, home: &Home) {
        eventually(&format!("a server to come to {}", self.event), || async {
            let there = match home.database {
                Some(_) => {
                    let asleep = "SELECT count(*) FROM pg_stat_activity
                        WHERE datname = current_database() AND wait_event = 'PgSleep'";
                    let asleep: i64 =
                        sqlx::query_scalar(asleep).fetch_one(&mut postgres(home).await).await.unwrap();
                    asleep > 0
                }
                None => home.log().contains(REFUSES),
            };
            if there { Ok(()) } else { Err("not yet".into()) }
        })
        .await;
        let recorded = recorded(home).await;
        assert!(!recorded.iter().any(|event| event == self.event), "{recorded:?}");
    }

    /// The server that came to it is dead: whoever comes next gets by.
    pub(crate) async fn release(self, home: &Home) {
        let sql = match home.database {
            // What the dead server had begun is still waited for, with the lock on the head.
            Some(_) => {
                "SELECT pg_terminate_backend(pid, 60000) FROM pg_stat_activity
                    WHERE datname = current_database() AND wait_event = 'PgSleep';
                 DROP FUNCTION brake() CASCADE;"
            }
            None => "DROP TRIGGER brake;",
        };
        execute(home, sql).await;
    }
}

/// The types of what is recorded of payments, of what waits for them, and of plans, in the order of the log.
pub(crate) async fn recorded(home: &Home) -> Vec<String> {
    let sql = "SELECT event_type FROM events WHERE aggregate_type IN ('payment', 'inbox')
        OR event_type LIKE 'Plan%' ORDER BY position";
    match home.database {
        Some(_) => sqlx::query_scalar(sql).fetch_all(&mut postgres(home).await).await.unwrap(),
        None => sqlx::query_scalar(sql).fetch_all(&mut embedded(home).await).await.unwrap(),
    }
}

async fn execute(home: &Home, sql: &str) {
    match home.database {
        Some(_) => drop(postgres(home).await.execute(sql).await.unwrap()),
        None => drop(embedded(home).await.execute(sql).await.unwrap()),
    }
}

async fn postgres(home: &Home) -> PgConnection {
    PgConnection::connect(&home.database.as_ref().unwrap().url).await.unwrap()
}

async fn embedded(home: &Home) -> SqliteConnection {
    let options = SqliteConnectOptions::new().filename(home.data().join("log.db"));
    options.connect().await.unwrap()
}
