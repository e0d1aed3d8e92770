//! Parameters in, rows out, for both databases.

use chrono::{DateTime, Utc};
use serde::de::DeserializeOwned;
use sqlx::postgres::{PgArguments, PgRow};
use sqlx::query::Query;
use sqlx::sqlite::{SqliteArguments, SqliteRow};
use sqlx::{Executor, Postgres, Row as _, Sqlite};

use super::DbError;

/// What stands for a placeholder.
#[derive(Debug, Clone, Copy)]
pub enum Param<'a> {
    /// A 64-bit integer.
    Int(i64),
    /// A text.
    Text(&'a str),
}

impl From<i64> for Param<'_> {
    fn from(value: i64) -> Self {
        Self::Int(value)
    }
}

impl<'a> From<&'a str> for Param<'a> {
    fn from(value: &'a str) -> Self {
        Self::Text(value)
    }
}

impl<'a> From<&'a String> for Param<'a> {
    fn from(value: &'a String) -> Self {
        Self::Text(value)
    }
}

/// One row.
pub enum Row {
    /// From SQLite.
    Sqlite(SqliteRow),
    /// From Postgres.
    Postgres(PgRow),
}

impl Row {
    /// The integer in this column (from 0).
    ///
    /// # Errors
    /// [`DbError::Store`] when there is none.
    pub fn int(&self, column: usize) -> Result<i64, DbError> {
        Ok(match self {
            Self::Sqlite(row) => row.try_get(column)?,
            Self::Postgres(row) => row.try_get(column)?,
        })
    }

    /// The integer in this column, if it holds one.
    ///
    /// # Errors
    /// [`DbError::Store`] when it holds something else.
    pub fn opt_int(&self, column: usize) -> Result<Option<i64>, DbError> {
        Ok(match self {
            Self::Sqlite(row) => row.try_get(column)?,
            Self::Postgres(row) => row.try_get(column)?,
        })
    }

    /// The text in this column.
    ///
    /// # Errors
    /// [`DbError::Store`] when there is none.
    pub fn text(&self, column: usize) -> Result<&str, DbError> {
        Ok(match self {
            Self::Sqlite(row) => row.try_get(column)?,
            Self::Postgres(row) => row.try_get(column)?,
        })
    }

    /// The text in this column, if it holds one.
    ///
    /// # Errors
    /// [`DbError::Store`] when it holds something else.
    pub fn opt_text(&self, column: usize) -> Result<Option<&str>, DbError> {
        Ok(match self {
            Self::Sqlite(row) => row.try_get(column)?,
            Self::Postgres(row) => row.try_get(column)?,
        })
    }

    /// What the text in this column stands for.
    ///
    /// # Errors
    /// [`DbError::Corrupt`] when it stands for nothing of the kind.
    pub fn parse<T: std::str::FromStr>(&self, column: usize) -> Result<T, DbError> {
        let text = self.text(column)?;
        text.parse().map_err(|_| DbError::Corrupt(format!("`{text}`")))
    }

    /// What the text in this column stands for, if it holds one.
    ///
    /// # Errors
    /// [`DbError::Corrupt`] when it stands for nothing of the kind.
    pub fn opt_parse<T: std::str::FromStr>(&self, column: usize) -> Result<Option<T>, DbError> {
        match self.opt_text(column)? {
            Some(_) => Ok(Some(self.parse(column)?)),
            None => Ok(None),
        }
    }

    /// What the word in this column stands for, spelt as events spell it.
    ///
    /// # Errors
    /// [`DbError::Corrupt`] when it stands for nothing of the kind.
    pub fn word<T: DeserializeOwned>(&self, column: usize) -> Result<T, DbError> {
        let word = self.text(column)?;
        serde_json::from_value(word.into()).map_err(|_| DbError::Corrupt(format!("`{word}`")))
    }

    /// The instant in this column, in microseconds since 1970.
    ///
    /// # Errors
    /// [`DbError::Corrupt`] when it is beyond all calendars.
    pub fn instant(&self, column: usize) -> Result<DateTime<Utc>, DbError> {
        let micros = self.int(column)?;
        DateTime::from_timestamp_micros(micros).ok_or_else(|| DbError::Corrupt(micros.to_string()))
    }

    /// The instant in this column, if it holds one.
    ///
    /// # Errors
    /// [`DbError::Corrupt`] when it is beyond all calendars.
    pub fn opt_instant(&self, column: usize) -> Result<Option<DateTime<Utc>>, DbError> {
        match self.opt_int(column)? {
            Some(_) => Ok(Some(self.instant(column)?)),
            None => Ok(None),
        }
    }

    /// The sum in this column, or zero: what is taken off by a correction may have been counted on another day or
    /// for another team, and nobody used less than nothing.
    ///
    /// # Errors
    /// [`DbError::Corrupt`] when it stands for nothing of the kind.
    pub fn sum<T: TryFrom<i64>>(&self, column: usize) -> Result<T, DbError> {
        let sum = self.opt_int(column)?.unwrap_or(0).max(0);
        sum.try_into().map_err(|_| DbError::Corrupt(sum.to_string()))
    }

    /// What the number in this column stands for.
    ///
    /// # Errors
    /// [`DbError::Corrupt`] when it stands for nothing of the kind.
    pub fn number<T: TryFrom<i64>>(&self, column: usize) -> Result<T, DbError> {
        let number = self.int(column)?;
        number.try_into().map_err(|_| DbError::Corrupt(number.to_string()))
    }
}

pub(super) fn bind_sqlite<'q>(
    sql: &'q str,
    params: &'q [Param<'q>],
) -> Query<'q, Sqlite, SqliteArguments<'q>> {
    params.iter().fold(sqlx::query(sql), |query, param| match param {
        Param::Int(value) => query.bind(*value),
        Param::Text(text) => query.bind(*text),
    })
}

pub(super) fn bind_postgres<'q>(sql: &'q str, params: &'q [Param<'q>]) -> Query<'q, Postgres, PgArguments> {
    params.iter().fold(sqlx::query(sql), |query, param| match param {
        Param::Int(value) => query.bind(*value),
        Param::Text(text) => query.bind(*text),
    })
}

pub(super) async fn fetch_sqlite<'c>(
    executor: impl Executor<'c, Database = Sqlite>,
    sql: &str,
    params: &[Param<'_>],
) -> Result<Vec<Row>, DbError> {
    let rows = bind_sqlite(sql, params).fetch_all(executor).await?;
    Ok(rows.into_iter().map(Row::Sqlite).collect())
}

pub(super) async fn fetch_postgres<'c>(
    executor: impl Executor<'c, Database = Postgres>,
    sql: &str,
    params: &[Param<'_>],
) -> Result<Vec<Row>, DbError> {
    let rows = bind_postgres(sql, params).fetch_all(executor).await?;
    Ok(rows.into_iter().map(Row::Postgres).collect())
}
