//! What every backend promises, as tests (feature `testing`), and the temporary storage that they run on.
//!
//! A backend's test file is a few lines: a macro below makes one test of each property, on a fresh [`Harness`] each.
//!
//! | macro | for |
//! |---|---|
//! | [`contract_of_every_log`](crate::contract_of_every_log) | every backend |
//! | [`contract_of_nodes`](crate::contract_of_nodes) | backends that several processes may open at once |
//! | [`contract_of_sql`](crate::contract_of_sql) | backends that anyone can reach with SQL |
//!
//! Other rooms' tests use the storage only. Nothing here is part of the program.
#![allow(clippy::unwrap_used)]

pub mod contract;
mod interposed;
pub mod requests;
mod storage;

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;

pub use interposed::Interposed;
pub use storage::{MemoryStorage, PostgresStorage, SqliteStorage};

use crate::log::{EventLog, Position, StreamId};

/// Storage that holds one log, which can be opened again and again.
#[async_trait]
pub trait Harness: Send + Sync {
    /// Opens the log. Whoever had it open before has closed or dropped it.
    async fn open(&self) -> Arc<dyn EventLog>;

    /// Records one event of the type as anyone but our writer does: at once, by a plain insert, as the stock cqrs-es
    /// repositories do it. The log may be open.
    async fn append_as_stranger(&self, stream: &StreamId, sequence: u64, event_type: &'static str);
}

/// Storage that understands SQL.
#[async_trait]
pub trait SqlHarness: Harness {
    /// Executes a statement on a connection of its own.
    ///
    /// # Errors
    /// What the store says.
    async fn execute(&self, sql: &str) -> Result<(), sqlx::Error>;
}

/// The future's result; a test that waits for longer than two minutes waits in vain.
///
/// # Panics
/// When it takes longer.
pub async fn in_time<T>(future: impl Future<Output = T>) -> T {
    let limit = Duration::from_secs(120);
    tokio::time::timeout(limit, future).await.unwrap_or_else(|_| panic!("not done within {limit:?}"))
}

/// Waits until the log's end is there or further.
///
/// # Panics
/// When it takes longer than two minutes, or the log cannot be read.
pub async fn until_head(log: &dyn EventLog, position: Position) {
    in_time(async {
        while log.head().await.unwrap() < position {
            tokio::task::yield_now().await;
        }
    })
    .await;
}

/// Makes a test of each property, each on the storage that the expression makes.
#[doc(hidden)]
#[macro_export]
macro_rules! contract_tests {
    ($runtime:literal, $storage:expr, $($module:ident { $($property:ident)* })*) => {
        $($(
            #[tokio::test(flavor = $runtime)]
            async fn $property() {
                $crate::testing::contract::$module::$property(&$storage).await;
            }
        )*)*
    };
}

/// Tests of what every log promises.
#[macro_export]
macro_rules! contract_of_every_log {
    ($storage:expr) => {
        // One thread, so that what is asked for in one go is in the queue before the writer sees any of it.
        $crate::contract_tests!("current_thread", $storage,
            sequences {
                a_wrong_sequence_fails_its_own_request_alone
                any_sequence_is_after_whatever_is_there
                a_request_over_many_streams_is_all_or_nothing
                a_stream_that_others_wrote_to_is_looked_up_again
                a_group_of_any_size_is_one_transaction
            }
            keys {
                the_same_key_gets_the_same_answer
                the_same_key_gets_the_same_answer_after_a_restart
                the_same_key_gets_the_same_answer_when_the_first_was_lost
                a_key_of_one_group_is_recorded_once
                a_key_with_other_content_is_refused
                recorded_and_new_keys_do_not_mix
                a_request_of_no_events_keeps_its_key
            }
            conditions {
                a_condition_fails_once_such_an_event_exists
                a_condition_minds_the_type
                a_condition_sees_what_others_append
                a_condition_that_is_older_than_the_writer_s_memory_fails
            }
            reading {
                an_event_is_read_as_it_was_appended
                streams_are_read_in_parts
                measurements_can_be_left_out
                the_last_event_of_a_stream_is_found
                a_reader_goes_on_where_it_stopped
            }
            closing {
                a_full_queue_is_busy
                closing_answers_what_was_taken
                closing_ends_the_waiting
            }
            waking {
                waiters_hear_of_appends
                waiters_hear_of_what_others_append
            }
        );
        $crate::contract_tests!("multi_thread", $storage,
            order {
                a_reader_beside_64_writers_misses_nothing
                the_order_survives_a_restart
            }
        );
    };
}

/// Tests of what a log promises that several processes have open at once.
#[macro_export]
macro_rules! contract_of_nodes {
    ($storage:expr) => {
        $crate::contract_tests!("multi_thread", $storage,
            nodes {
                nodes_append_without_gaps
                nodes_share_exact_sequences
                nodes_share_keys
                nodes_share_conditions
            }
        );
    };
}

/// Tests of what a log promises whose tables anyone can reach with SQL.
#[macro_export]
macro_rules! contract_of_sql {
    ($storage:expr) => {
        $crate::contract_tests!("current_thread", $storage,
            history {
                an_event_cannot_be_changed
                an_event_cannot_be_deleted
            }
        );
    };
}
