//! RFC 9457 problem details: the only shape of error that leaves this room.
//!
//! What an error of the rooms below means to a caller (status, type, how loud it is logged) is decided in `map.rs`
//! and nowhere else; the schema for the OpenAPI document is in `doc.rs`. As a response a [`Problem`] only travels:
//! [`finish`], which alone knows the request's id, renders it, logs it once, and turns errors that axum made by itself
//! into problems.

mod doc;
mod map;
#[cfg(test)]
mod tests;

use std::borrow::Cow;
use std::fmt;

use axum::response::{IntoResponse, Response};
use http::header::{CONTENT_TYPE, RETRY_AFTER, WWW_AUTHENTICATE};
use http::{HeaderValue, StatusCode};
use serde::Serialize;
use serde_json::{Map, Value};
use utoipa::ToSchema;

use crate::page::IsPage;

pub(crate) use doc::{
    CallbackProblems, CancelProblems, HistoryProblems, IngestProblems, InitiateProblems, ProblemBody,
    ReadProblems, RemoveProblems, WriteProblems,
};

/// The media type of RFC 9457, section 3.
pub(crate) const MEDIA_TYPE: &str = "application/problem+json";

/// The kinds of problem. Each has one status and one stable `type`, `/problems/{slug}`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// The request cannot be read at all.
    BadRequest,
    /// The body is not of the form that its content type promises: broken JSON, broken gzip.
    MalformedBody,
    /// No credential, or none that is valid.
    Unauthenticated,
    /// A callback that nothing vouches for.
    BadSignature,
    /// A valid service key without the scope that this needs.
    MissingScope,
    /// A member of the team whose role does not reach.
    MissingRole,
    /// A callback from an address that may send none.
    AddressRefused,
    /// Not there, or not the caller's to see: the same answer on purpose.
    NotFound,
    /// Nothing answers to this method here.
    MethodNotAllowed,
    /// None of the forms that the caller accepts.
    NotAcceptable,
    /// It contradicts what has happened already.
    Conflict,
    /// A limit of the team's plan stands against it.
    PlanLimit,
    /// An id that stands for other content already.
    IdReused,
    /// The same request is being worked on.
    InFlight,
    /// The body is too large, as sent or once decompressed.
    TooLarge,
    /// A content type or content coding that is not taken here.
    UnsupportedMediaType,
    /// Fields or parameters are wrong; `errors` names each.
    Invalid,
    /// An `Idempotency-Key` that stands for another request already.
    KeyReused,
    /// More at once than can be recorded.
    Busy,
    /// The payment backend did not take a payment on, for good.
    PaymentRefused,
    /// No payment backend is configured.
    PaymentsOff,
    /// Something that the answer needs cannot be reached now.
    Unavailable,
    /// The read models have not come as far as the caller asked.
    NotReached,
    /// It took too long.
    TimeLimit,
    /// A fault of ours.
    Internal,
}

impl Kind {
    /// Every kind.
    pub(crate) const ALL: [Self; 25] = [
        Self::BadRequest,
        Self::MalformedBody,
        Self::Unauthenticated,
        Self::BadSignature,
        Self::MissingScope,
        Self::MissingRole,
        Self::AddressRefused,
        Self::NotFound,
        Self::MethodNotAllowed,
        Self::NotAcceptable,
        Self::Conflict,
        Self::PlanLimit,
        Self::IdReused,
        Self::InFlight,
        Self::TooLarge,
        Self::UnsupportedMediaType,
        Self::Invalid,
        Self::KeyReused,
        Self::Busy,
        Self::PaymentRefused,
        Self::PaymentsOff,
        Self::Unavailable,
        Self::NotReached,
        Self::TimeLimit,
        Self::Internal,
    ];

