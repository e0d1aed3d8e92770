//! Whose images are: only an image's own label says so. Runner images, which projects of all teams share, have none and
//! are nobody's.
//!
//! An image counts with its full size, as `docker images` shows it, the layers that it shares with others included: what
//! an engine tells of shared layers depends on its version and on which other images it happens to have.

use super::disk_usage::Image;
use super::found::Found;
use crate::docker::labelled;

/// What images come to.
pub(super) fn attribute(images: &[Image], labels: &[String]) -> Found {
    let mut found = Found::default();
    for image in images {
        if let Some(project) = image.labels.as_ref().and_then(|own| labelled(labels, own)) {
            found.add(project, u64::try_from(image.size).ok());
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_labelled_images_count() {
        let id = "0123456789abcdef0123456789abcdef";
        let image = |size, value: Option<&str>| Image {
            size,
            labels: value.map(|value| [("project_id".to_owned(), value.to_owned())].into()),
        };
        let images = [image(7, Some(id)), image(1 << 40, None), image(5, Some("runner")), image(1, Some(id))];
        let found = attribute(&images, &["project_id".into()]);
        assert_eq!(found.of(id.parse().unwrap()), Some(8));
        assert_eq!(found.projects().count(), 1);
    }
}
