//! How long it takes from an append's answer until a read sees it, while others append at half of what the server
//! can take.

use std::sync::Arc;
use std::time::Duration;

use futures::future::{try_join, try_join_all};
use tokio::time::Instant;

use super::single::{self, OneByOne};
use super::{Asker, Figures, Target, Window, drive, on_one_thread};
use crate::Failure;
use crate::directory::Directory;
use crate::http::Connection;
use crate::latency::Latencies;
use crate::ledger::Ledger;
use crate::rounds::as_float;

/// Connections that append and then read.
const PROBES: usize = 8;

/// Runs the load at this many samples a second. The figures are the background's; the latencies are from the append's
/// answer to the read's.
pub(crate) async fn visible(
    target: Target,
    directory: Arc<Directory>,
    samples_per_second: f64,
    ledger: &mut Ledger,
) -> Result<(Figures, Latencies), Failure> {
    let (figures, seen, theirs) = on_one_thread(move || async move {
        let every = Duration::from_secs_f64(as_float(single::CONNECTIONS as u64) / samples_per_second);
        let background = drive(target, single::askers(&directory), Some(every));
        let window = Window::of(&target);
        let probes = try_join_all((0..PROBES).map(|place| probe(target, &directory, place, window)));
        let ((figures, askers), probes) = try_join(background, probes).await?;
        let (seen, probes): (Vec<_>, Vec<_>) = probes.into_iter().unzip();
        let theirs: Vec<Ledger> = askers.iter().chain(&probes).map(|asker| asker.ledger().clone()).collect();
        Ok((figures, Latencies::all(seen), theirs))
    })
    .await?;
    theirs.iter().for_each(|theirs| ledger.merge(theirs));
    Ok((figures, seen))
}

async fn probe(
    target: Target,
    directory: &Directory,
    place: usize,
    window: Window,
) -> Result<(Latencies, OneByOne), Failure> {
    let mut connection = Connection::open(target.address).await?;
    let mut asker = OneByOne::new(directory, place * 7);
    let mut latencies = Latencies::default();
    while Instant::now() < window.until {
        let answer = connection.ask(asker.next()).await?;
        let begun = Instant::now();
        asker.took(answer.ok()?)?;
        let request = directory.read(asker.project(), Some(asker.ledger().position));
        connection.ask(&request).await?.ok()?;
        let ended = Instant::now();
        if window.counts(ended) {
            latencies.add(ended - begun);
        }
    }
    Ok((latencies, asker))
}
