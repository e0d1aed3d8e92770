//! Reads JSON (RFC 8259) from a text in memory, one token at a time and without copying.
//!
//! Nothing here knows of samples. It is stricter than a general reader, as every body here is: a key that comes twice
//! in an object is a fault at any level, and nesting is limited. It exists because a batch of a thousand samples must
//! be read in a fraction of a millisecond, and because a wrong value of one sample must not fail the others.

use std::borrow::Cow;

use super::fault::{Fault, FaultKind, Result};

/// Levels of objects and arrays within a value that is passed over.
const DEPTH: usize = 32;
/// Keys of one object whose names are not known beforehand.
const KEYS: usize = 64;

/// What a value is, told by its first character.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Object,
    Array,
    Text,
    Number,
    Boolean,
    Null,
}

/// A number, as far as a count of something can be one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Number {
    /// An integer from 0 to `u64::MAX`.
    Natural(u64),
    /// An integer below or above that.
    OutOfRange,
    /// Written with a fraction or an exponent.
    NotAnInteger,
}

/// Reads on from a place in a text.
pub(super) struct Reader<'a> {
    text: &'a str,
    at: usize,
}

impl<'a> Reader<'a> {
    pub(super) const fn new(text: &'a str) -> Self {
        Self { text, at: 0 }
    }

    /// Where it stands, in bytes.
    pub(super) const fn at(&self) -> usize {
        self.at
    }

    pub(super) fn broken<T>(&self, expected: &'static str) -> Result<T> {
        Err(Fault::new(FaultKind::Syntax(expected), self.at))
    }

    fn byte(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    /// Passes over white space, and tells what follows it.
    fn next(&mut self) -> Option<u8> {
        loop {
            match self.byte() {
                Some(b' ' | b'\n' | b'\r' | b'\t') => self.at += 1,
                other => return other,
            }
        }
    }

    /// Whether there is nothing more.
    pub(super) fn is_blank(&mut self) -> bool {
        self.next().is_none()
    }

    /// What the next value is.
    pub(super) fn kind(&mut self) -> Result<Kind> {
        match self.next() {
            Some(b'{') => Ok(Kind::Object),
            Some(b'[') => Ok(Kind::Array),
            Some(b'"') => Ok(Kind::Text),
            Some(b'-' | b'0'..=b'9') => Ok(Kind::Number),
            Some(b't' | b'f') => Ok(Kind::Boolean),
            Some(b'n') => Ok(Kind::Null),
            Some(_) => self.broken("expected a value"),
            None => self.broken("the text ends where a value is expected"),
        }
    }

    /// Nothing but white space may follow.
    pub(super) fn end(&mut self) -> Result<()> {
        if self.is_blank() { Ok(()) } else { self.broken("expected nothing after the value") }
    }

    /// Enters an object or array; [`Self::kind`] said that it is one.
    pub(super) fn enter(&mut self) {
        self.at += 1;
    }

    /// The object's next key, or `None` after its last one.
    pub(super) fn key(&mut self, first: &mut bool) -> Result<Option<Cow<'a, str>>> {
        match self.next() {
            Some(b'}') => {
                self.at += 1;
                return Ok(None);
            }
            Some(b'"') if *first => {}
            Some(b',') if !*first => {
                self.at += 1;
                if self.next() != Some(b'"') {
                    return self.broken("expected a key in double quotes");
                }
            }
            _ if *first => return self.broken("expected a key in double quotes or `}`"),
            _ => return self.broken("expected `,` or `}`"),
        }
        *first = false;
        let key = self.text()?;
        if self.next() != Some(b':') {
            return self.broken("expected `:` after the key");
        }
        self.at += 1;
        Ok(Some(key))
    }

    /// Passes over a key that is written exactly so, with the comma before it (unless it is the first) and the colon
    /// after it. Otherwise nothing happens.
    pub(super) fn tight_key(&mut self, first: &mut bool, tight: &[u8]) -> bool {
        let tight = &tight[usize::from(*first)..];
        let matches = self.text.as_bytes().get(self.at..).is_some_and(|rest| rest.starts_with(tight));
        if matches {
            self.at += tight.len();
            *first = false;
        }
        matches
    }

