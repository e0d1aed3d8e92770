//! A stand-in payment backend: it keeps the contract that real ones keep with Servelink, takes no money, and misbehaves
//! on request. For demos and tests; nothing of Servelink is used here, so that a shared mistake cannot hide.
//!
//! | module | holds |
//! |---|---|
//! | [`sandbox`](Sandbox) | starting and stopping it, and steering it from Rust |
//! | [`config`](SandboxConfig) | what may be chosen at the start |
//! | [`behaviour`](Behaviour) | the switches for misbehaviour |
//! | `backend` | what happens to a payment: ordered, settled, paid at the page, cancelled |
//! | `payment`, `money`, `ledger` | one payment, its exact amount, and all of them within bounds |
//! | `callbacks`, `signature` | telling the customer: what is sent, tried again and signed |
//! | `http` | the contract's three endpoints, and the sandbox's own |
//! | `page`, `qr` | what the payer sees |
//! | `serve` | connections, which can be closed without an answer |
#![cfg_attr(test, allow(clippy::unwrap_used))]

mod backend;
mod behaviour;
mod callbacks;
mod config;
mod http;
mod ledger;
mod money;
mod page;
mod payment;
mod qr;
mod sandbox;
mod serve;
mod signature;

pub use behaviour::{Answer, Behaviour, CallbackBehaviour, CancelRace, Fault};
pub use config::{SandboxConfig, Signing};
pub use ledger::{CallbackView, PaymentView};
pub use payment::{PHONE_NUMBER, Status};
pub use sandbox::{Sandbox, StartError, run};
pub use signature::BadSecret;
