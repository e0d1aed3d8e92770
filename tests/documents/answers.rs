//! Whether an answer is like the one that a document shows.
//!
//! Both must have the same keys, the same types and the same values. Of what nobody can foresee only the form counts: a
//! time (RFC 3339) stands for any time, an address (`http:`, `https:`, `data:`) for any of its scheme, and 16 or more
//! hexadecimal digits and dashes in a row for any such row, so that `sbx_` before an id must still be there. An answer
//! that is shown as `csv` is compared cell by cell in the same way; no cell there has a comma in it.

use serde_json::Value;

use crate::blocks::Block;

/// The shortest row of hexadecimal digits that is an id.
const ID: usize = 16;

/// Says in which way the answer is another than the one that is shown.
pub(crate) fn compare(shown: &Block, answer: &str) -> Result<(), String> {
    let read = |what: &str, text: &str| match shown.language() {
        "csv" => Ok(table(text)),
        _ => serde_json::from_str(text).map_err(|error| format!("{what} is no JSON: {error}\n{text}")),
    };
    let (shown, answer) = (form(read("what is shown", &shown.text)?), form(read("the answer", answer)?));
    if shown == answer { Ok(()) } else { Err(format!("shown is {shown:#}\nbut the answer is {answer:#}")) }
}

fn table(text: &str) -> Value {
    text.lines().map(|line| line.split(',').map(Value::from).collect::<Value>()).collect()
}

/// The same with the form only of what nobody can foresee.
fn form(value: Value) -> Value {
    match value {
        Value::String(text) => form_of(&text).into(),
        Value::Array(values) => values.into_iter().map(form).collect(),
        Value::Object(fields) => fields.into_iter().map(|(name, value)| (name, form(value))).collect(),
        Value::Null | Value::Bool(_) | Value::Number(_) => value,
    }
}

fn form_of(text: &str) -> String {
    if chrono::DateTime::parse_from_rfc3339(text).is_ok() {
        return "(time)".to_owned();
    }
    if let Some((scheme @ ("http" | "https" | "data"), _)) = text.split_once(':') {
        return format!("({scheme})");
    }
    let of_id = |char: &char| char.is_ascii_hexdigit() || *char == '-';
    let chars: Vec<char> = text.chars().collect();
    let rows = chars.chunk_by(|one, next| of_id(one) == of_id(next));
    rows.map(|row| if row.len() >= ID && of_id(&row[0]) { "(id)".to_owned() } else { row.iter().collect() })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn alike(language: &str, shown: &str, answer: &str) -> bool {
        let shown = Block { line: 1, info: language.to_owned(), text: shown.to_owned() };
        compare(&shown, answer).is_ok()
    }

    #[test]
    fn what_nobody_can_foresee_is_free_and_nothing_else() {
        let shown = r#"{"id": "sbx_01a20a67739d724c", "at": "2026-11-23T12:00:00Z", "url": "http://a/b", "n": 3.00,
            "list": [{"flag": false, "word": "pending", "none": null}]}"#;
        let answer = |from: &str, to: &str| shown.replace(from, to);
        for (from, to) in [
            ("", ""),
            ("01a20a67739d724c", "99a20a67-739d-724c-ffff"),
            ("2026-11-23T12:00:00Z", "2027-01-01T00:00:00.123456+00:00"),
            ("http://a/b", "http://127.0.0.1:8080/pay/x"),
            ("3.00", "3.0"),
        ] {
            assert!(alike("json", shown, &answer(from, to)), "{to}");
        }
        for (from, to) in [
            ("sbx_", "txn_"),
            ("01a20a67739d724c", "01a20a67739d724"),
            ("\"2026-11-23T12:00:00Z\"", "null"),
            ("2026-11-23T12:00:00Z", "soon"),
            ("http://a/b", "data:image/png;base64,"),
            ("3.00", "3.01"),
            ("3.00", "\"3.00\""),
            ("false", "true"),
            ("pending", "completed"),
            ("\"none\": null", "\"none\": null, \"new\": 1"),
            (", \"none\": null", ""),
            ("[{", "[{}, {"),
            ("}", ""),
        ] {
            assert!(!alike("json", shown, &answer(from, to)), "{from} as {to}");
        }
    }

    #[test]
    fn tables_are_compared_by_cell() {
        let shown = "id,at,word\n01a20a67739d724c,2026-11-23T12:00:00Z,a\n";
        assert!(alike("csv", shown, "id,at,word\nffffffffffffffff,2027-01-01T00:00:00Z,a"));
        assert!(!alike("csv", shown, "id,at,word\nffffffffffffffff,2027-01-01T00:00:00Z,b"));
        assert!(!alike("csv", shown, "id,word\n"));
    }
}
