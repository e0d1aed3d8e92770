//! Reading what a project used in a month, as its team's members do.

use std::sync::Arc;

use super::{Asker, Figures, Target, drive, on_one_thread};
use crate::Failure;
use crate::directory::{Directory, PROJECTS};

/// Connections.
pub(crate) const CONNECTIONS: usize = 64;

struct Reader {
    /// By project.
    requests: Arc<Vec<Vec<u8>>>,
    project: usize,
}

impl Asker for Reader {
    fn next(&mut self) -> &[u8] {
        self.project = (self.project + 1) % PROJECTS;
        &self.requests[self.project]
    }

    fn took(&mut self, _: &[u8]) -> Result<(), Failure> {
        Ok(())
    }
}

/// Runs the load.
pub(crate) async fn reads(target: Target, directory: Arc<Directory>) -> Result<Figures, Failure> {
    on_one_thread(move || async move {
        let requests = Arc::new((0..PROJECTS).map(|project| directory.read(project, None)).collect());
        let reader = |place: usize| Reader { requests: Arc::clone(&requests), project: place * 7 % PROJECTS };
        let (figures, _) = drive(target, (0..CONNECTIONS).map(reader).collect(), None).await?;
        Ok(figures)
    })
    .await
}
