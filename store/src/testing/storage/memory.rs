//! Memory, which outlives the log that is opened over it.

use std::sync::Arc;

use async_trait::async_trait;

use crate::log::{EventLog, Expected, StreamId};
use crate::memory::{MemoryDisk, MemoryLog};
use crate::testing::Harness;
use crate::testing::requests::{event, request};

/// Storage in memory.
#[derive(Default)]
pub struct MemoryStorage(MemoryDisk);

#[async_trait]
impl Harness for MemoryStorage {
    async fn open(&self) -> Arc<dyn EventLog> {
        Arc::new(MemoryLog::open(&self.0))
    }

    /// Nobody but our writer knows this memory, so another node's writer stands in.
    async fn append_as_stranger(&self, stream: &StreamId, sequence: u64, event_type: &'static str) {
        let node = MemoryLog::open(&self.0);
        let name = format!("{stream} {sequence}");
        let mut append = request(&name, "", Expected::Exactly(sequence - 1));
        append.streams[0].stream = stream.clone();
        append.streams[0].events = vec![event(event_type, "stranger")];
        node.append(append).await.unwrap();
        node.close().await;
    }
}
