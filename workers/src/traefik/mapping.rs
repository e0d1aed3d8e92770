//! From Traefik's services to projects: `deployment-{deployment}@{provider}`, and whose a deployment is.
//!
//! Who knows that stands behind [`DeploymentMap`]: a file (`map_file.rs`), Docker's labels (`docker.rs`).

use std::collections::{BTreeMap, HashSet};

use async_trait::async_trait;
use domain::source::{Reading, Totals};
use domain::{DeploymentId, ProjectId};

use super::docker::DockerError;
use super::map_file::MapFileError;

/// Why one of them could not be brought up to date. What it knew before still holds.
#[derive(Debug, thiserror::Error)]
pub enum MapError {
    /// The map file.
    #[error(transparent)]
    File(#[from] MapFileError),
    /// Docker.
    #[error(transparent)]
    Docker(#[from] DockerError),
}

/// Knows whose deployments are.
#[async_trait]
pub trait DeploymentMap: Send + Sync {
    /// What log lines call it.
    fn name(&self) -> &'static str;

    /// Learns what is new. Pairs of the `shown` deployments must be kept, even if nobody names them any more.
    ///
    /// # Errors
    /// [`MapError`]; what was known stays known.
    async fn refresh(&mut self, shown: &HashSet<DeploymentId>) -> Result<(), MapError>;

    /// Whose deployment this is, as far as known.
    fn project_of(&self, deployment: DeploymentId) -> Option<ProjectId>;
}

/// The deployment whose service this is; `None` for the services of others (`api@internal`, `noop@internal`, ...).
#[must_use]
pub fn deployment_of(service: &str) -> Option<DeploymentId> {
    let (name, provider) = service.split_once('@')?;
    let deployment = name.strip_prefix("deployment-")?.parse().ok()?;
    (!provider.is_empty()).then_some(deployment)
}

/// Traefik's services, sorted.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Sorted {
    /// Those of deployments.
    pub(super) ours: Vec<(DeploymentId, String, Totals)>,
    /// How many others there are.
    pub(super) foreign: usize,
}

/// Sorts out the services that are not those of deployments.
pub(super) fn sort(services: BTreeMap<String, Totals>) -> Sorted {
    let all = services.len();
    let deployment = |(service, totals): (String, Totals)| Some((deployment_of(&service)?, service, totals));
    let ours: Vec<_> = services.into_iter().filter_map(deployment).collect();
    Sorted { foreign: all - ours.len(), ours }
}

/// Names the project of each service; the first map that knows it decides.
pub(super) fn read(ours: Vec<(DeploymentId, String, Totals)>, maps: &[&dyn DeploymentMap]) -> Vec<Reading> {
    let project_of = |deployment| maps.iter().find_map(|map| map.project_of(deployment));
    ours.into_iter()
        .map(|(deployment, service, totals)| Reading { service, totals, project_id: project_of(deployment) })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Fixed(u8, u8);

    #[async_trait]
    impl DeploymentMap for Fixed {
        fn name(&self) -> &'static str {
            "fixed"
        }

        async fn refresh(&mut self, _shown: &HashSet<DeploymentId>) -> Result<(), MapError> {
            Ok(())
        }

        fn project_of(&self, deployment: DeploymentId) -> Option<ProjectId> {
            (deployment.as_bytes()[0] == self.0).then(|| ProjectId::from_bytes([self.1; 16]))
        }
    }

    fn deployment(byte: u8) -> DeploymentId {
        DeploymentId::from_bytes([byte; 16])
    }

    #[test]
    fn only_deployments_of_a_provider_are_ours() {
        let ours = format!("deployment-{}", deployment(7));
        for provider in ["docker", "file", "swarm"] {
            assert_eq!(deployment_of(&format!("{ours}@{provider}")), Some(deployment(7)));
        }
        let short = &ours[..ours.len() - 1];
        for foreign in [
            "noop@internal",
            "api@internal",
            "",
            "@",
            "deployment-@docker",
            &ours,
            &format!("{ours}@"),
            &format!("{short}@docker"),
            &format!("{}@docker", ours.replace('7', "F")),
            &format!("x{ours}@docker"),
        ] {
            assert_eq!(deployment_of(foreign), None, "{foreign}");
        }
    }

    #[test]
    fn the_first_map_that_knows_a_deployment_decides() {
        let names = [1, 2, 3].map(|byte| format!("deployment-{}@docker", deployment(byte)));
        let mut services: BTreeMap<_, _> = names.iter().map(|name| (name.clone(), Totals::ZERO)).collect();
        services.insert("noop@internal".into(), Totals::ZERO);
        let sorted = sort(services);
        assert_eq!((sorted.ours.len(), sorted.foreign), (3, 1));
        let readings = read(sorted.ours, &[&Fixed(1, 10), &Fixed(1, 20), &Fixed(2, 20)]);
        let projects: Vec<_> =
            readings.iter().map(|reading| reading.project_id.map(|id| id.as_bytes()[0])).collect();
        assert_eq!(projects, [Some(10), Some(20), None]);
        assert_eq!(readings.into_iter().map(|reading| reading.service).collect::<Vec<_>>(), names);
    }
}
