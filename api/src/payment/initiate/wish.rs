//! What a member of a team wants to pay: read strictly, and held against what plans cost.

use domain::card::holds_card_number;
use domain::payment::PaymentMethod;
use domain::plan::{Catalogue, Plan, PlanName};
use domain::{Money, TeamId, UserId};
use iso_currency::Currency;
use serde::Deserialize;
use serde_json::value::RawValue;
use store::commands::PaymentWish;
use store::key::{Digest, DigestBuilder};
use utoipa::ToSchema;

use super::super::answer::MethodWord;
use crate::problem::Problem;

/// Characters of a description.
const LONGEST: usize = 500;
/// What is paid in when nothing else is asked for, wherever the plan has a price in it.
const USUAL: Currency = Currency::EUR;

/// A payment that is wanted.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = PaymentWish)]
pub(crate) struct Body {
    #[schema(value_type = MethodWord)]
    payment_method: PaymentMethod,
    /// Always true: a payment is for a plan.
    #[schema(example = true)]
    plan_upgrade: bool,
    /// The plan's name, or another name of it.
    #[schema(example = "pro")]
    new_plan: String,
    /// The payer's own words: at most 500 characters, no control character and no card number.
    #[schema(max_length = 500)]
    description: Option<String>,
    /// What the payer believes that it costs, in major units; another amount than the plan's price is refused.
    #[schema(value_type = Option<f64>, example = 3.0)]
    amount: Option<Box<RawValue>>,
    /// ISO 4217; EUR, or else the first that the plan has a price in, when it is not told.
    #[schema(example = "EUR")]
    currency: Option<String>,
}

/// A payment that is wanted, and can be had.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Wanted {
    plan: PlanName,
    price: Money,
    method: PaymentMethod,
    description: Option<String>,
    /// The currency, where it was told, and the amount: part of what the request was.
    told: (Option<Currency>, Option<Money>),
}

impl Body {
    /// What is wanted, if it can be had.
    pub(super) fn check(self, plans: &Catalogue) -> Result<Wanted, Problem> {
        if !self.plan_upgrade {
            return Err(wrong("plan_upgrade", "must be true: a payment is for a plan"));
        }
        let (name, plan) = plans.find(&self.new_plan).ok_or_else(|| {
            let names: Vec<&str> = paid(plans).map(|(name, _)| name.as_str()).collect();
            Problem::field(
                "new_plan",
                "unknown_plan",
                format!("there is no such plan; there are: {}", names.join(", ")),
            )
        })?;
        let currency = self.currency.as_deref().map(currency).transpose()?;
        let price = price(plan, currency)?;
        let amount = self.amount.as_deref().map(|amount| checked(amount, plan, price)).transpose()?;
        Ok(Wanted {
            plan: name.clone(),
            price,
            method: self.payment_method,
            description: description(self.description)?,
            told: (currency, amount),
        })
    }
}

impl Wanted {
    /// The same as a command.
    pub(super) fn wish(self, team: TeamId, user: UserId) -> PaymentWish {
        let Self { plan, price, method, description, told: _ } = self;
        PaymentWish { team, user, plan, amount: price, method, description }
    }

    /// Stands for what was asked, and not for how it was written. The price is no part of it where it was not told: it
    /// may have changed when the same request comes again.
    pub(super) fn digest(&self) -> Digest {
        let mut digest = DigestBuilder::default();
        digest.text(self.plan.as_str());
        digest.fixed(match self.method {
            PaymentMethod::MobileMoney => b"m",
            PaymentMethod::CreditCard => b"c",
        });
        let mut add = |text: Option<&str>| match text {
            Some(text) => {
                digest.fixed(b"1");
                digest.text(text);
            }
            None => digest.fixed(b"0"),
        };
        let (currency, amount) = self.told;
        add(self.description.as_deref());
        add(currency.map(|currency| currency.code()));
        add(amount.map(|amount| amount.to_string()).as_deref());
        digest.finish()
    }
}

/// Plans that cost something.
fn paid(plans: &Catalogue) -> impl Iterator<Item = (&PlanName, &Plan)> {
    plans.iter().filter(|(_, plan)| plan.prices().any(|price| price.minor > 0))
}

fn currency(code: &str) -> Result<Currency, Problem> {
    Currency::from_code(code)
        .ok_or_else(|| wrong("currency", "must be an ISO 4217 code in capital letters, such as EUR or XOF"))
}

fn price(plan: &Plan, told: Option<Currency>) -> Result<Money, Problem> {
    let any = || plan.prices().find(|price| price.minor > 0);
    let Some(usual) = plan.price_in(USUAL).or_else(any) else {
        return Err(wrong(
            "new_plan",
            format!("{} costs nothing, so there is nothing to pay", plan.display_name),
        ));
    };
    let Some(told) = told else { return Ok(usual) };
    plan.price_in(told).ok_or_else(|| {
        let prices: Vec<String> = plan.prices().map(|price| price.to_string()).collect();
        let detail = format!(
            "{} cannot be paid in {}; it costs {}",
            plan.display_name,
            told.code(),
            prices.join(" or ")
        );
        wrong("currency", detail)
    })
}

