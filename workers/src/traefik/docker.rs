//! Whose deployments are, by the labels of their containers.
//!
//! Docker forgets a container when it is removed, and Traefik shows its last bytes after that. So what was seen once is
//! kept, as long as there is room and anyhow as long as Traefik shows the deployment.

use std::collections::{HashMap, HashSet};
use std::time::Duration;

use async_trait::async_trait;
use bollard::query_parameters::ListContainersOptionsBuilder;
use bollard::{Docker, errors};
use domain::source::SourceRefusal;
use domain::{DeploymentId, ProjectId};
use tokio::time::timeout;

use super::mapping::{DeploymentMap, MapError};

/// The longest that asking Docker may take.
const LIMIT: Duration = Duration::from_secs(10);

/// The most deployments that are kept: twice as many as Traefik may show.
const MAX_KEPT: usize = 2 * SourceRefusal::MAX_SERVICES;

/// Where Docker is, and which labels name what.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DockerConfig {
    /// `unix:///var/run/docker.sock`, `tcp://host:2375`; without it `DOCKER_HOST`, else the usual socket.
    pub host: Option<String>,
    /// Labels that name the deployment; the first that a container has counts.
    pub deployment_labels: Vec<String>,
    /// Labels that name the project; the first that a container has counts.
    pub project_labels: Vec<String>,
}

impl Default for DockerConfig {
    fn default() -> Self {
        let both = |label: &str| vec![format!("devpush.{label}"), label.to_owned()];
        Self { host: None, deployment_labels: both("deployment_id"), project_labels: both("project_id") }
    }
}

/// Why Docker could not be asked.
#[derive(Debug, thiserror::Error)]
pub enum DockerError {
    /// It does not answer, or refuses.
    #[error(
        "Docker cannot be asked for its containers: deployments that are new since cannot be told, and wait"
    )]
    Unavailable(#[from] errors::Error),
    /// It takes too long.
    #[error("Docker did not list its containers within {LIMIT:?}: deployments that are new since wait")]
    Slow,
    /// More deployments than can be kept.
    #[error("Docker has more than {MAX_KEPT} deployments: those over it wait")]
    Full,
}

/// The map that the containers' labels are.
#[derive(Debug)]
pub struct DockerMap {
    config: DockerConfig,
    /// Gone after an error: the next turn connects anew.
    client: Option<Docker>,
    pairs: HashMap<DeploymentId, ProjectId>,
}

impl DockerMap {
    /// The map of this Docker, which is not asked yet.
    #[must_use]
    pub fn new(config: DockerConfig) -> Self {
        Self { config, client: None, pairs: HashMap::new() }
    }

    /// The pairs of all containers, stopped ones too.
    async fn list(&mut self) -> Result<HashMap<DeploymentId, ProjectId>, errors::Error> {
        let client = match self.client.take() {
            Some(client) => client,
            None => connect(self.config.host.as_deref())?,
        };
        let options = ListContainersOptionsBuilder::default().all(true).build();
        let containers = client.list_containers(Some(options)).await?;
        self.client = Some(client);
        let labels = containers.into_iter().filter_map(|container| container.labels);
        Ok(labels.filter_map(|labels| pair(&self.config, &labels)).collect())
    }

    fn keep(
        &mut self,
        listed: HashMap<DeploymentId, ProjectId>,
        shown: &HashSet<DeploymentId>,
        most: usize,
    ) -> Result<(), DockerError> {
        let new = listed.keys().filter(|deployment| !self.pairs.contains_key(*deployment)).count();
        if self.pairs.len() + new > most {
            self.pairs.retain(|deployment, _| shown.contains(deployment) || listed.contains_key(deployment));
        }
        for (deployment, project) in listed {
            if self.pairs.len() >= most && !self.pairs.contains_key(&deployment) {
                return Err(DockerError::Full);
            }
            self.pairs.insert(deployment, project);
        }
        Ok(())
    }
}

#[async_trait]
impl DeploymentMap for DockerMap {
    fn name(&self) -> &'static str {
        "Docker"
    }

    async fn refresh(&mut self, shown: &HashSet<DeploymentId>) -> Result<(), MapError> {
        let listed = timeout(LIMIT, self.list())
            .await
            .map_err(|_| DockerError::Slow)?
            .map_err(DockerError::Unavailable)?;
        Ok(self.keep(listed, shown, MAX_KEPT)?)
    }

    fn project_of(&self, deployment: DeploymentId) -> Option<ProjectId> {
        self.pairs.get(&deployment).copied()
    }
}

/// Versions are not negotiated: bollard 0.21 names none in its addresses, to which every engine answers in its own, and
/// `/version` is a request more for a socket proxy to refuse. A test tells when a newer bollard does otherwise.
fn connect(host: Option<&str>) -> Result<Docker, errors::Error> {
    host.map_or_else(Docker::connect_with_defaults, Docker::connect_with_host)
}

/// Whose deployment a container is. Ids of another kind are other software's labels.
fn pair(config: &DockerConfig, labels: &HashMap<String, String>) -> Option<(DeploymentId, ProjectId)> {
    let first = |names: &[String]| names.iter().find_map(|name| labels.get(name));
    Some((first(&config.deployment_labels)?.parse().ok()?, first(&config.project_labels)?.parse().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(byte: u8) -> DeploymentId {
        DeploymentId::from_bytes([byte; 16])
    }

    fn of(bytes: &[u8]) -> HashMap<DeploymentId, ProjectId> {
        bytes.iter().map(|byte| (id(*byte), ProjectId::from_bytes([*byte; 16]))).collect()
    }

    fn labelled(labels: &[(&str, &str)]) -> Option<(DeploymentId, ProjectId)> {
        let labels = labels.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        pair(&DockerConfig::default(), &labels)
    }

    #[test]
    fn labels_with_and_without_a_prefix_are_read() {
        let (deployment, project) = (id(1).to_string(), id(2).to_string());
        let expected = Some((id(1), ProjectId::from_bytes([2; 16])));
        assert_eq!(
            labelled(&[("devpush.deployment_id", &deployment), ("devpush.project_id", &project)]),
            expected
        );
        assert_eq!(labelled(&[("deployment_id", &deployment), ("project_id", &project)]), expected);
        assert_eq!(labelled(&[("deployment_id", &deployment)]), None);
        assert_eq!(labelled(&[("deployment_id", "7"), ("project_id", &project)]), None);
        assert_eq!(labelled(&[]), None);
    }

    #[test]
    fn a_removed_container_is_remembered_until_room_is_needed_and_traefik_shows_it_no_more() {
        let mut map = DockerMap::new(DockerConfig::default());
        let shown = HashSet::from([id(1)]);
        map.keep(of(&[1, 2, 3]), &shown, 4).unwrap();
        map.keep(of(&[3, 4]), &shown, 4).unwrap();
        assert_eq!(map.pairs, of(&[1, 2, 3, 4]));
        map.keep(of(&[4, 5]), &shown, 4).unwrap();
        assert_eq!(map.pairs, of(&[1, 4, 5]));
        assert!(matches!(map.keep(of(&[4, 5, 6, 7]), &shown, 4), Err(DockerError::Full)));
        assert_eq!(map.pairs.len(), 4);
        assert!(map.project_of(id(1)).is_some());
    }
}
