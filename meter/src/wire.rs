//! Where the HTTP on a connection ends and an upgraded protocol begins, told from the bytes alone.
//!
//! Plain logic over byte slices; the socket it watches is in `io`. It is needed because hyper gives the upgraded
//! connection to the handler directly, past every layer. Until an upgrade this counts nothing: bodies do, in `body`.

use std::sync::Arc;

use memchr::memchr;

use crate::counters::{Counters, Direction};

/// What ends the head of an HTTP/1.1 message (RFC 9112, section 2.1).
const HEAD_END: &[u8] = b"\r\n\r\n";

/// An upgrade that the layer saw being answered: what to look for on the wire, and whom to count for.
#[derive(Debug)]
pub(crate) struct Tunnel {
    pub(crate) counters: Arc<Counters>,
    /// How the upgrading response begins, `HTTP/1.1 101` for one. Something else may still be on its way out before
    /// it, when a client did not wait for one answer before it sent the next request.
    pub(crate) status_line: Vec<u8>,
    /// Whether the request had no body, so that bytes right after its head already belong to the new protocol.
    pub(crate) bodiless: bool,
}

/// One connection's place between its first request and the upgraded protocol.
#[derive(Debug, Default)]
pub(crate) struct Wire {
    request: Search,
    /// Bytes read since the end of the current request's head; `None` while it has not ended.
    after_head: Option<u64>,
    response: Search,
    status_line_written: bool,
    open: bool,
}

impl Wire {
    /// Takes note of bytes that came from the client.
    pub(crate) fn read(&mut self, tunnel: Option<&Tunnel>, bytes: &[u8]) {
        match (tunnel, self.after_head) {
            (Some(tunnel), _) if self.open => tunnel.add(Direction::Ingress, bytes.len() as u64),
            (_, Some(before)) => self.after_head = Some(before + bytes.len() as u64),
            (_, None) => {
                let end = self.request.find(HEAD_END, bytes);
                self.after_head = end.map(|end| (bytes.len() - end) as u64);
            }
        }
    }

    /// Takes note of bytes that went to the client; `tunnel` from the moment on that the layer has seen an upgrade.
    pub(crate) fn written(&mut self, tunnel: Option<&Tunnel>, bytes: &[u8]) {
        let Some(tunnel) = tunnel else {
            // An answer goes out, so the next bytes from the client begin a new request.
            self.after_head = None;
            self.request = Search::default();
            return;
        };
        if self.open {
            tunnel.add(Direction::Egress, bytes.len() as u64);
            return;
        }
        let mut rest = bytes;
        if !self.status_line_written {
            let Some(end) = self.response.find(&tunnel.status_line, rest) else {
                return;
            };
            self.status_line_written = true;
            rest = &rest[end..];
        }
        let Some(end) = self.response.find(HEAD_END, rest) else {
            return;
        };
        self.open = true;
        tunnel.add(Direction::Egress, (rest.len() - end) as u64);
        if tunnel.bodiless {
            // Sent before the answer, by a client that was sure of it: hyper keeps them for the new protocol.
            tunnel.add(Direction::Ingress, self.after_head.unwrap_or(0));
        }
    }
}

impl Tunnel {
    fn add(&self, direction: Direction, bytes: u64) {
        self.counters.add_bytes(direction, bytes);
    }
}

/// A search that goes on from one slice to the next, for needles whose first bytes do not come again in them before
/// a mismatch could matter: of `\r\n\r\n` and a status line, at most the first byte can begin a new match.
#[derive(Debug, Default)]
struct Search {
    matched: usize,
}

