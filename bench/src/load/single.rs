//! One sample a request.

use std::sync::Arc;

use super::{Asker, Figures, Target, drive, on_one_thread};
use crate::Failure;
use crate::directory::{Directory, PROJECTS};
use crate::http::{FIRST, NEW_ID, NUMBER, Template};
use crate::ledger::{Ledger, Sums};

/// Connections.
pub(crate) const CONNECTIONS: usize = 256;
const EGRESS: u64 = 123_456;
const REQUESTS: u64 = 3;

/// Sends samples one by one, of another project each time.
pub(super) struct OneByOne {
    /// By project.
    requests: Vec<Template>,
    project: usize,
    number: u64,
    ledger: Ledger,
}

impl OneByOne {
    pub(super) fn new(directory: &Directory, first_project: usize) -> Self {
        let request = |project| {
            // Other bytes every time: a sample that is lost and another that counts twice are found too.
            let sample = directory.sample(project, NUMBER, EGRESS, REQUESTS);
            Template::new(directory.post(NEW_ID, &[sample]))
        };
        let requests = (0..PROJECTS).map(request).collect();
        Self { requests, project: first_project % PROJECTS, number: FIRST, ledger: Ledger::new(PROJECTS) }
    }

    pub(super) fn ledger(&self) -> &Ledger {
        &self.ledger
    }

    /// The project of the request that is under way.
    pub(super) fn project(&self) -> usize {
        self.project
    }
}

impl Asker for OneByOne {
    fn next(&mut self) -> &[u8] {
        self.number += 1;
        self.project = (self.project + 1) % PROJECTS;
        self.requests[self.project].with(self.number)
    }

    fn took(&mut self, answer: &[u8]) -> Result<(), Failure> {
        self.ledger.took(1, answer)?;
        self.ledger.add(self.project, Sums { ingress: self.number, egress: EGRESS, requests: REQUESTS });
        Ok(())
    }
}

/// As many connections as the design names, each with one sample at a time under way.
pub(super) fn askers(directory: &Directory) -> Vec<OneByOne> {
    // Each begins with another project, so that they do not all send the same one's at the same time.
    (0..CONNECTIONS).map(|place| OneByOne::new(directory, place * 7)).collect()
}

/// Runs the load: a request is a sample.
pub(crate) async fn single(
    target: Target,
    directory: Arc<Directory>,
    ledger: &mut Ledger,
) -> Result<Figures, Failure> {
    let (figures, theirs) = on_one_thread(move || async move {
        let (figures, askers) = drive(target, askers(&directory), None).await?;
        Ok((figures, askers.into_iter().map(|asker| asker.ledger).collect::<Vec<_>>()))
    })
    .await?;
    theirs.iter().for_each(|theirs| ledger.merge(theirs));
    Ok(figures)
}
