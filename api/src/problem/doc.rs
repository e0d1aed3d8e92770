//! Problems in the OpenAPI document: their schema, and which of them a route may answer.

use std::collections::BTreeMap;

use utoipa::openapi::{ContentBuilder, Ref, RefOr, Response, ResponseBuilder};
use utoipa::{IntoResponses, ToSchema};

use super::{Item, Kind, MEDIA_TYPE};

/// An error answer (RFC 9457). Kinds may add members of their own: `plan-limit` has `plan`, `resource`, `limit_name`,
/// `limit` and `wanted`; `missing-scope` has `scope`; `missing-role` has `role`; `unsupported-media-type` may have
/// `supported`; `conflict` has `payment_status` where a payment can no longer be cancelled; `position-not-reached`, and `invalid` for a `min_position` beyond the end, have `position`.
#[derive(ToSchema)]
#[schema(as = Problem)]
#[allow(dead_code)] // For the document: what is sent is borrowed and may have members of its own.
pub(crate) struct ProblemBody {
    /// The kind of problem, stable: `/problems/invalid`.
    #[schema(example = "/problems/invalid")]
    pub(crate) r#type: String,
    /// The kind of problem, for people.
    pub(crate) title: String,
    /// The HTTP status.
    pub(crate) status: u16,
    /// What is wrong with this request, for people.
    pub(crate) detail: String,
    /// The request's id, as in the `x-request-id` header and in the server's log.
    pub(crate) instance: String,
    /// Each thing that is wrong, where there may be several.
    pub(crate) errors: Option<Vec<Item>>,
}

/// The problems of these kinds, by status. Kinds that share a status share an entry.
fn responses(kinds: &[Kind]) -> BTreeMap<String, RefOr<Response>> {
    let mut by_status: BTreeMap<String, Vec<&str>> = BTreeMap::new();
    for (slug, _, status) in kinds.iter().map(|kind| kind.facts()) {
        by_status.entry(status.as_str().to_owned()).or_default().push(slug);
    }
    let response = |slugs: Vec<&str>| {
        let content = ContentBuilder::new().schema(Some(Ref::from_schema_name("Problem"))).build();
        ResponseBuilder::new().description(slugs.join(", ")).content(MEDIA_TYPE, content).build()
    };
    by_status.into_iter().map(|(status, slugs)| (status, RefOr::T(response(slugs)))).collect()
}

/// What a member's read may meet.
pub(crate) struct ReadProblems;

impl IntoResponses for ReadProblems {
    fn responses() -> BTreeMap<String, RefOr<Response>> {
        responses(&[
            Kind::BadRequest,
            Kind::Unauthenticated,
            Kind::NotFound,
            Kind::Invalid,
            Kind::Unavailable,
            Kind::NotReached,
            Kind::TimeLimit,
            Kind::Internal,
        ])
    }
}

/// What a member's read of a list may meet, which comes in several forms.
pub(crate) struct HistoryProblems;

impl IntoResponses for HistoryProblems {
    fn responses() -> BTreeMap<String, RefOr<Response>> {
        let mut all = ReadProblems::responses();
        all.extend(responses(&[Kind::NotAcceptable]));
        all
    }
}

/// What beginning a payment may meet.
pub(crate) struct InitiateProblems;

impl IntoResponses for InitiateProblems {
    fn responses() -> BTreeMap<String, RefOr<Response>> {
        responses(&[
            Kind::BadRequest,
            Kind::MalformedBody,
            Kind::Unauthenticated,
            Kind::MissingRole,
            Kind::NotFound,
            Kind::Conflict,
            Kind::InFlight,
            Kind::TooLarge,
            Kind::UnsupportedMediaType,
            Kind::Invalid,
            Kind::KeyReused,
            Kind::Busy,
            Kind::PaymentRefused,
            Kind::PaymentsOff,
            Kind::Unavailable,
            Kind::TimeLimit,
            Kind::Internal,
        ])
    }
}

/// What calling a payment off may meet.
pub(crate) struct CancelProblems;

impl IntoResponses for CancelProblems {
    fn responses() -> BTreeMap<String, RefOr<Response>> {
        responses(&[
            Kind::BadRequest,
            Kind::Unauthenticated,
            Kind::MissingRole,
            Kind::NotFound,
            Kind::Conflict,
            Kind::Invalid,
            Kind::Busy,
            Kind::PaymentsOff,
            Kind::Unavailable,
            Kind::TimeLimit,
            Kind::Internal,
        ])
    }
}

/// What a payment backend's callback may meet.
pub(crate) struct CallbackProblems;

impl IntoResponses for CallbackProblems {
    fn responses() -> BTreeMap<String, RefOr<Response>> {
        responses(&[
            Kind::MalformedBody,
            Kind::BadSignature,
            Kind::AddressRefused,
            Kind::Conflict,
            Kind::IdReused,
            Kind::TooLarge,
            Kind::Busy,
            Kind::PaymentsOff,
            Kind::Unavailable,
            Kind::TimeLimit,
            Kind::Internal,
        ])
    }
}

/// What a change of the directory may meet.
pub(crate) struct WriteProblems;

impl IntoResponses for WriteProblems {
    fn responses() -> BTreeMap<String, RefOr<Response>> {
        responses(&[
            Kind::BadRequest,
            Kind::MalformedBody,
            Kind::Unauthenticated,
            Kind::MissingScope,
            Kind::NotFound,
            Kind::Conflict,
            Kind::PlanLimit,
            Kind::TooLarge,
            Kind::UnsupportedMediaType,
            Kind::Invalid,
            Kind::Busy,
            Kind::Unavailable,
            Kind::TimeLimit,
            Kind::Internal,
        ])
    }
}

/// What a removal may meet. That there is nothing to remove is none of it.
pub(crate) struct RemoveProblems;

impl IntoResponses for RemoveProblems {
    fn responses() -> BTreeMap<String, RefOr<Response>> {
        responses(&[
            Kind::BadRequest,
            Kind::Unauthenticated,
            Kind::MissingScope,
            Kind::Invalid,
            Kind::Busy,
            Kind::Unavailable,
            Kind::TimeLimit,
            Kind::Internal,
        ])
    }
}

/// What sending measurements may meet.
pub(crate) struct IngestProblems;

impl IntoResponses for IngestProblems {
    fn responses() -> BTreeMap<String, RefOr<Response>> {
        responses(&[
            Kind::BadRequest,
            Kind::MalformedBody,
            Kind::Unauthenticated,
            Kind::MissingScope,
            Kind::IdReused,
            Kind::TooLarge,
            Kind::UnsupportedMediaType,
            Kind::Invalid,
            Kind::Busy,
            Kind::Unavailable,
            Kind::TimeLimit,
            Kind::Internal,
        ])
    }
}
