//! A batch under an id of its source, as one JSON object or as NDJSON with a sample on each line.

use store::ingest::{RejectCode, Rejection, SampleBatch};

use super::fault::{Fault, FaultKind, Result};
use super::json::{Kind, Reader};
use super::sample::Draft;

/// Samples (or events) that one request may bring.
pub(super) const MAX_SAMPLES: usize = 50_000;

/// Why a request with more is refused.
pub(super) const TOO_MANY: FaultKind =
    FaultKind::Invalid("there are over 50000; send them in several requests");
/// Why a request with none is refused.
pub(super) const NONE: FaultKind = FaultKind::Invalid("there are none");
/// What a batch's id and its source may look like.
pub(super) const NAME: &str = "must be 1 to 128 characters of A-Z, a-z, 0-9, and . _ : / @ -";

type Samples = Vec<std::result::Result<store::ingest::Sample, Rejection>>;

/// Whether this can be a batch's id or a source.
pub(super) fn is_name(text: &str) -> bool {
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"._:/@-".contains(&byte);
    (1..=128).contains(&text.len()) && text.bytes().all(allowed)
}

/// Reads `{"batch_id", "source", "samples": [...]}`.
pub(super) fn read_json(text: &str) -> Result<SampleBatch> {
    let json = &mut Reader::new(text);
    if json.kind()? != Kind::Object {
        return Err(Fault::new(FaultKind::Invalid("the body must be an object"), json.at()));
    }
    json.enter();
    let (mut batch_id, mut source, mut samples) = (None, None, None);
    let mut first = true;
    while let Some(key) = json.key(&mut first)? {
        let (known, seen) = match &*key {
            "batch_id" => ("batch_id", batch_id.is_some()),
            "source" => ("source", source.is_some()),
            "samples" => ("samples", samples.is_some()),
            _ => return Err(Fault::field(FaultKind::UnknownField, &key, json.at())),
        };
        if seen {
            return Err(Fault::field(FaultKind::DuplicateKey, known, json.at()));
        }
        match known {
            "batch_id" => batch_id = Some(read_name(json).map_err(|fault| fault.inside(known))?),
            "source" => source = Some(read_name(json).map_err(|fault| fault.inside(known))?),
            _ => samples = Some(read_samples(json, text.len()).map_err(|fault| fault.inside(known))?),
        }
    }
    json.end()?;
    let missing = |field: &'static str| move || Fault::field(FaultKind::Missing, field, 0);
    Ok(SampleBatch {
        batch_id: batch_id.ok_or_else(missing("batch_id"))?,
        source: source.ok_or_else(missing("source"))?,
        first_index: 0,
        samples: samples.ok_or_else(missing("samples"))?,
    })
}

fn read_name(json: &mut Reader<'_>) -> Result<String> {
    if json.kind()? != Kind::Text {
        return Err(Fault::new(FaultKind::Invalid("must be a string"), json.at()));
    }
    let at = json.at();
    let name = json.text()?;
    if is_name(&name) { Ok(name.into_owned()) } else { Err(Fault::new(FaultKind::Invalid(NAME), at)) }
}

fn read_samples(json: &mut Reader<'_>, length: usize) -> Result<Samples> {
    if json.kind()? != Kind::Array {
        return Err(Fault::new(FaultKind::Invalid("must be an array"), json.at()));
    }
    json.enter();
    let mut samples = Vec::with_capacity(likely_samples(length));
    let mut first = true;
    while json.item(&mut first)? {
        add_sample(&mut samples, json)?;
    }
    if samples.is_empty() { Err(Fault::new(NONE, json.at())) } else { Ok(samples) }
}

/// Reads a sample on each line; `batch_id` and `source` came beside the body.
pub(super) fn read_lines(text: &str, batch_id: String, source: String) -> Result<SampleBatch> {
    let mut samples = Vec::with_capacity(likely_samples(text.len()));
    let mut start = 0;
    for line in text.split('\n') {
        let json = &mut Reader::new(line);
        if !json.is_blank() {
            let read = add_sample(&mut samples, json).and_then(|()| json.end());
            read.map_err(|fault| fault.moved(start).inside("samples"))?;
        }
        start += line.len() + 1;
    }
    if samples.is_empty() {
        return Err(Fault::field(NONE, "samples", 0));
    }
    Ok(SampleBatch { source, batch_id, first_index: 0, samples })
}

fn add_sample(samples: &mut Samples, json: &mut Reader<'_>) -> Result<()> {
    if samples.len() == MAX_SAMPLES {
        return Err(Fault::new(TOO_MANY, json.at()));
    }
    let draft = Draft::read(json).map_err(|fault| fault.inside(&format!("[{}]", samples.len())))?;
    let sample = draft.finish(None).map_err(|detail| {
        let code = RejectCode::Invalid;
        Rejection { index: samples.len() as u64, code, detail }
    });
    samples.push(sample);
    Ok(())
}

/// How many samples a text of this length has when they are written tightly.
fn likely_samples(length: usize) -> usize {
    (length / 120 + 1).min(MAX_SAMPLES)
}
