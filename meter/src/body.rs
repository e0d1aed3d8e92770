//! A body that counts its data as they pass, and changes nothing about them but the length of very long frames.

use std::{
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
};

use bytes::{Buf, Bytes};
use http_body::{Body, Frame, SizeHint};
use pin_project_lite::pin_project;

use crate::counters::{Counters, Direction};

/// The most data passed on at a time, in bytes. A response held in memory is one frame however long it is; in
/// pieces, the server takes as much as its connection can carry, and a client that hangs up leaves the rest uncounted.
const PIECE: usize = 64 * 1024;

pin_project! {
    /// A request or response body whose data frames are counted as they are taken; trailers are not.
    #[derive(Debug)]
    pub struct MeteredBody<B> {
        #[pin]
        inner: B,
        // What is left of the frame that is being passed on in pieces.
        rest: Bytes,
        tally: Option<(Direction, Arc<Counters>)>,
    }
}

impl<B> MeteredBody<B> {
    /// Counts nothing when there are no counters: the layer's types are the same for requests without a key.
    pub(crate) fn new(inner: B, direction: Direction, counters: Option<Arc<Counters>>) -> Self {
        let tally = counters.map(|counters| (direction, counters));
        Self { inner, rest: Bytes::new(), tally }
    }
}

/// An empty body that belongs to nobody: layers that answer by themselves (a time-out, for one) ask for it.
impl<B: Default> Default for MeteredBody<B> {
    fn default() -> Self {
        Self { inner: B::default(), rest: Bytes::new(), tally: None }
    }
}

impl<B: Body> Body for MeteredBody<B> {
    type Data = Bytes;
    type Error = B::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Self::Error>>> {
        let this = self.project();
        if this.rest.is_empty() {
            let Some(frame) = ready!(this.inner.poll_frame(cx)?) else {
                return Poll::Ready(None);
            };
            // Free of copying where the data are `Bytes` already, as they are in hyper and axum.
            match frame.map_data(|mut data| data.copy_to_bytes(data.remaining())).into_data() {
                Ok(data) => *this.rest = data,
                Err(trailers) => return Poll::Ready(Some(Ok(trailers))),
            }
        }
        let piece = this.rest.split_to(this.rest.len().min(PIECE));
        if let Some((direction, counters)) = this.tally {
            counters.add_bytes(*direction, piece.len() as u64);
        }
        Poll::Ready(Some(Ok(Frame::data(piece))))
    }

    fn is_end_stream(&self) -> bool {
        self.rest.is_empty() && self.inner.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        let rest = self.rest.len() as u64;
        let inner = self.inner.size_hint();
        let mut hint = SizeHint::new();
        hint.set_lower(inner.lower().saturating_add(rest));
        if let Some(upper) = inner.upper() {
            hint.set_upper(upper.saturating_add(rest));
        }
        hint
    }
}

#[cfg(test)]
mod tests {
    use std::{collections::VecDeque, convert::Infallible};

    use futures::stream;
    use http::HeaderMap;
    use http_body_util::{BodyExt, Full, StreamBody};

    use super::*;
    use crate::counters::Usage;

    fn metered<B>(inner: B) -> (MeteredBody<B>, Arc<Counters>) {
        let counters = Arc::<Counters>::default();
        (MeteredBody::new(inner, Direction::Egress, Some(Arc::clone(&counters))), counters)
    }

    #[tokio::test]
    async fn trailers_pass_and_are_not_counted() {
        let mut trailers = HeaderMap::new();
        trailers.insert("checksum", "0123456789".parse().unwrap());
        let frames = [Frame::data(Bytes::from_static(b"seven b")), Frame::trailers(trailers.clone())];
        let (body, counters) = metered(StreamBody::new(stream::iter(frames.map(Ok::<_, Infallible>))));

        let collected = body.collect().await.unwrap();

        assert_eq!(collected.trailers(), Some(&trailers));
        assert_eq!(collected.to_bytes(), "seven b");
        assert_eq!(counters.take(), Usage { egress_bytes: 7, ..Usage::default() });
    }

    #[tokio::test]
    async fn a_long_frame_counts_piece_by_piece_and_keeps_its_length() {
        let (mut body, counters) = metered(Full::new(Bytes::from(vec![7; 2 * PIECE + 1])));
        for (piece, left) in [(PIECE, PIECE + 1), (PIECE, 1), (1, 0)] {
            assert!(!body.is_end_stream());
            let data = body.frame().await.unwrap().unwrap().into_data().unwrap();
            assert_eq!(data.len(), piece);
            assert_eq!(counters.take().egress_bytes, piece as u64);
            assert_eq!(body.size_hint().exact(), Some(left as u64));
        }
        assert!(body.is_end_stream());
        assert!(body.frame().await.is_none());
    }

    #[tokio::test]
    async fn data_in_several_buffers_arrive_whole() {
        let parts: VecDeque<u8> = (0..200).collect();
        let (body, counters) = metered(Full::new(parts.clone()));
        assert_eq!(body.collect().await.unwrap().to_bytes(), Vec::from(parts));
        assert_eq!(counters.take().egress_bytes, 200);
    }

    #[tokio::test]
    async fn what_passed_before_an_error_is_counted() {
        let frames = [Ok(Frame::data(Bytes::from_static(b"abc"))), Err(std::io::Error::other("cut"))];
        let (body, counters) = metered(StreamBody::new(stream::iter(frames)));
        assert_eq!(body.collect().await.unwrap_err().to_string(), "cut");
        assert_eq!(counters.take().egress_bytes, 3);
    }
}
