//! A backend that answers what a test says, one connection a request, and keeps the bytes of what it was asked.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

/// What it does with a request after it has read all of it.
#[derive(Debug, Clone)]
pub(crate) enum Reply {
    /// `200 OK`, more headers (each with its line end), body.
    Text(&'static str, &'static str, String),
    /// Ends the connection without a word.
    Drop,
    /// Keeps the connection, and is silent.
    Hang,
    /// As text, of which the last byte never comes.
    Cut(String),
}

impl Reply {
    pub(crate) fn ok(body: &str) -> Self {
        Self::Text("200 OK", "Content-Type: application/json\r\n", body.into())
    }

    pub(crate) fn status(line: &'static str) -> Self {
        let page = "<!doctype html><title>canary-page</title><p>+22670000000</p>";
        Self::Text(line, "Content-Type: text/html\r\n", page.into())
    }

    pub(crate) fn later(line: &'static str, retry_after: &'static str) -> Self {
        Self::Text(line, retry_after, String::new())
    }
}

/// A request as it came.
#[derive(Debug, Clone)]
pub(crate) struct Received {
    pub(crate) head: String,
    pub(crate) body: String,
}

impl Received {
    pub(crate) fn line(&self) -> &str {
        self.head.lines().next().unwrap()
    }

    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        let mut headers = self.head.lines().skip(1).filter_map(|line| line.split_once(": "));
        headers.find(|(own, _)| own.eq_ignore_ascii_case(name)).map(|(_, value)| value)
    }
}

pub(crate) struct Server {
    pub(crate) url: String,
    received: Arc<Mutex<Vec<Received>>>,
}

impl Server {
    /// Gives these replies, one a request, and then the last one for ever.
    pub(crate) async fn start(replies: impl IntoIterator<Item = Reply>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let received = Arc::new(Mutex::new(Vec::new()));
        let mut replies: VecDeque<_> = replies.into_iter().collect();
        let asked = Arc::clone(&received);
        tokio::spawn(async move {
            while let Ok((mut connection, _)) = listener.accept().await {
                let Some(request) = read(&mut connection).await else { continue };
                asked.lock().unwrap().push(request);
                let reply = replies.pop_front().unwrap();
                if replies.is_empty() {
                    replies.push_back(reply.clone());
                }
                tokio::spawn(answer(connection, reply));
            }
        });
        Self { url, received }
    }

    /// What it was asked so far.
    pub(crate) fn received(&self) -> Vec<Received> {
        self.received.lock().unwrap().clone()
    }
}

async fn read(connection: &mut TcpStream) -> Option<Received> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(connection.read_u8().await.ok()?);
    }
    let head = String::from_utf8(head).unwrap();
    let mut received = Received { head, body: String::new() };
    let length = received.header("content-length").map_or(0, |length| length.parse().unwrap());
    let mut body = vec![0; length];
    connection.read_exact(&mut body).await.ok()?;
    received.body = String::from_utf8(body).unwrap();
    Some(received)
}

async fn answer(mut connection: TcpStream, reply: Reply) {
    let (status, headers, body, length) = match reply {
        Reply::Drop => return,
        Reply::Hang => return tokio::time::sleep(Duration::from_secs(600)).await,
        Reply::Text(status, headers, body) => (status, headers, body.clone(), body.len()),
        Reply::Cut(body) => ("200 OK", "", body.clone(), body.len() + 1),
    };
    let head = format!("HTTP/1.1 {status}\r\n{headers}Content-Length: {length}\r\nConnection: close\r\n\r\n");
    // The client may have hung up: a test of that sees it at its own end.
    drop(connection.write_all((head + &body).as_bytes()).await);
}
