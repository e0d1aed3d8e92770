//! Samples and batches of them: what is checked before anything is recorded.

use chrono::{DateTime, TimeDelta, Utc};
use domain::{ByteCount, Day, ProjectId};
use serde::{Deserialize, Serialize};

use super::fold::{DayTraffic, Fold};
use crate::key::{Digest, DigestBuilder, KeyId};
use crate::known::Facts;

/// How far ahead of our clock a sample's time may be: a producer's clock is never quite ours.
const FUTURE_TOLERANCE: TimeDelta = TimeDelta::minutes(5);

/// What one project's traffic was, at one time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Sample {
    /// The project.
    pub project: ProjectId,
    /// When; it decides the month.
    pub at: DateTime<Utc>,
    /// Bytes that clients sent.
    pub ingress: ByteCount,
    /// Bytes that the project sent.
    pub egress: ByteCount,
    /// Requests answered.
    pub requests: u64,
}

/// Why a sample is not taken, for programs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RejectCode {
    /// A field is missing, of the wrong type or out of range.
    Invalid,
    /// No project of this id was ever registered.
    UnknownProject,
    /// The project did not exist any more at the sample's time.
    ProjectRemoved,
    /// The sample's time is too far ahead of our clock.
    InTheFuture,
    /// The sample's time is before 2000 or after 9998.
    OutsideMonths,
    /// The sample's own id was used before for other content.
    IdReused,
}

/// A sample that is not taken, and why.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rejection {
    /// Its place in the request, from 0.
    pub index: u64,
    /// Why, for programs.
    pub code: RejectCode,
    /// Why, for people: names the field and the reason.
    pub detail: String,
}

/// Samples that come and count together, under one id of their source.
#[derive(Debug, Clone)]
pub struct SampleBatch {
    /// Where they come from.
    pub source: String,
    /// The batch's id; the source never uses it for other samples.
    pub batch_id: String,
    /// The place of its first sample in the request, from 0.
    pub first_index: u64,
    /// The samples, or why they are none.
    pub samples: Vec<Result<Sample, Rejection>>,
}

/// A batch that is ready to be recorded.
#[derive(Debug)]
pub(super) struct CheckedBatch {
    pub(super) key: KeyId,
    pub(super) digest: Digest,
    pub(super) accepted: u64,
    pub(super) rejected: Vec<Rejection>,
    pub(super) traffic: Vec<DayTraffic>,
}

impl SampleBatch {
    pub(super) fn names_unknown_project(&self, facts: &Facts) -> bool {
        self.samples.iter().flatten().any(|sample| !facts.projects.contains_key(&sample.project))
    }

    pub(super) fn check(self, facts: &Facts, now: DateTime<Utc>) -> CheckedBatch {
        let mut digest = DigestBuilder::default();
        let mut fold = Fold::default();
        let mut rejected = Vec::new();
        let mut accepted = 0;
        for (index, sample) in (self.first_index..).zip(self.samples) {
            match &sample {
                Ok(sample) => sample.add_to(&mut digest),
                // Not the words of it: a later version may find better ones, and the batch is still the same.
                Err(_) => digest.text("no sample"),
            }
            let checked = sample.and_then(|sample| match sample.day(facts, now) {
                Ok(day) => Ok((day, sample)),
                Err((code, detail)) => Err(Rejection { index, code, detail }),
            });
            match checked {
                Ok((day, sample)) => {
                    accepted += 1;
                    fold.add_sample(&self.source, &self.batch_id, day, &sample);
                }
                Err(rejection) => rejected.push(rejection),
            }
        }
        CheckedBatch {
            key: KeyId::of(&["traffic", &self.source, &self.batch_id]),
            digest: digest.finish(),
            accepted,
            rejected,
            traffic: fold.into_days(),
        }
    }
}

impl Sample {
    /// The day it counts in, or why it is not taken.
    fn day(&self, facts: &Facts, now: DateTime<Utc>) -> Result<Day, (RejectCode, String)> {
        let day = Day::of(self.at).map_err(|error| (RejectCode::OutsideMonths, format!("at: {error}")))?;
        let Some(project) = facts.projects.get(&self.project) else {
            let detail = format!("project_id: no project {} is registered", self.project);
            return Err((RejectCode::UnknownProject, detail));
        };
        if let Some(removed_at) = project.removed_at.filter(|removed_at| self.at > *removed_at) {
            let detail = format!("project_id: project {} was removed at {removed_at}", self.project);
            return Err((RejectCode::ProjectRemoved, detail));
        }
        if self.at > now + FUTURE_TOLERANCE {
            let detail = format!("at: {} is over 5 minutes ahead of this server's clock ({now})", self.at);
            return Err((RejectCode::InTheFuture, detail));
        }
        Ok(day)
    }

    fn add_to(&self, digest: &mut DigestBuilder) {
        let mut bytes = [0; 48];
        bytes[..16].copy_from_slice(self.project.as_bytes());
        bytes[16..24].copy_from_slice(&self.at.timestamp_micros().to_le_bytes());
        bytes[24..32].copy_from_slice(&self.ingress.get().to_le_bytes());
        bytes[32..40].copy_from_slice(&self.egress.get().to_le_bytes());
        bytes[40..].copy_from_slice(&self.requests.to_le_bytes());
        digest.fixed(&bytes);
    }
}
