//! What teams and the PaaS are to be told, by mail and by webhook, and whether it got there: the outbox. Events of teams
//! and payments make its rows, each at the event: who gets a mail is whoever should and can be written to at that moment.
//! Events of deliveries tell what came of them.
//!
//! A mail that nobody got yet is forgotten with its reader: when he leaves the team or is to be forgotten, or the team is
//! removed. Sending is not here: it is the workers' room.

mod project;
mod query;
mod row;
mod tables;

pub use project::DeliveriesProjector;
pub(crate) use query::{counts, first_outcome, given_up, pending, reader, untried_ids};
pub use row::{
    Channel, ChannelCounts, Contact, DeliveryCounts, GivenUp, News, PaymentFacts, Pending, PendingDelivery,
    PendingPage, Reader, TeamName, Told,
};
