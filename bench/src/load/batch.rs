//! A thousand samples a request, ten of each project.

use std::sync::Arc;

use super::{Asker, Figures, Target, drive, on_one_thread};
use crate::Failure;
use crate::directory::{Directory, PROJECTS};
use crate::http::{FIRST, NEW_ID, NUMBER, Template};
use crate::ledger::{Ledger, Sums};

/// Connections: enough that the server always has a batch to read while another is made durable.
pub(crate) const CONNECTIONS: usize = 12;
/// Samples in a request.
pub(crate) const SAMPLES: u64 = 1_000;
const OF_A_PROJECT: u64 = SAMPLES / PROJECTS as u64;
const INGRESS: u64 = 1_048_576;
const EGRESS: u64 = 52_428_800;
const REQUESTS: u64 = 250;

struct Thousands {
    request: Template,
    number: u64,
    ledger: Ledger,
}

impl Thousands {
    fn new(directory: &Directory) -> Self {
        // Projects take turns, as they do in a gateway's batch; the first sample of each has the request's number.
        let samples: Vec<String> = (0..OF_A_PROJECT)
            .flat_map(|turn| (0..PROJECTS).map(move |project| (turn, project)))
            .map(|(turn, project)| {
                let ingress = if turn == 0 { NUMBER.to_owned() } else { INGRESS.to_string() };
                directory.sample(project, &ingress, EGRESS, REQUESTS)
            })
            .collect();
        let request = Template::new(directory.post(NEW_ID, &samples));
        Self { request, number: FIRST, ledger: Ledger::new(PROJECTS) }
    }
}

impl Asker for Thousands {
    fn next(&mut self) -> &[u8] {
        self.number += 1;
        self.request.with(self.number)
    }

    fn took(&mut self, answer: &[u8]) -> Result<(), Failure> {
        self.ledger.took(SAMPLES, answer)?;
        let sums = Sums {
            ingress: self.number + (OF_A_PROJECT - 1) * INGRESS,
            egress: OF_A_PROJECT * EGRESS,
            requests: OF_A_PROJECT * REQUESTS,
        };
        (0..PROJECTS).for_each(|project| self.ledger.add(project, sums));
        Ok(())
    }
}

/// Runs the load: a request is [`SAMPLES`] samples.
pub(crate) async fn batch(
    target: Target,
    directory: Arc<Directory>,
    ledger: &mut Ledger,
) -> Result<Figures, Failure> {
    let (figures, theirs) = on_one_thread(move || async move {
        let askers = (0..CONNECTIONS).map(|_| Thousands::new(&directory)).collect();
        let (figures, askers) = drive(target, askers, None).await?;
        Ok((figures, askers.into_iter().map(|asker| asker.ledger).collect::<Vec<_>>()))
    })
    .await?;
    theirs.iter().for_each(|theirs| ledger.merge(theirs));
    Ok(figures)
}
