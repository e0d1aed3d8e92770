//! Which form of a list the caller wants: `Accept` (RFC 9110, section 12.5.1).

use http::HeaderMap;
use http::header::ACCEPT;

use crate::problem::{Kind, Problem};

/// The forms that there are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Form {
    Json,
    Csv,
}

/// How much a form is wanted: its weight in thousandths, and how exactly it was named.
type Wish = (u16, u8);

/// The form that is wanted most: of two that are wanted as much, the one that is named more exactly, else JSON.
pub(super) fn form(headers: &HeaderMap) -> Result<Form, Problem> {
    let lines: Vec<&str> = headers.get_all(ACCEPT).iter().filter_map(|line| line.to_str().ok()).collect();
    if lines.iter().all(|line| line.trim().is_empty()) {
        return Ok(Form::Json);
    }
    let ranges: Vec<Range<'_>> = lines.iter().flat_map(|line| line.split(',')).filter_map(range).collect();
    let (json, csv) = (wish(&ranges, "application/json"), wish(&ranges, "text/csv"));
    match (json.0, csv.0) {
        (0, 0) => {
            let detail = "this comes as application/json or text/csv, and the `Accept` header takes neither";
            Err(Problem::new(Kind::NotAcceptable, detail))
        }
        _ if csv > json => Ok(Form::Csv),
        _ => Ok(Form::Json),
    }
}

/// A media range and its weight.
struct Range<'a> {
    name: &'a str,
    weight: u16,
}

/// One entry of the list; none when it is not of its form, which is as good as not there.
fn range(entry: &str) -> Option<Range<'_>> {
    let mut parts = entry.split(';').map(str::trim);
    let name = parts.next().filter(|name| name.contains('/'))?;
    let weight = parts.find_map(|part| part.strip_prefix("q=").or_else(|| part.strip_prefix("Q=")));
    let weight = weight.map_or(Some(1.0), |weight| weight.parse::<f32>().ok())?;
    let weight = (0..=1_000).rev().find(|thousandths| f32::from(*thousandths) <= weight * 1_000.0)?;
    Some(Range { name, weight })
}

/// How much this form is wanted: what names it most exactly decides.
fn wish(ranges: &[Range<'_>], form: &str) -> Wish {
    let wildcard = form.split_once('/').map(|(group, _)| format!("{group}/*")).unwrap_or_default();
    let names = [(form, 2), (wildcard.as_str(), 1), ("*/*", 0)];
    let named = |(name, exactness): (&str, u8)| {
        let range = ranges.iter().find(|range| range.name.eq_ignore_ascii_case(name))?;
        Some((range.weight, exactness))
    };
    names.into_iter().find_map(named).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    fn form_of(lines: &[&'static str]) -> Option<Form> {
        let lines = lines.iter().map(|line| (ACCEPT, HeaderValue::from_static(line)));
        form(&lines.collect()).ok()
    }

    #[test]
    fn what_is_wanted_most_is_sent() {
        for (accept, form) in [
            ("", Some(Form::Json)),
            ("*/*", Some(Form::Json)),
            ("application/*", Some(Form::Json)),
            ("text/csv", Some(Form::Csv)),
            ("Text/CSV; charset=utf-8", Some(Form::Csv)),
            ("text/*", Some(Form::Csv)),
            ("text/csv, */*", Some(Form::Csv)),
            ("text/csv, application/json", Some(Form::Json)),
            ("text/csv, application/json;q=0.9", Some(Form::Csv)),
            ("text/csv;q=0.5, application/json;q=0.501", Some(Form::Json)),
            ("text/csv;q=0, */*", Some(Form::Json)),
            ("application/json;q=0, */*", Some(Form::Csv)),
            ("text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8", Some(Form::Json)),
            ("text/html", None),
            ("text/csv;q=0", None),
            ("text/csv;q=x", None),
            ("nonsense", None),
        ] {
            assert_eq!(form_of(&[accept]), form, "{accept}");
        }
        assert_eq!(form_of(&[]), Some(Form::Json));
        assert_eq!(form_of(&["text/html", "text/csv"]), Some(Form::Csv));
    }
}
