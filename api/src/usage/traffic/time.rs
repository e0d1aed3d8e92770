//! Reads times as RFC 3339 writes them, to whole microseconds (what the log can hold).
//!
//! Not chrono's own reader: this one tells people which part is wrong, refuses leap seconds (which a sum over a day
//! cannot place) and takes a fraction of the time that a thousand samples would otherwise cost.

use chrono::{DateTime, NaiveDate, TimeDelta, Utc};

const SHAPE: &str = "must be an RFC 3339 time such as 2026-11-23T18:30:00Z";
const OFFSET: &str = "must end in Z or in an offset from UTC such as +01:00";

/// The instant that this text names.
///
/// # Errors
/// What it must be, to be put after the field's name.
pub(super) fn parse(text: &str) -> Result<DateTime<Utc>, &'static str> {
    let Some((head, rest)) = text.as_bytes().split_first_chunk::<19>() else { return Err(SHAPE) };
    let [y1, y2, y3, y4, b'-', m1, m2, b'-', d1, d2, b'T' | b't' | b' ', time @ ..] = head else {
        return Err(SHAPE);
    };
    let [h1, h2, b':', i1, i2, b':', s1, s2] = time else { return Err(SHAPE) };
    let century = two(*y1, *y2).ok_or(SHAPE)?;
    let year = two(*y3, *y4).ok_or(SHAPE)? + 100 * century;
    let (month, day) = two(*m1, *m2).zip(two(*d1, *d2)).ok_or(SHAPE)?;
    let (hour, minute) = two(*h1, *h2).zip(two(*i1, *i2)).ok_or(SHAPE)?;
    let second = two(*s1, *s2).ok_or(SHAPE)?;
    let (micros, zone) = fraction(rest)?;
    let ahead = ahead_of_utc(zone)?;
    if !(1..=12).contains(&month) {
        return Err("the month must be from 01 to 12");
    }
    if second == 60 {
        return Err("leap seconds are not taken: write the second before or after it");
    }
    let date = i32::try_from(year).ok().and_then(|year| NaiveDate::from_ymd_opt(year, month, day));
    let date = date.ok_or("there is no such day in that month")?;
    let local = date.and_hms_micro_opt(hour, minute, second, micros);
    let local = local.ok_or("the time of day must be from 00:00:00 to 23:59:59")?.and_utc();
    if ahead == 0 { Ok(local) } else { local.checked_sub_signed(TimeDelta::seconds(ahead)).ok_or(SHAPE) }
}

/// The number that two digits write.
const fn two(tens: u8, ones: u8) -> Option<u32> {
    if tens.is_ascii_digit() && ones.is_ascii_digit() {
        Some((tens - b'0') as u32 * 10 + (ones - b'0') as u32)
    } else {
        None
    }
}

/// Microseconds, and what follows the fraction. Digits beyond the sixth are cut off.
fn fraction(rest: &[u8]) -> Result<(u32, &[u8]), &'static str> {
    let [b'.', rest @ ..] = rest else { return Ok((0, rest)) };
    let length = rest.iter().take_while(|byte| byte.is_ascii_digit()).count();
    if length == 0 {
        return Err(SHAPE);
    }
    let (digits, rest) = rest.split_at(length);
    let places = digits.iter().chain(b"00000").take(6);
    Ok((places.fold(0, |micros, digit| micros * 10 + u32::from(digit - b'0')), rest))
}

/// By how many seconds the zone's clocks are ahead of UTC.
fn ahead_of_utc(zone: &[u8]) -> Result<i64, &'static str> {
    match zone {
        b"Z" | b"z" => Ok(0),
        [sign @ (b'+' | b'-'), h1, h2, b':', m1, m2] => {
            let (hours, minutes) = two(*h1, *h2).zip(two(*m1, *m2)).ok_or(OFFSET)?;
            if hours > 23 || minutes > 59 {
                return Err("the offset from UTC must be from -23:59 to +23:59");
            }
            let seconds = i64::from(hours * 3_600 + minutes * 60);
            Ok(if *sign == b'-' { -seconds } else { seconds })
        }
        _ => Err(OFFSET),
    }
}
