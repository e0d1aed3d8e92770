//! A log that can be read and takes nothing, as one on a full disk, or in which one stream cannot be read.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use store::testing::Interposed;
use store::{Append, AppendError, Appended, EventLog, ReadError, StreamId};

pub(crate) struct Full {
    pub(crate) log: Arc<dyn EventLog>,
    pub(crate) is_full: AtomicBool,
    /// The id of what cannot be read.
    pub(crate) broken: Mutex<Option<String>>,
}

#[async_trait]
impl Interposed for Full {
    fn behind(&self) -> &dyn EventLog {
        &*self.log
    }

    async fn append(&self, append: Append) -> Result<Appended, AppendError> {
        if self.is_full.load(Ordering::SeqCst) {
            return Err(AppendError::Closed);
        }
        self.log.append(append).await
    }

    fn before_read(&self, stream: Option<&StreamId>) -> Result<(), ReadError> {
        let broken = self.broken.lock().unwrap();
        if broken.is_some() && broken.as_ref() == stream.map(|stream| &stream.aggregate_id) {
            return Err(ReadError::Corrupt { position: 1, what: "nothing".into() });
        }
        Ok(())
    }
}
