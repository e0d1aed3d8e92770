//! What the tests of the finished program share: it is started, asked and ended as its users do it, and nothing of its
//! insides is used.
//!
//! | module | holds |
//! |---|---|
//! | [`home`] | a place of its own for a Servelink: a folder, a database if wanted, and commands typed there |
//! | [`running`] | a server that was started there, and its ends |
//! | [`client`] | the HTTP interface, asked by the PaaS and by a user |
//! | [`postgres`] | a database of its own on the tests' Postgres |
//! | [`smtp`], [`receiver`] | a real SMTP server and a receiver of webhooks; shared with the tests of the room that sends |
//! | [`traefik`] | a real Traefik; shared with the tests of the room that reads it |
#![allow(dead_code, unused_imports, reason = "each test program uses some of it")]

pub(crate) mod client;
pub(crate) mod home;
pub(crate) mod postgres;
#[path = "../../workers/tests/webhook/server.rs"]
pub(crate) mod receiver;
pub(crate) mod running;
#[path = "../../workers/tests/mail/smtp.rs"]
pub(crate) mod smtp;
#[path = "../../workers/tests/support/traefik.rs"]
pub(crate) mod traefik;

use std::future::Future;
use std::time::Duration;

use tokio::time::{Instant, sleep};

pub(crate) use client::{Answer, Client};
pub(crate) use home::{Finished, Home};
pub(crate) use running::Servelink;

/// The longest that a test waits for anything.
pub(crate) const PATIENCE: Duration = Duration::from_secs(120);

/// A deployment by a number, for the shared Traefik.
pub(crate) fn deployment(byte: u8) -> domain::DeploymentId {
    domain::DeploymentId::from_bytes([0xd0 | byte; 16])
}

/// A project by a number.
pub(crate) fn project(byte: u8) -> String {
    format!("{byte:02x}").repeat(16)
}

/// A team by a number.
pub(crate) fn team(byte: u8) -> String {
    format!("{:02x}", 0xa0 | byte).repeat(16)
}

/// The HTTP client wants a TLS provider even where it needs none; a second call changes nothing.
pub(crate) fn use_ring() {
    let _ = rustls::crypto::ring::default_provider().install_default();
}

/// Looks again and again until there is something to see; the look says what it saw instead when time is up.
pub(crate) async fn eventually<T, L, F>(what: &str, mut look: L) -> T
where
    L: FnMut() -> F,
    F: Future<Output = Result<T, String>>,
{
    let deadline = Instant::now() + PATIENCE;
    loop {
        match look().await {
            Ok(seen) => return seen,
            Err(instead) => {
                assert!(Instant::now() < deadline, "waited {PATIENCE:?} for {what}; seen: {instead}")
            }
        }
        sleep(Duration::from_millis(10)).await;
    }
}
