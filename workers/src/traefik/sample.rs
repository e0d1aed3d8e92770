//! One line of Prometheus' text format (version 0.0.4): `name{label="value",...} value [timestamp]`.
//!
//! Only the series that are counted here are read to their end; any other line is left after its name.

use chrono::{DateTime, Utc};

/// The largest whole number up to which a double holds every one: 2^53. Beyond it counters would drop bytes.
const MAX_EXACT: f64 = 9_007_199_254_740_992.0;

/// A line that is of use.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Sample {
    /// A service's counter.
    Counter(Counter, String, u64),
    /// When the process was started.
    Started(DateTime<Utc>),
}

/// Which counter of a service.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Counter {
    /// Bytes of requests.
    Ingress,
    /// Bytes of responses.
    Egress,
    /// Requests.
    Requests,
}

impl Counter {
    pub(super) const ALL: [Self; 3] = [Self::Ingress, Self::Egress, Self::Requests];

    pub(super) const fn metric(self) -> &'static str {
        match self {
            Self::Ingress => "traefik_service_requests_bytes_total",
            Self::Egress => "traefik_service_responses_bytes_total",
            Self::Requests => "traefik_service_requests_total",
        }
    }
}

/// The gauge that tells when the process was started.
pub(super) const STARTED: &str = "process_start_time_seconds";

/// What is wrong with a line.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum SampleError {
    /// The labels are not written as labels are.
    #[error("its labels are malformed")]
    Labels,
    /// There is no label `service`.
    #[error("it has no label `service`")]
    NoService,
    /// After the labels there is no number, or more than a number and a timestamp.
    #[error("its value is malformed")]
    Value,
    /// No exact count.
    #[error("its value is no whole number from 0 to 2^53")]
    NotACount,
    /// No time.
    #[error("its value is no time in seconds after 1970")]
    NotATime,
}

/// Reads one line, without its line feed. `None`: it is of no use here.
pub(super) fn read(line: &str) -> Result<Option<Sample>, SampleError> {
    let line = line.trim_matches([' ', '\t', '\r']);
    let name_end = line.find(['{', ' ', '\t']).unwrap_or(line.len());
    let (name, rest) = line.split_at(name_end);
    if name == STARTED {
        let (_labels, rest) = service_label(rest)?;
        return Ok(Some(Sample::Started(time(value(rest)?)?)));
    }
    let Some(counter) = Counter::ALL.into_iter().find(|counter| counter.metric() == name) else {
        return Ok(None);
    };
    let (service, rest) = service_label(rest)?;
    let service = service.ok_or(SampleError::NoService)?;
    Ok(Some(Sample::Counter(counter, service, count(value(rest)?)?)))
}

/// The label `service`, and what comes after the labels.
fn service_label(text: &str) -> Result<(Option<String>, &str), SampleError> {
    let Some(mut rest) = text.trim_start_matches([' ', '\t']).strip_prefix('{') else {
        return Ok((None, text));
    };
    let mut service = None;
    loop {
        rest = rest.trim_start_matches([' ', '\t']);
        if let Some(after) = rest.strip_prefix('}') {
            return Ok((service, after));
        }
        let (name, after) = rest.split_once('=').ok_or(SampleError::Labels)?;
        let quoted = after.trim_start_matches([' ', '\t']).strip_prefix('"').ok_or(SampleError::Labels)?;
        let (value, after) = unquote(quoted)?;
        if name.trim_end_matches([' ', '\t']) == "service" {
            service = Some(value);
        }
        rest = after.trim_start_matches([' ', '\t']);
        match rest.strip_prefix(',') {
            Some(after) => rest = after,
            None if rest.starts_with('}') => {}
            None => return Err(SampleError::Labels),
        }
    }
}

/// A label's value, of which the first quote has been taken, and what comes after its last one.
fn unquote(text: &str) -> Result<(String, &str), SampleError> {
    let mut value = String::new();
    let mut characters = text.char_indices();
    while let Some((at, character)) = characters.next() {
        match character {
            '"' => return Ok((value, &text[at + 1..])),
            '\\' => value.push(match characters.next() {
                Some((_, 'n')) => '\n',
                Some((_, escaped @ ('\\' | '"'))) => escaped,
                Some(_) | None => return Err(SampleError::Labels),
            }),
            _ => value.push(character),
        }
    }
    Err(SampleError::Labels)
}

/// The number, which only a timestamp may follow.
fn value(text: &str) -> Result<f64, SampleError> {
    let mut words = text.split([' ', '\t']).filter(|word| !word.is_empty());
    let number = words.next().ok_or(SampleError::Value)?;
    if words.next().is_some_and(|timestamp| timestamp.parse::<i64>().is_err()) || words.next().is_some() {
        return Err(SampleError::Value);
    }
    number.parse().map_err(|_| SampleError::Value)
}

