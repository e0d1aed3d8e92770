//! What containers write into their own layers, and which folders of the machine they mount.

use std::path::{Path, PathBuf};

use bollard::models::ContainerSummary;
use domain::ProjectId;

use super::found::Found;
use crate::docker::labelled;

/// A folder of the machine that a project's container mounts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Link {
    /// The container's project.
    pub(super) project: ProjectId,
    /// The folder, as the engine names it.
    pub(super) source: PathBuf,
}

/// What containers come to, and their links. Containers that do not run count too: their layers are there.
pub(super) fn attribute(containers: &[ContainerSummary], labels: &[String]) -> (Found, Vec<Link>) {
    let (mut found, mut links) = (Found::default(), Vec::new());
    for container in containers {
        let Some(project) = container.labels.as_ref().and_then(|own| labelled(labels, own)) else { continue };
        // Engines leave out a zero, and show -1 when they could not measure it.
        found.add(project, u64::try_from(container.size_rw.unwrap_or(0)).ok());
        let mounts = container.mounts.iter().flatten();
        let binds = mounts.filter(|mount| mount.typ.as_deref() == Some("bind"));
        let sources = binds.filter_map(|mount| mount.source.as_deref());
        links.extend(sources.map(|source| Link { project, source: Path::new(source).to_owned() }));
    }
    (found, links)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn layers_and_links_are_read() {
        let (one, other) = ("11111111111111111111111111111111", "22222222222222222222222222222222");
        let containers: Vec<ContainerSummary> = serde_json::from_value(json!([
            { "Labels": { "p": one }, "SizeRw": 787, "Mounts": [
                { "Type": "bind", "Source": "/data/a", "Destination": "/a" },
                { "Type": "volume", "Name": "v", "Source": "/data/v", "Destination": "/v" },
                { "Type": "tmpfs", "Source": "", "Destination": "/t" } ] },
            { "Labels": { "p": one } },
            { "Labels": { "p": other }, "SizeRw": -1 },
            { "Labels": {}, "SizeRw": 5, "Mounts": [{ "Type": "bind", "Source": "/data" }] },
            { "SizeRw": 6 },
        ]))
        .unwrap();
        let (found, links) = attribute(&containers, &["p".into()]);
        assert_eq!((found.of(one.parse().unwrap()), found.of(other.parse().unwrap())), (Some(787), None));
        assert_eq!(links, [Link { project: one.parse().unwrap(), source: "/data/a".into() }]);
    }
}
