//! Path and query parameters of every route: read strictly, so that a misspelt one is not ignored.

use std::fmt::Display;
use std::str::FromStr;
use std::sync::Arc;
use std::time::Duration;

use axum::extract::{FromRequestParts, Query};
use domain::{Month, UserId};
use http::request::Parts;
use projections::WaitError;
use store::{Clock, Position};
use utoipa::IntoParams;

use crate::app::App;
use crate::body::shortened;
use crate::problem::{Kind, Problem};

/// How long a read waits for the read models.
const WAIT_LIMIT: Duration = Duration::from_secs(5);

/// A name in the path of a read. What cannot be one names nothing: the answer is the same as for a foreign one.
pub(crate) fn named<T: FromStr>(text: &str) -> Result<T, Problem> {
    text.parse().map_err(|_| Problem::not_found())
}

/// A name in the path of a write, whose caller makes the names and is told what is wrong with this one.
pub(crate) fn given<T: FromStr<Err: Display>>(field: &'static str, text: &str) -> Result<T, Problem> {
    text.parse().map_err(|error: T::Err| Problem::field(field, "invalid", error.to_string()))
}

/// A user's id in the path of a write.
pub(crate) fn given_user(text: &str) -> Result<UserId, Problem> {
    let id = text.parse().ok().filter(|id: &i64| id.to_string() == text);
    id.map(UserId)
        .ok_or_else(|| Problem::field("user_id", "invalid", "must be an integer of at most 64 bits"))
}

/// The month of a read.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct ReadMonth {
    /// The UTC month, `YYYY-MM`; the current one when it is not given.
    #[param(value_type = Option<String>, example = "2026-11", pattern = r"^\d{4}-\d{2}$")]
    month: Option<Month>,
}

/// What a read must have seen.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct ReadAfter {
    /// Answer with everything up to this position of the log, as a command has answered it. The read waits for it,
    /// 5 seconds at most.
    #[param(value_type = Option<u64>)]
    min_position: Option<Position>,
}

/// The query of a read of one month.
pub(crate) struct MonthQuery {
    month: ReadMonth,
    after: ReadAfter,
}

/// The query of a read of what is so now.
pub(crate) struct NowQuery {
    after: ReadAfter,
}

impl FromRequestParts<Arc<App>> for MonthQuery {
    type Rejection = Problem;
    async fn from_request_parts(parts: &mut Parts, _: &Arc<App>) -> Result<Self, Problem> {
        let mut pairs = Pairs::of(parts)?;
        let month = pairs.take("month")?;
        let after = ReadAfter::of(&mut pairs)?;
        pairs.end()?;
        Ok(Self { month: ReadMonth { month }, after })
    }
}

impl FromRequestParts<Arc<App>> for NowQuery {
    type Rejection = Problem;
    async fn from_request_parts(parts: &mut Parts, _: &Arc<App>) -> Result<Self, Problem> {
        let mut pairs = Pairs::of(parts)?;
        let after = ReadAfter::of(&mut pairs)?;
        pairs.end()?;
        Ok(Self { after })
    }
}

impl MonthQuery {
    /// The month that is asked for, once the read models are as far as was asked.
    pub(crate) async fn ready(self, app: &App) -> Result<Month, Problem> {
        self.after.reached(app).await?;
        match self.month.month {
            Some(month) => Ok(month),
            None => current_month(&*app.clock),
        }
    }
}

impl NowQuery {
    /// The current month, once the read models are as far as was asked.
    pub(crate) async fn ready(self, app: &App) -> Result<Month, Problem> {
        self.reached(app).await?;
        current_month(&*app.clock)
    }

    /// Once the read models are as far as was asked.
    pub(crate) async fn reached(self, app: &App) -> Result<(), Problem> {
        self.after.reached(app).await
    }
}

fn current_month(clock: &dyn Clock) -> Result<Month, Problem> {
    Month::of(clock.now()).map_err(|error| Problem::internal(&error))
}

impl ReadAfter {
    /// As a query that has other parameters too says it.
    pub(crate) fn of(pairs: &mut Pairs) -> Result<Self, Problem> {
        Ok(Self { min_position: pairs.take_position()? })
    }

