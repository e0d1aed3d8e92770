//! A file that says whose deployments are: a table `deployment_id = "project_id"`, in JSON when its name ends in
//! `.json`, else in TOML.
//!
//! It is read at every turn and taken in when its text has changed (a time stamp may stay the same over a change). Of
//! a file with some bad lines the good ones hold; of one that is no table at all nothing does, and what the file said
//! before holds on.

use std::collections::{HashMap, HashSet};
use std::io;
use std::path::{Path, PathBuf};

use async_trait::async_trait;
use domain::{DeploymentId, ProjectId};
use serde::de::{Deserialize, Deserializer, MapAccess, Visitor};
use tokio::io::AsyncReadExt;

use super::mapping::{DeploymentMap, MapError};

/// The longest file, in bytes: some 200,000 deployments.
const MAX_BYTES: u64 = 16 << 20;

/// As many bad entries as an error names.
const NAMED: usize = 5;

/// Why the file does not hold as it stands.
#[derive(Debug, Clone, thiserror::Error)]
pub enum MapFileError {
    /// It cannot be read.
    #[error("the map file {} cannot be read: {why}", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// Why.
        why: String,
    },
    /// Not a table of texts.
    #[error("the map file {} is malformed and what it said before holds: {why}", path.display())]
    Malformed {
        /// The file.
        path: PathBuf,
        /// Where and why.
        why: String,
    },
    /// Some entries are no pair of ids.
    #[error("{count} entries of the map file {} do not hold: {}", path.display(), first.join("; "))]
    BadEntries {
        /// The file.
        path: PathBuf,
        /// How many.
        count: usize,
        /// What is wrong with the first of them.
        first: Vec<String>,
    },
}

/// The map that a file holds.
#[derive(Debug)]
pub struct MapFile {
    path: PathBuf,
    text: Option<String>,
    pairs: HashMap<DeploymentId, ProjectId>,
    fault: Option<MapFileError>,
}

impl MapFile {
    /// The map in this file, which is not read yet.
    #[must_use]
    pub fn new(path: PathBuf) -> Self {
        Self { path, text: None, pairs: HashMap::new(), fault: None }
    }

    fn take_in(&mut self, text: String) {
        self.fault = None;
        match entries(&self.path, &text) {
            Ok(entries) => {
                let (pairs, bad) = pairs(entries);
                self.pairs = pairs;
                if !bad.is_empty() {
                    let first = bad.iter().take(NAMED).cloned().collect();
                    self.fault =
                        Some(MapFileError::BadEntries { path: self.path.clone(), count: bad.len(), first });
                }
            }
            Err(why) => self.fault = Some(MapFileError::Malformed { path: self.path.clone(), why }),
        }
        self.text = Some(text);
    }
}

#[async_trait]
impl DeploymentMap for MapFile {
    fn name(&self) -> &'static str {
        "the map file"
    }

    async fn refresh(&mut self, _shown: &HashSet<DeploymentId>) -> Result<(), MapError> {
        let text = text_of(&self.path)
            .await
            .map_err(|error| MapFileError::Unreadable { path: self.path.clone(), why: error.to_string() })?;
        if self.text.as_ref() != Some(&text) {
            self.take_in(text);
        }
        self.fault.clone().map_or(Ok(()), |fault| Err(fault.into()))
    }

    fn project_of(&self, deployment: DeploymentId) -> Option<ProjectId> {
        self.pairs.get(&deployment).copied()
    }
}

async fn text_of(path: &Path) -> io::Result<String> {
    let mut text = String::new();
    let file = tokio::fs::File::open(path).await?;
    if file.take(MAX_BYTES + 1).read_to_string(&mut text).await? as u64 > MAX_BYTES {
        return Err(io::Error::other(format!("it is longer than {MAX_BYTES} bytes")));
    }
    Ok(text)
}

/// One entry as it is written.
struct Entry {
    /// For people to find it.
    place: String,
    deployment: String,
    /// `None` when it is no text.
    project: Option<String>,
}

fn entries(path: &Path, text: &str) -> Result<Vec<Entry>, String> {
    if path.extension().is_some_and(|extension| extension.eq_ignore_ascii_case("json")) {
        let object: JsonObject = serde_json::from_str(text).map_err(|error| error.to_string())?;
        let entry = |(index, (deployment, value)): (usize, (String, serde_json::Value))| {
            let project = value.as_str().map(Into::into);
            Entry { place: format!("entry {}", index + 1), deployment, project }
        };
        return Ok(object.0.into_iter().enumerate().map(entry).collect());
    }
    let table = toml::de::DeTable::parse(text).map_err(|error| error.to_string())?;
    let line = |at: usize| text.bytes().take(at).filter(|byte| *byte == b'\n').count() + 1;
    let entry = |(key, value): (&toml::Spanned<_>, &toml::Spanned<toml::de::DeValue<'_>>)| Entry {
        place: format!("line {}", line(key.span().start)),
        deployment: AsRef::<std::borrow::Cow<'_, str>>::as_ref(key).to_string(),
        project: value.get_ref().as_str().map(Into::into),
    };
    Ok(table.get_ref().iter().map(entry).collect())
}

