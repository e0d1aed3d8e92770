//! Receiving and decompressing: limits, broken bodies, memory.

use async_compression::tokio::bufread::{GzipEncoder, ZstdEncoder};
use async_compression::{Level, zstd::CParameter};
use axum::body::Body;
use bytes::Bytes;
use futures::stream;
use tokio::io::AsyncReadExt;

use super::*;
use crate::usage::traffic::body::read;
use crate::usage::traffic::budget::Budget;
use crate::usage::traffic::format::Coding;

const MB: usize = 1 << 20;

async fn gzip(text: &[u8]) -> Vec<u8> {
    let mut packed = Vec::new();
    GzipEncoder::with_quality(text, Level::Fastest).read_to_end(&mut packed).await.unwrap();
    packed
}

async fn zstd(text: &[u8]) -> Vec<u8> {
    let mut packed = Vec::new();
    ZstdEncoder::with_quality(text, Level::Fastest).read_to_end(&mut packed).await.unwrap();
    packed
}

async fn received(body: impl Into<Body>, coding: Coding) -> Result<Bytes, Problem> {
    let budget = Budget::of(64 * MB);
    let mut held = budget.hold();
    let read = read(body.into(), coding, &mut held).await;
    drop(held);
    assert_eq!(budget.left(), 64 * MB, "all that was held is given back");
    read
}

/// A body in pieces, its length not told beforehand.
fn pieces(body: &[u8], size: usize) -> Body {
    let pieces: Vec<_> =
        body.chunks(size).map(|piece| Ok::<_, std::io::Error>(Bytes::copy_from_slice(piece))).collect();
    Body::from_stream(stream::iter(pieces))
}

#[tokio::test]
async fn what_was_sent_is_what_is_read() {
    let text: Vec<u8> = (0..300_000_u32).flat_map(u32::to_le_bytes).collect();
    for (coding, packed) in [
        (Coding::Identity, text.clone()),
        (Coding::Gzip, gzip(&text).await),
        (Coding::Zstd, zstd(&text).await),
    ] {
        assert!(received(packed.clone(), coding).await.unwrap() == text, "{coding:?} in one piece");
        assert!(received(pieces(&packed, 1_000), coding).await.unwrap() == text, "{coding:?} in pieces");
    }
    assert!(received(Body::empty(), Coding::Identity).await.unwrap().is_empty());
}

#[tokio::test]
async fn several_members_are_one_text() {
    let twice = |packed: Vec<u8>| [packed.clone(), packed].concat();
    assert_eq!(received(twice(gzip(b"abc").await), Coding::Gzip).await.unwrap(), "abcabc");
    assert_eq!(received(twice(zstd(b"abc").await), Coding::Zstd).await.unwrap(), "abcabc");
}

#[tokio::test]
async fn broken_compression_is_refused() {
    for (coding, packed) in
        [(Coding::Gzip, gzip(&[b'x'; 9_999]).await), (Coding::Zstd, zstd(&[b'x'; 9_999]).await)]
    {
        let mut flipped = packed.clone();
        let middle = flipped.len() / 2;
        flipped[middle] ^= 0xff;
        for broken in [
            packed[..packed.len() - 1].to_vec(),
            packed[..5].to_vec(),
            [&packed[..], b"more"].concat(),
            flipped,
            b"{}".to_vec(),
        ] {
            let shown = format!("{coding:?} {broken:?}");
            assert_eq!(
                received(broken, coding).await.expect_err(&shown).kind(),
                Kind::MalformedBody,
                "{shown}"
            );
        }
    }
}

#[tokio::test]
async fn nothing_compressed_is_nothing() {
    // An empty body is no gzip either, but whether it is called broken or empty makes no difference to its sender.
    for coding in [Coding::Gzip, Coding::Zstd] {
        match received(Body::empty(), coding).await {
            Ok(text) => assert!(text.is_empty()),
            Err(problem) => assert_eq!(problem.kind(), Kind::MalformedBody),
        }
    }
}

#[tokio::test]
async fn a_body_that_is_too_large_is_refused() {
    let full = vec![b' '; 8 * MB];
    assert_eq!(received(full.clone(), Coding::Identity).await.unwrap().len(), 8 * MB);
    let ten = vec![b' '; 10 * MB];
    for body in [Body::from(ten.clone()), pieces(&ten, 100_000), Body::from(vec![b' '; 40 * MB])] {
        assert_eq!(received(body, Coding::Identity).await.unwrap_err().kind(), Kind::TooLarge);
    }
}

#[tokio::test]
async fn a_bomb_stops_at_the_limit() {
    let full = vec![b' '; 32 * MB];
    let over = vec![b' '; 32 * MB + 1];
    for (coding, full, over) in [
        (Coding::Gzip, gzip(&full).await, gzip(&over).await),
        (Coding::Zstd, zstd(&full).await, zstd(&over).await),
    ] {
        assert_eq!(received(full, coding).await.unwrap().len(), 32 * MB);
        assert_eq!(received(over, coding).await.unwrap_err().kind(), Kind::TooLarge, "{coding:?}");
    }
    // 16 GiB of spaces in 1.5 MB, which would take minutes to unpack: members of 32 MiB, one after the other.
    let bomb = gzip(&full).await.repeat(512);
    assert_eq!(received(bomb, Coding::Gzip).await.unwrap_err().kind(), Kind::TooLarge);
}

#[tokio::test]
async fn a_window_beyond_rfc_9659_is_refused() {
    let text = vec![b' '; 20 * MB];
    for (window_log, taken) in [(23, true), (24, false)] {
        let mut packed = Vec::new();
        let window = [CParameter::window_log(window_log)];
        let mut encoder = ZstdEncoder::with_quality_and_params(&text[..], Level::Fastest, &window);
        encoder.read_to_end(&mut packed).await.unwrap();
        match received(packed, Coding::Zstd).await {
            Ok(read) => assert!(taken && read == text, "{window_log}"),
            Err(problem) => {
                assert!(!taken && problem.kind() == Kind::MalformedBody, "{window_log}: {problem}")
            }
        }
    }
}

#[tokio::test]
async fn a_sender_that_breaks_off_is_refused() {
    let broken = [Ok(Bytes::from_static(b"{")), Err(std::io::Error::other("reset"))];
    let refused = received(Body::from_stream(stream::iter(broken)), Coding::Identity).await.unwrap_err();
    assert_eq!(refused.kind(), Kind::MalformedBody);
}

#[tokio::test]
async fn memory_that_is_taken_is_not_taken_twice() {
    let budget = Budget::of(2 * MB);
    let (mut one, mut other) = (budget.hold(), budget.hold());
    let body = || Body::from(vec![b' '; MB + MB / 2]);
    read(body(), Coding::Identity, &mut one).await.unwrap();
    let refused = read(body(), Coding::Identity, &mut other).await.unwrap_err();
    assert_eq!(refused.kind(), Kind::Busy);
    drop(one);
    read(body(), Coding::Identity, &mut other).await.unwrap();
    // What is decompressed counts as much as what is sent.
    drop(other);
    let refused = read(Body::from(gzip(&vec![b' '; 3 * MB]).await), Coding::Gzip, &mut budget.hold())
        .await
        .unwrap_err();
    assert_eq!(refused.kind(), Kind::Busy);
    assert_eq!(budget.left(), 2 * MB);
}
