//! What Servelink decides, and nothing else: aggregates, their events, plans, money, bytes and months.
//!
//! Everything here is a pure function of its arguments. There is no I/O, no clock and no randomness in
//! this room (`clippy.toml` bans them): a command carries the time and the ids that its decision needs.
//!
//! | module | holds |
//! |---|---|
//! | [`usage`] | what one project used in one UTC month |
//! | [`team`] | a team, its members, its projects, its plan |
//! | [`payment`] | a payment for a team's plan |
//! | [`inbox`] | what the payment backend tells under an id that is not known yet |
//! | [`comparison`] | what one project's traffic was in one UTC month by ways of counting that do not bill it |
//! | [`source`] | the last counters read from a traffic source such as Traefik |
//! | [`service_key`] | credentials of the PaaS and of auditors |
//! | [`plan`] | the catalogue of plans and their limits |
//! | [`bytes`], [`money`], [`month`], [`ids`] | the quantities and names all of them share |
//! | [`forecast`] | when a limit will be reached at the present pace |
//! | [`delivery`] | a mail or webhook that tells of an event, and whether it got there |
//! | [`card`] | finds card numbers in free text |
//! | [`contact`], [`language`], [`traffic_source`] | how people are reached; where traffic is counted |
//!
//! Every aggregate is the same set of files: `mod.rs` (life-cycle), `command.rs`, `event.rs`, `state.rs`
//! (evolve), `decide.rs`, `refusal.rs`, `tests.rs` (given, when, then).
#![cfg_attr(test, allow(clippy::unwrap_used))]

pub mod bytes;
pub mod card;
pub mod comparison;
pub mod contact;
pub mod delivery;
pub mod forecast;
pub mod ids;
pub mod inbox;
pub mod language;
pub mod money;
pub mod month;
pub mod payment;
pub mod plan;
pub mod refusal;
mod scope;
pub mod service_key;
pub mod source;
pub mod team;
pub mod traffic_source;
pub mod usage;

pub use bytes::ByteCount;
pub use contact::{EmailAddress, Sealed};
pub use delivery::DeliveryId;
pub use ids::{
    DeploymentId, EventId, ExternalPaymentId, IdError, PaymentId, ProjectId, Slug, TeamId, UserId,
};
pub use language::Language;
pub use money::Money;
pub use month::{Day, Month};
pub use refusal::RefusalKind;
pub use traffic_source::TrafficSource;