fn count(value: f64) -> Result<u64, SampleError> {
    if !(0.0..=MAX_EXACT).contains(&value) || value.fract() != 0.0 {
        return Err(SampleError::NotACount);
    }
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "whole, and from 0 to 2^53")]
    Ok(value as u64)
}

/// The fraction counts: two starts may lie within one second.
fn time(seconds: f64) -> Result<DateTime<Utc>, SampleError> {
    let micros = (seconds * 1e6).round();
    if !(1.0..=MAX_EXACT).contains(&micros) {
        return Err(SampleError::NotATime);
    }
    #[expect(clippy::cast_possible_truncation, reason = "whole, and from 1 to 2^53")]
    DateTime::from_timestamp_micros(micros as i64).ok_or(SampleError::NotATime)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn egress(service: &str, bytes: u64) -> Result<Option<Sample>, SampleError> {
        Ok(Some(Sample::Counter(Counter::Egress, service.into(), bytes)))
    }

    fn with_value(value: &str) -> Result<Option<Sample>, SampleError> {
        read(&format!("traefik_service_responses_bytes_total{{service=\"a\"}} {value}"))
    }

    #[test]
    fn labels_come_in_any_order_and_with_any_blanks() {
        for labels in [
            r#"{service="a@docker",code="200",method="GET",protocol="http"}"#,
            r#"{code="200",method="GET",protocol="http",service="a@docker",}"#,
            r#" { code = "}" , service = "a@docker" } "#,
        ] {
            let line = format!("traefik_service_responses_bytes_total{labels} 7 1795458829000");
            assert_eq!(read(&line), egress("a@docker", 7), "{line}");
        }
    }

    #[test]
    fn other_series_comments_and_blank_lines_are_left() {
        for line in ["", "# TYPE x counter", "go_gc 1", "traefik_service_requests_total_x{", "<html>"] {
            assert_eq!(read(line), Ok(None), "{line}");
        }
    }

    #[test]
    fn counts_are_whole_and_exact() {
        assert_eq!(with_value("1.234567e+06"), egress("a", 1_234_567));
        assert_eq!(with_value("9.007199254740992e+15"), egress("a", 1 << 53));
        assert_eq!(with_value("0"), egress("a", 0));
        for bad in ["NaN", "-1", "0.5", "+Inf", "9.007199254740994e+15"] {
            assert_eq!(with_value(bad), Err(SampleError::NotACount), "{bad}");
        }
        for bad in ["", "x", "1 2 3", "1 x", "0x10"] {
            assert_eq!(with_value(bad), Err(SampleError::Value), "{bad}");
        }
    }

    #[test]
    fn malformed_labels_are_refused() {
        for labels in [
            "{",
            "{service}",
            r#"{service="a}"#,
            r#"{service="a" code="b"}"#,
            r#"{service="\t"}"#,
            "{service=a}",
        ] {
            let line = format!("traefik_service_requests_total{labels} 1");
            assert_eq!(read(&line), Err(SampleError::Labels), "{line}");
        }
        assert_eq!(read("traefik_service_requests_total 1"), Err(SampleError::NoService));
    }

    #[test]
    fn the_start_has_microseconds() {
        let started = |text: &str| read(&format!("process_start_time_seconds {text}"));
        let at = "2026-11-23T18:33:49.600123Z".parse().unwrap();
        assert_eq!(started("1.795458829600123e+09"), Ok(Some(Sample::Started(at))));
        for bad in ["NaN", "0", "-5", "1e300"] {
            assert_eq!(started(bad), Err(SampleError::NotATime), "{bad}");
        }
    }

    proptest! {
        #[test]
        fn what_is_written_is_read(service in any::<String>(), bytes in 0..=(1_u64 << 53)) {
            let escaped = service.replace('\\', r"\\").replace('"', "\\\"").replace('\n', r"\n");
            #[expect(clippy::cast_precision_loss, reason = "up to 2^53 there is none")]
            let line = format!("traefik_service_responses_bytes_total{{code=\"200\",service=\"{escaped}\"}} {:e}", bytes as f64);
            prop_assert_eq!(read(&line), egress(&service, bytes));
        }

        #[test]
        fn no_line_makes_it_panic(tail in any::<String>()) {
            let _ = read(&format!("traefik_service_responses_bytes_total{tail}"));
            let _ = read(&format!("traefik_service_responses_bytes_total{{service=\"{tail}"));
        }
    }
}