    /// The `type`, the `title` and the status.
    pub(crate) const fn facts(self) -> (&'static str, &'static str, StatusCode) {
        match self {
            Self::BadRequest => ("/problems/bad-request", "Bad request", StatusCode::BAD_REQUEST),
            Self::MalformedBody => ("/problems/malformed-body", "Malformed body", StatusCode::BAD_REQUEST),
            Self::Unauthenticated => {
                ("/problems/unauthenticated", "Unauthenticated", StatusCode::UNAUTHORIZED)
            }
            Self::BadSignature => ("/problems/bad-signature", "Bad signature", StatusCode::UNAUTHORIZED),
            Self::MissingScope => ("/problems/missing-scope", "Missing scope", StatusCode::FORBIDDEN),
            Self::MissingRole => ("/problems/missing-role", "Missing role", StatusCode::FORBIDDEN),
            Self::AddressRefused => ("/problems/address-refused", "Address refused", StatusCode::FORBIDDEN),
            Self::NotFound => ("/problems/not-found", "Not found", StatusCode::NOT_FOUND),
            Self::MethodNotAllowed => {
                ("/problems/method-not-allowed", "Method not allowed", StatusCode::METHOD_NOT_ALLOWED)
            }
            Self::NotAcceptable => ("/problems/not-acceptable", "Not acceptable", StatusCode::NOT_ACCEPTABLE),
            Self::Conflict => ("/problems/conflict", "Conflict", StatusCode::CONFLICT),
            Self::PlanLimit => ("/problems/plan-limit", "Plan limit", StatusCode::CONFLICT),
            Self::IdReused => ("/problems/id-reused", "Id used for other content", StatusCode::CONFLICT),
            Self::InFlight => ("/problems/in-flight", "Being worked on", StatusCode::CONFLICT),
            Self::TooLarge => ("/problems/too-large", "Body too large", StatusCode::PAYLOAD_TOO_LARGE),
            Self::UnsupportedMediaType => (
                "/problems/unsupported-media-type",
                "Unsupported media type",
                StatusCode::UNSUPPORTED_MEDIA_TYPE,
            ),
            Self::Invalid => ("/problems/invalid", "Invalid request", StatusCode::UNPROCESSABLE_ENTITY),
            Self::KeyReused => (
                "/problems/idempotency-key-reused",
                "Idempotency-Key used for another request",
                StatusCode::UNPROCESSABLE_ENTITY,
            ),
            Self::Busy => ("/problems/busy", "Busy", StatusCode::TOO_MANY_REQUESTS),
            Self::PaymentRefused => ("/problems/payment-refused", "Payment refused", StatusCode::BAD_GATEWAY),
            Self::PaymentsOff => {
                ("/problems/payments-off", "Payments are off", StatusCode::SERVICE_UNAVAILABLE)
            }
            Self::Unavailable => ("/problems/unavailable", "Unavailable", StatusCode::SERVICE_UNAVAILABLE),
            Self::NotReached => {
                ("/problems/position-not-reached", "Position not reached", StatusCode::SERVICE_UNAVAILABLE)
            }
            Self::TimeLimit => ("/problems/time-limit", "Time limit", StatusCode::SERVICE_UNAVAILABLE),
            Self::Internal => ("/problems/internal", "Internal error", StatusCode::INTERNAL_SERVER_ERROR),
        }
    }
}

/// One of several things that are wrong with a request.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
#[schema(as = ProblemItem)]
pub(crate) struct Item {
    /// The field or parameter, as a path: `samples[3].at`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    pub(crate) field: Option<Cow<'static, str>>,
    /// The place in the request's list, from 0.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) index: Option<u64>,
    /// What, for programs: `invalid`, `missing_field`, `unknown_field`, `duplicate_field`, `unknown_project`, ...
    #[schema(value_type = String)]
    pub(crate) code: Cow<'static, str>,
    /// What, for people.
    pub(crate) detail: String,
}

/// An error answer. Nothing in it but `cause` is secret; `cause` is logged and never sent.
#[derive(Debug, Clone)]
pub(crate) struct Problem {
    kind: Kind,
    detail: Cow<'static, str>,
    errors: Vec<Item>,
    members: Map<String, Value>,
    retry_after: Option<u32>,
    cause: Option<String>,
}

/// The body, in the order of RFC 9457, section 3.1.
#[derive(Serialize)]
struct Rendered<'a> {
    r#type: &'static str,
    title: &'static str,
    status: u16,
    detail: &'a str,
    instance: &'a str,
    #[serde(skip_serializing_if = "<[Item]>::is_empty")]
    errors: &'a [Item],
    #[serde(flatten)]
    members: &'a Map<String, Value>,
}

impl Problem {
    /// A problem of this kind. `detail` is for the caller to read.
    pub(crate) fn new(kind: Kind, detail: impl Into<Cow<'static, str>>) -> Self {
        Self {
            kind,
            detail: detail.into(),
            errors: vec![],
            members: Map::new(),
            retry_after: None,
            cause: None,
        }
    }

    /// Not there, or not the caller's: nothing in the answer tells which.
    pub(crate) fn not_found() -> Self {
        Self::new(Kind::NotFound, "there is nothing here, or nothing that you may see")
    }

    /// One field or parameter is wrong.
    pub(crate) fn field(
        field: impl Into<Cow<'static, str>>,
        code: &'static str,
        detail: impl Into<String>,
    ) -> Self {
        let (field, detail) = (field.into(), detail.into());
        Self::new(Kind::Invalid, format!("{field}: {detail}")).with(Item {
            field: Some(field),
            index: None,
            code: code.into(),
            detail,
        })
    }

