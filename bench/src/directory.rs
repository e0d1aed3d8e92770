//! The teams and projects that the loads are about: as many as the free plan lets fifty owners have.

use std::net::SocketAddr;

use chrono::Utc;

use crate::Failure;
use crate::http::{self, Connection};
use crate::site::Site;

const TEAMS: usize = 50;
const PROJECTS_OF_A_TEAM: usize = 2;
/// How many projects there are.
pub(crate) const PROJECTS: usize = TEAMS * PROJECTS_OF_A_TEAM;

/// A project, and the token of a user who may read it.
pub(crate) struct Project {
    pub(crate) id: String,
    pub(crate) token: String,
}

/// What the loads must know.
pub(crate) struct Directory {
    /// A service key for everything that the PaaS does.
    pub(crate) key: String,
    pub(crate) projects: Vec<Project>,
    /// The time of every sample. One for the whole run: it shall not cross into another month.
    pub(crate) at: String,
    /// The month that it is in.
    pub(crate) month: String,
}

impl Directory {
    /// Registers everything with a running server, as the PaaS does.
    pub(crate) async fn make(site: &Site, address: SocketAddr) -> Result<Self, Failure> {
        let create = ["key", "create", "--scope", "usage:write", "--scope", "directory:write"];
        let key = site.ask_text(&create, "key").await?;
        let mut connection = Connection::open(address).await?;
        let mut put = async |path: String, body: String| {
            connection.ask(&http::request("PUT", &path, &key, &body)).await?.ok().map(|_| ())
        };
        let mut projects = Vec::with_capacity(PROJECTS);
        for team in 1..=TEAMS {
            let id = format!("{team:032x}");
            put(format!("/api/teams/{id}"), format!(r#"{{"name":"Team {team}","slug":"team-{team}"}}"#))
                .await?;
            put(format!("/api/teams/{id}/members/{team}"), r#"{"role":"owner"}"#.to_owned()).await?;
            let user = team.to_string();
            let token = site.ask_text(&["token", "--user", &user, "--ttl", "6h"], "token").await?;
            for _ in 0..PROJECTS_OF_A_TEAM {
                let project = format!("{:032x}", 0x1000 + projects.len());
                let body = format!(r#"{{"team_id":"{id}","name":"Project {}"}}"#, projects.len());
                put(format!("/api/projects/{project}"), body).await?;
                projects.push(Project { id: project, token: token.clone() });
            }
        }
        let now = Utc::now();
        let (at, month) = (now.format("%Y-%m-%dT%H:%M:%SZ").to_string(), now.format("%Y-%m").to_string());
        Ok(Self { key, projects, at, month })
    }

    /// A sample of this project as JSON.
    pub(crate) fn sample(&self, project: usize, ingress: &str, egress: u64, requests: u64) -> String {
        let Self { projects, at, .. } = self;
        format!(
            r#"{{"project_id":"{}","ingress_bytes":{ingress},"egress_bytes":{egress},"requests":{requests},"at":"{at}"}}"#,
            projects[project].id
        )
    }

    /// A request that sends these samples.
    pub(crate) fn post(&self, batch_id: &str, samples: &[String]) -> Vec<u8> {
        let samples = samples.join(",");
        let body = format!(r#"{{"batch_id":"{batch_id}","source":"bench","samples":[{samples}]}}"#);
        http::request("POST", "/api/usage/traffic", &self.key, &body)
    }

    /// A request that reads a project's usage, once everything up to a position is in it if one is given.
    pub(crate) fn read(&self, project: usize, min_position: Option<u64>) -> Vec<u8> {
        let Project { id, token } = &self.projects[project];
        let mut path = format!("/api/usage/projects/{id}?month={}", self.month);
        if let Some(position) = min_position {
            path.push_str(&format!("&min_position={position}"));
        }
        http::request("GET", &path, token, "")
    }
}
