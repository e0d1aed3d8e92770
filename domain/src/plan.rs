//! Plans: what a team may use, and what that costs. A plan is configuration; the built-in catalogue is the default.

use std::collections::BTreeMap;
use std::fmt;

use iso_currency::Currency;
use serde::{Deserialize, Serialize};

use crate::{ByteCount, Money};

/// The catalogue that stands when the operator names no file of his own.
const BUILT_IN: &str = include_str!("plans.toml");

/// The name of a plan, as events and requests write it: `free`, `pay_as_you_go`.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct PlanName(String);

impl PlanName {
    /// The plan that every team begins with. Every catalogue has it.
    #[must_use]
    pub fn free() -> Self {
        Self("free".into())
    }

    /// Whether it is the plan that every team begins with.
    #[must_use]
    pub fn is_free(&self) -> bool {
        self.0 == "free"
    }

    /// The text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl Default for PlanName {
    fn default() -> Self {
        Self::free()
    }
}

impl From<&str> for PlanName {
    fn from(name: &str) -> Self {
        Self(name.into())
    }
}

impl fmt::Display for PlanName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// How much of something a plan allows; `-1` on the wire means without limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "i64", into = "i64")]
pub enum Limit {
    /// At most this many.
    AtMost(u64),
    /// Any number.
    Unlimited,
}

impl Limit {
    /// Whether this many is allowed.
    #[must_use]
    pub const fn allows(self, count: u64) -> bool {
        match self {
            Self::AtMost(most) => count <= most,
            Self::Unlimited => true,
        }
    }

    /// The limit in bytes, when it counts units of this many bytes. `None` is without limit; a product that
    /// does not fit is the largest number of bytes.
    #[must_use]
    pub fn in_bytes(self, unit: u64) -> Option<ByteCount> {
        match self {
            Self::AtMost(units) => {
                let bytes = units.saturating_mul(unit);
                Some(ByteCount::try_from(bytes).unwrap_or(ByteCount::MAX))
            }
            Self::Unlimited => None,
        }
    }
}

impl TryFrom<i64> for Limit {
    type Error = &'static str;
    fn try_from(limit: i64) -> Result<Self, Self::Error> {
        match limit {
            -1 => Ok(Self::Unlimited),
            _ => u64::try_from(limit).map(Self::AtMost).map_err(|_| "a limit is -1 (unlimited) or from 0 up"),
        }
    }
}

impl From<Limit> for i64 {
    fn from(limit: Limit) -> Self {
        match limit {
            Limit::AtMost(most) => Self::try_from(most).unwrap_or(Self::MAX),
            Limit::Unlimited => -1,
        }
    }
}

/// One plan.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Plan {
    /// What people call it: `Pro`.
    pub display_name: String,
    /// Other names that requests may use for it: `pro`.
    #[serde(default)]
    pub aliases: Vec<String>,
    /// How many teams on this plan one user may own.
    pub max_teams: Limit,
    /// Members of the team, its owner included.
    pub max_members: Limit,
    /// Projects of the team.
    pub max_projects: Limit,
    /// CPUs of one deployment; the PaaS enforces it, here it is shown.
    pub max_cpu: f64,
    /// Memory of one deployment in MB; the PaaS enforces it, here it is shown.
    pub max_memory_mb: u64,
    /// Traffic of all the team's projects in a UTC month, in binary GB.
    pub max_traffic_gb_per_month: Limit,
    /// Storage of all the team's projects, in binary MB.
    pub max_storage_mb: Limit,
    /// Whether projects may have domains of their own.
    pub custom_domains: bool,
    /// What a month costs, in minor units, by ISO 4217 currency. Empty: nothing.
    #[serde(default)]
    pub price: BTreeMap<String, i64>,
}

impl Plan {
    /// The traffic limit in bytes; `None` is without limit.
    #[must_use]
    pub fn traffic_limit(&self) -> Option<ByteCount> {
        self.max_traffic_gb_per_month.in_bytes(ByteCount::GIGABYTE)
    }

    /// The storage limit in bytes; `None` is without limit.
    #[must_use]
    pub fn storage_limit(&self) -> Option<ByteCount> {
        self.max_storage_mb.in_bytes(ByteCount::MEGABYTE)
    }

    /// What a month costs in this currency; none when it cannot be paid in it, or costs nothing.
    #[must_use]
    pub fn price_in(&self, currency: Currency) -> Option<Money> {
        self.prices().find(|price| price.currency == currency && price.minor > 0)
    }

    /// What a month costs, in every currency it can be paid in.
    pub fn prices(&self) -> impl Iterator<Item = Money> + '_ {
        self.price.iter().filter_map(|(code, minor)| Some(Money::new(*minor, Currency::from_code(code)?)))
    }
}

