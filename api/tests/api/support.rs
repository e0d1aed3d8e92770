//! A whole Servelink without its binary: log, read models, runner and router, in a folder of its own.
//! Every answer that it gives to a test is held against the OpenAPI document.

// Named, since two test programs share this file from different places.
#[path = "backend.rs"]
pub(crate) mod backend;
#[path = "contract.rs"]
mod contract;

use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use chrono::{DateTime, TimeDelta, Utc};
use domain::UserId;
use domain::plan::Catalogue;
use domain::service_key::Scope;
use http::{HeaderMap, Method, Request, StatusCode};
use http_body_util::BodyExt;
use projections::{Db, ReadModels, Runner};
use secrecy::SecretString;
use serde_json::{Value, json};
use servelink_api::App;
use servelink_api::auth::callback::{CallbackConfig, CallbackPolicy, parse_secrets};
use servelink_api::auth::service_key::{self, KeyVerifier};
use servelink_api::auth::token::{self, TokenConfig, TokenVerifier};
use store::commands::{Actor, Commands};
use store::ingest::Ingest;
use store::known::Known;
use store::payments::Payments;
use store::sqlite::SqliteLog;
use store::subjects::Subjects;
use store::{Clock, EventLog};
use tempfile::TempDir;
use tokio::task::JoinHandle;
use tower::ServiceExt;

use backend::FakeBackend;

pub(crate) const TEAM: &str = "11111111111111111111111111111111";
pub(crate) const OTHER_TEAM: &str = "22222222222222222222222222222222";
pub(crate) const NO_TEAM: &str = "33333333333333333333333333333333";
pub(crate) const PROJECT: &str = "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa";
pub(crate) const OTHER_PROJECT: &str = "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb";
pub(crate) const NO_PROJECT: &str = "cccccccccccccccccccccccccccccccc";
/// Owns [`TEAM`], whose slug is `ferme` and whose project is [`PROJECT`].
pub(crate) const USER: UserId = UserId(1);
/// Owns [`OTHER_TEAM`], whose slug is `autre` and whose project is [`OTHER_PROJECT`].
pub(crate) const OTHER_USER: UserId = UserId(2);

/// What payment callbacks are signed with, `whsec_` and all.
pub(crate) const WEBHOOK_SECRET: &str = "whsec_c2VjcmV0IG9mIHRoZSB0ZXN0cyE=";

pub(crate) struct Server {
    router: Router,
    pub(crate) app: Arc<App>,
    pub(crate) backend: Arc<FakeBackend>,
    pub(crate) subjects: Subjects,
    now: Arc<Mutex<DateTime<Utc>>>,
    /// A service key with every scope.
    pub(crate) key: String,
    runner: Option<JoinHandle<()>>,
    background: Vec<JoinHandle<()>>,
    /// The OpenAPI document.
    document: Value,
    _folder: TempDir,
}

pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Value,
}

fn secret() -> SecretString {
    SecretString::from("test secret")
}

impl Server {
    /// An empty Servelink, at noon of 2026-11-23.
    pub(crate) async fn empty() -> Self {
        let secrets = parse_secrets(&format!("test:{WEBHOOK_SECRET}")).unwrap();
        Self::start(Some(CallbackConfig { secrets, ..CallbackConfig::default() })).await
    }

    /// The same that takes callbacks like this; with none it takes no payments at all.
    pub(crate) async fn start(callbacks: Option<CallbackConfig>) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let now = Arc::new(Mutex::new("2026-11-23T12:00:00Z".parse().unwrap()));
        let shown = Arc::clone(&now);
        let clock: Arc<dyn Clock> = Arc::new(move || *shown.lock().unwrap());
        let plans = Arc::new(Catalogue::default());

