//! Payments as a table for spreadsheets (RFC 4180).

use csv::{Error, Writer};
use projections::PaymentRow;

use super::super::answer::{Flags, method_name};

pub(super) const MEDIA_TYPE: &str = "text/csv; charset=utf-8; header=present";

const HEADER: [&str; 11] = [
    "payment_id",
    "amount",
    "currency",
    "payment_method",
    "status",
    "plan",
    "description",
    "transaction_id",
    "flags",
    "created_at",
    "completed_at",
];

/// A header row, and one row a payment.
pub(super) fn table(payments: &[PaymentRow]) -> Result<Vec<u8>, Error> {
    let mut table = Writer::from_writer(Vec::new());
    table.write_record(HEADER)?;
    for payment in payments {
        table.write_record(cells(payment).map(harmless))?;
    }
    table.into_inner().map_err(|error| error.into_error().into())
}

fn cells(payment: &PaymentRow) -> [String; HEADER.len()] {
    let flags: Vec<&str> = Flags::of(payment).names().collect();
    [
        payment.payment_id.to_string(),
        payment.amount.major(),
        payment.amount.currency.code().to_owned(),
        method_name(payment.method).to_owned(),
        payment.status.as_str().to_owned(),
        payment.plan.to_string(),
        payment.description.clone().unwrap_or_default(),
        payment.transaction_id.clone().unwrap_or_default(),
        flags.join(" "),
        payment.created_at.to_rfc3339(),
        payment.completed_at.map(|at| at.to_rfc3339()).unwrap_or_default(),
    ]
}

/// A spreadsheet takes a cell that begins like this for a formula, which may send the table elsewhere; with an
/// apostrophe before it, it is a text. No number here is below zero.
fn harmless(cell: String) -> String {
    if cell.starts_with(['=', '+', '-', '@', '\t', '\r']) { format!("'{cell}") } else { cell }
}

#[cfg(test)]
mod tests {
    use chrono::DateTime;
    use domain::payment::{PaymentMethod, Status};
    use domain::{Money, PaymentId, TeamId, UserId};
    use iso_currency::Currency;

    use super::*;

    fn row(description: &str) -> PaymentRow {
        let at = DateTime::from_timestamp(1_800_000_000, 0).unwrap();
        PaymentRow {
            payment_id: PaymentId::from_bytes([1; 16]),
            team_id: TeamId::from_bytes([2; 16]),
            user_id: UserId(1),
            plan: "pay_as_you_go".into(),
            period: 1,
            amount: Money::new(300, Currency::EUR),
            method: PaymentMethod::MobileMoney,
            status: Status::Pending,
            description: Some(description.to_owned()),
            external_payment_id: None,
            transaction_id: Some("-1".into()),
            conflicted: true,
            refund_due: false,
            to_confirm: false,
            cancellation_requested: false,
            expires_at: None,
            created_at: at,
            completed_at: None,
            updated_at: at,
        }
    }

    #[test]
    fn cells_are_quoted_and_no_formula() {
        let text = String::from_utf8(table(&[row("=HYPERLINK(\"http://x\", \"é\")")]).unwrap()).unwrap();
        let mut lines = text.lines();
        assert_eq!(lines.next().unwrap(), HEADER.join(","));
        assert_eq!(
            lines.next().unwrap(),
            "01010101-0101-0101-0101-010101010101,3.00,EUR,mobile_money,pending,pay_as_you_go,\
             \"'=HYPERLINK(\"\"http://x\"\", \"\"é\"\")\",'-1,unknown conflicted,2027-01-15T08:00:00+00:00,"
        );
        for text in ["+1", "-1", "@x", "\tx", "=x"] {
            assert_eq!(harmless(text.into()), format!("'{text}"));
        }
        assert_eq!(harmless("a=b".into()), "a=b");
        assert_eq!(table(&[]).unwrap(), format!("{}\n", HEADER.join(",")).into_bytes());
    }
}
