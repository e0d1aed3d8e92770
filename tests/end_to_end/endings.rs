//! A server that is killed or stopped under load: every acknowledged batch is counted, and a batch that is sent again
//! (because nobody knows what became of it) is counted once.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use reqwest::Method;
use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::common::client::{batch, sample, start};
use crate::common::{Client, Home, eventually, project};

const MONTH: &str = "2024-05";
const SENDERS: usize = 8;
/// Acknowledgements after which the end comes: in the middle of the load.
const ENOUGH: usize = 200;
/// How long a server may take to stop.
const STOP_WITHIN: Duration = Duration::from_secs(12);

/// What became of the batches that were sent. A batch's number says what is in it.
#[derive(Default)]
struct Ledger {
    acknowledged: BTreeSet<u64>,
    /// No answer came: nobody knows.
    unanswered: BTreeSet<u64>,
    /// Told to come back: certainly not recorded.
    refused: BTreeSet<u64>,
}

fn numbered(number: u64) -> serde_json::Value {
    let samples = [
        sample(1, "2024-05-03T00:00:00Z", [number, 1, 1]),
        sample(2, "2024-05-04T00:00:00Z", [1, number, 2]),
    ];
    batch(&format!("numbered-{number}"), &samples)
}

/// What both projects used when these batches are counted once.
fn sums<'a>(numbers: impl IntoIterator<Item = &'a u64>) -> [[u64; 3]; 2] {
    numbers.into_iter().fold([[0; 3]; 2], |[one, two], number| {
        [[one[0] + number, one[1] + 1, one[2] + 1], [two[0] + 1, two[1] + number, two[2] + 2]]
    })
}

async fn used(client: &Client) -> [[u64; 3]; 2] {
    [client.used(&project(1), MONTH).await, client.used(&project(2), MONTH).await]
}

/// Clients that send as fast as they are answered, until they are told to stop.
struct Load {
    ledger: Arc<Mutex<Ledger>>,
    stop: Arc<AtomicBool>,
    senders: Vec<tokio::task::JoinHandle<()>>,
}

impl Load {
    fn start(client: &Client) -> Self {
        let (ledger, stop) = (Arc::<Mutex<Ledger>>::default(), Arc::<AtomicBool>::default());
        let senders = (0..SENDERS as u64).map(|sender| {
            let (client, ledger, stop) = (client.clone(), Arc::clone(&ledger), Arc::clone(&stop));
            tokio::spawn(async move {
                for turn in 1.. {
                    if stop.load(Ordering::Relaxed) {
                        break;
                    }
                    let number = turn * SENDERS as u64 + sender;
                    let request = client.request(Method::POST, "/api/usage/traffic").json(&numbered(number));
                    let answer = client.try_send(request).await;
                    let mut ledger = ledger.lock().unwrap();
                    match answer {
                        Ok(answer) if answer.status == 200 => {
                            assert_eq!(answer.json()["accepted"], json!(2), "{answer:?}");
                            ledger.acknowledged.insert(number);
                        }
                        Ok(answer) => {
                            assert!([429, 503].contains(&answer.status), "{answer:?}");
                            ledger.refused.insert(number);
                            break;
                        }
                        Err(_) => {
                            ledger.unanswered.insert(number);
                            break;
                        }
                    }
                }
            })
        });
        let senders = senders.collect();
        Self { ledger, stop, senders }
    }

    async fn is_under_way(&self) {
        eventually("enough acknowledgements", || async {
            let acknowledged = self.ledger.lock().unwrap().acknowledged.len();
            if acknowledged >= ENOUGH { Ok(()) } else { Err(format!("{acknowledged}")) }
        })
        .await;
    }

