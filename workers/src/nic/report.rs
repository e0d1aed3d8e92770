//! What a run has to tell.

use std::fmt;

use store::Position;

/// What a run found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NicReport {
    /// Everything of it is seen after this position.
    pub position: Position,
    /// Bytes given to projects, both ways.
    pub counted_bytes: u64,
    /// Containers of projects whose counters were read.
    pub containers: usize,
    /// Containers that have ended since the last turn and were seen in time.
    pub ended: usize,
    /// Containers of projects that have no interface of their own: what they send is not counted.
    pub without_network: usize,
    /// Containers of projects that could not be read: they are counted when they can.
    pub unread: usize,
    /// Containers of projects that are not registered: their bytes wait as long as they are there.
    pub unregistered: usize,
    /// What could not be asked, and why.
    pub troubles: Vec<String>,
}

impl fmt::Display for NicReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} bytes of {} containers counted", self.counted_bytes, self.containers)?;
        for (count, what) in [
            (self.ended, "containers ended"),
            (self.without_network, "containers without a network of their own"),
            (self.unread, "containers could not be read"),
            (self.unregistered, "containers of projects that are not registered, whose bytes wait"),
        ] {
            if count > 0 {
                write!(f, "; {count} {what}")?;
            }
        }
        for trouble in &self.troubles {
            write!(f, "; {trouble}")?;
        }
        Ok(())
    }
}
