//! Where a page of payments ends, as a text to be sent back for the next one.

use std::fmt;
use std::str::FromStr;

use domain::PaymentId;

use super::row::PaymentRow;

/// The last payment of a page. As a text it is of `[A-Za-z0-9_-]`, and nobody but this type should read it.
///
/// It says where to go on and not how many to leave out: payments that begin meanwhile move nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PaymentCursor {
    /// Microseconds since 1970.
    pub(super) created_at: i64,
    pub(super) payment_id: PaymentId,
}

/// Why a text is no cursor.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("must be the `next` of an answer, unchanged")]
pub struct CursorError;

impl PaymentCursor {
    /// What follows this payment.
    #[must_use]
    pub const fn after(payment: &PaymentRow) -> Self {
        Self { created_at: payment.created_at.timestamp_micros(), payment_id: payment.payment_id }
    }
}

impl fmt::Display for PaymentCursor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}_{}", self.created_at, self.payment_id)
    }
}

impl FromStr for PaymentCursor {
    type Err = CursorError;

    fn from_str(text: &str) -> Result<Self, CursorError> {
        let (created_at, payment_id) = text.split_once('_').ok_or(CursorError)?;
        let cursor = Self {
            created_at: created_at.parse().map_err(|_| CursorError)?,
            payment_id: payment_id.parse().map_err(|_| CursorError)?,
        };
        // Numbers have other spellings, such as +5 and 007.
        if cursor.to_string() == text { Ok(cursor) } else { Err(CursorError) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cursor_survives_being_sent() {
        for created_at in [i64::MIN, -1, 0, 1_793_534_400_000_000, i64::MAX] {
            let cursor = PaymentCursor { created_at, payment_id: PaymentId::from_bytes([0xab; 16]) };
            let text = cursor.to_string();
            assert_eq!(text.parse(), Ok(cursor));
            let plain = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-';
            assert!(text.chars().all(plain), "{text}");
        }
    }

    #[test]
    fn nothing_else_is_a_cursor() {
        let id = "0192f0c1-2b3c-7d4e-8f50-617283940a5b";
        assert!(format!("5_{id}").parse::<PaymentCursor>().is_ok());
        for bad in ["", "_", "5_", id, "5", "x_y", "9223372036854775808_"] {
            assert_eq!(bad.parse::<PaymentCursor>(), Err(CursorError), "{bad}");
        }
        for bad in ["+5", "05", " 5", "", "5.0", "9223372036854775808", "5_5"] {
            assert_eq!(format!("{bad}_{id}").parse::<PaymentCursor>(), Err(CursorError), "{bad}");
        }
    }
}
