//! What is measured, and how.

use std::time::Duration;

use super::binds::BindsConfig;
use super::volumes::VolumeName;
use crate::docker::PROJECT_LABELS;

/// The longest that each question to Docker may take unless told otherwise: it looks at every file of every volume.
const DEFAULT_DOCKER_LIMIT: Duration = Duration::from_secs(10 * 60);

/// The longest that recording may take.
const RECORDING_LIMIT: Duration = Duration::from_secs(10 * 60);

/// Where the engine is, and what is whose.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StorageConfig {
    /// `unix:///var/run/docker.sock`, `tcp://host:2375`; without it `DOCKER_HOST`, else the usual socket.
    pub host: Option<String>,
    /// Labels of containers, images and volumes that name the project; the first that one has counts.
    pub project_labels: Vec<String>,
    /// Whose a volume without such a label is; the first that fits counts.
    pub volume_names: Vec<VolumeName>,
    /// The PaaS's own folders; without it they are not measured.
    pub binds: Option<BindsConfig>,
    /// How long Docker may take to answer each question.
    pub docker_limit: Duration,
}

impl Default for StorageConfig {
    fn default() -> Self {
        Self {
            host: None,
            project_labels: PROJECT_LABELS.map(str::to_owned).into(),
            volume_names: "{project_id}-*".parse().into_iter().collect(),
            binds: Some(BindsConfig::default()),
            docker_limit: DEFAULT_DOCKER_LIMIT,
        }
    }
}

impl StorageConfig {
    /// The longest that a run may take: three questions, the walk, and the recording.
    #[must_use]
    pub fn run_limit(&self) -> Duration {
        let walk = self.binds.as_ref().map_or(Duration::ZERO, |binds| binds.limit);
        self.docker_limit.saturating_mul(3).saturating_add(walk).saturating_add(RECORDING_LIMIT)
    }
}
