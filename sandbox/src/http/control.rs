//! What steers and shows the sandbox itself; no part of the contract.

use axum::Json;
use axum::body::Bytes;
use axum::extract::State;

use crate::behaviour::Behaviour;
use crate::http::Shop;
use crate::http::refusal::Refusal;
use crate::ledger::PaymentView;

/// `GET /sandbox/behaviour`
pub(crate) async fn behaviour(State(shop): State<Shop>) -> Json<Behaviour> {
    Json(shop.backend.switches.now())
}

/// `PUT /sandbox/behaviour`: this and nothing else; what is not named is normal.
pub(crate) async fn behave(State(shop): State<Shop>, body: Bytes) -> Result<Json<Behaviour>, Refusal> {
    let behaviour: Behaviour = serde_json::from_slice(&body)
        .map_err(|error| Refusal::invalid(format!("The body is no behaviour: {error}.")))?;
    shop.backend.switches.set(behaviour.clone());
    Ok(Json(behaviour))
}

/// `GET /sandbox/payments`: the oldest first.
pub(crate) async fn payments(State(shop): State<Shop>) -> Json<Vec<PaymentView>> {
    Json(shop.backend.payments())
}
