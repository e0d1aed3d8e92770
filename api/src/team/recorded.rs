//! What every change of the directory answers, and what all names have in common.

use axum::Json;
use serde::Serialize;
use store::Position;
use utoipa::ToSchema;

use crate::problem::Problem;

/// Characters of a name.
const NAME_LIMIT: usize = 200;

/// The change is durable.
#[derive(Serialize, ToSchema)]
pub(crate) struct Recorded {
    /// A read that waits for this position (`min_position`) sees the change.
    position: u64,
}

impl Recorded {
    pub(super) fn at(position: Position) -> Json<Self> {
        Json(Self { position: position.0 })
    }
}

/// A name that people read.
pub(super) fn check_name(name: &str) -> Result<(), Problem> {
    let too_long = name.chars().count() > NAME_LIMIT;
    if too_long || name.trim().is_empty() || name.chars().any(char::is_control) {
        let detail = format!("must be 1 to {NAME_LIMIT} characters, none of them a control character");
        return Err(Problem::field("name", "invalid", detail));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_for_people() {
        assert!(check_name("Équipe Été").is_ok() && check_name(&"é".repeat(200)).is_ok());
        for bad in ["", "  ", "a\nb", &"é".repeat(201)] {
            assert!(check_name(bad).is_err(), "{bad}");
        }
    }
}
