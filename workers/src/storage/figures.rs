//! Each project's figures, out of what was found of each part.

use std::collections::BTreeSet;

use domain::usage::StorageSizes;
use domain::{ByteCount, ProjectId};

use super::found::Found;

/// A figure over this is taken for this: a third of what can be held, so that the sum can be held too. Apparent sizes are
/// up to whoever makes a sparse file, and an absurd one must not keep his project from being recorded.
const MOST: u64 = ByteCount::MAX.get() / 3;

/// What Docker and the disk said, each part by itself.
pub(super) struct Measured {
    pub(super) volumes: Option<Found>,
    pub(super) images: Option<Found>,
    pub(super) layers: Option<Found>,
    /// Volumes' other half. Always there: what could not be told is unknown in it.
    pub(super) binds: Found,
}

/// One project's figures, as far as they are known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Figures {
    volumes: Option<u64>,
    images: Option<u64>,
    layers: Option<u64>,
}

impl Measured {
    /// One project's.
    pub(super) fn of(&self, project: ProjectId) -> Figures {
        let of = |part: &Option<Found>| part.as_ref().and_then(|found| found.of(project));
        let both = |volumes: u64| Some(volumes.saturating_add(self.binds.of(project)?));
        Figures {
            volumes: of(&self.volumes).and_then(both),
            images: of(&self.images),
            layers: of(&self.layers),
        }
    }

    /// All projects that something was found of.
    pub(super) fn projects(&self) -> BTreeSet<ProjectId> {
        let parts = [self.volumes.as_ref(), self.images.as_ref(), self.layers.as_ref()];
        parts.into_iter().flatten().flat_map(Found::projects).collect()
    }
}

impl Figures {
    /// Whether nothing is missing.
    pub(super) const fn are_known(&self) -> bool {
        self.volumes.is_some() && self.images.is_some() && self.layers.is_some()
    }

    /// These, with the last ones where they are not known.
    pub(super) fn or(self, last: StorageSizes) -> StorageSizes {
        let bytes = |figure: Option<u64>, last: ByteCount| {
            figure.map_or(last, |bytes| ByteCount::try_from(bytes.min(MOST)).unwrap_or(last))
        };
        StorageSizes {
            volumes_bytes: bytes(self.volumes, last.volumes_bytes),
            images_bytes: bytes(self.images, last.images_bytes),
            layers_bytes: bytes(self.layers, last.layers_bytes),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn last() -> StorageSizes {
        let bytes = ByteCount::from;
        StorageSizes { volumes_bytes: bytes(1_u32), images_bytes: bytes(2_u32), layers_bytes: bytes(3_u32) }
    }

    #[test]
    fn the_last_figure_stands_in_for_an_unknown_one() {
        let project = ProjectId::from_bytes([1; 16]);
        let mut found = Found::default();
        found.add(project, Some(10));
        let mut unknown = Found::default();
        unknown.add(project, None);
        let figures = |volumes, binds| {
            let measured = Measured { volumes, images: None, layers: Some(found.clone()), binds };
            measured.of(project).or(last())
        };
        let sizes = |volumes: u32| StorageSizes {
            volumes_bytes: volumes.into(),
            images_bytes: 2_u32.into(),
            layers_bytes: ByteCount::from(10_u32),
        };
        assert_eq!(figures(Some(found.clone()), found.clone()), sizes(20));
        assert_eq!(figures(None, found.clone()), sizes(1));
        assert_eq!(figures(Some(found.clone()), unknown), sizes(1));
    }

    #[test]
    fn absurd_sizes_can_be_recorded_too() {
        let absurd = Figures { volumes: Some(u64::MAX), images: Some(u64::MAX), layers: Some(u64::MAX) };
        assert!(absurd.or(last()).total().is_some());
    }
}