    /// Adds one of the things that are wrong.
    pub(crate) fn with(mut self, item: Item) -> Self {
        self.errors.push(item);
        self
    }

    /// Adds several.
    pub(crate) fn with_all(mut self, items: impl IntoIterator<Item = Item>) -> Self {
        self.errors.extend(items);
        self
    }

    /// Adds a member of its own (RFC 9457, section 3.2).
    pub(crate) fn member(mut self, name: &str, value: impl Into<Value>) -> Self {
        self.members.insert(name.to_owned(), value.into());
        self
    }

    /// The same problem, told in other words.
    pub(crate) fn saying(self, detail: &'static str) -> Self {
        Self { detail: detail.into(), ..self }
    }

    /// Tells the caller when to come back, in seconds.
    pub(crate) fn retry_after(mut self, seconds: u32) -> Self {
        self.retry_after = Some(seconds);
        self
    }

    /// Keeps the cause for the log, with everything that caused it.
    pub(crate) fn because(mut self, error: &(dyn std::error::Error + 'static)) -> Self {
        let causes = std::iter::successors(Some(error), |error| error.source());
        let causes: Vec<String> = causes.map(ToString::to_string).collect();
        self.cause = Some(causes.join(": "));
        self
    }

    /// What kind it is.
    #[cfg(test)]
    pub(crate) fn kind(&self) -> Kind {
        self.kind
    }

    /// What is wrong, one by one.
    pub(crate) fn errors(&self) -> &[Item] {
        &self.errors
    }

    fn render(&self, instance: &str) -> Vec<u8> {
        let (r#type, title, status) = self.kind.facts();
        let rendered = Rendered {
            r#type,
            title,
            status: status.as_u16(),
            detail: &self.detail,
            instance,
            errors: &self.errors,
            members: &self.members,
        };
        // Texts and numbers under text keys: there is nothing in it that JSON cannot hold.
        serde_json::to_vec(&rendered).unwrap_or_default()
    }

    fn response(&self, instance: &str) -> Response {
        let mut response = (self.kind.facts().2, self.render(instance)).into_response();
        let headers = response.headers_mut();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static(MEDIA_TYPE));
        // Every 401 says how to be known (RFC 9110, section 15.5.2). No registered scheme is that of webhooks.
        if self.kind == Kind::Unauthenticated {
            headers.insert(WWW_AUTHENTICATE, HeaderValue::from_static("Bearer realm=\"servelink\""));
        } else if self.kind == Kind::BadSignature {
            headers
                .insert(WWW_AUTHENTICATE, HeaderValue::from_static("StandardWebhooks realm=\"servelink\""));
        }
        if let Some(seconds) = self.retry_after {
            headers.insert(RETRY_AFTER, seconds.into());
        }
        response
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.kind.facts().1, self.detail)
    }
}

impl std::error::Error for Problem {}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let mut response = self.kind.facts().2.into_response();
        response.extensions_mut().insert(self);
        response
    }
}

/// The last step of every answer: an error gets the request's id and one line in the log.
pub(crate) fn finish(mut response: Response, request_id: &str) -> Response {
    let status = response.status();
    if !status.is_client_error() && !status.is_server_error() {
        return response;
    }
    let problem = match response.extensions_mut().remove::<Problem>() {
        Some(problem) => problem,
        None if response.extensions().get::<IsPage>().is_some() => return response,
        // Readiness says what is not ready in a shape of its own.
        None if response.headers().get(CONTENT_TYPE).is_some_and(|is| is == "application/json") => {
            return response;
        }
        None => by_axum(status),
    };
    map::log(&problem, request_id);
    let mut finished = problem.response(request_id);
    // What axum says beside the status (405's Allow) stays.
    for (name, value) in response.headers() {
        if !finished.headers().contains_key(name) && name != http::header::CONTENT_LENGTH {
            finished.headers_mut().insert(name, value.clone());
        }
    }
    finished
}

/// An error that axum answered by itself: nothing but its status is known.
fn by_axum(status: StatusCode) -> Problem {
    match status {
        StatusCode::NOT_FOUND => Problem::new(Kind::NotFound, "there is nothing at this address"),
        StatusCode::METHOD_NOT_ALLOWED => Problem::new(
            Kind::MethodNotAllowed,
            "this address does not take this method; the `allow` header names those that it takes",
        ),
        status if status.is_server_error() => {
            Problem::new(Kind::Internal, "something went wrong here; the log has it under this request's id")
        }
        _ => Problem::new(Kind::BadRequest, "the request's address cannot be read"),
    }
}