    /// Ends it, and tells what became of everything.
    async fn end(self) -> Ledger {
        self.stop.store(true, Ordering::Relaxed);
        for sender in self.senders {
            sender.await.unwrap();
        }
        std::mem::take(&mut *self.ledger.lock().unwrap())
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_killed_server_has_counted_what_it_acknowledged_embedded() {
    killed(Home::embedded()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_killed_server_has_counted_what_it_acknowledged_on_postgres() {
    killed(Home::postgres().await).await;
}

async fn killed(home: Home) {
    let (server, client) = start(&home, "").await;
    client.register(&[1, 2]).await;
    let load = Load::start(&client);
    load.is_under_way().await;
    server.kill().await;
    let ledger = load.end().await;
    assert!(!ledger.unanswered.is_empty(), "the kill was meant to come in the middle of requests");

    let server = home.serve("").await;
    let client = client.at(&server);
    let counted = used(&client).await;
    let batches = counted[0][2];
    let (least, most) =
        (ledger.acknowledged.len() as u64, (ledger.acknowledged.len() + ledger.unanswered.len()) as u64);
    assert!((least..=most).contains(&batches), "{least} acknowledged, {most} sent, {batches} counted");

    // Everyone sends everything again.
    for number in ledger.acknowledged.iter().chain(&ledger.unanswered) {
        let answer = client.post("/api/usage/traffic", &numbered(*number)).await.ok();
        let once = answer["accepted"].as_u64().unwrap() + answer["duplicates"].as_u64().unwrap();
        assert_eq!(once, 2, "{answer}");
        if ledger.acknowledged.contains(number) {
            assert_eq!(answer["duplicates"], json!(2), "batch {number} was acknowledged before: {answer}");
        }
    }
    assert_eq!(used(&client).await, sums(ledger.acknowledged.union(&ledger.unanswered)));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stopped_server_has_counted_what_it_acknowledged_embedded() {
    stopped(Home::embedded()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stopped_server_has_counted_what_it_acknowledged_on_postgres() {
    stopped(Home::postgres().await).await;
}

async fn stopped(home: Home) {
    let (server, client) = start(&home, "").await;
    client.register(&[1, 2]).await;
    let load = Load::start(&client);
    load.is_under_way().await;
    let told = Instant::now();
    let status = server.terminate().await;
    assert_eq!(status.code(), Some(0), "{}", home.log());
    assert!(told.elapsed() < STOP_WITHIN, "it took {:?} to stop", told.elapsed());
    let ledger = load.end().await;

    let server = home.serve("").await;
    let client = client.at(&server);
    let counted = used(&client).await;
    // A connection that was closed as a request came in is no answer, but nothing of that may be half counted.
    let (least, most) = (ledger.acknowledged.len(), ledger.acknowledged.len() + ledger.unanswered.len());
    assert!((least as u64..=most as u64).contains(&counted[0][2]), "{least} to {most}: {counted:?}");
    for number in ledger.unanswered.union(&ledger.refused) {
        client.post("/api/usage/traffic", &numbered(*number)).await.ok();
    }
    let everything: BTreeSet<u64> =
        ledger.acknowledged.iter().chain(&ledger.unanswered).chain(&ledger.refused).copied().collect();
    assert_eq!(used(&client).await, sums(&everything));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_that_is_under_way_is_answered_before_the_server_stops() {
    let home = Home::embedded();
    let (server, client) = start(&home, "").await;
    client.register(&[1]).await;
    let text = numbered(7).to_string().replace(&project(2), &project(1));
    let (head, tail) = text.split_at(20);
    let mut connection = TcpStream::connect(server.url.trim_start_matches("http://")).await.unwrap();
    let headers = format!(
        "POST /api/usage/traffic HTTP/1.1\r\nHost: servelink\r\nAuthorization: Bearer {}\r\n\
         Content-Type: application/json\r\nContent-Length: {}\r\nExpect: 100-continue\r\n\r\n",
        client.key,
        text.len()
    );
    connection.write_all(headers.as_bytes()).await.unwrap();
    // The server asks for the body once it is at it.
    let mut asked = [0; 25];
    connection.read_exact(&mut asked).await.unwrap();
    assert_eq!(&asked, b"HTTP/1.1 100 Continue\r\n\r\n");
    connection.write_all(head.as_bytes()).await.unwrap();
    server.signal("TERM").await;
    eventually("the listener to close", || async {
        match client.try_send(client.request(Method::GET, "/healthz")).await {
            Err(error) => Ok(error),
            Ok(answer) => Err(format!("{answer:?}")),
        }
    })
    .await;
    connection.write_all(tail.as_bytes()).await.unwrap();
    let mut answer = String::new();
    connection.read_to_string(&mut answer).await.unwrap();
    assert!(answer.starts_with("HTTP/1.1 200") && answer.contains("\"accepted\":2"), "{answer}");
    assert_eq!(server.ended().await.code(), Some(0));
    let server = home.serve("").await;
    assert_eq!(client.at(&server).used(&project(1), MONTH).await, [8, 8, 3]);
}
