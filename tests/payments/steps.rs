//! A server that is killed right before it records a step, which is right after it recorded the one before: the next one
//! goes on from there, and no step is lost or done twice.

use futures::future::join_all;
use reqwest::RequestBuilder;
use sandbox::{SandboxConfig, Status};
use serde_json::{Value, json};

use crate::brake::{Brake, recorded};
use crate::common::{Answer, Client, Home, eventually};
use crate::endings::{NO_WORKERS, month_is};
use crate::shop::{Shop, press, standard};

/// What the payer does with the link that he gets.
#[derive(Clone, Copy)]
enum Does {
    Presses(&'static str),
    CallsOff,
}

/// A payer goes his way, and the server is killed right before it records `event`; he is patient and asks again. The
/// payment as he got it in the end, and what the backend had of it at that moment.
async fn killed_before(shop: &mut Shop, event: &'static str, does: Does) -> (Value, Option<Status>) {
    let brake = Brake::before(&shop.home, event).await;
    let order = shop.order().header("Idempotency-Key", "once");
    let payer = tokio::spawn(goes_his_way(shop.client.clone(), order, does));
    brake.reached(&shop.home).await;
    let at_the_backend = shop.sandbox.payments().first().map(|payment| payment.status);
    shop.kill().await;
    brake.release(&shop.home).await;
    shop.restart("").await;
    (payer.await.unwrap(), at_the_backend)
}

async fn goes_his_way(client: Client, order: RequestBuilder, does: Does) -> Value {
    let payment = until(&client, &order, |answer| {
        (200..300).contains(&answer.status) && answer.json()["external_payment_id"].is_string()
    })
    .await;
    match does {
        // What is paid has no link any more.
        Does::Presses(button) if payment["payment_url"].is_string() => press(&payment, button).await,
        Does::Presses(_) => {}
        Does::CallsOff => {
            let path = format!("/api/payments/{}/cancel", payment["payment_id"].as_str().unwrap());
            let cancel = client.as_user(reqwest::Method::POST, &path);
            until(&client, &cancel, |answer| answer.status == 200).await;
        }
    }
    payment
}

/// Asks again and again, through whatever happens to the server.
async fn until(client: &Client, request: &RequestBuilder, enough: impl Fn(&Answer) -> bool) -> Value {
    eventually("an answer", || async {
        match client.try_send(request.try_clone().unwrap()).await {
            Ok(answer) if enough(&answer) => Ok(answer.json()),
            other => Err(format!("{other:?}")),
        }
    })
    .await
}

/// Every one of these is recorded once, and nothing else. How many callbacks came to tell it, and whether the payer was
/// seen to be paying, is a matter of time.
async fn recorded_is(shop: &Shop, expected: &[&str]) {
    let report = shop.home.json("jobs run settle --json").await;
    assert_eq!(report["report"], "0 activated, 0 to be refunded");
    let recorded = recorded(&shop.home).await;
    assert!(recorded.iter().filter(|event| *event == "PaymentProcessing").count() <= 1, "{recorded:?}");
    let of_time = ["CallbackReceived", "PaymentProcessing"];
    let mut events: Vec<&str> = recorded.iter().map(String::as_str).collect();
    events.retain(|event| !of_time.contains(event));
    events.sort_unstable();
    let mut expected = expected.to_vec();
    expected.sort_unstable();
    assert_eq!(events, expected, "{recorded:?}");
    assert_eq!((shop.sandbox.payments().len(), shop.history().await.len()), (1, 1));
}

const PAID: [&str; 5] =
    ["PaymentInitiated", "PaymentSubmitted", "PaymentMatched", "PaymentCompleted", "PlanActivated"];

async fn killed_before_a_step_of_paying(event: &'static str, at_the_backend: Option<Status>) {
    // Only callbacks and the payer move it, but for what workers do.
    let roles = if event == "PlanActivated" { "" } else { NO_WORKERS };
    let mut shop = Shop::open_with(standard(), Home::postgres().await, roles).await;
    let (payment, status) = killed_before(&mut shop, event, Does::Presses("pay")).await;
    assert_eq!(status, at_the_backend, "{event}");
    shop.becomes(&payment, "completed").await;
    shop.lifted().await;
    month_is(&shop, 1).await;
    recorded_is(&shop, &PAID).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn killed_before_the_wish_is_recorded() {
    // Nothing is asked of the backend that is not recorded.
    killed_before_a_step_of_paying("PaymentInitiated", None).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn killed_before_the_answer_is_recorded() {
    killed_before_a_step_of_paying("PaymentSubmitted", Some(Status::Pending)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn killed_before_a_callback_is_recorded() {
    let steps = ["CallbackReceived", "PaymentProcessing", "PaymentCompleted"];
    join_all(steps.map(|event| killed_before_a_step_of_paying(event, Some(Status::Completed)))).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn killed_before_the_plan_is_recorded() {
    killed_before_a_step_of_paying("PlanActivated", Some(Status::Completed)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn killed_before_a_failure_is_recorded() {
    let mut shop = Shop::open_with(standard(), Home::postgres().await, NO_WORKERS).await;
    let (payment, status) = killed_before(&mut shop, "PaymentFailed", Does::Presses("fail")).await;
    assert_eq!(status, Some(Status::Failed));
    shop.becomes(&payment, "failed").await;
    recorded_is(&shop, &["PaymentInitiated", "PaymentSubmitted", "PaymentMatched", "PaymentFailed"]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn killed_before_a_cancellation_is_recorded() {
    for (event, at_the_backend) in
        [("CancellationRequested", Status::Pending), ("PaymentCancelled", Status::Cancelled)]
    {
        let mut shop = Shop::open_with(standard(), Home::postgres().await, NO_WORKERS).await;
        let (payment, status) = killed_before(&mut shop, event, Does::CallsOff).await;
        assert_eq!(status, Some(at_the_backend), "{event}");
        shop.becomes(&payment, "cancelled").await;
        let all = [
            "PaymentInitiated",
            "PaymentSubmitted",
            "PaymentMatched",
            "CancellationRequested",
            "PaymentCancelled",
        ];
        recorded_is(&shop, &all).await;
        assert_eq!(shop.sandbox.payments()[0].status, Status::Cancelled);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn killed_before_a_conflict_is_recorded() {
    let mut shop = Shop::open_with(standard(), Home::postgres().await, NO_WORKERS).await;
    shop.behave(json!({ "callbacks": { "wrong_amount": true } }));
    let (payment, status) = killed_before(&mut shop, "PaymentConflicted", Does::Presses("pay")).await;
    assert_eq!(status, Some(Status::Completed));
    // The backend is asked, says so too, and nothing more can come of it.
    let now = shop.becomes(&payment, "failed").await;
    assert_eq!(now["flags"], json!({ "unknown": false, "conflicted": true, "refund_due": false }));
    let all =
        ["PaymentInitiated", "PaymentSubmitted", "PaymentMatched", "PaymentConflicted", "PaymentFailed"];
    recorded_is(&shop, &all).await;
    assert_eq!(shop.subscription().await["plan"], "free");
}

/// A callback overtakes the backend's answer, and does not say whose payment it tells of.
#[tokio::test(flavor = "multi_thread")]
async fn killed_before_a_callback_is_parked_or_matched() {
    let steps = ["CallbackParked", "PaymentMatched"].map(|event| async move {
        let older = SandboxConfig { tells_amounts: false, ..standard() };
        let mut shop = Shop::open_with(older, Home::postgres().await, "").await;
        shop.behave(json!({ "callbacks": { "before_answer": true } }));
        let (payment, status) = killed_before(&mut shop, event, Does::Presses("pay")).await;
        assert_eq!(status, Some(Status::Completed), "{event}");
        shop.becomes(&payment, "completed").await;
        shop.lifted().await;
        month_is(&shop, 1).await;
        // As many as came before their payment was known.
        let parked = recorded(&shop.home).await.iter().filter(|event| *event == "CallbackParked").count();
        assert!(parked <= 2, "{event}: {parked}");
        recorded_is(&shop, &[&PAID[..], &vec!["CallbackParked"; parked]].concat()).await;
    });
    join_all(steps).await;
}
