//! Temporary storage, one kind a file.

mod memory;
mod postgres;
mod sqlite;

pub use memory::MemoryStorage;
pub use postgres::PostgresStorage;
pub use sqlite::SqliteStorage;

/// What a stock repository inserts: its seven columns, and nothing that is ours.
const STRANGERS_INSERT: &str = "INSERT INTO events (aggregate_type, aggregate_id, sequence, event_type, \
                                event_version, payload, metadata) VALUES ";
