//! How a person is reached. What tells of a person is sealed before it comes here: this room cannot read it.

use serde::{Deserialize, Serialize};

/// A personal text (an e-mail address) that only the holder of the person's key can read. The same text of the same
/// person is always sealed alike, so that "changed or not" can be decided without the key. Without that key, which is
/// destroyed when the person is to be forgotten, it is noise.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Sealed(String);

impl Sealed {
    /// From what sealing gave.
    #[must_use]
    pub const fn new(sealed: String) -> Self {
        Self(sealed)
    }

    /// What opening takes.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// Noise is of no use in a log.
impl std::fmt::Debug for Sealed {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Sealed(..)")
    }
}
