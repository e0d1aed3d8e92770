//! Letters handed to a real SMTP server, and read back as Python's own mail parser understands them.
#![allow(clippy::unwrap_used, missing_docs)]

mod answers;
mod certificate;
mod letters;
mod scripted;
mod server;
mod tls;
