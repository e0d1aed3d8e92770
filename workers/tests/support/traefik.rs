//! A real Traefik before a small upstream, and its own counters as it shows them.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::process::Stdio;
use std::sync::Mutex;

use axum::body::Bytes;
use axum::http::Uri;
use tempfile::TempDir;
use tokio::net::TcpListener;
use tokio::process::{Child, Command};
use tokio::time::{Instant, sleep};

use super::{PATIENCE, deployment, use_ring};

/// A Traefik that may be stopped and started again at the same addresses.
pub(crate) struct Traefik {
    program: PathBuf,
    folder: TempDir,
    web: u16,
    metrics: u16,
    process: Option<Child>,
}

impl Traefik {
    /// Starts one with a service for each of these deployments: `/{number}/...` goes there.
    pub(crate) async fn start(deployments: &[u8]) -> Self {
        let program = std::env::var_os("SERVELINK_TEST_TRAEFIK")
            .expect("SERVELINK_TEST_TRAEFIK must be the path of Traefik: run this with scripts/test");
        use_ring();
        let (web, metrics) = (free_port().await, free_port().await);
        let folder = tempfile::tempdir().unwrap();
        let mut traefik = Self { program: program.into(), folder, web, metrics, process: None };
        traefik.configure(&upstream().await, deployments);
        traefik.start_again().await;
        traefik
    }

    pub(crate) fn metrics_url(&self) -> String {
        format!("http://127.0.0.1:{}/metrics", self.metrics)
    }

    fn configuration(&self) -> PathBuf {
        self.folder.path().join("services.json")
    }

    fn configure(&self, upstream: &str, deployments: &[u8]) {
        let (mut routers, mut services) = (serde_json::Map::new(), serde_json::Map::new());
        for byte in deployments {
            let service = format!("deployment-{}", deployment(*byte));
            let rule = format!("PathPrefix(`/{byte}/`)");
            routers.insert(
                format!("to-{byte}"),
                serde_json::json!({ "rule": rule, "service": service, "entryPoints": ["web"] }),
            );
            let servers = serde_json::json!({ "loadBalancer": { "servers": [{ "url": upstream }] } });
            services.insert(service, servers);
        }
        // A service of Traefik's own, which is nobody's.
        let redirect = serde_json::json!({
            "rule": "PathPrefix(`/redirect`)", "service": "noop@internal", "entryPoints": ["web"], "middlewares": ["away"]
        });
        routers.insert("redirect".into(), redirect);
        let away = serde_json::json!({ "redirectRegex": { "regex": ".*", "replacement": "http://example.invalid/" } });
        let http =
            serde_json::json!({ "routers": routers, "services": services, "middlewares": { "away": away } });
        // JSON is YAML too.
        std::fs::write(self.configuration(), serde_json::json!({ "http": http }).to_string()).unwrap();
        std::fs::rename(self.configuration(), self.configuration().with_extension("yml")).unwrap();
    }

    /// Starts it and waits until it answers on both sides.
    pub(crate) async fn start_again(&mut self) {
        let log = std::fs::File::create(self.folder.path().join("traefik.log")).unwrap();
        let process = Command::new(&self.program)
            .current_dir(self.folder.path())
            .arg(format!("--entryPoints.web.address=127.0.0.1:{}", self.web))
            .arg(format!("--entryPoints.metrics.address=127.0.0.1:{}", self.metrics))
            .arg(format!(
                "--providers.file.filename={}",
                self.configuration().with_extension("yml").display()
            ))
            .args(["--metrics.prometheus=true", "--metrics.prometheus.entryPoint=metrics"])
            .args(["--metrics.prometheus.addServicesLabels=true", "--log.level=INFO"])
            .args(["--global.checkNewVersion=false", "--global.sendAnonymousUsage=false"])
            .stdin(Stdio::null())
            .stdout(log.try_clone().unwrap())
            .stderr(log)
            .kill_on_drop(true)
            .spawn()
            .unwrap();
        self.process = Some(process);
        let deadline = Instant::now() + PATIENCE;
        // Traefik routes a moment after it listens; this path is nobody's deployment and is not counted.
        while self.status("/redirect").await != Some(302) || self.counters().await.is_none() {
            if Instant::now() > deadline {
                let log = std::fs::read_to_string(self.folder.path().join("traefik.log")).unwrap();
                panic!("Traefik does not answer within {PATIENCE:?}; its log:\n{log}");
            }
            sleep(std::time::Duration::from_millis(20)).await;
        }
    }

