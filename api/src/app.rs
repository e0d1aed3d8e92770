//! What the routes share: [`App`], made by the binary and given to every handler.

use std::sync::Arc;

use domain::plan::Catalogue;
use projections::ReadModels;
use store::commands::Commands;
use store::ingest::Ingest;
use store::known::Known;
use store::payments::Payments;
use store::{Clock, EventLog};

use crate::auth::callback::CallbackPolicy;
use crate::auth::service_key::KeyVerifier;
use crate::auth::token::TokenVerifier;

/// Everything a handler may use. Handlers take it as `State<Arc<App>>`.
pub struct App {
    /// Traffic samples go in here.
    pub ingest: Arc<Ingest>,
    /// Every other change goes in here.
    pub commands: Arc<Commands>,
    /// What decisions across streams must know.
    pub known: Arc<Known>,
    /// The log, for its head only: no route reads history.
    pub log: Arc<dyn EventLog>,
    /// What was used.
    pub reads: ReadModels,
    /// The plans.
    pub plans: Arc<Catalogue>,
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// Tells who holds a service key.
    pub keys: Arc<KeyVerifier>,
    /// Tells whose a user token is.
    pub tokens: Arc<TokenVerifier>,
    /// Payments and their backend; none when no backend is configured: then none are begun or called off.
    pub payments: Option<Payments>,
    /// Who may send payment callbacks; none when no backend is configured: then none are taken.
    pub callbacks: Option<CallbackPolicy>,
}
