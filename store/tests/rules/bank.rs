//! A payment backend that keeps books. What is captured at it is what there is to account for, whatever of that it tells,
//! by which way, how often and how late: a link is in one state after the other and takes none back, except that one
//! which has ended unpaid may be found paid, and whatever a link captures it captures once.

use std::sync::{Mutex, MutexGuard};
use std::time::Duration;

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use domain::payment::{Capture, ObservedStatus, PaymentSubmitted, Submission};
use domain::{ExternalPaymentId, Money, PaymentId};
use servelink_store::payments::{BackendError, Order, PaymentBackend, Polled};

use crate::backend::Mood;
use crate::world::at;

#[derive(Default)]
pub struct Bank {
    books: Mutex<Books>,
}

#[derive(Default)]
struct Books {
    mood: Mood,
    /// It does not honour the idempotency key: whoever asks again for the same payment gets a link more.
    new_link_each_time: bool,
    links: Vec<Link>,
}

/// What a payer may pay at.
#[derive(Debug, Clone)]
pub struct Link {
    pub name: ExternalPaymentId,
    pub payment: PaymentId,
    pub asked: Money,
    /// Every state that it was in, in order. The last is where it stands.
    pub states: Vec<ObservedStatus>,
}

/// What happens to a link, on the payer's side.
#[derive(Debug, Clone, Copy)]
pub enum Deed {
    Begin,
    Fail,
    CallOff,
    Pay(Paid),
}

/// What a payer pays.
#[derive(Debug, Clone, Copy)]
pub enum Paid {
    Exactly,
    /// The same, and this backend does not tell how much.
    Untold,
    OneLess,
    InAnotherCurrency,
}

impl Link {
    pub fn stands(&self) -> ObservedStatus {
        *self.states.last().unwrap()
    }

    /// The money that is there.
    pub fn captured(&self) -> Option<Money> {
        match self.stands() {
            ObservedStatus::Completed(Capture::Told(money)) => Some(money),
            ObservedStatus::Completed(Capture::NotTold) => Some(self.asked),
            ObservedStatus::Pending
            | ObservedStatus::Processing
            | ObservedStatus::Failed
            | ObservedStatus::Cancelled => None,
        }
    }

    fn take(&mut self, deed: Deed) {
        let next = match (self.stands(), deed) {
            (ObservedStatus::Pending, Deed::Begin) => ObservedStatus::Processing,
            (ObservedStatus::Pending | ObservedStatus::Processing, Deed::Fail) => ObservedStatus::Failed,
            (ObservedStatus::Pending | ObservedStatus::Processing, Deed::CallOff) => {
                ObservedStatus::Cancelled
            }
            (
                ObservedStatus::Pending
                | ObservedStatus::Processing
                | ObservedStatus::Failed
                | ObservedStatus::Cancelled,
                Deed::Pay(paid),
            ) => ObservedStatus::Completed(paid.of(self.asked)),
            (
                ObservedStatus::Processing | ObservedStatus::Failed | ObservedStatus::Cancelled,
                Deed::Begin,
            )
            | (ObservedStatus::Failed | ObservedStatus::Cancelled, Deed::Fail | Deed::CallOff)
            | (ObservedStatus::Completed(_), Deed::Begin | Deed::Fail | Deed::CallOff | Deed::Pay(_)) => {
                return;
            }
        };
        self.states.push(next);
    }
}

impl Paid {
    fn of(self, asked: Money) -> Capture {
        let other = if asked.currency == iso_currency::Currency::EUR {
            iso_currency::Currency::XOF
        } else {
            iso_currency::Currency::EUR
        };
        match self {
            Self::Exactly => Capture::Told(asked),
            Self::Untold => Capture::NotTold,
            Self::OneLess => Capture::Told(Money::new(asked.minor - 1, asked.currency)),
            Self::InAnotherCurrency => Capture::Told(Money::new(asked.minor, other)),
        }
    }
}

