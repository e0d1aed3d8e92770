//! The contract, in memory.
#![allow(missing_docs)]

use servelink_store::testing::MemoryStorage;

servelink_store::contract_of_every_log!(MemoryStorage::default());
servelink_store::contract_of_nodes!(MemoryStorage::default());
