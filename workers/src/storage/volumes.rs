//! Whose volumes are: by label, else by name.

use std::fmt;
use std::str::FromStr;

use domain::ProjectId;

use super::disk_usage::Volume;
use super::found::Found;
use super::report::Named;
use crate::docker::labelled;

const PLACE: &str = "{project_id}";
/// Of a project id, in bytes.
const ID_LENGTH: usize = 32;
/// Volumes whose sizes the engine itself measures.
const LOCAL: &str = "local";

/// A pattern of volume names: `{project_id}` once, and `*` for anything, nothing too: `{project_id}-*`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VolumeName {
    before: String,
    after: String,
}

/// A text that is no pattern of volume names.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("must hold {{project_id}} exactly once, and may hold * for anything, as in {{project_id}}-*")]
pub struct VolumeNameError;

impl VolumeName {
    /// The project that this name holds. Where more than one place of it could be meant, the first counts.
    #[must_use]
    pub fn project(&self, name: &str) -> Option<ProjectId> {
        (0..name.len().checked_sub(ID_LENGTH)? + 1).find_map(|start| {
            let (before, rest) = name.split_at_checked(start)?;
            let (id, after) = rest.split_at_checked(ID_LENGTH)?;
            let project = id.parse().ok()?;
            (matches(&self.before, before) && matches(&self.after, after)).then_some(project)
        })
    }
}

impl FromStr for VolumeName {
    type Err = VolumeNameError;
    fn from_str(text: &str) -> Result<Self, VolumeNameError> {
        match text.split_once(PLACE) {
            Some((before, after)) if !after.contains(PLACE) => {
                Ok(Self { before: before.into(), after: after.into() })
            }
            Some(_) | None => Err(VolumeNameError),
        }
    }
}

impl fmt::Display for VolumeName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{PLACE}{}", self.before, self.after)
    }
}

/// Whether a text is of a form in which `*` stands for anything.
fn matches(form: &str, text: &str) -> bool {
    let mut pieces = form.split('*');
    let first = pieces.next().unwrap_or_default();
    let Some(mut rest) = text.strip_prefix(first) else { return false };
    let Some(last) = pieces.next_back() else { return rest.is_empty() };
    for piece in pieces {
        let Some(at) = rest.find(piece) else { return false };
        rest = &rest[at + piece.len()..];
    }
    rest.ends_with(last)
}

/// What volumes come to. Those that the engine cannot size because another driver keeps them count nothing and are named.
pub(super) fn attribute(
    volumes: &[Volume],
    labels: &[String],
    names: &[VolumeName],
    unsized_volumes: &mut Named,
) -> Found {
    let mut found = Found::default();
    for volume in volumes {
        let project = volume.labels.as_ref().and_then(|found| labelled(labels, found));
        let project = project.or_else(|| names.iter().find_map(|form| form.project(&volume.name)));
        let Some(project) = project else { continue };
        let size = volume.size();
        if size.is_none() && volume.driver != LOCAL {
            unsized_volumes.add(|| format!("{} ({})", volume.name, volume.driver));
            continue;
        }
        found.add(project, size);
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    const ID: &str = "0123456789abcdef0123456789abcdef";

    fn form(text: &str) -> VolumeName {
        text.parse().unwrap()
    }

    #[test]
    fn names_are_matched() {
        let project: ProjectId = ID.parse().unwrap();
        for (text, prefix, suffix) in [
            ("{project_id}-*", "", "-data"),
            ("{project_id}-*", "", "-"),
            ("{project_id}", "", ""),
            ("vol_{project_id}", "vol_", ""),
            ("*_{project_id}_*_x", "a_b", "_c_x"),
            ("*{project_id}", &ID[1..5], ""),
            ("a*b*c{project_id}", "a--b--b--c", ""),
        ] {
            let prefix = if text == "*_{project_id}_*_x" { "a_b_" } else { prefix };
            assert_eq!(form(text).project(&format!("{prefix}{ID}{suffix}")), Some(project), "{text}");
        }
    }

    #[test]
    fn other_names_are_nobodys() {
        for (text, name) in [
            ("{project_id}-*", ID.to_owned()),
            ("{project_id}-*", format!("x{ID}-data")),
            ("{project_id}-*", format!("{ID}{ID}")),
            ("{project_id}-*", format!("{}-data", ID.to_uppercase())),
            ("{project_id}*b", format!("{ID}é")),
            ("a*ab{project_id}", format!("ab{ID}")),
            ("{project_id}", String::new()),
        ] {
            assert_eq!(form(text).project(&name), None, "{text} {name}");
        }
    }

    #[test]
    fn forms_are_checked() {
        assert_eq!(form("a*{project_id}-*").to_string(), "a*{project_id}-*");
        for bad in ["", "*", "{project}", "{project_id}{project_id}"] {
            assert_eq!(bad.parse::<VolumeName>(), Err(VolumeNameError), "{bad}");
        }
    }

    #[test]
    fn labels_go_before_names_and_other_drivers_are_named() {
        let other = "ffffffffffffffffffffffffffffffff";
        let volumes = format!(
            r#"[{{"Name":"{ID}-a","Driver":"local","Labels":{{"l":"{other}"}},"UsageData":{{"Size":3}}}},
                {{"Name":"{ID}-b","Driver":"local","Labels":null,"UsageData":{{"Size":4}}}},
                {{"Name":"{ID}-c","Driver":"nfs","Labels":null,"UsageData":{{"Size":-1}}}},
                {{"Name":"{other}-d","Driver":"local","Labels":{{"l":"mine"}},"UsageData":{{"Size":-1}}}},
                {{"Name":"nobody","Driver":"local","Labels":null,"UsageData":{{"Size":9}}}}]"#
        );
        let volumes: Vec<Volume> = serde_json::from_str(&volumes).unwrap();
        let mut named = Named::default();
        let found = attribute(&volumes, &["l".into()], &[form("{project_id}-*")], &mut named);
        assert_eq!(found.of(ID.parse().unwrap()), Some(4));
        assert_eq!(found.of(other.parse().unwrap()), None, "a local volume without a size is unknown");
        assert_eq!((named.count, named.first), (1, vec![format!("{ID}-c (nfs)")]));
    }
}