/// The pairs that hold, and what is wrong with the others.
fn pairs(entries: Vec<Entry>) -> (HashMap<DeploymentId, ProjectId>, Vec<String>) {
    let mut pairs = HashMap::new();
    let mut bad = Vec::new();
    for Entry { place, deployment, project } in entries {
        let shown: String = deployment.chars().take(40).collect();
        let Ok(deployment) = deployment.parse::<DeploymentId>() else {
            bad.push(format!(
                "{place}: the deployment `{shown}` must be 32 lower-case hexadecimal characters"
            ));
            continue;
        };
        let Some(Ok(project)) = project.map(|project| project.parse::<ProjectId>()) else {
            bad.push(format!(
                "{place}: the project of `{shown}` must be 32 lower-case hexadecimal characters"
            ));
            continue;
        };
        if pairs.insert(deployment, project).is_some_and(|other| other != project) {
            pairs.remove(&deployment);
            bad.push(format!("{place}: `{shown}` has two projects"));
        }
    }
    (pairs, bad)
}

/// A JSON object with every entry it has: a map would drop all but the last of those with one name.
struct JsonObject(Vec<(String, serde_json::Value)>);

impl<'de> Deserialize<'de> for JsonObject {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Entries;
        impl<'de> Visitor<'de> for Entries {
            type Value = JsonObject;
            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("an object of deployment ids and project ids")
            }
            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<JsonObject, A::Error> {
                let mut entries = Vec::new();
                while let Some(entry) = map.next_entry()? {
                    entries.push(entry);
                }
                Ok(JsonObject(entries))
            }
        }
        deserializer.deserialize_map(Entries)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const A: &str = "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa";
    const B: &str = "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb";
    const P: &str = "00000000000000000000000000000001";
    const Q: &str = "00000000000000000000000000000002";

    /// A file that is written and refreshed in turn; gives back what the map says of A and B, and its error.
    struct File(tempfile::TempDir, MapFile);

    impl File {
        fn new(name: &str) -> Self {
            let folder = tempfile::tempdir().unwrap();
            let map = MapFile::new(folder.path().join(name));
            Self(folder, map)
        }

        async fn with(&mut self, text: &str) -> (Option<String>, Option<String>, String) {
            std::fs::write(&self.1.path, text).unwrap();
            self.again().await
        }

        async fn again(&mut self) -> (Option<String>, Option<String>, String) {
            let error = self.1.refresh(&HashSet::new()).await.err().map(|error| error.to_string());
            let project = |text: &str| self.1.project_of(text.parse().unwrap()).map(|id| id.to_string());
            let folder = self.0.path().display().to_string();
            (project(A), project(B), error.unwrap_or_default().replace(&folder, ""))
        }
    }

    fn some(text: &str) -> Option<String> {
        Some(text.into())
    }

    #[tokio::test]
    async fn a_changed_file_is_taken_in() {
        for (name, first, second) in [
            ("map.toml", format!("# who\n{A} = \"{P}\"\n"), format!("{A} = \"{Q}\"\n{B} = \"{P}\"\n")),
            ("map.json", format!(r#"{{"{A}": "{P}"}}"#), format!(r#"{{"{A}": "{Q}", "{B}": "{P}"}}"#)),
        ] {
            let mut file = File::new(name);
            assert_eq!(file.with(&first).await, (some(P), None, String::new()), "{name}");
            assert_eq!(file.with(&second).await, (some(Q), some(P), String::new()), "{name}");
        }
    }

    #[tokio::test]
    async fn bad_lines_are_named_and_the_others_hold() {
        let mut file = File::new("map.toml");
        let text = format!("{A} = \"{P}\"\n\n{B} = 7\nshort = \"{P}\"\n");
        let (a, b, error) = file.with(&text).await;
        assert_eq!((a, b), (some(P), None));
        assert!(error.starts_with("2 entries of the map file /map.toml do not hold"), "{error}");
        assert!(error.contains(&format!("line 3: the project of `{B}` must be 32")), "{error}");
        assert!(error.contains("line 4: the deployment `short` must be 32"), "{error}");
        assert_eq!(file.again().await.2, error, "as long as the file is so");
    }

    #[tokio::test]
    async fn a_file_that_is_no_table_or_is_gone_changes_nothing() {
        let mut file = File::new("map.toml");
        assert!(file.again().await.2.starts_with("the map file /map.toml cannot be read"));
        file.with(&format!("{A} = \"{P}\"\n")).await;
        let (a, _, error) = file.with(&format!("{A} = \"{Q}\"\n{B} =\n")).await;
        assert_eq!(a, some(P));
        assert!(error.contains("malformed") && error.contains("line 2"), "{error}");
        std::fs::remove_file(&file.1.path).unwrap();
        assert_eq!(file.again().await.0, some(P));
    }

    #[tokio::test]
    async fn two_projects_for_one_deployment_are_none() {
        let mut file = File::new("map.json");
        let (a, _, error) = file.with(&format!(r#"{{"{A}": "{P}", "{A}": "{Q}"}}"#)).await;
        assert_eq!(a, None);
        assert!(error.contains("entry 2: `aaaa"), "{error}");
        assert!(file.with("[]").await.2.contains("an object of deployment ids and project ids"));
    }
}
