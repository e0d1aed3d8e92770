//! The switches for misbehaviour: what goes wrong, where, and how often. What each does is done where it happens, in
//! `http::fault`, `backend` and `callbacks`.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use axum::http::StatusCode;
use serde::{Deserialize, Deserializer, Serialize};

/// Everything that may be made to go wrong. The default misbehaves nowhere.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Behaviour {
    /// Of `POST /api/v1/payments/initiate`.
    pub initiate: Fault,
    /// Of `GET /api/v1/payments/{id}/status`.
    pub status: Fault,
    /// Of `POST /api/v1/payments/{id}/cancel`.
    pub cancel: Fault,
    /// What happens when a cancellation and a payment meet.
    pub cancel_race: CancelRace,
    /// `Idempotency-Key` means nothing to it: an order that is sent again is another payment.
    pub ignores_keys: bool,
    /// Of the callbacks.
    pub callbacks: CallbackBehaviour,
}

/// How an endpoint misbehaves.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Fault {
    /// Milliseconds before anything is done.
    pub delay_ms: u64,
    /// What comes then.
    pub answer: Answer,
    /// Milliseconds after it was done and before the answer goes out: what it tells may be overtaken meanwhile.
    pub late_ms: u64,
    /// How many requests it is for; afterwards all is normal again. None: until it is changed.
    pub times: Option<u32>,
}

/// What an endpoint answers. With `drop` and `hang` the request's work is done; with the others, but `normal`, it is not.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Answer {
    /// As it should.
    #[default]
    Normal,
    /// Nothing: the connection is closed.
    Drop,
    /// Nothing: the connection stays open until the client has had enough.
    Hang,
    /// 500 with a page instead of JSON.
    #[serde(rename = "html_500")]
    Html500,
    /// 200 with a page instead of JSON, as a proxy in between may do.
    #[serde(rename = "html_200")]
    Html200,
    /// This status (200 to 599; others become 500) with an empty body. In JSON: `{"status": 503}`.
    #[serde(deserialize_with = "final_status")]
    Status(u16),
}

/// What happens when a cancellation and a payment meet.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CancelRace {
    /// What is open is cancelled.
    #[default]
    Normal,
    /// The payer was quicker: the payment is completed, and the cancellation refused with 400.
    CompletesOnCancel,
    /// The cancellation is confirmed, and the payment completed all the same.
    CancelsThenCompletes,
}

/// How callbacks misbehave. It is what was set when the payment's state changed that counts.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct CallbackBehaviour {
    /// None are sent.
    pub none: bool,
    /// Milliseconds before each.
    pub delay_ms: u64,
    /// How many more times each is sent, all at once, with the same id and body; 1,000 at most.
    pub duplicate: u32,
    /// Callbacks of one moment go out in the wrong order: `completed` before `processing`.
    pub reorder: bool,
    /// A new payment is settled and its callbacks are answered before its order is: as its amount says, and completed
    /// where that would wait for the payer.
    pub before_answer: bool,
    /// What is captured is one minor unit off; the status says so too.
    pub wrong_amount: bool,
    /// What is captured is of another currency; the status says so too.
    pub wrong_currency: bool,
}

/// Which endpoint.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Endpoint {
    Initiate,
    Status,
    Cancel,
}

/// The behaviour as it is now.
#[derive(Debug, Default)]
pub(crate) struct Switches(Mutex<Behaviour>);

impl Fault {
    pub(crate) fn delay(&self) -> Duration {
        Duration::from_millis(self.delay_ms)
    }

    pub(crate) fn lateness(&self) -> Duration {
        Duration::from_millis(self.late_ms)
    }
}

impl CallbackBehaviour {
    pub(crate) fn delay(&self) -> Duration {
        Duration::from_millis(self.delay_ms)
    }

    /// How many times each is sent.
    pub(crate) fn copies(&self) -> u32 {
        1 + self.duplicate.min(1_000)
    }
}

impl Switches {
    pub(crate) fn set(&self, behaviour: Behaviour) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = behaviour;
    }

    pub(crate) fn now(&self) -> Behaviour {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// What this request meets: one of the fault's times is used up.
    pub(crate) fn meet(&self, endpoint: Endpoint) -> Fault {
        let mut behaviour = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let fault = match endpoint {
            Endpoint::Initiate => &mut behaviour.initiate,
            Endpoint::Status => &mut behaviour.status,
            Endpoint::Cancel => &mut behaviour.cancel,
        };
        let met = match fault.times {
            Some(0) => Fault::default(),
            Some(_) | None => *fault,
        };
        fault.times = fault.times.map(|times| times.saturating_sub(1));
        if fault.times == Some(0) {
            *fault = Fault::default();
        }
        met
    }
}

fn final_status<'de, D: Deserializer<'de>>(deserializer: D) -> Result<u16, D::Error> {
    let code = u16::deserialize(deserializer)?;
    match code {
        200..=599 => Ok(code),
        _ => Err(serde::de::Error::custom("a status must be between 200 and 599")),
    }
}

/// The status of [`Answer::Status`].
pub(crate) fn status_code(code: u16) -> StatusCode {
    let known = StatusCode::from_u16(code).ok().filter(|_| (200..600).contains(&code));
    known.unwrap_or(StatusCode::INTERNAL_SERVER_ERROR)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fault_lasts_as_often_as_it_says() {
        let switches = Switches::default();
        let fault = Fault { answer: Answer::Drop, times: Some(2), ..Fault::default() };
        switches.set(Behaviour { status: fault, ..Behaviour::default() });
        let met = [(); 3].map(|()| switches.meet(Endpoint::Status).answer);
        assert_eq!(met, [Answer::Drop, Answer::Drop, Answer::Normal]);
        assert_eq!(switches.now(), Behaviour::default());
        switches.set(Behaviour { cancel: Fault { times: Some(0), ..fault }, ..Behaviour::default() });
        assert_eq!(switches.meet(Endpoint::Cancel), Fault::default());
        switches.set(Behaviour { initiate: Fault { times: None, ..fault }, ..Behaviour::default() });
        assert_eq!([(); 9].map(|()| switches.meet(Endpoint::Initiate).answer), [Answer::Drop; 9]);
    }

    #[test]
    fn its_json_is_short_and_strict() {
        let json = r#"{"initiate": {"answer": {"status": 503}, "times": 2}, "status": {"answer": "html_500"},
            "cancel_race": "completes_on_cancel", "callbacks": {"duplicate": 3}}"#;
        let behaviour: Behaviour = serde_json::from_str(json).unwrap();
        assert_eq!(behaviour.initiate.answer, Answer::Status(503));
        assert_eq!(behaviour.status.answer, Answer::Html500);
        assert_eq!(behaviour.callbacks.copies(), 4);
        let again = serde_json::to_string(&behaviour).unwrap();
        assert_eq!(serde_json::from_str::<Behaviour>(&again).unwrap(), behaviour);
        for wrong in [
            r#"{"statuss": {}}"#,
            r#"{"status": {"delay": 1}}"#,
            r#"{"callbacks": {"nonne": true}}"#,
            r#"{"status": {"answer": {"status": 100}}}"#,
            r#"{"status": {"answer": "explode"}}"#,
        ] {
            assert!(serde_json::from_str::<Behaviour>(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_status_that_is_none_becomes_500() {
        assert_eq!([200, 599, 100, 600, 0].map(|code| status_code(code).as_u16()), [200, 599, 500, 500, 500]);
    }
}
