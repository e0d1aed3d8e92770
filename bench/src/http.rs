//! The least of HTTP/1.1 that a load needs: it shares the cores with the server that it measures.
//!
//! A connection that is kept alive, answers with a length, and requests that are rendered once and of which only
//! numbers change. Nothing else of HTTP is here.

use std::net::SocketAddr;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use uuid::Uuid;

use crate::Failure;

/// A connection that asks one thing after the other.
pub(crate) struct Connection {
    stream: TcpStream,
    received: Vec<u8>,
}

/// An answer.
pub(crate) struct Answer<'a> {
    pub(crate) status: u16,
    pub(crate) body: &'a [u8],
}

impl<'a> Answer<'a> {
    /// The body, if the answer is 200.
    pub(crate) fn ok(&self) -> Result<&'a [u8], Failure> {
        match self.status {
            200 => Ok(self.body),
            status => Err(format!("{status}: {}", String::from_utf8_lossy(self.body)).into()),
        }
    }
}

struct Head {
    status: u16,
    body: usize,
    length: usize,
}

impl Connection {
    pub(crate) async fn open(address: SocketAddr) -> Result<Self, Failure> {
        let stream = TcpStream::connect(address).await?;
        stream.set_nodelay(true)?;
        Ok(Self { stream, received: Vec::with_capacity(4_096) })
    }

    pub(crate) async fn ask(&mut self, request: &[u8]) -> Result<Answer<'_>, Failure> {
        self.stream.write_all(request).await?;
        self.received.clear();
        let head = loop {
            if self.stream.read_buf(&mut self.received).await? == 0 {
                return Err("the server closed the connection in mid-answer".into());
            }
            if let Some(head) = head(&self.received)? {
                break head;
            }
        };
        while self.received.len() < head.body + head.length {
            if self.stream.read_buf(&mut self.received).await? == 0 {
                return Err("the server closed the connection in mid-answer".into());
            }
        }
        Ok(Answer { status: head.status, body: &self.received[head.body..head.body + head.length] })
    }
}

/// What the answer's head says, if all of it is there.
fn head(received: &[u8]) -> Result<Option<Head>, Failure> {
    const BLANK: &[u8] = b"\r\n\r\n";
    let Some(end) = received.windows(BLANK.len()).position(|bytes| bytes == BLANK) else { return Ok(None) };
    let text = std::str::from_utf8(&received[..end])?;
    let mut lines = text.split("\r\n");
    let status = lines.next().and_then(|line| line.strip_prefix("HTTP/1.1 ")?.get(..3)?.parse().ok());
    let length = lines.filter_map(|line| line.split_once(": ")).find_map(|(name, value)| {
        if name.eq_ignore_ascii_case("content-length") { value.parse().ok() } else { None }
    });
    match (status, length) {
        (Some(status), Some(length)) => Ok(Some(Head { status, body: end + BLANK.len(), length })),
        _ => Err(format!("an answer without a status or a length: {text}").into()),
    }
}

/// The unsigned number after this key in a JSON text that has it once.
pub(crate) fn number(json: &[u8], key: &str) -> Option<u64> {
    let at = json.windows(key.len()).position(|bytes| bytes == key.as_bytes())? + key.len();
    let digits = json[at..].iter().take_while(|byte| byte.is_ascii_digit()).count();
    std::str::from_utf8(&json[at..at + digits]).ok()?.parse().ok()
}

/// A rendered request.
pub(crate) fn request(method: &str, path: &str, credential: &str, body: &str) -> Vec<u8> {
    format!(
        "{method} {path} HTTP/1.1\r\nhost: servelink\r\nauthorization: Bearer {credential}\r\n\
         content-type: application/json\r\ncontent-length: {}\r\n\r\n{body}",
        body.len()
    )
    .into_bytes()
}

/// Stands for a number of a [`Template`] in the text that it is made of.
pub(crate) const NUMBER: &str = "##########";
/// The first number of ten digits, so that a text never changes its length.
pub(crate) const FIRST: u64 = 1_000_000_000;

/// Stands for a new UUID (version 7, as producers make them) in the text that a [`Template`] is made of.
pub(crate) const NEW_ID: &str = "@@@@@@@@-@@@@-@@@@-@@@@-@@@@@@@@@@@@";

/// A rendered request in which one number, at one or many places, and one id are new every time.
#[derive(Clone)]
pub(crate) struct Template {
    bytes: Vec<u8>,
    numbers: Vec<usize>,
    ids: Vec<usize>,
}

impl Template {
    pub(crate) fn new(bytes: Vec<u8>) -> Self {
        let places = |of: &str| {
            let windows = bytes.windows(of.len()).enumerate();
            windows.filter(|(_, window)| *window == of.as_bytes()).map(|(at, _)| at).collect()
        };
        let (numbers, ids) = (places(NUMBER), places(NEW_ID));
        Self { bytes, numbers, ids }
    }

    /// The request with this number, from [`FIRST`] on.
    pub(crate) fn with(&mut self, number: u64) -> &[u8] {
        let mut digits = [b'0'; NUMBER.len()];
        let mut rest = number;
        for digit in digits.iter_mut().rev() {
            *digit += u8::try_from(rest % 10).unwrap_or_default();
            rest /= 10;
        }
        for place in &self.numbers {
            self.bytes[*place..*place + digits.len()].copy_from_slice(&digits);
        }
        for place in &self.ids {
            Uuid::now_v7().hyphenated().encode_lower(&mut self.bytes[*place..*place + NEW_ID.len()]);
        }
        &self.bytes
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_head_is_read_once_it_is_whole() {
        let whole = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nx: y\r\n\r\n{}";
        assert!(head(&whole[..20]).unwrap().is_none());
        let head = head(whole).unwrap().unwrap();
        assert_eq!((head.status, head.length, &whole[head.body..]), (200, 2, &b"{}"[..]));
    }

    #[test]
    fn a_head_without_a_length_is_refused() {
        assert!(head(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n").is_err());
    }

    #[test]
    fn a_template_changes_its_numbers_only() {
        let mut template = Template::new(format!("a {NUMBER} b {NUMBER}").into_bytes());
        assert_eq!(template.with(FIRST + 7), b"a 1000000007 b 1000000007");
        assert_eq!(template.with(FIRST + 42), b"a 1000000042 b 1000000042");
    }

    #[test]
    fn a_template_has_a_new_id_every_time() {
        let mut template = Template::new(format!("id={NEW_ID};").into_bytes());
        let first = template.with(FIRST).to_vec();
        assert_eq!(Uuid::try_parse_ascii(&first[3..39]).unwrap().get_version_num(), 7);
        assert_ne!(template.with(FIRST), first);
    }

    #[test]
    fn numbers_are_found_by_their_key() {
        assert_eq!(number(br#"{"a":1,"position":4711}"#, "\"position\":"), Some(4711));
        assert_eq!(number(br#"{"a":null}"#, "\"a\":"), None);
        assert_eq!(number(b"{}", "\"a\":"), None);
    }
}