    pub(crate) async fn stop(&mut self) {
        self.process.take().unwrap().kill().await.unwrap();
    }

    async fn status(&self, path: &str) -> Option<u16> {
        let url = format!("http://127.0.0.1:{}{path}", self.web);
        Some(client().get(url).send().await.ok()?.status().as_u16())
    }

    /// A request of this many bytes to a deployment, answered with that many. Not both large: where an answer begins before
    /// Traefik has seen the end of a request's body, it now and then (1 in 130 was measured) cuts off what does not come in
    /// one read with the answer's head, and no counter could be foretold.
    pub(crate) async fn exchange(&self, deployment: u8, sends: usize, answers: usize) {
        assert!(sends == 0 || answers <= 3_000, "a large body both ways is cut off now and then");
        let url = format!("http://127.0.0.1:{}/{deployment}/?{answers}", self.web);
        let response = client().post(url).body(vec![b'x'; sends]).send().await.unwrap();
        assert_eq!(response.status().as_u16(), 200);
        assert_eq!(response.bytes().await.unwrap().len(), answers);
    }

    /// Waits until Traefik has counted this many requests of deployments since its start, and gives back its counters.
    pub(crate) async fn settled(&self, requests: u64) -> BTreeMap<u8, [u64; 3]> {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let counters = self.counters().await.unwrap();
            if counters.values().map(|[.., requests]| requests).sum::<u64>() == requests {
                return counters;
            }
            assert!(Instant::now() < deadline, "Traefik counts {counters:?} and not {requests} requests");
            sleep(std::time::Duration::from_millis(20)).await;
        }
    }

    /// Bytes in, bytes out and requests by deployment. Read in the plainest way, apart from the code under test.
    async fn counters(&self) -> Option<BTreeMap<u8, [u64; 3]>> {
        const METRICS: [&str; 3] = [
            "traefik_service_requests_bytes_total{",
            "traefik_service_responses_bytes_total{",
            "traefik_service_requests_total{",
        ];
        let text = client().get(self.metrics_url()).send().await.ok()?.text().await.ok()?;
        let mut counters = BTreeMap::<u8, [u64; 3]>::new();
        for line in text.lines() {
            let Some(metric) = METRICS.iter().position(|metric| line.starts_with(metric)) else {
                continue;
            };
            let (series, value) = line.rsplit_once(' ').unwrap();
            for byte in 0..16 {
                if series.contains(&format!("service=\"deployment-{}@file\"", deployment(byte))) {
                    let value: f64 = value.parse().unwrap();
                    #[expect(
                        clippy::cast_possible_truncation,
                        clippy::cast_sign_loss,
                        reason = "small and whole"
                    )]
                    let value = value as u64;
                    counters.entry(byte).or_default()[metric] += value;
                }
            }
        }
        Some(counters)
    }
}

fn client() -> reqwest::Client {
    reqwest::Client::builder()
        .redirect(reqwest::redirect::Policy::none())
        .no_proxy()
        .timeout(PATIENCE)
        .build()
        .unwrap()
}

/// A port that nobody else in this process was given: a Traefik that is down for a moment wants its own again.
async fn free_port() -> u16 {
    static GIVEN: Mutex<BTreeSet<u16>> = Mutex::new(BTreeSet::new());
    loop {
        let port = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap().port();
        if GIVEN.lock().unwrap().insert(port) {
            return port;
        }
    }
}

/// Answers with as many bytes as the query says.
async fn upstream() -> String {
    let answer = |uri: Uri, _body: Bytes| async move { vec![b'y'; uri.query().unwrap().parse().unwrap()] };
    let app = axum::Router::new().fallback(answer).layer(axum::extract::DefaultBodyLimit::disable());
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async move { axum::serve(listener, app).await.unwrap() });
    url
}