impl Search {
    /// The index after the needle's end; the next search then starts afresh.
    fn find(&mut self, needle: &[u8], hay: &[u8]) -> Option<usize> {
        let mut at = 0;
        while at < hay.len() {
            if self.matched == 0 {
                // Requests with long bodies over HTTP/2 are searched all through: skip what cannot begin a match.
                at += memchr(*needle.first()?, &hay[at..])?;
            }
            if hay[at] == needle[self.matched] {
                self.matched += 1;
            } else {
                self.matched = usize::from(hay[at] == needle[0]);
            }
            at += 1;
            if self.matched == needle.len() {
                self.matched = 0;
                return Some(at);
            }
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const REQUEST: &[u8] = b"GET /chat HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\n\r\n";
    const SWITCH: &[u8] = b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n\r\n";

    fn tunnel() -> Tunnel {
        Tunnel { counters: Arc::default(), status_line: b"HTTP/1.1 101".to_vec(), bodiless: true }
    }

    /// Ingress and egress since the last look.
    fn counted(tunnel: &Tunnel) -> (u64, u64) {
        let usage = tunnel.counters.take();
        (usage.ingress_bytes, usage.egress_bytes)
    }

    #[test]
    fn only_what_follows_the_switch_counts_however_it_is_cut() {
        for cut in 1..REQUEST.len() {
            let (tunnel, mut wire) = (tunnel(), Wire::default());
            REQUEST.chunks(cut).for_each(|bytes| wire.read(None, bytes));
            SWITCH.chunks(cut).for_each(|bytes| wire.written(Some(&tunnel), bytes));
            assert_eq!(counted(&tunnel), (0, 0), "cut into {cut}");
            wire.read(Some(&tunnel), b"12345");
            wire.written(Some(&tunnel), b"123");
            assert_eq!(counted(&tunnel), (5, 3), "cut into {cut}");
        }
    }

    #[test]
    fn bytes_in_one_write_with_the_head_count() {
        let (tunnel, mut wire) = (tunnel(), Wire::default());
        wire.read(None, REQUEST);
        wire.written(Some(&tunnel), &[SWITCH, b"hello\r\n\r\n"].concat());
        assert_eq!(counted(&tunnel), (0, 9));
    }

    #[test]
    fn bytes_sent_ahead_of_the_answer_count_once_it_is_out() {
        let (tunnel, mut wire) = (tunnel(), Wire::default());
        wire.read(None, &[REQUEST, b"123"].concat());
        wire.read(None, b"45\r\n\r\n");
        let (head, tail) = SWITCH.split_at(20);
        wire.written(Some(&tunnel), head);
        wire.read(Some(&tunnel), b"6");
        assert_eq!(counted(&tunnel), (0, 0));
        wire.written(Some(&tunnel), tail);
        assert_eq!(counted(&tunnel), (10, 0));
    }

    #[test]
    fn the_body_of_an_upgrading_request_is_not_counted_twice() {
        let (mut tunnel, mut wire) = (tunnel(), Wire::default());
        tunnel.bodiless = false;
        wire.read(None, &[REQUEST, b"body"].concat());
        wire.written(Some(&tunnel), SWITCH);
        assert_eq!(counted(&tunnel), (0, 0));
    }

    #[test]
    fn earlier_requests_on_the_connection_leave_no_trace() {
        let (tunnel, mut wire) = (tunnel(), Wire::default());
        wire.read(None, b"POST / HTTP/1.1\r\nContent-Length: 9\r\n\r\n1\r\n\r\n6789");
        wire.written(None, b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
        wire.read(None, REQUEST);
        wire.written(Some(&tunnel), SWITCH);
        assert_eq!(counted(&tunnel), (0, 0));
    }

    #[test]
    fn an_answer_still_on_its_way_out_is_not_taken_for_the_switch() {
        let (tunnel, mut wire) = (tunnel(), Wire::default());
        wire.read(None, REQUEST);
        wire.written(Some(&tunnel), b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nHHTT");
        wire.written(Some(&tunnel), &[SWITCH, b"x"].concat());
        assert_eq!(counted(&tunnel), (0, 1));
    }

    #[test]
    fn the_end_of_a_head_is_found_after_false_starts() {
        assert_eq!(Search::default().find(HEAD_END, b"a\r\r\n\r\r\n\r\nb"), Some(9));
        assert_eq!(Search::default().find(HEAD_END, b"\r\n\r"), None);
    }
}