        let log: Arc<dyn EventLog> = Arc::new(SqliteLog::open(&folder.path().join("log.db")).await.unwrap());
        let known = Known::open(Arc::clone(&log)).await.unwrap();
        let subjects = Subjects::in_memory().await.unwrap();
        let commands = Arc::new(Commands::new(
            Arc::clone(&log),
            Arc::clone(&known),
            Arc::clone(&plans),
            Arc::clone(&clock),
            subjects.clone(),
        ));
        let ingest = Ingest::start(Arc::clone(&log), Arc::clone(&known), Arc::clone(&clock));
        let db = Db::open_sqlite(&folder.path().join("read.db")).await.unwrap();
        let reads = ReadModels::new(db.clone());
        let runner = Runner::new(Arc::clone(&log), db, projections::all(), reads.moved());
        let backend = Arc::<FakeBackend>::default();
        let with_backend =
            || Payments::new(Arc::clone(&commands), Arc::clone(&backend) as _, Arc::clone(&clock));
        let app = Arc::new(App {
            payments: callbacks.as_ref().map(|_| with_backend()),
            callbacks: callbacks.map(|config| CallbackPolicy::new(config).unwrap()),
            ingest,
            commands,
            known: Arc::clone(&known),
            log,
            reads,
            plans,
            keys: Arc::new(KeyVerifier::new(Arc::clone(&known), Arc::clone(&clock))),
            tokens: Arc::new(TokenVerifier::new(
                TokenConfig::default(),
                Some(&secret()),
                None,
                Arc::clone(&clock),
            )),
            clock,
        });
        let mut server = Self {
            router: servelink_api::router(Arc::clone(&app)),
            app,
            backend,
            subjects,
            now,
            key: String::new(),
            runner: Some(tokio::spawn(runner.run())),
            background: vec![tokio::spawn(known.follow())],
            document: Value::Null,
            _folder: folder,
        };
        let document = Request::get("/api/openapi.json").body(Body::empty()).unwrap();
        server.document = server.exchange(document).await.ok();
        server.key = server.new_key(&Scope::ALL, None).await;
        server
    }

    /// Two teams of one owner and one project each.
    pub(crate) async fn with_two_teams() -> Self {
        let server = Self::empty().await;
        server.add_two_teams().await;
        server
    }

    pub(crate) async fn add_two_teams(&self) {
        for (team, slug, user, project) in
            [(TEAM, "ferme", USER, PROJECT), (OTHER_TEAM, "autre", OTHER_USER, OTHER_PROJECT)]
        {
            let name = format!("Team {slug}");
            self.put(&format!("/api/teams/{team}"), json!({ "name": name, "slug": slug })).await.ok();
            self.put(&format!("/api/teams/{team}/members/{user}"), json!({ "role": "owner" })).await.ok();
            let project_body = json!({ "team_id": team, "name": format!("Project {slug}") });
            self.put(&format!("/api/projects/{project}"), project_body).await.ok();
        }
        self.caught_up().await;
    }

    /// Waits until the read models have everything that is recorded, and answers where that ends.
    pub(crate) async fn caught_up(&self) -> u64 {
        let head = self.app.log.head().await.unwrap();
        self.app.reads.wait_for(head, Duration::from_secs(120)).await.unwrap();
        head.0
    }

    pub(crate) async fn new_key(&self, scopes: &[Scope], expires_at: Option<DateTime<Utc>>) -> String {
        let new = service_key::generate();
        let actor = Actor("test".into());
        self.app
            .commands
            .create_service_key(&actor, &new.id, &new.hash, "test", scopes, expires_at)
            .await
            .unwrap();
        self.app.known.catch_up().await.unwrap();
        new.expose().to_owned()
    }

    pub(crate) fn now(&self) -> DateTime<Utc> {
        *self.now.lock().unwrap()
    }

    pub(crate) fn let_pass(&self, time: TimeDelta) {
        *self.now.lock().unwrap() += time;
    }

    /// From now on the read models stay where they are.
    pub(crate) async fn stop_runner(&mut self) {
        let runner = self.runner.take().unwrap();
        runner.abort();
        let _ = runner.await;
    }

    /// A token that is valid for an hour.
    pub(crate) fn token(&self, user: UserId) -> String {
        token::mint(&TokenConfig::default(), &secret(), user, Duration::from_secs(3600), self.now()).unwrap()
    }

    pub(crate) async fn send(&self, request: Request<Body>) -> Answer {
        let (method, uri) = (request.method().clone(), request.uri().clone());
        let answer = self.exchange(request).await;
        contract::check(&self.document, &method, uri.path(), &answer);
        answer
    }

    async fn exchange(&self, request: Request<Body>) -> Answer {
        let (parts, body) = self.router.clone().oneshot(request).await.unwrap().into_parts();
        let body = body.collect().await.unwrap().to_bytes();
        let body = serde_json::from_slice(&body).unwrap_or_else(|_| String::from_utf8_lossy(&body).into());
        Answer { status: parts.status, headers: parts.headers, body }
    }

    /// With a bearer credential and a JSON body, or without either.
    pub(crate) async fn call(
        &self,
        method: Method,
        path: &str,
        bearer: Option<&str>,
        body: Option<&Value>,
    ) -> Answer {
        let mut request = Request::builder().method(method).uri(path);
        if let Some(bearer) = bearer {
            request = request.header("authorization", format!("Bearer {bearer}"));
        }
        let body = match body {
            Some(body) => {
                request = request.header("content-type", "application/json");
                Body::from(body.to_string())
            }
            None => Body::empty(),
        };
        self.send(request.body(body).unwrap()).await
    }

    /// As [`USER`].
    pub(crate) async fn get(&self, path: &str) -> Answer {
        self.call(Method::GET, path, Some(&self.token(USER)), None).await
    }

    /// With the service key.
    pub(crate) async fn put(&self, path: &str, body: Value) -> Answer {
        self.call(Method::PUT, path, Some(&self.key), Some(&body)).await
    }

    /// With the service key.
    pub(crate) async fn post(&self, path: &str, body: Value) -> Answer {
        self.call(Method::POST, path, Some(&self.key), Some(&body)).await
    }

    /// With the service key.
    pub(crate) async fn delete(&self, path: &str) -> Answer {
        self.call(Method::DELETE, path, Some(&self.key), None).await
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.runner.iter().chain(&self.background).for_each(JoinHandle::abort);
    }
}

impl Answer {
    /// The body of a success.
    #[track_caller]
    pub(crate) fn ok(self) -> Value {
        assert_eq!(self.status, StatusCode::OK, "{}", self.body);
        self.body
    }

    /// The body of a problem with this status and type.
    #[track_caller]
    pub(crate) fn problem(self, status: u16, slug: &str) -> Value {
        assert_eq!(self.status.as_u16(), status, "{}", self.body);
        assert_eq!(self.headers["content-type"], "application/problem+json");
        assert_eq!(self.body["type"], format!("/problems/{slug}"), "{}", self.body);
        assert_eq!(self.body["instance"], self.headers["x-request-id"].to_str().unwrap());
        self.body
    }

    /// The position of a change.
    #[track_caller]
    pub(crate) fn position(self) -> u64 {
        self.ok()["position"].as_u64().unwrap()
    }
}

/// Fields and codes of what is wrong.
pub(crate) fn errors(problem: &Value) -> Vec<(Option<&str>, &str)> {
    let errors = problem["errors"].as_array().map(Vec::as_slice).unwrap_or_default();
    errors.iter().map(|error| (error["field"].as_str(), error["code"].as_str().unwrap())).collect()
}
