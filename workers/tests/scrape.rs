//! What the job makes of metrics that are late, broken, or begin anew: nothing is counted twice, and it never ends.
#![allow(clippy::unwrap_used, missing_docs)]

mod support;

use std::time::Duration;

use domain::source::SourceRefusal;
use servelink_workers::job::{Coordinator, Job, RunError, Runner, Schedule};
use servelink_workers::traefik::{
    ExpositionError, ScrapeError, ScrapeLimits, TraefikConfig, TraefikError, TraefikJob,
};
use support::metrics_server::{Answer, Metrics, MetricsServer};
use support::{Store, deployment, project, run, with_file, write_map};
use tempfile::TempDir;
use tokio_util::sync::CancellationToken;

const HOUR: Duration = Duration::from_secs(3_600);

struct Scene {
    _folder: TempDir,
    store: Store,
    server: MetricsServer,
    config: TraefikConfig,
}

impl Scene {
    async fn set() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let map = folder.path().join("map.toml");
        write_map(&map, &[(deployment(1), project(1)), (deployment(2), project(2))]);
        let store = Store::in_memory().await;
        store.register(&[project(1), project(2)]).await;
        let server = MetricsServer::start().await;
        let config = with_file(&server.url, &map);
        Self { _folder: folder, store, server, config }
    }

    fn job(&self) -> TraefikJob {
        self.store.job(self.config.clone())
    }

    async fn egress(&self, byte: u8) -> u64 {
        self.store.recorded().await.get(&project(byte)).map_or(0, |totals| totals.egress_bytes.get())
    }

    async fn error(&self) -> ScrapeError {
        match self.job().run().await {
            Err(TraefikError::Scrape(error)) => error,
            other => panic!("{other:?}"),
        }
    }
}

#[tokio::test]
async fn a_restart_and_a_clock_that_was_set_are_told_apart() {
    let scene = Scene::set().await;
    let first = Metrics::aged(HOUR, &[(1, 1_000)]);
    scene.server.shows(&first);
    run(&mut scene.job()).await;

    // The clock of Traefik's machine is set by 90 s, and its start with it.
    let set = chrono::TimeDelta::seconds(90);
    let moved = Metrics {
        started_at: first.started_at + set,
        served_at: first.served_at + set,
        egress: vec![(1, 1_500)],
    };
    scene.server.shows(&moved);
    run(&mut scene.job()).await;
    assert_eq!(scene.egress(1).await, 1_500);
    run(&mut scene.job()).await;
    assert_eq!(scene.egress(1).await, 1_500, "and at every turn after it");

    // A process that began after the last reading, with a higher counter.
    scene.server.shows(&Metrics::aged(Duration::ZERO, &[(1, 2_000)]));
    run(&mut scene.job()).await;
    assert_eq!(scene.egress(1).await, 3_500);
}

#[tokio::test]
async fn a_counter_that_went_down_counts_from_nought() {
    let scene = Scene::set().await;
    let first = Metrics::aged(HOUR, &[(1, 1_000), (2, 50)]);
    scene.server.shows(&first);
    run(&mut scene.job()).await;
    scene.server.shows(&Metrics { egress: vec![(1, 10), (2, 60)], ..first });
    run(&mut scene.job()).await;
    assert_eq!((scene.egress(1).await, scene.egress(2).await), (1_010, 60));
}