    /// Whether the array has another value, which is then next.
    pub(super) fn item(&mut self, first: &mut bool) -> Result<bool> {
        match self.next() {
            Some(b']') => {
                self.at += 1;
                return Ok(false);
            }
            Some(b',') if !*first => {
                self.at += 1;
                if self.next() == Some(b']') {
                    return self.broken("expected a value after `,`");
                }
            }
            _ if *first => {}
            _ => return self.broken("expected `,` or `]`"),
        }
        *first = false;
        Ok(true)
    }

    /// A text; [`Self::kind`] said that it is one.
    pub(super) fn text(&mut self) -> Result<Cow<'a, str>> {
        let start = self.at + 1;
        let end = self.plain_until(start)?;
        if self.text.as_bytes()[end] == b'"' {
            self.at = end + 1;
            return Ok(Cow::Borrowed(&self.text[start..end]));
        }
        self.escaped(start, end).map(Cow::Owned)
    }

    /// The next quote or backslash at or after this place.
    fn plain_until(&mut self, start: usize) -> Result<usize> {
        let rest = self.text.as_bytes().get(start..).unwrap_or_default();
        let Some(length) = first_special(rest) else {
            self.at = self.text.len();
            return self.broken("the text ends within a string");
        };
        if rest[length] < 0x20 {
            self.at = start + length;
            return self.broken("a control character must be escaped in a string");
        }
        Ok(start + length)
    }

    /// A text with escapes, the first of which is at `end`.
    #[cold]
    fn escaped(&mut self, mut start: usize, mut end: usize) -> Result<String> {
        let mut text = String::new();
        loop {
            text.push_str(&self.text[start..end]);
            self.at = end;
            if self.byte() == Some(b'"') {
                self.at += 1;
                return Ok(text);
            }
            text.push(self.escape()?);
            start = self.at;
            end = self.plain_until(start)?;
        }
    }

    /// One escape sequence; the reader stands at its backslash.
    fn escape(&mut self) -> Result<char> {
        const BAD: &str = "no such escape sequence";
        let Some(letter) = self.text.as_bytes().get(self.at + 1) else { return self.broken(BAD) };
        let plain = match letter {
            b'"' => '"',
            b'\\' => '\\',
            b'/' => '/',
            b'b' => '\u{8}',
            b'f' => '\u{c}',
            b'n' => '\n',
            b'r' => '\r',
            b't' => '\t',
            b'u' => {
                let units = [self.code_unit(self.at), self.code_unit(self.at + 6)];
                let (length, units) = match units {
                    [Some(high @ 0xd800..=0xdbff), Some(low)] => (12, vec![high, low]),
                    [Some(unit), _] => (6, vec![unit]),
                    [None, _] => return self.broken("`\\u` takes four hexadecimal digits"),
                };
                let Some(Ok(letter)) = char::decode_utf16(units).next() else {
                    return self.broken("half a surrogate pair is no character");
                };
                self.at += length;
                return Ok(letter);
            }
            _ => return self.broken(BAD),
        };
        self.at += 2;
        Ok(plain)
    }

    /// The UTF-16 code unit that is written `\uXXXX` at this place.
    fn code_unit(&self, at: usize) -> Option<u16> {
        let digits = self.text.get(at..at + 6)?.strip_prefix("\\u")?;
        let hex = digits.bytes().all(|digit| digit.is_ascii_hexdigit());
        u16::from_str_radix(digits, 16).ok().filter(|_| hex)
    }

    /// A number; [`Self::kind`] said that it is one.
    pub(super) fn number(&mut self) -> Result<Number> {
        let negative = self.byte() == Some(b'-');
        self.at += usize::from(negative);
        let rest = self.text.as_bytes().get(self.at..).unwrap_or_default();
        let length = rest.iter().take_while(|byte| byte.is_ascii_digit()).count();
        let digits = &rest[..length];
        match digits {
            [] => return self.broken("expected a digit"),
            [b'0', _, ..] => return self.broken("a number has no leading zeros"),
            _ => self.at += length,
        }
        if matches!(self.byte(), Some(b'.' | b'e' | b'E')) {
            return self.fraction_and_exponent();
        }
        let append = |sum: u64, digit: &u8| sum.checked_mul(10)?.checked_add(u64::from(digit - b'0'));
        Ok(match digits.iter().try_fold(0, append) {
            // Minus zero is zero.
            Some(natural) if !negative || natural == 0 => Number::Natural(natural),
            _ => Number::OutOfRange,
        })
    }

    #[cold]
    fn fraction_and_exponent(&mut self) -> Result<Number> {
        if self.byte() == Some(b'.') {
            self.at += 1;
            self.digits()?;
        }
        if let Some(b'e' | b'E') = self.byte() {
            self.at += 1;
            if let Some(b'+' | b'-') = self.byte() {
                self.at += 1;
            }
            self.digits()?;
        }
        Ok(Number::NotAnInteger)
    }

    fn digits(&mut self) -> Result<()> {
        if !self.byte().is_some_and(|byte| byte.is_ascii_digit()) {
            return self.broken("expected a digit");
        }
        while self.byte().is_some_and(|byte| byte.is_ascii_digit()) {
            self.at += 1;
        }
        Ok(())
    }

    /// Passes over a value of any kind, checking it all the same.
    pub(super) fn skip(&mut self) -> Result<()> {
        self.skip_within(DEPTH)
    }

    fn skip_within(&mut self, depth: usize) -> Result<()> {
        match self.kind()? {
            Kind::Object | Kind::Array if depth == 0 => self.broken("nested too deeply"),
            Kind::Object => {
                self.enter();
                let (mut first, mut keys) = (true, Keys::default());
                while let Some(key) = self.key(&mut first)? {
                    keys.add(key.clone(), self.at)?;
                    self.skip_within(depth - 1).map_err(|fault| fault.inside(&key))?;
                }
                Ok(())
            }
            Kind::Array => {
                self.enter();
                let mut first = true;
                while self.item(&mut first)? {
                    self.skip_within(depth - 1)?;
                }
                Ok(())
            }
            Kind::Text => self.text().map(drop),
            Kind::Number => self.number().map(drop),
            Kind::Boolean | Kind::Null => self.word(),
        }
    }

    fn word(&mut self) -> Result<()> {
        let rest = &self.text.as_bytes()[self.at..];
        match ["true", "false", "null"].iter().find(|word| rest.starts_with(word.as_bytes())) {
            Some(word) => {
                self.at += word.len();
                Ok(())
            }
            None => self.broken("expected a value"),
        }
    }
}

