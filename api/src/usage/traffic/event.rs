//! Samples as CloudEvents 1.0 in their JSON format, one or a batch of them: `type` is `servelink.traffic`, `data` is
//! the sample, and `source` with `id` is the key under which it counts once. Each event stands for itself, so that
//! whatever is wrong with one of them rejects it alone.

use chrono::{DateTime, Utc};
use store::ingest::{RejectCode, Rejection, SampleBatch};

use super::batch::{MAX_SAMPLES, NONE, TOO_MANY};
use super::fault::{Fault, FaultKind, Result};
use super::json::{Keys, Kind, Reader};
use super::sample::{Draft, add_reason, parsed_text};
use super::time;

const TYPE: &str = "servelink.traffic";
/// Without these there is no event, or no sample in it.
const REQUIRED: [&str; 5] = ["specversion", "type", "source", "id", "data"];
const NAME: &str = "must be 1 to 128 printable ASCII characters without spaces";

/// The events of one request.
#[derive(Default)]
pub(super) struct Events {
    /// One for each good event.
    pub(super) batches: Vec<SampleBatch>,
    /// The others.
    pub(super) rejected: Vec<Rejection>,
}

impl Events {
    /// Reads one event.
    pub(super) fn read_one(text: &str) -> Result<Self> {
        let json = &mut Reader::new(text);
        if json.kind()? != Kind::Object {
            return Err(Fault::new(FaultKind::Invalid("the body must be an object"), json.at()));
        }
        let mut events = Self::default();
        events.add(json)?;
        json.end()?;
        Ok(events)
    }

    /// Reads an array of events.
    pub(super) fn read_batch(text: &str) -> Result<Self> {
        let json = &mut Reader::new(text);
        if json.kind()? != Kind::Array {
            return Err(Fault::new(FaultKind::Invalid("the body must be an array"), json.at()));
        }
        json.enter();
        let mut events = Self::default();
        let mut first = true;
        while json.item(&mut first)? {
            let index = events.len();
            if index == MAX_SAMPLES {
                return Err(Fault::new(TOO_MANY, json.at()));
            }
            events.add(json).map_err(|fault| fault.inside(&format!("[{index}]")))?;
        }
        json.end()?;
        if events.len() == 0 { Err(Fault::new(NONE, json.at())) } else { Ok(events) }
    }

    fn len(&self) -> usize {
        self.batches.len() + self.rejected.len()
    }

    fn add(&mut self, json: &mut Reader<'_>) -> Result<()> {
        let index = self.len() as u64;
        let event = if json.kind()? == Kind::Object {
            Event::read(json)?.finish(index)
        } else {
            json.skip()?;
            Err("must be an object".to_owned())
        };
        match event {
            Ok(batch) => self.batches.push(batch),
            Err(detail) => self.rejected.push(Rejection { index, code: RejectCode::Invalid, detail }),
        }
        Ok(())
    }
}

/// An event in the making.
#[derive(Default)]
struct Event<'a> {
    keys: Keys<'a>,
    version: bool,
    r#type: bool,
    id: Option<String>,
    source: Option<String>,
    time: Option<DateTime<Utc>>,
    data: Option<Draft>,
    wrong: String,
}

impl<'a> Event<'a> {
    fn read(json: &mut Reader<'a>) -> Result<Self> {
        let mut event = Self::default();
        json.enter();
        let mut first = true;
        while let Some(key) = json.key(&mut first)? {
            event.keys.add(key.clone(), json.at())?;
            event.take(&key, json).map_err(|fault| fault.inside(&key))?;
        }
        Ok(event)
    }

    fn take(&mut self, key: &str, json: &mut Reader<'a>) -> Result<()> {
        let kind = json.kind()?;
        if kind == Kind::Null && !REQUIRED.contains(&key) {
            // As good as absent (JSON format of CloudEvents 1.0.2, section 2.2).
            return json.skip();
        }
        let wrong = match key {
            "specversion" => {
                parsed_text(json, |text| exactly(text, "1.0", "must be 1.0"))?.map(|()| self.version = true)
            }
            "type" => parsed_text(json, |text| exactly(text, TYPE, "must be servelink.traffic"))?
                .map(|()| self.r#type = true),
            "id" => parsed_text(json, name)?.map(|id| self.id = Some(id)),
            "source" => parsed_text(json, name)?.map(|source| self.source = Some(source)),
            "time" => parsed_text(json, time::parse)?.map(|time| self.time = Some(time)),
            "datacontenttype" => parsed_text(json, json_content)?,
            "data" => {
                self.data = Some(Draft::read(json)?);
                Ok(())
            }
            "data_base64" => {
                json.skip()?;
                Err("is not taken: the sample stands in data")
            }
            // Beside extensions there are `dataschema` and `subject`, which say nothing that is needed here.
            _ if !is_attribute(key) => return Err(Fault::new(FaultKind::UnknownField, json.at())),
            _ => {
                json.skip()?;
                match kind {
                    Kind::Text | Kind::Number | Kind::Boolean | Kind::Null => Ok(()),
                    Kind::Object | Kind::Array => Err("must be a string, a number or a boolean"),
                }
            }
        };
        if let Err(reason) = wrong {
            add_reason(&mut self.wrong, key, reason);
        }
        Ok(())
    }

    /// The batch of one that the event stands for, or why it is none.
    fn finish(self, first_index: u64) -> std::result::Result<SampleBatch, String> {
        let Self {
            version: true,
            r#type: true,
            id: Some(batch_id),
            source: Some(source),
            data: Some(data),
            ..
        } = self
        else {
            return Err(self.complaint());
        };
        if !self.wrong.is_empty() {
            return Err(self.wrong);
        }
        let sample = data.finish(self.time).map_err(|detail| format!("data: {detail}"))?;
        Ok(SampleBatch { source, batch_id, first_index, samples: vec![Ok(sample)] })
    }

    /// What was wrong, and what is missing.
    fn complaint(mut self) -> String {
        for field in REQUIRED {
            if !self.keys.contains(field) {
                add_reason(&mut self.wrong, field, "is missing");
            }
        }
        self.wrong
    }
}

fn exactly(text: &str, wanted: &str, must: &'static str) -> std::result::Result<(), &'static str> {
    if text == wanted { Ok(()) } else { Err(must) }
}

/// Anything that an id or a URI reference may be made of.
fn name(text: &str) -> std::result::Result<String, &'static str> {
    let allowed = (1..=128).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_graphic());
    if allowed { Ok(text.to_owned()) } else { Err(NAME) }
}

/// `application/json`, or another type that is written in JSON (RFC 6839, section 3.1).
fn json_content(text: &str) -> std::result::Result<(), &'static str> {
    let essence = text.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    if essence.ends_with("/json") || essence.ends_with("+json") {
        Ok(())
    } else {
        Err("must be application/json")
    }
}

/// Whether an attribute may be called this (CloudEvents 1.0.2, "Naming conventions").
fn is_attribute(key: &str) -> bool {
    !key.is_empty() && key.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit())
}