#[tokio::test]
async fn what_is_no_whole_answer_counts_nothing() {
    let mut scene = Scene::set().await;
    scene.config.limits =
        ScrapeLimits { total: Duration::from_millis(300), body_bytes: 1_000, ..ScrapeLimits::default() };
    let server = &scene.server;
    let whole = Metrics::aged(HOUR, &[(1, 1_000)]).text();
    let text = "Content-Type: text/plain\r\n";
    let with_length = |length: usize| format!("{text}Content-Length: {length}\r\n");

    server.answers(Answer::Nothing);
    assert!(matches!(scene.error().await, ScrapeError::Unreachable(_)));
    server.answers(Answer::Bytes(vec![]));
    assert!(matches!(scene.error().await, ScrapeError::Unreachable(_)));
    server.answers_text("200 OK", &with_length(whole.len() + 100), &whole);
    assert!(matches!(scene.error().await, ScrapeError::Broken(_)));
    server.answers_text(
        "200 OK",
        &format!("{text}Transfer-Encoding: chunked\r\n"),
        &format!("{:x}\r\n{whole}\r\n", whole.len()),
    );
    assert!(matches!(scene.error().await, ScrapeError::Broken(_)));
    server.answers_text("200 OK", text, &whole);
    assert!(matches!(scene.error().await, ScrapeError::NoLength));
    server.answers_text("200 OK", &with_length(whole.len() - 1), &whole[..whole.len() - 1]);
    assert!(matches!(scene.error().await, ScrapeError::Exposition(ExpositionError::Cut)));
    let html = "<html></html>\n";
    server.answers_text(
        "200 OK",
        &format!("Content-Type: text/html\r\nContent-Length: {}\r\n", html.len()),
        html,
    );
    assert!(matches!(scene.error().await, ScrapeError::NotMetrics(kind) if kind == "text/html"));
    server.answers_text("200 OK", &with_length(html.len()), html);
    assert!(matches!(scene.error().await, ScrapeError::Exposition(ExpositionError::NoStart)));
    server.answers_text("404 Not Found", &with_length(0), "");
    assert!(matches!(scene.error().await, ScrapeError::Status(status) if status == 404));
    server.answers_text("302 Found", &format!("Location: /elsewhere\r\n{}", with_length(0)), "");
    assert!(matches!(scene.error().await, ScrapeError::Status(status) if status == 302));
    let long = "# x\n".repeat(300);
    server.answers_text("200 OK", &with_length(long.len()), &long);
    assert!(matches!(scene.error().await, ScrapeError::TooLong(1_000)));

    assert_eq!(scene.egress(1).await, 0);
    server.answers_text("200 OK", &with_length(whole.len()), &whole);
    run(&mut scene.job()).await;
    assert_eq!(scene.egress(1).await, 1_000);
}

#[tokio::test]
async fn more_services_than_a_source_may_have_count_nothing() {
    let scene = Scene::set().await;
    let mut metrics = Metrics::aged(HOUR, &[(1, 1)]).text();
    for number in 0..SourceRefusal::MAX_SERVICES {
        metrics += &format!("traefik_service_responses_bytes_total{{service=\"{number}\"}} 1\n");
    }
    let headers = format!("Content-Type: text/plain\r\nContent-Length: {}\r\n", metrics.len());
    scene.server.answers_text("200 OK", &headers, &metrics);
    assert!(matches!(scene.error().await, ScrapeError::Exposition(ExpositionError::TooManyServices)));
    assert_eq!(scene.egress(1).await, 0);
}

#[tokio::test]
async fn a_map_file_that_is_gone_makes_bytes_wait_and_not_the_job_fail() {
    let scene = Scene::set().await;
    let map = scene.config.map_file.clone().unwrap();
    std::fs::remove_file(&map).unwrap();
    let mut job = scene.job();
    scene.server.shows(&Metrics::aged(HOUR, &[(1, 700), (2, 300)]));
    let report = run(&mut job).await;
    assert_eq!((report.counted_bytes, report.unmapped_services, report.unmapped.len()), (0, 2, 2));
    assert!(report.map_troubles[0].contains("cannot be read"), "{:?}", report.map_troubles);
    write_map(&map, &[(deployment(1), project(1))]);
    let report = run(&mut job).await;
    assert_eq!((report.counted_bytes, report.unmapped_services, report.map_troubles), (700, 1, vec![]));
}

#[tokio::test]
async fn the_runner_outlives_a_traefik_that_is_down() {
    let scene = Scene::set().await;
    let down = TraefikConfig { url: "http://127.0.0.1:1/metrics".into(), ..scene.config.clone() };
    let mut runner = Runner::new(scene.store.job(down.clone()), down.schedule(), &alone());
    for failures in 1..4 {
        let report = runner.once().await.unwrap();
        let Err(RunError::Failed(TraefikError::Scrape(ScrapeError::Unreachable(_)))) = report.outcome else {
            panic!("{report:?}")
        };
        assert_eq!(report.failures, failures);
    }

    // By its own clock, until it is told to stop.
    let schedule = Schedule { interval: Duration::from_millis(20), ..scene.config.schedule() };
    let shutdown = CancellationToken::new();
    scene.server.answers_text("503 Service Unavailable", "Content-Length: 0\r\n", "");
    let mut wake = scene.store.log.wake();
    wake.mark_unchanged();
    let running = tokio::spawn(Runner::new(scene.job(), schedule, &alone()).run(shutdown.clone()));
    scene.server.shows(&Metrics::aged(HOUR, &[(1, 42)]));
    tokio::time::timeout(support::PATIENCE, wake.changed()).await.unwrap().unwrap();
    shutdown.cancel();
    tokio::time::timeout(support::PATIENCE, running).await.unwrap().unwrap();
    assert_eq!(scene.egress(1).await, 42);
}

fn alone() -> std::sync::Arc<Coordinator> {
    Coordinator::alone(std::sync::Arc::new(store::SystemClock))
}
