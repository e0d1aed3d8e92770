//! Traefik's metrics, added up while they come in: chunks into lines, lines into one sum a service. Nothing is kept but
//! the sums, so the size of the answer costs no memory.
//!
//! It is all or nothing: a line that should count and cannot be read is an error, never left out.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use domain::ByteCount;
use domain::source::{SourceRefusal, Totals};

use super::sample::{self, Counter, STARTED, Sample, SampleError};

/// A longer line is no metric.
const MAX_LINE_BYTES: usize = 64 << 10;

/// As much of a line as an error shows.
const SHOWN_CHARACTERS: usize = 300;

/// What Traefik shows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Shown {
    /// When its process was started, as it says itself.
    pub started_at: DateTime<Utc>,
    /// The counters of each service, over all codes, methods and protocols.
    pub services: BTreeMap<String, Totals>,
}

/// Why an answer is not usable. Nothing of it is counted.
#[derive(Debug, thiserror::Error)]
pub enum ExpositionError {
    /// A series that counts cannot be read.
    #[error("line {line} of the metrics, `{series}`")]
    Series {
        /// The line, from 1.
        line: u64,
        /// Its beginning.
        series: String,
        /// What is wrong with it.
        source: SampleError,
    },
    /// Bytes that are no text.
    #[error("line {0} of the metrics is no UTF-8 text")]
    NotText(u64),
    /// A line without end.
    #[error("line {0} of the metrics is longer than {MAX_LINE_BYTES} bytes")]
    LongLine(u64),
    /// The last line has no end.
    #[error("the metrics end in the middle of a line")]
    Cut,
    /// Nothing tells a restart from counters that went on.
    #[error(
        "the metrics do not hold `{STARTED}`, without which a restart cannot be told: is this Traefik's own metrics \
         address? Traefik shows it on Linux, unless its process may not read /proc"
    )]
    NoStart,
    /// A Traefik that counts requests but no bytes.
    #[error("the metrics count requests of services but no bytes, as Traefik 3 does")]
    NoBytes,
    /// More services than a source may have.
    #[error("the metrics hold more than {max} services", max = SourceRefusal::MAX_SERVICES)]
    TooManyServices,
    /// A sum over the largest number of bytes.
    #[error("the counters of service `{0}` add up to over 9223372036854775807")]
    TooLarge(String),
}

/// Takes metrics in as they come.
#[derive(Debug, Default)]
pub struct Reader {
    /// The beginning of a line whose end has not come yet.
    partial: Vec<u8>,
    lines: u64,
    started_at: Option<DateTime<Utc>>,
    services: BTreeMap<String, Totals>,
    shows_bytes: bool,
}

impl Reader {
    /// Takes in what comes next.
    ///
    /// # Errors
    /// [`ExpositionError`].
    pub fn feed(&mut self, mut chunk: &[u8]) -> Result<(), ExpositionError> {
        while let Some(end) = chunk.iter().position(|byte| *byte == b'\n') {
            let (rest, next) = (&chunk[..end], &chunk[end + 1..]);
            let mut line = std::mem::take(&mut self.partial);
            if line.is_empty() {
                self.line(rest)?;
            } else {
                line.extend_from_slice(rest);
                self.line(&line)?;
            }
            chunk = next;
        }
        self.partial.extend_from_slice(chunk);
        if self.partial.len() > MAX_LINE_BYTES {
            Err(ExpositionError::LongLine(self.lines + 1))
        } else {
            Ok(())
        }
    }

    /// That was all.
    ///
    /// # Errors
    /// [`ExpositionError`].
    pub fn finish(self) -> Result<Shown, ExpositionError> {
        if !self.partial.is_empty() {
            return Err(ExpositionError::Cut);
        }
        let started_at = self.started_at.ok_or(ExpositionError::NoStart)?;
        if !self.services.is_empty() && !self.shows_bytes {
            return Err(ExpositionError::NoBytes);
        }
        Ok(Shown { started_at, services: self.services })
    }

    fn line(&mut self, line: &[u8]) -> Result<(), ExpositionError> {
        self.lines += 1;
        if line.len() > MAX_LINE_BYTES {
            return Err(ExpositionError::LongLine(self.lines));
        }
        let line = str::from_utf8(line).map_err(|_| ExpositionError::NotText(self.lines))?;
        let sample = sample::read(line).map_err(|source| ExpositionError::Series {
            line: self.lines,
            series: line.chars().take(SHOWN_CHARACTERS).collect(),
            source,
        })?;
        match sample {
            None => {}
            Some(Sample::Started(at)) => self.started_at = Some(at),
            Some(Sample::Counter(counter, service, count)) => self.add(counter, service, count)?,
        }
        Ok(())
    }