impl Bank {
    /// When every link expires. Payers pay at dead links too, now and then.
    fn expires_at() -> DateTime<Utc> {
        at("2026-03-10T18:00:00Z")
    }

    pub fn set_mood(&self, mood: Mood) {
        self.books().mood = mood;
    }

    pub fn give_a_new_link_each_time(&self, so: bool) {
        self.books().new_link_each_time = so;
    }

    pub fn links(&self) -> Vec<Link> {
        self.books().links.clone()
    }

    /// Something happens to the nth link from the end: the later ones are the livelier.
    pub fn happen(&self, nth: usize, deed: Deed) {
        let mut books = self.books();
        let count = books.links.len();
        if let Some(link) = books.links.iter_mut().rev().nth(nth % count.max(1)) {
            link.take(deed);
        }
    }

    fn books(&self) -> MutexGuard<'_, Books> {
        self.books.lock().unwrap()
    }
}

impl Books {
    /// Whatever was done before: is the answer lost?
    fn answer<T>(&self, answer: T) -> Result<T, BackendError> {
        match self.mood {
            Mood::Mute => Err(BackendError::Unanswered { what: "lost".into() }),
            Mood::Well | Mood::Refusing | Mood::Strict | Mood::Resting => Ok(answer),
        }
    }
}

#[async_trait]
impl PaymentBackend for Bank {
    fn ready(&self) -> Result<(), BackendError> {
        match self.books().mood {
            Mood::Resting => Err(BackendError::Resting { retry_after: Duration::from_secs(9) }),
            Mood::Well | Mood::Mute | Mood::Refusing | Mood::Strict => Ok(()),
        }
    }

    async fn initiate(&self, order: &Order) -> Result<Submission, BackendError> {
        // So that whatever runs beside this gets its turn while the answer is on its way.
        tokio::task::yield_now().await;
        let mut books = self.books();
        match books.mood {
            Mood::Refusing => return Err(BackendError::Refused { reason: "400 Bad Request".into() }),
            Mood::Strict => return Err(BackendError::Unauthorised),
            Mood::Resting => return Err(BackendError::Resting { retry_after: Duration::from_secs(9) }),
            Mood::Well | Mood::Mute => {}
        }
        let own = books.links.iter().filter(|link| link.payment == order.payment_id);
        let name = match own.clone().next_back() {
            Some(link) if !books.new_link_each_time => link.name.clone(),
            Some(_) | None => {
                let name: ExternalPaymentId =
                    format!("x-{}-{}", order.payment_id, own.count() + 1).parse().unwrap();
                let states = vec![ObservedStatus::Pending];
                let (payment, asked) = (order.payment_id, order.amount);
                books.links.push(Link { name: name.clone(), payment, asked, states });
                name
            }
        };
        let submitted = PaymentSubmitted {
            payment_url: Some(format!("https://pay.example/{name}")),
            external_payment_id: name,
            qr_code: None,
            expires_at: Some(Self::expires_at()),
        };
        books.answer(Submission { submitted, processing: false })
    }

    async fn poll(&self, id: &ExternalPaymentId, _: Money) -> Result<Polled, BackendError> {
        tokio::task::yield_now().await;
        let books = self.books();
        let link = books.links.iter().find(|link| link.name == *id).ok_or(BackendError::Unknown)?;
        books.answer(Polled {
            status: link.stands(),
            transaction_id: Some(format!("tx-{id}")),
            completed_at: None,
        })
    }

    async fn cancel(&self, _: PaymentId, id: &ExternalPaymentId) -> Result<(), BackendError> {
        tokio::task::yield_now().await;
        let mut books = self.books();
        let link = books.links.iter_mut().find(|link| link.name == *id).ok_or(BackendError::Unknown)?;
        link.take(Deed::CallOff);
        if link.stands() != ObservedStatus::Cancelled {
            return Err(BackendError::Refused { reason: "400 Bad Request".into() });
        }
        books.answer(())
    }
}
