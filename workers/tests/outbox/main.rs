//! The outbox, from events in a log through the read model to whoever takes what is sent: a transport that the test
//! holds, a real SMTP server, a real HTTP server.
#![allow(clippy::unwrap_used, missing_docs)]

mod down;
mod fake;
mod log;
mod mails;
mod once;
#[path = "../webhook/server.rs"]
#[allow(dead_code, reason = "others use the rest of it")]
mod receiver;
#[path = "../mail/server.rs"]
#[allow(dead_code, reason = "others use the rest of it")]
mod server;
mod webhooks;
mod world;
