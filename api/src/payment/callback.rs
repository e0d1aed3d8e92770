//! `POST /api/payments/callback`: the payment backend tells how a payment went.
//!
//! Whether a message may come in is decided from its address, its size and its signature before anybody reads what it
//! says. It is answered once it is durable; sent again it gets the same answer and changes nothing.

mod body;

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use axum::Json;
use axum::extract::{ConnectInfo, Request, State};
use domain::PaymentId;
use domain::inbox::CallbackParked;
use serde::Serialize;
use sha2::{Digest as _, Sha256};
use store::commands::{Actor, Callback, CommandError, Receipt};
use store::key::{Digest, DigestBuilder, KeyId};
use store::{AppendError, Key};
use utoipa::ToSchema;

use super::answer::StatusWord;
use super::off;
use crate::app::App;
use crate::auth::callback::Proof;
use crate::body::read_up_to;
use crate::problem::{CallbackProblems, Kind, Problem};
use body::{Body, Told};

/// The largest callback.
const LIMIT: usize = 64 << 10;
/// How long the answer waits for a poll, of the 30 seconds that the backend waits for the answer.
const PATIENCE: Duration = Duration::from_secs(5);

/// The callback is durable.
#[derive(Serialize, ToSchema)]
#[schema(as = CallbackReceipt)]
pub(crate) struct Answer {
    /// Always true.
    success: bool,
    /// The payment; null when it is not known yet and the callback waits for it.
    #[schema(value_type = Option<String>)]
    payment_id: Option<PaymentId>,
    /// Where the payment stands now, which need not be what was told; what was told while it is not known yet.
    #[schema(value_type = StatusWord)]
    status: &'static str,
}

/// Tell how a payment went
///
/// For the payment backend. Signed over the body's bytes by Standard Webhooks 1.0.0 or by `x-payment-signature`. What
/// was told under the second, which anybody may send again for ever, is confirmed by asking the backend.
#[utoipa::path(
    post,
    path = "/api/payments/callback",
    operation_id = "receive_payment_callback",
    tag = "payments",
    request_body = Body,
    params(
        ("webhook-id" = Option<String>, Header, description = "The message's own: the same whenever it is sent again"),
        ("webhook-timestamp" = Option<String>, Header, description = "Seconds since 1970, at most 300 from now"),
    ),
    responses((status = 200, body = Answer), CallbackProblems),
    security(("webhook_signature" = []), ("payment_signature" = [])),
)]
pub(crate) async fn receive(State(app): State<Arc<App>>, request: Request) -> Result<Json<Answer>, Problem> {
    let taken = take(&app, request).await;
    taken.inspect_err(|problem| log_refusal(problem, app.clock.now().timestamp())).map(Json)
}

/// The reason only: a body may hold a telephone number, and headers a signature. Whoever has mistyped a secret must
/// hear of it; but anybody may send what is refused, as often as he likes: it is worth a line a minute.
fn log_refusal(problem: &Problem, now: i64) {
    static LAST_MINUTE: AtomicI64 = AtomicI64::new(i64::MIN);
    let minute = now.div_euclid(60);
    if LAST_MINUTE.swap(minute, Ordering::Relaxed) == minute {
        tracing::debug!(reason = %problem, "a payment callback was not taken");
    } else {
        tracing::warn!(reason = %problem, "a payment callback was not taken; others of this minute are not told");
    }
}

async fn take(app: &App, request: Request) -> Result<Answer, Problem> {
    let policy = app.callbacks.as_ref().ok_or_else(off)?;
    let (parts, body) = request.into_parts();
    policy.check_address(peer(&parts.extensions), &parts.headers)?;
    let bytes = read_up_to(body, LIMIT).await?;
    let proof = policy.verify(&parts.headers, &bytes, app.clock.now())?;
    let told = body::parse(&bytes, app.clock.now())?;

    let (key, actor) = (key(&proof, &told, &bytes), sender(&proof));
    let status = told.word;
    let callback = callback(told, &proof, &bytes);
    let receipt = app.commands.receive_callback(&actor, &callback, &key).await.map_err(not_received)?;
    let known = match receipt.payment {
        Some((id, status)) => Some((id, confirmed(app, &actor, &receipt).await.unwrap_or(status.as_str()))),
        None => None,
    };
    let (payment_id, status) = known.map_or((None, status), |(id, status)| (Some(id), status));
    Ok(Answer { success: true, payment_id, status })
}

/// The other end of the connection, where the server tells it.
fn peer(extensions: &http::Extensions) -> Option<IpAddr> {
    extensions.get::<ConnectInfo<SocketAddr>>().map(|ConnectInfo(address)| address.ip())
}

/// What stands for the message: its id, whose content must stay the same. Without one, what it says: whatever else
/// is in it changes nothing.
fn key(proof: &Proof, told: &Told, bytes: &[u8]) -> Key {
    let (id, digest) = match proof {
        Proof::Standard { id, .. } => {
            let mut digest = DigestBuilder::default();
            digest.fixed(bytes);
            (KeyId::of(&["callback", id.as_str()]), digest.finish())
        }
        Proof::Legacy { .. } | Proof::Unsigned => {
            let id = KeyId::of(&["callback-legacy", told.external_payment_id.as_str(), told.word]);
            (id, Digest::default())
        }
    };
    Key { id, digest, answer: None }
}

fn sender(proof: &Proof) -> Actor {
    Actor(match proof {
        Proof::Standard { kid, .. } | Proof::Legacy { kid } => format!("payment_backend:{kid}"),
        Proof::Unsigned => "payment_backend:unsigned".into(),
    })
}

fn callback(told: Told, proof: &Proof, bytes: &[u8]) -> Callback {
    let trusted = match proof {
        Proof::Standard { .. } => true,
        Proof::Legacy { .. } | Proof::Unsigned => false,
    };
    let Told { external_payment_id, payment_id, word: _, status, transaction_id, at } = told;
    let digest = hex::encode(Sha256::digest(bytes));
    let told = CallbackParked { digest, status, transaction_id, at, trusted };
    Callback { external_payment_id, payment_id, told }
}

fn not_received(error: CommandError) -> Problem {
    if let CommandError::Append(AppendError::KeysReused(_)) = error {
        return Problem::new(Kind::IdReused, "this `webhook-id` came before with another body");
    }
    error.into()
}

/// Where the payment stands once the backend was asked whether it is so; none when that was not needed, or it did not
/// answer in time: then the reconciler asks.
async fn confirmed(app: &App, actor: &Actor, receipt: &Receipt) -> Option<&'static str> {
    let (id, _) = receipt.payment.filter(|_| receipt.to_confirm)?;
    let (payments, actor) = (app.payments.clone()?, actor.clone());
    // On its own: what it finds is recorded also when the backend stops waiting for this answer.
    // What came before may come again as often as anybody likes, who got hold of it once.
    let repeated = receipt.repeated;
    let asking = tokio::spawn(async move {
        if repeated {
            return payments.refresh_if_old(&actor, id).await;
        }
        let asked = payments.refresh(&actor, id).await;
        asked
            .inspect_err(|error| tracing::warn!(payment = %id, %error, "a payment callback is not confirmed"))
            .ok()
    });
    let now = tokio::time::timeout(PATIENCE, asking).await.ok()?.ok()??;
    Some(now.payment.status.as_str())
}
