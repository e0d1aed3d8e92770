//! Idempotency keys: sixteen bytes that stand for "this request of this caller", and a digest of its content.

use std::fmt;

use sha2::{Digest as _, Sha256};

/// Stands for one request of one caller: the first 128 bits of a SHA-256 over its names. The key is stored in the
/// transaction that stores the events, so that sending the request again appends nothing.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct KeyId(pub [u8; 16]);

impl KeyId {
    /// The key for these names; `("a", "bc")` and `("ab", "c")` are different.
    #[must_use]
    pub fn of(names: &[&str]) -> Self {
        let mut digest = DigestBuilder::default();
        for name in names {
            digest.text(name);
        }
        Self(digest.finish().0)
    }
}

impl fmt::Debug for KeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&hex::encode(self.0))
    }
}

/// Stands for a request's content: a key that comes with another digest is a mistake of the caller.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct Digest(pub [u8; 16]);

impl fmt::Debug for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&hex::encode(self.0))
    }
}

/// Adds up content to a [`Digest`].
#[derive(Default)]
pub struct DigestBuilder(Sha256);

impl DigestBuilder {
    /// Adds bytes of a length that the kind of content fixes.
    pub fn fixed(&mut self, bytes: &[u8]) {
        self.0.update(bytes);
    }

    /// Adds a text of any length.
    pub fn text(&mut self, text: &str) {
        self.0.update((text.len() as u64).to_le_bytes());
        self.0.update(text.as_bytes());
    }

    /// The digest of all that was added.
    #[must_use]
    pub fn finish(self) -> Digest {
        let full: [u8; 32] = self.0.finalize().into();
        let mut half = [0; 16];
        half.copy_from_slice(&full[..16]);
        Digest(half)
    }
}
