//! What one kind of storage comes to for each project.

use std::collections::{BTreeMap, BTreeSet};

use domain::ProjectId;

/// Bytes by project; a project that is not in it has none.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Found {
    bytes: BTreeMap<ProjectId, u64>,
    /// Projects that have something whose size is not known.
    unknown: BTreeSet<ProjectId>,
}

impl Found {
    /// Takes in one thing of a project: its size in bytes, or that it is not known.
    pub(super) fn add(&mut self, project: ProjectId, size: Option<u64>) {
        let sum = self.bytes.entry(project).or_default();
        match size {
            Some(size) => *sum = sum.saturating_add(size),
            None => {
                self.unknown.insert(project);
            }
        }
    }

    /// The project's bytes, if all of them are known.
    pub(super) fn of(&self, project: ProjectId) -> Option<u64> {
        (!self.unknown.contains(&project)).then(|| self.bytes.get(&project).copied().unwrap_or(0))
    }

    /// The projects that have something.
    pub(super) fn projects(&self) -> impl Iterator<Item = ProjectId> {
        self.bytes.keys().copied()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_unknown_size_makes_the_sum_unknown() {
        let [one, other, third] = [1, 2, 3].map(|byte| ProjectId::from_bytes([byte; 16]));
        let mut found = Found::default();
        found.add(one, Some(3));
        found.add(one, Some(4));
        found.add(other, Some(5));
        found.add(other, None);
        assert_eq!((found.of(one), found.of(other), found.of(third)), (Some(7), None, Some(0)));
    }
}
