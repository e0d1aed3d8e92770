//! From the connection to a text in memory: limits, decompression, UTF-8. What the text says is read elsewhere.

use async_compression::tokio::bufread::{GzipDecoder, ZstdDecoder};
use async_compression::zstd::DParameter;
use axum::body::{Body, HttpBody};
use bytes::{BufMut, Bytes};
use http_body_util::BodyExt;
use tokio::io::{AsyncRead, AsyncReadExt};

use super::budget::Held;
use super::format::Coding;
use crate::body::{MAX_DISCARDED, discard};
use crate::problem::{Kind, Problem};

/// Bytes that may be sent.
const MAX_SENT: usize = 8 << 20;
/// Bytes that they may be once decompressed.
const MAX_TEXT: usize = 32 << 20;
/// Bytes that are decompressed before others get their turn.
const PIECE: usize = 64 << 10;
/// The window that a zstd decoder must support, and need not exceed (RFC 9659): 8 MB.
const ZSTD_WINDOW_LOG: u32 = 23;

/// Receives the body and decompresses it. `held` counts what of it is in memory.
pub(super) async fn read(body: Body, coding: Coding, held: &mut Held<'_>) -> Result<Bytes, Problem> {
    let sent = receive(body, held).await?;
    let text = match coding {
        Coding::Identity => sent,
        Coding::Gzip => {
            let mut decoder = GzipDecoder::new(&*sent);
            // RFC 1952, section 2.2: a file may be several members.
            decoder.multiple_members(true);
            decode(decoder, "gzip", sent.len(), held).await?
        }
        Coding::Zstd => {
            let window = [DParameter::window_log_max(ZSTD_WINDOW_LOG)];
            let mut decoder = ZstdDecoder::with_params(&*sent, &window);
            decoder.multiple_members(true);
            decode(decoder, "zstd", sent.len(), held).await?
        }
    };
    held.set(text.len())?;
    Ok(text)
}

async fn receive(mut body: Body, held: &mut Held<'_>) -> Result<Bytes, Problem> {
    let promised = usize::try_from(body.size_hint().lower()).unwrap_or(usize::MAX);
    if promised > MAX_DISCARDED {
        return Err(too_large());
    }
    let mut first = Bytes::new();
    let mut rest = Vec::new();
    let mut length = 0;
    while let Some(frame) = body.frame().await {
        let frame =
            frame.map_err(|_| Problem::new(Kind::MalformedBody, "the body ended before it was complete"))?;
        let Ok(data) = frame.into_data() else { continue };
        length += data.len();
        if length > MAX_SENT || promised > MAX_SENT {
            discard(body, length).await;
            return Err(too_large());
        }
        held.set(length)?;
        // Most bodies come in one piece, which is then never copied.
        if first.is_empty() {
            first = data;
        } else {
            if rest.is_empty() {
                rest.reserve_exact(promised.max(2 * length));
                rest.extend_from_slice(&first);
            }
            rest.extend_from_slice(&data);
        }
    }
    Ok(if rest.is_empty() { first } else { rest.into() })
}

fn too_large() -> Problem {
    Problem::new(Kind::TooLarge, "the body has over 8 MiB; send fewer samples at once, or compress them")
}

async fn decode<D>(mut decoder: D, name: &str, sent: usize, held: &mut Held<'_>) -> Result<Bytes, Problem>
where
    D: AsyncRead + Unpin,
{
    let mut text: Vec<u8> = Vec::new();
    loop {
        if text.len() > MAX_TEXT {
            return Err(Problem::new(Kind::TooLarge, "the body has over 32 MiB once it is decompressed"));
        }
        if text.len() == text.capacity() {
            // Doubled, but never far beyond the limit.
            let more = text.len().max(PIECE).min(MAX_TEXT + 1 - text.len());
            held.set(sent + text.len() + more)?;
            text.reserve_exact(more);
        }
        let mut piece = (&mut text).limit(PIECE);
        match decoder.read_buf(&mut piece).await {
            Ok(0) => return Ok(text.into()),
            Ok(_) => tokio::task::yield_now().await,
            Err(error) => {
                return Err(Problem::new(Kind::MalformedBody, format!("the body is not {name}: {error}")));
            }
        }
    }
}

/// The body as a text.
pub(super) fn text(body: &[u8]) -> Result<&str, Problem> {
    let malformed = |detail: String| Err(Problem::new(Kind::MalformedBody, detail));
    match std::str::from_utf8(body) {
        Err(error) => malformed(format!("the body is not UTF-8: byte {} is wrong", error.valid_up_to())),
        Ok(text) if text.starts_with('\u{feff}') => {
            malformed("the body begins with a byte order mark".to_owned())
        }
        Ok(text) if text.trim_ascii().is_empty() => malformed("the body is empty".to_owned()),
        Ok(text) => Ok(text),
    }
}
