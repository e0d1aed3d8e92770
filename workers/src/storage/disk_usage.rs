//! The answer to `/system/df` in both of its shapes: lists at the top level before API 1.52, and from then on an object
//! for each kind with the list as its `Items`.

use std::collections::HashMap;

use bollard::models::ImageSummary;
use serde::Deserialize;

use super::engine::EngineError;

/// What `/system/df` says.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub(super) struct DiskUsage {
    // Present and null is an empty list; absent is not asked for, or left out.
    #[serde(deserialize_with = "present")]
    images: Option<Option<Vec<Image>>>,
    #[serde(deserialize_with = "present")]
    volumes: Option<Option<Vec<Volume>>>,
    image_usage: Option<Usage<Image>>,
    volume_usage: Option<Usage<Volume>>,
}

/// One kind from API 1.52 on. Zeros and empty lists are left out.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Usage<T> {
    #[serde(default)]
    total_count: i64,
    items: Option<Vec<T>>,
}

/// An image, as far as its size is somebody's.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Image {
    /// With all its layers, in bytes.
    pub(super) size: i64,
    /// Its own labels.
    pub(super) labels: Option<HashMap<String, String>>,
}

/// A volume.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Volume {
    /// Its name.
    pub(super) name: String,
    /// Who keeps it; the engine knows the sizes of `local` ones only.
    #[serde(default)]
    pub(super) driver: String,
    /// Its labels.
    pub(super) labels: Option<HashMap<String, String>>,
    usage_data: Option<UsageData>,
}

#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct UsageData {
    size: i64,
}

impl DiskUsage {
    /// The images.
    pub(super) fn take_images(&mut self) -> Result<Vec<Image>, EngineError> {
        list(self.images.take(), self.image_usage.take()).ok_or(EngineError::LeftOut("images"))
    }

    /// The volumes.
    pub(super) fn take_volumes(&mut self) -> Result<Vec<Volume>, EngineError> {
        list(self.volumes.take(), self.volume_usage.take()).ok_or(EngineError::LeftOut("volumes"))
    }
}

impl Volume {
    /// Its size in bytes, if the engine knows it.
    pub(super) fn size(&self) -> Option<u64> {
        self.usage_data.as_ref().and_then(|usage| u64::try_from(usage.size).ok())
    }
}

impl From<ImageSummary> for Image {
    fn from(image: ImageSummary) -> Self {
        Self { size: image.size, labels: Some(image.labels) }
    }
}

fn list<T>(old: Option<Option<Vec<T>>>, new: Option<Usage<T>>) -> Option<Vec<T>> {
    match (new, old) {
        (Some(Usage { items: Some(items), .. }), _) => Some(items),
        (Some(Usage { items: None, total_count: 0 }), _) => Some(vec![]),
        (None, Some(items)) => Some(items.unwrap_or_default()),
        (Some(_) | None, _) => None,
    }
}

/// A field that is there, whatever it holds.
fn present<'de, D: serde::Deserializer<'de>, T: Deserialize<'de>>(
    deserializer: D,
) -> Result<Option<Option<T>>, D::Error> {
    Option::deserialize(deserializer).map(Some)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> DiskUsage {
        serde_json::from_str(text).unwrap()
    }

    #[test]
    fn both_shapes_say_the_same() {
        let image =
            r#"{"Id":"sha256:1","Size":3345,"SharedSize":-1,"Labels":{"project_id":"x"},"RepoTags":null}"#;
        let volume = r#"{"Name":"v","Driver":"local","Labels":null,"UsageData":{"Size":5001,"RefCount":0}}"#;
        let old = format!(r#"{{"LayersSize":0,"Images":[{image}],"Volumes":[{volume}],"BuildCache":null}}"#);
        let new = format!(
            r#"{{"ImageUsage":{{"TotalCount":1,"Items":[{image}]}},"VolumeUsage":{{"TotalCount":1,"Items":[{volume}]}}}}"#
        );
        for text in [old, new] {
            let mut usage = read(&text);
            let (images, volumes) = (usage.take_images().unwrap(), usage.take_volumes().unwrap());
            assert_eq!((images.len(), images[0].size), (1, 3_345));
            assert_eq!(images[0].labels.as_ref().unwrap()["project_id"], "x");
            assert_eq!((volumes.len(), volumes[0].size(), volumes[0].name.as_str()), (1, Some(5_001), "v"));
        }
    }

    #[test]
    fn nothing_there_and_nothing_said_are_told_apart() {
        for empty in [r#"{"Volumes":null}"#, r#"{"Volumes":[]}"#, r#"{"VolumeUsage":{}}"#] {
            assert_eq!(read(empty).take_volumes().unwrap(), [], "{empty}");
        }
        for silent in ["{}", r#"{"VolumeUsage":{"TotalCount":3,"TotalSize":7}}"#, r#"{"VolumeUsage":null}"#] {
            assert!(read(silent).take_volumes().is_err(), "{silent}");
        }
    }

    #[test]
    fn sizes_that_the_engine_does_not_know() {
        let volumes = r#"[{"Name":"a","UsageData":{"Size":-1,"RefCount":0}},{"Name":"b"},{"Name":"c","UsageData":null}]"#;
        let volumes: Vec<Volume> = serde_json::from_str(volumes).unwrap();
        assert!(volumes.iter().all(|volume| volume.size().is_none()));
    }
}