/// The amount, when it is what the plan costs.
fn checked(amount: &RawValue, plan: &Plan, price: Money) -> Result<Money, Problem> {
    let told = Money::from_major(amount.get(), price.currency);
    let told =
        told.map_err(|error| wrong("amount", format!("{error}; {} costs {price}", plan.display_name)))?;
    if told == price {
        Ok(told)
    } else {
        Err(wrong("amount", format!("{} costs {price} a month, not {told}", plan.display_name)))
    }
}

fn description(text: Option<String>) -> Result<Option<String>, Problem> {
    let Some(text) = text.filter(|text| !text.is_empty()) else { return Ok(None) };
    if text.chars().count() > LONGEST || text.chars().any(char::is_control) {
        let detail = format!("must be at most {LONGEST} characters, none of them a control character");
        return Err(wrong("description", detail));
    }
    if holds_card_number(&text) {
        let detail = "must not hold a card number: it is typed in at the payment backend's page only";
        return Err(Problem::field("description", "card_number", detail));
    }
    Ok(Some(text))
}

fn wrong(field: &'static str, detail: impl Into<String>) -> Problem {
    Problem::field(field, "invalid", detail)
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn checked_body(changed: Value) -> Result<Wanted, Problem> {
        let mut body = json!({ "payment_method": "mobile_money", "plan_upgrade": true, "new_plan": "pro" });
        body.as_object_mut().unwrap().extend(changed.as_object().unwrap().clone());
        let body: Body = crate::body::parse(body.to_string().as_bytes())?;
        body.check(&Catalogue::default())
    }

    fn refused(changed: Value) -> (String, String) {
        let problem = checked_body(changed).unwrap_err();
        let item = problem.errors().first().unwrap();
        (item.field.as_deref().unwrap().to_owned(), item.detail.clone())
    }

    #[test]
    fn the_price_is_the_plan_s() {
        assert_eq!(checked_body(json!({})).unwrap().price.to_string(), "3.00 EUR");
        assert_eq!(checked_body(json!({ "currency": "XOF" })).unwrap().price.to_string(), "2000 XOF");
        for amount in ["3", "3.0", "3.00"] {
            let body = format!(
                r#"{{"payment_method":"credit_card","plan_upgrade":true,"new_plan":"pay_as_you_go","amount":{amount}}}"#
            );
            let body: Body = crate::body::parse(body.as_bytes()).unwrap();
            assert_eq!(body.check(&Catalogue::default()).unwrap().price.minor, 300, "{amount}");
        }
    }

    #[test]
    fn what_does_not_fit_is_named() {
        for (changed, field, detail) in [
            (json!({ "plan_upgrade": false }), "plan_upgrade", "a payment is for a plan"),
            (json!({ "new_plan": "gold" }), "new_plan", "there are: pay_as_you_go"),
            (json!({ "new_plan": "free" }), "new_plan", "Free costs nothing"),
            (json!({ "amount": 2.99 }), "amount", "Pro costs 3.00 EUR a month, not 2.99 EUR"),
            (json!({ "amount": 3.001 }), "amount", "EUR has 2 decimal digits"),
            (json!({ "amount": "3.00" }), "amount", "decimal number"),
            (json!({ "amount": true }), "amount", "decimal number"),
            (json!({ "amount": 3, "currency": "XOF" }), "amount", "Pro costs 2000 XOF a month, not 3 XOF"),
            (json!({ "currency": "USD" }), "currency", "it costs 3.00 EUR or 2000 XOF"),
            (json!({ "currency": "eur" }), "currency", "ISO 4217"),
            (json!({ "payment_method": "cash" }), "payment_method", "unknown variant"),
            (json!({ "description": "x".repeat(501) }), "description", "500 characters"),
            (json!({ "description": "a\nb" }), "description", "control character"),
            (json!({ "description": "4111 1111 1111 1111" }), "description", "card number"),
            (json!({ "price": 3 }), "price", "unknown field"),
        ] {
            let refusal = refused(changed.clone());
            assert_eq!(refusal.0, field, "{changed}");
            assert!(refusal.1.contains(detail), "{changed}: {}", refusal.1);
        }
    }

    #[test]
    fn what_is_refused_is_not_repeated() {
        let problem = checked_body(json!({ "description": "my card 4111111111111111" })).unwrap_err();
        assert!(!problem.to_string().contains("4111"), "{problem}");
    }

    #[test]
    fn the_digest_is_of_what_was_asked() {
        let digest = |changed| checked_body(changed).unwrap().digest();
        let plain = digest(json!({}));
        assert_eq!(plain, digest(json!({ "new_plan": "pay_as_you_go", "description": "" })));
        assert_eq!(digest(json!({ "amount": 3 })), digest(json!({ "amount": 3.0 })));
        for other in [
            json!({ "payment_method": "credit_card" }),
            json!({ "description": "x" }),
            json!({ "currency": "EUR" }),
            json!({ "currency": "XOF" }),
            json!({ "amount": 3 }),
        ] {
            assert_ne!(plain, digest(other.clone()), "{other}");
        }
    }
}