    fn add(&mut self, counter: Counter, service: String, count: u64) -> Result<(), ExpositionError> {
        if self.services.len() >= SourceRefusal::MAX_SERVICES && !self.services.contains_key(&service) {
            return Err(ExpositionError::TooManyServices);
        }
        self.shows_bytes |= counter != Counter::Requests;
        let bytes = || ByteCount::try_from(count).ok();
        let amount = match counter {
            Counter::Ingress => bytes().map(|ingress_bytes| Totals { ingress_bytes, ..Totals::ZERO }),
            Counter::Egress => bytes().map(|egress_bytes| Totals { egress_bytes, ..Totals::ZERO }),
            Counter::Requests => Some(Totals { requests: count, ..Totals::ZERO }),
        };
        let before = self.services.get(&service).copied().unwrap_or_default();
        match amount.and_then(|amount| before.checked_add(&amount)) {
            Some(sum) => {
                self.services.insert(service, sum);
                Ok(())
            }
            None => Err(ExpositionError::TooLarge(service)),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// What a Traefik 3.7 answered, without the metrics of Go and the histograms' buckets.
    const CAPTURED: &str = include_str!("captured.txt");
    const START: &str = "process_start_time_seconds 1.7954588296e+09\n";

    fn read<'a>(chunks: impl IntoIterator<Item = &'a [u8]>) -> Result<Shown, ExpositionError> {
        let mut reader = Reader::default();
        chunks.into_iter().try_for_each(|chunk| reader.feed(chunk))?;
        reader.finish()
    }

    fn read_text(text: &str) -> Result<Shown, ExpositionError> {
        read([text.as_bytes()])
    }

    fn totals(ingress: u32, egress: u32, requests: u64) -> Totals {
        Totals { ingress_bytes: ByteCount::from(ingress), egress_bytes: ByteCount::from(egress), requests }
    }

    #[test]
    fn a_real_answer_is_added_up_over_codes_and_methods() {
        let shown = read_text(CAPTURED).unwrap();
        assert_eq!(shown.started_at, "2026-11-23T18:33:49.6Z".parse::<DateTime<Utc>>().unwrap());
        let services: Vec<_> =
            shown.services.iter().map(|(service, totals)| (service.as_str(), *totals)).collect();
        assert_eq!(services, [("deployment-0123456789abcdef0123456789abcdef@file", totals(5, 692, 2))]);
    }

    #[test]
    fn an_error_names_the_series() {
        let text = format!("{START}traefik_service_requests_total{{code=\"200\",service=\"x\"}} 1.5\n");
        let error = read_text(&text).unwrap_err();
        assert_eq!(
            error.to_string(),
            "line 2 of the metrics, `traefik_service_requests_total{code=\"200\",service=\"x\"} 1.5`"
        );
        assert!(matches!(error, ExpositionError::Series { source: SampleError::NotACount, .. }));
    }

    #[test]
    fn half_an_answer_and_other_pages_are_refused() {
        assert!(matches!(read_text(&CAPTURED[..CAPTURED.len() - 3]), Err(ExpositionError::Cut)));
        assert!(matches!(read_text(""), Err(ExpositionError::NoStart)));
        assert!(matches!(read_text("<html>\n</html>\n"), Err(ExpositionError::NoStart)));
        assert!(matches!(read([&[0xff, b'\n'][..]]), Err(ExpositionError::NotText(1))));
        assert!(matches!(read_text(&"x".repeat(MAX_LINE_BYTES + 1)), Err(ExpositionError::LongLine(1))));
        let no_bytes = format!("{START}traefik_service_requests_total{{service=\"x\"}} 1\n");
        assert!(matches!(read_text(&no_bytes), Err(ExpositionError::NoBytes)));
    }

    #[test]
    fn there_is_a_most_of_services_and_of_bytes() {
        let line = |service: &str, bytes: &str| {
            format!("traefik_service_responses_bytes_total{{service=\"{service}\"}} {bytes}\n")
        };
        let lines = |count| (0..count).map(|n: usize| line(&n.to_string(), "1")).collect::<String>() + START;
        assert_eq!(
            read_text(&lines(SourceRefusal::MAX_SERVICES)).unwrap().services.len(),
            SourceRefusal::MAX_SERVICES
        );
        let error = read_text(&lines(SourceRefusal::MAX_SERVICES + 1)).unwrap_err();
        assert!(matches!(error, ExpositionError::TooManyServices));
        // 1,024 times 2^53 is 2^63.
        let error = read_text(&line("x", "9.007199254740992e+15").repeat(1_024)).unwrap_err();
        assert!(matches!(error, ExpositionError::TooLarge(service) if service == "x"));
    }

    proptest! {
        #[test]
        fn it_does_not_matter_how_the_answer_is_cut_into_chunks(size in 1_usize..2_000) {
            let whole = read_text(CAPTURED).unwrap();
            prop_assert_eq!(read(CAPTURED.as_bytes().chunks(size)).unwrap(), whole);
        }

        #[test]
        fn sums_are_those_of_the_lines(counts in prop::collection::vec((0_u8..4, 0_u32..1_000_000), 1..50)) {
            let mut text = START.to_owned();
            let mut sums = [0_u64; 4];
            for (code, (service, count)) in counts.iter().enumerate() {
                text += &format!("traefik_service_requests_bytes_total{{code=\"{code}\",service=\"{service}\"}} {count}\n");
                sums[usize::from(*service)] += u64::from(*count);
            }
            for (service, totals) in read_text(&text).unwrap().services {
                prop_assert_eq!(totals.ingress_bytes.get(), sums[service.parse::<usize>().unwrap()]);
            }
        }
    }
}
