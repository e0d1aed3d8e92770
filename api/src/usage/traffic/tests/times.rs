//! Times, against chrono's own reader of RFC 3339.

use chrono::{DateTime, SubsecRound, Utc};
use proptest::prelude::*;

use crate::usage::traffic::time::parse;

fn chrono(text: &str) -> Option<DateTime<Utc>> {
    Some(DateTime::parse_from_rfc3339(text).ok()?.to_utc().trunc_subsecs(6))
}

#[test]
fn every_way_to_write_a_time() {
    for text in [
        "2026-11-23T18:30:00Z",
        "2026-11-23t18:30:00z",
        "2026-11-23 18:30:00Z",
        "2026-11-23T18:30:00.1Z",
        "2026-11-23T18:30:00.123456789Z",
        "2026-11-23T18:30:00.999999999999+00:00",
        "2026-11-23T18:30:00-00:00",
        "2026-03-01T00:30:00+01:00",
        "2026-12-31T23:59:59.9-23:59",
        "2024-02-29T00:00:00Z",
        "0000-01-01T00:00:00+23:59",
        "9999-12-31T23:59:59-23:59",
    ] {
        assert!(chrono(text).is_some(), "{text}");
        assert_eq!(parse(text).ok(), chrono(text), "{text}");
    }
}

#[test]
fn what_is_wrong_is_named() {
    const SHAPE: &str = "must be an RFC 3339 time such as 2026-11-23T18:30:00Z";
    const OFFSET: &str = "must end in Z or in an offset from UTC such as +01:00";
    for (text, why) in [
        ("", SHAPE),
        ("now", SHAPE),
        ("1764000000000000000", SHAPE),
        ("2026-11-23", SHAPE),
        ("2026-11-23T18:30Z", SHAPE),
        ("26-11-23T18:30:00Z", SHAPE),
        ("12026-11-23T18:30:00Z", SHAPE),
        ("+2026-11-23T18:30:00Z", SHAPE),
        ("-001-11-23T18:30:00Z", SHAPE),
        ("2026-11-23T18:30:00.Z", SHAPE),
        ("2026-1١-23T18:30:00Z", SHAPE),
        ("2026-11-23T18:30:00", OFFSET),
        ("2026-11-23T18:30:00.5", OFFSET),
        ("2026-11-23T18:30:00+01", OFFSET),
        ("2026-11-23T18:30:00+0100", OFFSET),
        ("2026-11-23T18:30:00ZZ", OFFSET),
        ("2026-11-23T18:30:00+24:00", "the offset from UTC must be from -23:59 to +23:59"),
        ("2026-11-23T18:30:00+01:60", "the offset from UTC must be from -23:59 to +23:59"),
        ("2026-13-01T18:30:00Z", "the month must be from 01 to 12"),
        ("2026-00-01T18:30:00Z", "the month must be from 01 to 12"),
        ("2026-02-29T18:30:00Z", "there is no such day in that month"),
        ("2026-11-00T18:30:00Z", "there is no such day in that month"),
        ("2026-11-23T24:00:00Z", "the time of day must be from 00:00:00 to 23:59:59"),
        ("2026-11-23T18:60:00Z", "the time of day must be from 00:00:00 to 23:59:59"),
        ("2026-11-23T18:30:61Z", "the time of day must be from 00:00:00 to 23:59:59"),
        ("2016-12-31T23:59:60Z", "leap seconds are not taken: write the second before or after it"),
    ] {
        assert_eq!(parse(text), Err(why), "{text}");
    }
}

proptest! {
    #[test]
    fn reads_what_chrono_writes(seconds in -62_167_219_200_i64..253_402_300_800, nanos in 0..1_000_000_000_u32) {
        let at = DateTime::from_timestamp(seconds, nanos).unwrap();
        prop_assert_eq!(parse(&at.to_rfc3339()), Ok(at.trunc_subsecs(6)));
    }

    #[test]
    fn takes_what_chrono_takes(text in r"[0-9]{4}-[01][0-9]-[0-3][0-9]T[0-2][0-9]:[0-5][0-9]:[0-5][0-9](\.[0-9]{1,9})?(Z|[+-][0-2][0-9]:[0-5][0-9])") {
        prop_assert_eq!(parse(&text).ok(), chrono(&text));
    }
}
