//! The sandbox over real HTTP, as a customer, a payer and a receiver of callbacks see it.
//!
//! | module | shows |
//! |---|---|
//! | `contract` | the three endpoints: what they take, answer and refuse |
//! | `amounts` | what each amount makes of a payment |
//! | `callbacks` | what is told, how it is signed, and how often it is tried |
//! | `faults` | every switch for misbehaviour |
//! | `page` | what the payer sees and does |
#![allow(clippy::unwrap_used, missing_docs)]

mod amounts;
mod callbacks;
mod contract;
mod faults;
mod page;
mod receiver;
mod rig;