/// Why a catalogue cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum CatalogueError {
    /// Not TOML of the right shape.
    #[error("the plans are not valid TOML of the expected shape: {0}")]
    Shape(#[from] toml::de::Error),
    /// Every team begins on `free`.
    #[error("the plans have no `free`, and every team begins on it")]
    NoFree,
    /// A name or alias that two plans share.
    #[error("two plans are called `{0}`")]
    Ambiguous(String),
    /// A price in no known currency, or below zero.
    #[error(
        "plan `{plan}`: the price {minor} {currency} must be from 0 up, in minor units of an ISO 4217 currency"
    )]
    Price {
        /// The plan.
        plan: String,
        /// The currency as written.
        currency: String,
        /// The amount as written.
        minor: i64,
    },
    /// CPUs that are no positive number.
    #[error("plan `{0}`: max_cpu must be a number over 0")]
    Cpu(String),
}

/// All plans, by name.
#[derive(Debug, Clone, PartialEq)]
pub struct Catalogue {
    plans: BTreeMap<PlanName, Plan>,
}

impl Catalogue {
    /// The plans in this TOML: one table a plan.
    ///
    /// # Errors
    /// [`CatalogueError`] names what is wrong.
    pub fn from_toml(text: &str) -> Result<Self, CatalogueError> {
        let plans: BTreeMap<PlanName, Plan> = toml::from_str(text)?;
        let mut names = std::collections::BTreeSet::new();
        for (name, plan) in &plans {
            for name in std::iter::once(name.as_str()).chain(plan.aliases.iter().map(String::as_str)) {
                if !names.insert(name.to_owned()) {
                    return Err(CatalogueError::Ambiguous(name.into()));
                }
            }
            if !(plan.max_cpu > 0.0 && plan.max_cpu.is_finite()) {
                return Err(CatalogueError::Cpu(name.to_string()));
            }
            for (currency, &minor) in &plan.price {
                if minor < 0 || Currency::from_code(currency).is_none() {
                    return Err(CatalogueError::Price {
                        plan: name.to_string(),
                        currency: currency.clone(),
                        minor,
                    });
                }
            }
        }
        if plans.contains_key(&PlanName::free()) { Ok(Self { plans }) } else { Err(CatalogueError::NoFree) }
    }

    /// The plan of this name or alias.
    #[must_use]
    pub fn find(&self, name: &str) -> Option<(&PlanName, &Plan)> {
        self.plans
            .iter()
            .find(|(own, plan)| own.as_str() == name || plan.aliases.iter().any(|alias| alias == name))
    }

    /// The plan that holds for a team on `name`. A plan that the operator has since taken out of the catalogue
    /// gives its teams the free plan's limits.
    #[must_use]
    pub fn in_force(&self, name: &PlanName) -> &Plan {
        // `from_toml` is the only way to make a catalogue, and it insists on `free`.
        self.plans.get(name).unwrap_or_else(|| &self.plans[&PlanName::free()])
    }

    /// Every plan, by name.
    pub fn iter(&self) -> impl Iterator<Item = (&PlanName, &Plan)> {
        self.plans.iter()
    }
}

impl Default for Catalogue {
    fn default() -> Self {
        Self::from_toml(BUILT_IN).expect("the built-in plans are checked by a test")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_built_in_plans_are_valid() {
        let catalogue = Catalogue::default();
        let (name, pro) = catalogue.find("pro").unwrap();
        assert_eq!(name.as_str(), "pay_as_you_go");
        assert_eq!(pro.display_name, "Pro");
        assert_eq!(pro.traffic_limit().unwrap().get(), 10 << 30);
        assert_eq!(pro.price_in(Currency::EUR).unwrap().to_string(), "3.00 EUR");
        assert_eq!(pro.price_in(Currency::XOF).unwrap().to_string(), "2000 XOF");
        assert_eq!(pro.price_in(Currency::USD), None);
        assert_eq!(catalogue.in_force(&PlanName::from("gone")).max_projects, Limit::AtMost(2));
    }

    #[test]
    fn mistakes_are_named() {
        let free = BUILT_IN.split("[pay_as_you_go]").next().unwrap();
        assert!(matches!(Catalogue::from_toml(""), Err(CatalogueError::NoFree)));
        let twice = BUILT_IN.replace("aliases = [\"pro\"]", "aliases = [\"free\"]");
        assert!(
            matches!(Catalogue::from_toml(&twice), Err(CatalogueError::Ambiguous(name)) if name == "free")
        );
        let negative = free.replace("max_projects = 2", "max_projects = -2");
        assert!(Catalogue::from_toml(&negative).unwrap_err().to_string().contains("-1 (unlimited)"));
        let typo = free.replace("max_members", "max_member");
        assert!(Catalogue::from_toml(&typo).unwrap_err().to_string().contains("max_member"));
        let price = BUILT_IN.replace("EUR =", "EUX =");
        assert!(matches!(Catalogue::from_toml(&price), Err(CatalogueError::Price { .. })));
    }
}
