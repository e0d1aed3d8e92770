//! What holds for payments and the plans that they pay for, whatever is told how often and in which order. One command
//! at a time is tested beside the aggregates: `domain/src/payment/tests.rs`, `domain/src/team/tests.rs`. What holds
//! between aggregates is `store/tests/rules`.
//!
//! | file | says |
//! |---|---|
//! | `telling.rs` | what a payment can be told, and money that is not what was asked; no property |
//! | `captures.rs` | a payment completes when an exact capture is verified, and never else |
//! | `histories.rs` | completed is for ever, one external id, each thing once, replay gives the same |
//! | `order.rs` | any order and repetition of what one backend tells comes to the same |
//! | `periods.rs` | each of a team's months is paid once, by a payment that pays for nothing else |
#![allow(clippy::unwrap_used, missing_docs, unreachable_pub)]

mod captures;
mod histories;
mod order;
mod periods;
mod telling;
