//! A proxy before an engine's socket that passes on, refuses, answers itself, or lets a request wait.

use std::path::PathBuf;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use tokio::io::{AsyncReadExt, AsyncWriteExt, copy_bidirectional};
use tokio::net::{TcpListener, TcpStream, UnixStream};
use tokio::sync::Semaphore;

/// What is done with a request.
#[derive(Clone)]
pub(crate) enum Rule {
    /// This status, as a socket proxy's.
    Status(u16),
    /// This JSON, as an engine's.
    Json(String),
    /// An engine's error, as often as this; then the next rule holds.
    Busy(Arc<AtomicUsize>),
    /// No answer.
    Silence,
    /// It is passed on when the test says so.
    Gate(Gate),
}

/// Where a request waits.
#[derive(Clone)]
pub(crate) struct Gate {
    arrived: Arc<Semaphore>,
    open: Arc<Semaphore>,
    passed: Arc<Semaphore>,
}

impl Gate {
    pub(crate) fn new() -> Self {
        let closed = || Arc::new(Semaphore::new(0));
        Self { arrived: closed(), open: closed(), passed: closed() }
    }

    /// Until a request is here.
    pub(crate) async fn arrived(&self) {
        self.arrived.acquire().await.unwrap().forget();
    }

    /// Lets one pass, and waits until the engine has it.
    pub(crate) async fn open(&self) {
        self.open.add_permits(1);
        self.passed.acquire().await.unwrap().forget();
    }
}

/// The proxy.
pub(crate) struct Proxy {
    pub(crate) host: String,
    rules: Arc<Mutex<Vec<(&'static str, Rule)>>>,
    asked: Arc<Mutex<Vec<String>>>,
}

impl Proxy {
    /// Before this socket; without any, what no rule names is answered with 404.
    pub(crate) async fn start(socket: Option<PathBuf>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let host = format!("tcp://{}", listener.local_addr().unwrap());
        let (rules, asked) = (Arc::<Mutex<Vec<_>>>::default(), Arc::<Mutex<Vec<String>>>::default());
        let proxy = Self { host, rules: Arc::clone(&rules), asked: Arc::clone(&asked) };
        tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                tokio::spawn(serve(client, socket.clone(), Arc::clone(&rules), Arc::clone(&asked)));
            }
        });
        proxy
    }

    /// From now on, for addresses that begin so.
    pub(crate) fn rule(&self, rules: &[(&'static str, Rule)]) {
        *self.rules.lock().unwrap() = rules.to_vec();
    }

    /// What was asked for since the last call, with its query.
    pub(crate) fn asked(&self) -> Vec<String> {
        std::mem::take(&mut *self.asked.lock().unwrap())
    }
}

/// One request: the clients here keep no connection.
async fn serve(
    mut client: TcpStream,
    socket: Option<PathBuf>,
    rules: Arc<Mutex<Vec<(&'static str, Rule)>>>,
    asked: Arc<Mutex<Vec<String>>>,
) {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        match client.read_u8().await {
            Ok(byte) => head.push(byte),
            Err(_) => return,
        }
    }
    let address = String::from_utf8(head.clone()).unwrap().split(' ').nth(1).unwrap().to_owned();
    asked.lock().unwrap().push(address.clone());
    let rule = {
        let rules = rules.lock().unwrap();
        rules.iter().find(|(start, rule)| address.starts_with(start) && rule.holds()).cloned()
    };
    match rule.map(|(_, rule)| rule) {
        Some(Rule::Status(status)) => {
            answer(&mut client, &format!("{status} Refused"), "<html><body>403 Forbidden</body></html>")
                .await;
        }
        Some(Rule::Json(text)) => answer(&mut client, "200 OK", &text).await,
        Some(Rule::Busy(_)) => {
            let text = r#"{"message":"a disk usage operation is already running"}"#;
            answer(&mut client, "500 Internal Server Error", text).await;
        }
        Some(Rule::Silence) => {
            // Until the client goes.
            let _ = client.read_u8().await;
        }
        Some(Rule::Gate(gate)) => {
            gate.arrived.add_permits(1);
            gate.open.acquire().await.unwrap().forget();
            pass_on(&mut client, socket, &head, || gate.passed.add_permits(1)).await;
        }
        None => pass_on(&mut client, socket, &head, || ()).await,
    }
}

impl Rule {
    fn holds(&self) -> bool {
        match self {
            Self::Busy(left) => {
                left.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |left| left.checked_sub(1)).is_ok()
            }
            Self::Status(_) | Self::Json(_) | Self::Silence | Self::Gate(_) => true,
        }
    }
}

async fn pass_on(client: &mut TcpStream, socket: Option<PathBuf>, head: &[u8], passed: impl FnOnce()) {
    let Some(socket) = socket else { return answer(client, "404 Not Found", "{}").await };
    // An engine that is away: the client's connection just ends.
    let Ok(mut engine) = UnixStream::connect(socket).await else { return };
    if engine.write_all(head).await.is_ok() {
        passed();
        let _ = copy_bidirectional(client, &mut engine).await;
    }
}

async fn answer(client: &mut TcpStream, status: &str, body: &str) {
    let length = body.len();
    let text = format!(
        "HTTP/1.1 {status}\r\nContent-Type: application/json\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n{body}"
    );
    let _ = client.write_all(text.as_bytes()).await;
}
