//! What needs no server: the event log in this process, and the databases' own speed as its yardstick.

pub(crate) mod append;
mod bulk;
mod copy;
mod events;
pub(crate) mod rebuild;
