//! One sample: an object of five fields, in every format that is taken.
//!
//! A value that is no good rejects its sample and leaves the others alone; a field that is unknown or comes twice
//! fails the request, since the producer means something that is not understood here.

use chrono::{DateTime, Utc};
use domain::{ByteCount, ProjectId};
use store::ingest::Sample;

use super::fault::{Fault, FaultKind, Result};
use super::json::{Kind, Number, Reader};
use super::time;

const RANGE: &str = "must be from 0 to 9223372036854775807";

/// The fields, by their place in what was seen.
#[derive(Clone, Copy)]
enum Field {
    Project,
    Ingress,
    Egress,
    Requests,
    At,
}

/// As most producers write them: looked for before anything else, which saves a quarter of the time.
const TIGHT: [&[u8]; 5] =
    [b",\"project_id\":", b",\"ingress_bytes\":", b",\"egress_bytes\":", b",\"requests\":", b",\"at\":"];

const NAMES: [&str; 5] = ["project_id", "ingress_bytes", "egress_bytes", "requests", "at"];

impl Field {
    /// In the order that the documentation has them in.
    const ALL: [Self; 5] = [Self::Project, Self::Ingress, Self::Egress, Self::Requests, Self::At];

    const fn tight(self) -> &'static [u8] {
        TIGHT[self as usize]
    }

    fn of(key: &str) -> Option<Self> {
        Some(match key {
            "project_id" => Self::Project,
            "ingress_bytes" => Self::Ingress,
            "egress_bytes" => Self::Egress,
            "requests" => Self::Requests,
            "at" => Self::At,
            _ => return None,
        })
    }

    const fn bit(self) -> u8 {
        1 << self as u8
    }

    const fn name(self) -> &'static str {
        NAMES[self as usize]
    }
}

/// A sample in the making: what was there of it, and what is wrong with that.
#[derive(Default)]
pub(super) struct Draft {
    seen: u8,
    project: Option<ProjectId>,
    at: Option<DateTime<Utc>>,
    ingress: ByteCount,
    egress: ByteCount,
    requests: u64,
    wrong: String,
}

impl Draft {
    /// Reads a value that should be a sample.
    pub(super) fn read(json: &mut Reader<'_>) -> Result<Self> {
        let mut draft = Self::default();
        if json.kind()? != Kind::Object {
            json.skip()?;
            "must be an object".clone_into(&mut draft.wrong);
            // What more is missing goes without saying.
            draft.seen = u8::MAX;
            return Ok(draft);
        }
        json.enter();
        let mut first = true;
        let mut likely = Field::ALL.into_iter();
        loop {
            let field = match likely.next() {
                Some(field) if json.tight_key(&mut first, field.tight()) => field,
                _ => {
                    let Some(key) = json.key(&mut first)? else { break };
                    Field::of(&key).ok_or_else(|| Fault::field(FaultKind::UnknownField, &key, json.at()))?
                }
            };
            if draft.seen & field.bit() != 0 {
                return Err(Fault::field(FaultKind::DuplicateKey, field.name(), json.at()));
            }
            draft.seen |= field.bit();
            draft.take(field, json).map_err(|fault| fault.inside(field.name()))?;
        }
        Ok(draft)
    }

    fn take(&mut self, field: Field, json: &mut Reader<'_>) -> Result<()> {
        let wrong = match field {
            Field::Project => parsed_text(json, |text| {
                text.parse().map_err(|_| "must be 32 lower-case hexadecimal characters")
            })?
            .map(|project| self.project = Some(project)),
            Field::At => parsed_text(json, time::parse)?.map(|at| self.at = Some(at)),
            Field::Ingress => byte_count(json)?.map(|bytes| self.ingress = bytes),
            Field::Egress => byte_count(json)?.map(|bytes| self.egress = bytes),
            Field::Requests => byte_count(json)?.map(|count| self.requests = count.get()),
        };
        if let Err(reason) = wrong {
            self.complain(field.name(), reason);
        }
        Ok(())
    }

    #[cold]
    fn complain(&mut self, field: &str, reason: &str) {
        add_reason(&mut self.wrong, field, reason);
    }

    /// The sample, or why it is none. `stand_in` is its time when it has none of its own.
    pub(super) fn finish(mut self, stand_in: Option<DateTime<Utc>>) -> std::result::Result<Sample, String> {
        if let (Some(project), Some(at)) = (self.project, self.at.or(stand_in))
            && self.wrong.is_empty()
            && self.seen & Field::Ingress.bit() != 0
            && self.seen & Field::Egress.bit() != 0
        {
            let Self { ingress, egress, requests, .. } = self;
            return Ok(Sample { project, at, ingress, egress, requests });
        }
        for field in [Field::Project, Field::Ingress, Field::Egress, Field::At] {
            let stands_in = matches!(field, Field::At) && stand_in.is_some();
            if self.seen & field.bit() == 0 && !stands_in {
                self.complain(field.name(), "is missing");
            }
        }
        Err(self.wrong)
    }
}

/// Adds what is wrong with a field to what was wrong before.
pub(super) fn add_reason(reasons: &mut String, field: &str, reason: &str) {
    let comma = if reasons.is_empty() { "" } else { "; " };
    *reasons = format!("{reasons}{comma}{field}: {reason}");
}

/// A value that should be a text which `parse` understands.
pub(super) fn parsed_text<T>(
    json: &mut Reader<'_>,
    parse: impl FnOnce(&str) -> std::result::Result<T, &'static str>,
) -> Result<std::result::Result<T, &'static str>> {
    if json.kind()? == Kind::Text {
        return Ok(parse(&json.text()?));
    }
    json.skip()?;
    Ok(Err("must be a string"))
}

/// A value that should be a number of bytes (or of anything else that is counted as far).
fn byte_count(json: &mut Reader<'_>) -> Result<std::result::Result<ByteCount, &'static str>> {
    if json.kind()? != Kind::Number {
        json.skip()?;
        return Ok(Err("must be an integer"));
    }
    Ok(match json.number()? {
        Number::Natural(natural) => ByteCount::try_from(natural).map_err(|_| RANGE),
        Number::OutOfRange => Err(RANGE),
        Number::NotAnInteger => Err("must be an integer, written without a fraction or an exponent"),
    })
}
