//! Which of a team's payments are asked for.

use std::sync::Arc;

use axum::extract::FromRequestParts;
use chrono::{DateTime, NaiveDate, NaiveTime, SecondsFormat, Utc};
use domain::payment::{PaymentMethod, Status};
use http::request::Parts;
use projections::{PaymentCursor, PaymentFilter};
use utoipa::IntoParams;

use super::super::answer::{MethodWord, StatusWord, method, method_name};
use crate::app::App;
use crate::params::{Pairs, ReadAfter};
use crate::problem::Problem;

/// Payments of a page, when nothing else is asked for.
const USUAL: u16 = 50;
const MOST: u16 = 100;

/// The query, for the document.
#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
#[allow(dead_code)]
pub(crate) struct HistoryQuery {
    /// How many at most; 50 when it is not given.
    #[param(minimum = 1, maximum = 100)]
    limit: Option<u16>,
    /// The `next` of the page before.
    cursor: Option<String>,
    /// Only those that stand here.
    #[param(inline)]
    status: Option<StatusWord>,
    /// Only those that are paid like this.
    #[param(inline)]
    payment_method: Option<MethodWord>,
    /// Only those created then or later: RFC 3339, or `YYYY-MM-DD` for the first instant of a UTC day.
    #[param(example = "2026-11-01")]
    from: Option<String>,
    /// Only those created before: as `from`.
    #[param(example = "2026-12-01")]
    until: Option<String>,
    /// Answer with everything up to this position of the log, as a command has answered it. The read waits for it,
    /// 5 seconds at most.
    min_position: Option<u64>,
}

/// The payments that are asked for.
pub(crate) struct Wanted {
    pub(super) limit: u16,
    pub(super) cursor: Option<PaymentCursor>,
    pub(super) filter: PaymentFilter,
    pub(super) after: ReadAfter,
}

impl FromRequestParts<Arc<App>> for Wanted {
    type Rejection = Problem;
    async fn from_request_parts(parts: &mut Parts, _: &Arc<App>) -> Result<Self, Problem> {
        Self::of(Pairs::of(parts)?)
    }
}

impl Wanted {
    fn of(mut pairs: Pairs) -> Result<Self, Problem> {
        let limit = pairs.take::<String>("limit")?.map(|text| limit(&text)).transpose()?;
        let cursor = pairs.take("cursor")?;
        let filter = PaymentFilter {
            status: pairs.take::<StatusWord>("status")?.map(Status::from),
            method: pairs.take::<String>("payment_method")?.map(|text| one_method(&text)).transpose()?,
            from: pairs.take::<String>("from")?.map(|text| instant("from", &text)).transpose()?,
            until: pairs.take::<String>("until")?.map(|text| instant("until", &text)).transpose()?,
        };
        let after = ReadAfter::of(&mut pairs)?;
        pairs.end()?;
        Ok(Self { limit: limit.unwrap_or(USUAL), cursor, filter, after })
    }

    /// The query that asks for the same from here on.
    pub(super) fn for_page(&self, cursor: &str) -> String {
        let PaymentFilter { status, method, from, until } = self.filter;
        // Neither words nor cursors nor times in UTC hold anything that a query must escape.
        let time = |at: DateTime<Utc>| at.to_rfc3339_opts(SecondsFormat::AutoSi, true);
        let parts = [
            Some(("limit", self.limit.to_string())),
            Some(("cursor", cursor.to_owned())),
            status.map(|status| ("status", status.as_str().to_owned())),
            method.map(|method| ("payment_method", method_name(method).to_owned())),
            from.map(|from| ("from", time(from))),
            until.map(|until| ("until", time(until))),
        ];
        let parts: Vec<String> =
            parts.into_iter().flatten().map(|(name, value)| format!("{name}={value}")).collect();
        parts.join("&")
    }
}

fn limit(text: &str) -> Result<u16, Problem> {
    let limit =
        text.parse().ok().filter(|limit: &u16| limit.to_string() == text && (1..=MOST).contains(limit));
    limit.ok_or_else(|| Problem::field("limit", "invalid", format!("must be an integer from 1 to {MOST}")))
}

fn one_method(text: &str) -> Result<PaymentMethod, Problem> {
    method(text)
        .ok_or_else(|| Problem::field("payment_method", "invalid", "must be mobile_money or credit_card"))
}

fn instant(field: &'static str, text: &str) -> Result<DateTime<Utc>, Problem> {
    let day = || Some(text.parse::<NaiveDate>().ok()?.and_time(NaiveTime::MIN).and_utc());
    let at = DateTime::parse_from_rfc3339(text).map(|at| at.to_utc()).ok().or_else(day);
    at.ok_or_else(|| {
        Problem::field(field, "invalid", "must be a time in RFC 3339, or a day, written YYYY-MM-DD")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wanted(query: &str) -> Result<Wanted, Problem> {
        let request = http::Request::get(format!("/?{query}")).body(()).unwrap();
        Wanted::of(Pairs::of(&request.into_parts().0).unwrap())
    }

    #[test]
    fn nothing_asked_is_everything() {
        let wanted = wanted("").unwrap();
        assert_eq!((wanted.limit, wanted.filter), (50, PaymentFilter::default()));
        assert!(wanted.cursor.is_none());
    }

    #[test]
    fn the_next_page_asks_for_the_same() {
        let query = "limit=7&status=failed&payment_method=credit_card&from=2026-11-01\
                     &until=2026-12-01T00%3A00%3A00.5%2B01%3A00";
        let first = wanted(query).unwrap();
        let next = first.for_page("5_0192f0c1-2b3c-7d4e-8f50-617283940a5b");
        let second = wanted(&next).unwrap();
        assert_eq!((second.limit, second.filter), (7, first.filter));
        assert_eq!(second.cursor.unwrap().to_string(), "5_0192f0c1-2b3c-7d4e-8f50-617283940a5b");
        assert_eq!(second.filter.until.unwrap().to_rfc3339(), "2026-11-30T23:00:00.500+00:00");
    }

    #[test]
    fn mistakes_name_the_parameter() {
        for (query, field) in [
            ("limit=0", "limit"),
            ("limit=101", "limit"),
            ("limit=05", "limit"),
            ("limit=%2B5", "limit"),
            ("cursor=x", "cursor"),
            ("status=unknown", "status"),
            ("payment_method=cash", "payment_method"),
            ("from=2026-13-01", "from"),
            ("from=2026-11", "from"),
            ("until=yesterday", "until"),
            ("until=2026-11-01&until=2026-11-02", "until"),
            ("min_position=x", "min_position"),
            ("page=2", "page"),
        ] {
            let problem = wanted(query).map(|_| ()).unwrap_err();
            assert_eq!(problem.errors()[0].field.as_deref(), Some(field), "{query}");
        }
    }
}
