//! Whether the read models say exactly what was acknowledged: nothing lost, nothing twice.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use crate::Failure;
use crate::directory::Directory;
use crate::http::{self, Connection};
use crate::ledger::{Ledger, Sums};

/// How long the read models may take to reach what was acknowledged.
const PATIENCE: Duration = Duration::from_secs(120);

/// Waits until the read models have everything that was acknowledged, and says how long that took.
pub(crate) async fn settle(
    address: SocketAddr,
    directory: &Directory,
    position: u64,
) -> Result<Duration, Failure> {
    let begun = Instant::now();
    let mut connection = Connection::open(address).await?;
    loop {
        let answer = connection.ask(&directory.read(0, Some(position))).await?;
        match answer.status {
            200 => return Ok(begun.elapsed()),
            // The server itself waits a few seconds for the position before it gives up.
            503 if begun.elapsed() < PATIENCE => {}
            _ => return answer.ok().map(|_| Duration::ZERO),
        }
    }
}

/// The projects whose usage differs from what was acknowledged, each as a line for people.
pub(crate) async fn differences(
    address: SocketAddr,
    directory: &Directory,
    ledger: &Ledger,
) -> Result<Vec<String>, Failure> {
    settle(address, directory, ledger.position).await?;
    let mut connection = Connection::open(address).await?;
    let mut differences = Vec::new();
    for (project, acknowledged) in ledger.projects.iter().enumerate() {
        let request = directory.read(project, Some(ledger.position));
        let answer = connection.ask(&request).await?.ok()?;
        let number = |key: &str| http::number(answer, key).ok_or_else(|| format!("an answer without {key}"));
        let read = Sums {
            ingress: number("\"ingress_bytes\":")?,
            egress: number("\"egress_bytes\":")?,
            requests: number("\"requests\":")?,
        };
        if read != *acknowledged {
            let id = &directory.projects[project].id;
            differences.push(format!("project {id}: {acknowledged:?} was acknowledged, {read:?} is read"));
        }
    }
    Ok(differences)
}