/// Where the first byte is that cannot stand for itself in a string: a quote, a backslash or a control character.
/// Looks at eight bytes at a time, since strings are most of a batch.
fn first_special(bytes: &[u8]) -> Option<usize> {
    const ONES: u64 = u64::from_le_bytes([1; 8]);
    const HIGHS: u64 = ONES << 7;
    // The high bit of each byte below `bound`, up to the first such byte; what comes above it may be wrong.
    const fn below(word: u64, bound: u64) -> u64 {
        word.wrapping_sub(ONES * bound) & !word & HIGHS
    }
    let (words, rest) = bytes.as_chunks::<8>();
    for (place, word) in words.iter().enumerate() {
        let word = u64::from_le_bytes(*word);
        let special = below(word, 0x20)
            | below(word ^ (ONES * b'"' as u64), 1)
            | below(word ^ (ONES * b'\\' as u64), 1);
        if special != 0 {
            return Some(place * 8 + special.trailing_zeros() as usize / 8);
        }
    }
    let special = |byte: &u8| matches!(byte, b'"' | b'\\' | 0..=0x1f);
    rest.iter().position(special).map(|place| words.len() * 8 + place)
}

/// The keys of one object so far. There are few, so that looking through them beats hashing, and whoever sends many
/// is refused before they cost memory.
#[derive(Default)]
pub(super) struct Keys<'a>(Vec<Cow<'a, str>>);

impl<'a> Keys<'a> {
    pub(super) fn add(&mut self, key: Cow<'a, str>, at: usize) -> Result<()> {
        if self.0.contains(&key) {
            return Err(Fault::field(FaultKind::DuplicateKey, &key, at));
        }
        if self.0.len() == KEYS {
            return Err(Fault::new(FaultKind::Syntax("an object has over 64 keys"), at));
        }
        self.0.push(key);
        Ok(())
    }

    pub(super) fn contains(&self, key: &str) -> bool {
        self.0.iter().any(|one| one == key)
    }
}
