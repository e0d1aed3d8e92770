//! French and English: which a browser wants, every word of both, and how each writes an amount.

use std::convert::Infallible;

use axum::extract::FromRequestParts;
use axum::http::header::ACCEPT_LANGUAGE;
use axum::http::request::Parts;
use iso_currency::Currency;

use crate::money::Money;
use crate::payment::{Method, Status};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Language {
    English,
    French,
}

/// What the pages say. HTML, so that nothing here needs escaping.
pub(crate) struct Words {
    pub(crate) note: &'static str,
    pub(crate) payment: &'static str,
    pub(crate) payments: &'static str,
    pub(crate) no_payments: &'static str,
    pub(crate) not_found: &'static str,
    pub(crate) team: &'static str,
    pub(crate) plan: &'static str,
    pub(crate) description: &'static str,
    pub(crate) method: &'static str,
    pub(crate) reference: &'static str,
    pub(crate) until: &'static str,
    pub(crate) transaction: &'static str,
    pub(crate) pay: &'static str,
    pub(crate) fail: &'static str,
    pub(crate) cancel: &'static str,
    pub(crate) scan: &'static str,
}

const ENGLISH: Words = Words {
    note: "Sandbox: no money is taken.",
    payment: "Payment",
    payments: "Payments",
    no_payments: "Nothing has been ordered yet.",
    not_found: "There is no such payment.",
    team: "Team",
    plan: "Plan",
    description: "For",
    method: "By",
    reference: "Reference",
    until: "Until",
    transaction: "Transaction",
    pay: "Pay",
    fail: "Let it fail",
    cancel: "Cancel",
    scan: "Scan to open this page on a phone",
};

const FRENCH: Words = Words {
    note: "Bac à sable&nbsp;: aucun argent n’est prélevé.",
    payment: "Paiement",
    payments: "Paiements",
    no_payments: "Rien n’a encore été commandé.",
    not_found: "Ce paiement n’existe pas.",
    team: "Équipe",
    plan: "Formule",
    description: "Pour",
    method: "Par",
    reference: "Référence",
    until: "Jusqu’à",
    transaction: "Transaction",
    pay: "Payer",
    fail: "Faire échouer",
    cancel: "Annuler",
    scan: "Scannez pour ouvrir cette page sur un téléphone",
};

impl Language {
    /// The one that `Accept-Language` likes best, English where it likes neither.
    fn wanted(header: &str) -> Self {
        let wishes = header.split(',').filter_map(|wish| {
            let (tag, weight) = wish.split_once(';').unwrap_or((wish, "q=1"));
            let weight: f32 = weight.trim().strip_prefix("q=")?.parse().ok()?;
            let primary = tag.trim().split('-').next()?.to_ascii_lowercase();
            let language = match primary.as_str() {
                "en" => Self::English,
                "fr" => Self::French,
                _ => return None,
            };
            (weight > 0.0).then_some((language, weight))
        });
        // Of equals, the first.
        let best = wishes.reduce(|best, wish| if wish.1 > best.1 { wish } else { best });
        best.map_or(Self::English, |(language, _)| language)
    }

    /// As HTML's `lang` wants it.
    pub(crate) fn tag(self) -> &'static str {
        match self {
            Self::English => "en",
            Self::French => "fr",
        }
    }

    pub(crate) fn words(self) -> &'static Words {
        match self {
            Self::English => &ENGLISH,
            Self::French => &FRENCH,
        }
    }

    pub(crate) fn status(self, status: Status) -> &'static str {
        match (self, status) {
            (Self::English, Status::Pending) => "Waiting for payment",
            (Self::English, Status::Processing) => "Being paid",
            (Self::English, Status::Completed) => "Paid",
            (Self::English, Status::Failed) => "Failed",
            (Self::English, Status::Cancelled) => "Cancelled",
            (Self::French, Status::Pending) => "En attente de paiement",
            (Self::French, Status::Processing) => "Paiement en cours",
            (Self::French, Status::Completed) => "Payé",
            (Self::French, Status::Failed) => "Échoué",
            (Self::French, Status::Cancelled) => "Annulé",
        }
    }

    pub(crate) fn method(self, method: Method) -> &'static str {
        match (self, method) {
            (Self::English, Method::MobileMoney) => "Mobile money",
            (Self::English, Method::CreditCard) => "Card",
            (Self::French, Method::MobileMoney) => "Mobile money",
            (Self::French, Method::CreditCard) => "Carte bancaire",
        }
    }

    /// `3.00 EUR` and `2,000 FCFA`; `3,00 EUR` and `2 000 FCFA`.
    pub(crate) fn amount(self, money: Money) -> String {
        let (group, point) = match self {
            Self::English => (',', '.'),
            Self::French => (' ', ','),
        };
        let (whole, part) = money.split();
        let mut amount = String::new();
        for (at, digit) in whole.chars().enumerate() {
            if at > 0 && (whole.len() - at) % 3 == 0 {
                amount.push(group);
            }
            amount.push(digit);
        }
        if !part.is_empty() {
            amount.push(point);
            amount.push_str(&part);
        }
        // Both francs are called so where they are used.
        let francs = [Currency::XOF, Currency::XAF].contains(&money.currency);
        format!("{amount} {}", if francs { "FCFA" } else { money.currency.code() })
    }
}

impl<S: Sync> FromRequestParts<S> for Language {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _state: &S) -> Result<Self, Infallible> {
        let header = parts.headers.get(ACCEPT_LANGUAGE).and_then(|value| value.to_str().ok());
        Ok(Self::wanted(header.unwrap_or_default()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_best_liked_is_chosen() {
        for french in
            ["fr", "fr-SN,fr;q=0.9,en;q=0.8", "FR-ci", "en;q=0.5, fr", "de, fr;q=0.3", "en;q=0,fr;q=0.1"]
        {
            assert_eq!(Language::wanted(french), Language::French, "{french}");
        }
        for english in ["", "en", "en,fr", "de", "fr;q=0", "*", "fr;q=x", "frx", "fr;q=0.8,en;q=0.9"] {
            assert_eq!(Language::wanted(english), Language::English, "{english}");
        }
    }

    #[test]
    fn amounts_are_written_as_each_language_does() {
        let both = |minor, currency| {
            [Language::French, Language::English].map(|language| language.amount(Money { minor, currency }))
        };
        assert_eq!(both(300, Currency::EUR), ["3,00 EUR", "3.00 EUR"]);
        assert_eq!(both(2_000, Currency::XOF), ["2 000 FCFA", "2,000 FCFA"]);
        assert_eq!(both(500, Currency::XAF), ["500 FCFA", "500 FCFA"]);
        assert_eq!(both(123_456_789, Currency::USD), ["1 234 567,89 USD", "1,234,567.89 USD"]);
    }
}
