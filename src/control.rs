//! How the command line reaches a server that owns the embedded store: a second HTTP listener on the loopback
//! interface, whose address and password are in a file of the data folder that only its owner may read. Whoever can
//! read that file can read the store itself, so it gives nothing away.

use std::fs;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use axum::body::{Body, Bytes};
use axum::extract::{Path as UrlPath, Request, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use axum::routing::{delete, get, post};
use axum::{Json, Router};
use futures::StreamExt;
use rand::Rng;
use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Serialize};
use subtle::ConstantTimeEq;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;

use crate::admin::{
    Admin, AdminError, JobRow, JobWish, KeyRow, KeyWish, NewKey, ProjectionRow, RebuildProgress, ReviewRow,
    cli_actor,
};
use crate::secret_key::create_private;

const FILE: &str = "control.json";

/// Why the server that owns the store could not be asked.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ControlError {
    #[error(
        "another servelink uses the data folder, and {file} does not say how to reach it ({why}); try again"
    )]
    NotFound { file: PathBuf, why: String },
    #[error("the server that owns the data folder cannot be reached")]
    Http(#[from] reqwest::Error),
    /// In the server's own words.
    #[error("{0}")]
    Refused(String),
    #[error("the server that owns the data folder gave an answer that cannot be understood")]
    Answer(#[from] serde_json::Error),
}

/// What stands in the file.
#[derive(Serialize, Deserialize)]
struct Address {
    address: SocketAddr,
    password: String,
}

/// The listener, and the file that tells of it for as long as it lives.
pub(crate) struct ControlServer {
    file: PathBuf,
    task: tokio::task::AbortHandle,
}

impl ControlServer {
    /// Starts to listen, and says where in the data folder.
    pub(crate) async fn start(data_dir: &Path, admin: Admin) -> Result<Self, std::io::Error> {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
        let password = hex::encode(rand::rng().random::<[u8; 32]>());
        let address = Address { address: listener.local_addr()?, password: password.clone() };
        let file = data_dir.join(FILE);
        // What a killed server left behind; the lock says that nobody else is alive.
        let _ = fs::remove_file(&file);
        serde_json::to_writer(create_private(&file)?, &address)?;
        let router = router(admin, password);
        let task = tokio::spawn(async move {
            if let Err(error) = axum::serve(listener, router).await {
                tracing::error!(%error, "the command line cannot reach this server any more");
            }
        });
        Ok(Self { file, task: task.abort_handle() })
    }
}

impl Drop for ControlServer {
    fn drop(&mut self) {
        self.task.abort();
        let _ = fs::remove_file(&self.file);
    }
}

fn router(admin: Admin, password: String) -> Router {
    let expected: Arc<[u8]> = format!("Bearer {password}").into_bytes().into();
    let check = move |headers: HeaderMap, request: Request, next: Next| {
        let expected = Arc::clone(&expected);
        async move {
            let given = headers.get(header::AUTHORIZATION).map_or(&[][..], |value| value.as_bytes());
            if bool::from(given.ct_eq(&expected)) {
                next.run(request).await
            } else {
                StatusCode::UNAUTHORIZED.into_response()
            }
        }
    };
    Router::new()
        .route("/keys", get(list_keys).post(create_key))
        .route("/keys/{id}", delete(revoke_key))
        .route("/jobs", get(list_jobs))
        .route("/jobs/{name}/run", post(request_job))
        .route("/payments/review/{limit}", get(review))
        .route("/projections", get(list_projections))
        .route("/projections/rebuild", post(rebuild))
        .layer(middleware::from_fn(check))
        .with_state(admin)
}

#[derive(Serialize, Deserialize)]
struct NewKeyAnswer {
    id: String,
    key: String,
}

#[derive(Serialize, Deserialize)]
struct RebuildWish {
    name: Option<String>,
}

/// One line of the answer to a rebuild.
#[derive(Serialize, Deserialize)]
enum RebuildLine {
    At(RebuildProgress),
    Done,
    Failed(String),
}

/// An error in words, for whoever typed the command.
struct Refused(AdminError);

impl From<AdminError> for Refused {
    fn from(error: AdminError) -> Self {
        Self(error)
    }
}

impl IntoResponse for Refused {
    fn into_response(self) -> Response {
        (StatusCode::CONFLICT, crate::cli::in_one_line(&self.0)).into_response()
    }
}

async fn create_key(
    State(admin): State<Admin>,
    Json(wish): Json<KeyWish>,
) -> Result<Json<NewKeyAnswer>, Refused> {
    let new = admin.create_key(&cli_actor(), &wish).await?;
    Ok(Json(NewKeyAnswer { id: new.id, key: new.key.expose_secret().to_owned() }))
}

async fn list_keys(State(admin): State<Admin>) -> Result<Json<Vec<KeyRow>>, Refused> {
    Ok(Json(admin.keys().await?))
}

async fn revoke_key(State(admin): State<Admin>, UrlPath(id): UrlPath<String>) -> Result<StatusCode, Refused> {
    admin.revoke_key(&cli_actor(), &id).await?;
    Ok(StatusCode::NO_CONTENT)
}

async fn list_jobs(State(admin): State<Admin>) -> Result<Json<Vec<JobRow>>, Refused> {
    Ok(Json(admin.jobs().await?))
}

async fn request_job(
    State(admin): State<Admin>,
    UrlPath(name): UrlPath<String>,
) -> Result<Json<JobWish>, Refused> {
    Ok(Json(admin.request_job(&name).await?))
}

async fn review(
    State(admin): State<Admin>,
    UrlPath(limit): UrlPath<u16>,
) -> Result<Json<Vec<ReviewRow>>, Refused> {
    Ok(Json(admin.review(limit).await?))
}

async fn list_projections(State(admin): State<Admin>) -> Result<Json<Vec<ProjectionRow>>, Refused> {
    Ok(Json(admin.projections().await?))
}

/// A line of JSON for each step, so that the command can draw its progress bar.
async fn rebuild(State(admin): State<Admin>, Json(wish): Json<RebuildWish>) -> Response {
    let (lines, mut sent) = mpsc::channel::<RebuildLine>(16);
    tokio::spawn(async move {
        // A step that nobody has read yet is dropped: the next one says more.
        let mut report = |at| drop(lines.try_send(RebuildLine::At(at)));
        let last = match admin.rebuild(wish.name.as_deref(), &mut report).await {
            Ok(()) => RebuildLine::Done,
            Err(error) => RebuildLine::Failed(crate::cli::in_one_line(&error)),
        };
        let _ = lines.send(last).await;
    });
    let stream = futures::stream::poll_fn(move |context| sent.poll_recv(context)).map(|line| {
        let mut line = serde_json::to_vec(&line)?;
        line.push(b'\n');
        Ok::<_, serde_json::Error>(Bytes::from(line))
    });
    Body::from_stream(stream).into_response()
}

/// Asks the server that owns the store.
pub(crate) struct ControlClient {
    http: reqwest::Client,
    base: String,
    password: String,
}

impl ControlClient {
    /// The server that owns this data folder, if it listens.
    pub(crate) async fn find(data_dir: &Path) -> Result<Self, ControlError> {
        let file = data_dir.join(FILE);
        let listening = async {
            let Address { address, password } = serde_json::from_slice(&fs::read(&file)?)?;
            // The file may be what a killed server left behind.
            TcpStream::connect(address).await?;
            Ok::<_, std::io::Error>((address, password))
        };
        let (address, password) = match listening.await {
            Ok(found) => found,
            Err(error) => return Err(ControlError::NotFound { file, why: error.to_string() }),
        };
        let http = reqwest::Client::builder()
            .no_proxy()
            .connect_timeout(std::time::Duration::from_secs(2))
            .build()?;
        Ok(Self { http, base: format!("http://{address}"), password })
    }

    async fn ask(&self, request: reqwest::RequestBuilder) -> Result<reqwest::Response, ControlError> {
        let response = request.bearer_auth(&self.password).send().await?;
        if response.status().is_success() {
            Ok(response)
        } else {
            let status = response.status();
            let words = response.text().await?;
            let words = if words.is_empty() { format!("it answered {status}") } else { words };
            Err(ControlError::Refused(words))
        }
    }

    pub(crate) async fn create_key(&self, wish: &KeyWish) -> Result<NewKey, ControlError> {
        let answer = self.ask(self.http.post(format!("{}/keys", self.base)).json(wish)).await?;
        let NewKeyAnswer { id, key } = answer.json().await?;
        Ok(NewKey { id, key: SecretString::from(key) })
    }

    pub(crate) async fn keys(&self) -> Result<Vec<KeyRow>, ControlError> {
        Ok(self.ask(self.http.get(format!("{}/keys", self.base))).await?.json().await?)
    }

    pub(crate) async fn revoke_key(&self, id: &str) -> Result<(), ControlError> {
        self.ask(self.http.delete(format!("{}/keys/{id}", self.base))).await?;
        Ok(())
    }

    pub(crate) async fn jobs(&self) -> Result<Vec<JobRow>, ControlError> {
        Ok(self.ask(self.http.get(format!("{}/jobs", self.base))).await?.json().await?)
    }

    pub(crate) async fn request_job(&self, name: &str) -> Result<JobWish, ControlError> {
        let name = percent_encoding::utf8_percent_encode(name, percent_encoding::NON_ALPHANUMERIC);
        Ok(self.ask(self.http.post(format!("{}/jobs/{name}/run", self.base))).await?.json().await?)
    }

    pub(crate) async fn review(&self, limit: u16) -> Result<Vec<ReviewRow>, ControlError> {
        Ok(self.ask(self.http.get(format!("{}/payments/review/{limit}", self.base))).await?.json().await?)
    }

    pub(crate) async fn projections(&self) -> Result<Vec<ProjectionRow>, ControlError> {
        Ok(self.ask(self.http.get(format!("{}/projections", self.base))).await?.json().await?)
    }

    pub(crate) async fn rebuild(
        &self,
        name: Option<&str>,
        progress: &mut (dyn FnMut(RebuildProgress) + Send),
    ) -> Result<(), ControlError> {
        let request = self.http.post(format!("{}/projections/rebuild", self.base));
        let wish = RebuildWish { name: name.map(str::to_owned) };
        let mut answer = self.ask(request.json(&wish)).await?;
        let mut unread = Vec::new();
        while let Some(chunk) = answer.chunk().await? {
            unread.extend_from_slice(&chunk);
            while let Some(end) = unread.iter().position(|byte| *byte == b'\n') {
                let line: Vec<u8> = unread.drain(..=end).collect();
                match serde_json::from_slice(&line)? {
                    RebuildLine::At(at) => progress(at),
                    RebuildLine::Done => return Ok(()),
                    RebuildLine::Failed(why) => return Err(ControlError::Refused(why)),
                }
            }
        }
        Err(ControlError::Refused(
            "the server stopped before the rebuild was done; what is read is as it was".into(),
        ))
    }
}