    /// Once the read models are as far as was asked.
    pub(crate) async fn reached(self, app: &App) -> Result<(), Problem> {
        let Some(wanted) = self.min_position else { return Ok(()) };
        // The signal is at or before the head; only what lies after it needs a look at the log itself.
        if wanted > *app.log.wake().borrow() {
            let head = app.log.head().await?;
            if wanted > head {
                let detail = format!("the event log ends at position {head}");
                return Err(
                    Problem::field("min_position", "beyond_the_end", detail).member("position", head.0)
                );
            }
        }
        match app.reads.wait_for(wanted, WAIT_LIMIT).await {
            Ok(()) => Ok(()),
            Err(WaitError::TimedOut { at }) => {
                let detail =
                    format!("the read models are at position {at} and did not reach {wanted} in time");
                Err(Problem::new(Kind::NotReached, detail).member("position", at.0).retry_after(1))
            }
            Err(error @ WaitError::Db(_)) => Err(Problem::unreadable(&error)),
        }
    }
}

/// The pairs of a query that nobody has asked for yet.
pub(crate) struct Pairs(Vec<(String, String)>);

impl Pairs {
    pub(crate) fn of(parts: &Parts) -> Result<Self, Problem> {
        let Query(pairs) = Query::try_from_uri(&parts.uri).map_err(|_| {
            Problem::new(Kind::BadRequest, "the query is not of the form `name=value&name=value`")
        })?;
        Ok(Self(pairs))
    }

    /// The one value of this name.
    pub(crate) fn take<T: FromStr<Err: Display>>(
        &mut self,
        name: &'static str,
    ) -> Result<Option<T>, Problem> {
        let Some(place) = self.0.iter().position(|(found, _)| found == name) else { return Ok(None) };
        let (_, value) = self.0.swap_remove(place);
        if self.0.iter().any(|(found, _)| found == name) {
            return Err(Problem::field(name, "duplicate_field", "is given more than once"));
        }
        given(name, &value).map(Some)
    }

    fn take_position(&mut self) -> Result<Option<Position>, Problem> {
        let Some(text) = self.take::<String>("min_position")? else { return Ok(None) };
        let digits = text.bytes().all(|byte| byte.is_ascii_digit());
        let position = digits.then(|| text.parse().ok()).flatten().map(Position);
        let wrong = || {
            Problem::field("min_position", "invalid", "must be a position: an integer from 0 up, of 64 bits")
        };
        position.ok_or_else(wrong).map(Some)
    }

    /// Whatever is left is nothing that the route knows.
    pub(crate) fn end(self) -> Result<(), Problem> {
        match self.0.into_iter().next() {
            None => Ok(()),
            Some((name, _)) => {
                Err(Problem::field(shortened(&name), "unknown_field", "there is no such parameter here"))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pairs(query: &str) -> Pairs {
        let request = http::Request::get(format!("/?{query}")).body(()).unwrap();
        Pairs::of(&request.into_parts().0).unwrap()
    }

    fn wrong(query: &str) -> (String, String) {
        let mut pairs = pairs(query);
        let taken = pairs.take::<Month>("month").and_then(|_| pairs.take_position());
        let problem = taken.map(|_| ()).and_then(|()| pairs.end()).unwrap_err();
        assert_eq!(problem.kind(), Kind::Invalid, "{query}");
        let item = problem.errors().first().unwrap();
        (item.field.as_deref().unwrap().to_owned(), item.code.to_string())
    }

    #[test]
    fn mistakes_name_the_parameter() {
        for (query, field, code) in [
            ("month=2026-13", "month", "invalid"),
            ("month=", "month", "invalid"),
            ("month=2026-11&month=2026-11", "month", "duplicate_field"),
            ("min_position=-1", "min_position", "invalid"),
            ("min_position=x", "min_position", "invalid"),
            ("min_position=", "min_position", "invalid"),
            ("min_position=%2B1", "min_position", "invalid"),
            ("min_position=18446744073709551616", "min_position", "invalid"),
            ("mont=2026-11", "mont", "unknown_field"),
            (&"x".repeat(201), &format!("{}…", "x".repeat(200)), "unknown_field"),
        ] {
            assert_eq!(wrong(query), (field.to_owned(), code.to_owned()), "{query}");
        }
    }

    #[test]
    fn nothing_given_is_fine() {
        let mut pairs = pairs("");
        assert_eq!(pairs.take::<Month>("month").unwrap(), None);
        assert!(pairs.end().is_ok());
    }

    #[test]
    fn user_ids_have_one_text() {
        assert_eq!(given_user("-7").unwrap(), UserId(-7));
        for bad in ["", "+1", "01", "1.0", "9223372036854775808"] {
            assert!(given_user(bad).is_err(), "{bad}");
        }
    }
}
