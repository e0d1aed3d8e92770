//! Sealing: a short personal text becomes noise that only the holder of the person's key reads. Nothing here keeps or
//! fetches a key. Nor does the person's address make the tokens that mails to him bear: his key does.
//!
//! XChaCha20-Poly1305 (draft-irtf-cfrg-xchacha), with a nonce that is made from the text: the first 24 bytes of an
//! HMAC-SHA256 over it. So the same text of the same person is always sealed alike, and who has no key can tell whether
//! something has changed, which a team's decisions need. That is the idea of SIV (RFC 5297; draft-madden-generalised-siv
//! has it for XChaCha20 and HMAC-SHA256). A nonce
//! must never serve two texts under one key; here two texts of a person have the same one if 192 bits of a pseudo-random
//! function collide, for which he would need some 2^96 addresses. All that repeating it for the same text gives away is
//! that the text is the same; and since everybody has a key of his own, not even that between two persons.
//!
//! ```text
//! sealed = base64url( version (1 byte) | nonce (24) | ciphertext (a multiple of 64) | tag (16) )
//! ```
//!
//! The nonce and the cipher have a key each, both derived from the person's by HMAC. The text is padded, so that the
//! length tells little, and bound to the person: what was sealed for one cannot be passed off as another's.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chacha20poly1305::aead::{Aead, Payload};
use chacha20poly1305::{Key, KeyInit, XChaCha20Poly1305, XNonce};
use domain::{Sealed, TeamId, UserId};
use hmac::Mac;
use hmac::digest::generic_array::GenericArray;
use secrecy::SecretString;
use sha2::Sha256;

use crate::state::subject_keys::SubjectKey;

/// How a text is sealed, so that another way can be told from it.
const VERSION: u8 = 1;
/// The padded text is a multiple of this many bytes: nearly all addresses are as long as each other.
const BLOCK: usize = 64;
/// Ends the text; zeros follow it (ISO/IEC 7816-4).
const END: u8 = 0x80;

const NONCE: usize = 24;
/// What the derived keys are for.
const FOR_NONCE: &[u8] = b"servelink seal 1: nonce";
const FOR_CIPHER: &[u8] = b"servelink seal 1: cipher";
const FOR_TOKEN: &[u8] = b"servelink seal 1: token";

/// Why a text cannot be sealed or opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum SealError {
    /// Longer than the cipher can do.
    #[error("the text is too long to be sealed")]
    TooLong,
    /// Nothing that sealing gives, or what a newer version gives.
    #[error("the text is not sealed in a way that is known here")]
    Malformed,
    /// The tag does not match: sealed with another key or for somebody else, or changed since.
    #[error("the text was sealed with another key, or was changed")]
    OtherKey,
}

/// Seals a text of this person.
pub(crate) fn seal(key: &SubjectKey, user: UserId, text: &str) -> Result<Sealed, SealError> {
    let padded = pad(text);
    let associated = associated(user);
    let nonce_key = hmac(key.bytes(), &[FOR_NONCE]);
    // Of fixed length first, so that no two pairs of person and text are the same bytes.
    let full = hmac(&nonce_key, &[&associated, &padded]);
    let nonce = &full[..NONCE];
    let payload = Payload { msg: &padded, aad: &associated };
    let ciphertext =
        cipher(key).encrypt(XNonce::from_slice(nonce), payload).map_err(|_| SealError::TooLong)?;
    Ok(Sealed::new(URL_SAFE_NO_PAD.encode([&[VERSION], nonce, &ciphertext].concat())))
}

/// What was sealed for this person.
pub(crate) fn open(key: &SubjectKey, user: UserId, sealed: &Sealed) -> Result<SecretString, SealError> {
    let bytes = URL_SAFE_NO_PAD.decode(sealed.as_str()).map_err(|_| SealError::Malformed)?;
    let Some((&VERSION, rest)) = bytes.split_first() else { return Err(SealError::Malformed) };
    let (nonce, ciphertext) = rest.split_at_checked(NONCE).ok_or(SealError::Malformed)?;
    let payload = Payload { msg: ciphertext, aad: &associated(user) };
    let padded = cipher(key).decrypt(XNonce::from_slice(nonce), payload).map_err(|_| SealError::OtherKey)?;
    let text = unpad(&padded).and_then(|text| std::str::from_utf8(text).ok()).ok_or(SealError::Malformed)?;
    Ok(SecretString::from(text))
}

/// What only whoever has the person's key can make, or was sent: it shows that a link was mailed to him for this team.
pub(crate) fn token(key: &SubjectKey, team: TeamId, user: UserId) -> String {
    URL_SAFE_NO_PAD.encode(token_mac(key, team, user).finalize().into_bytes())
}

/// Whether it is that, in constant time.
pub(crate) fn is_token(key: &SubjectKey, team: TeamId, user: UserId, token: &str) -> bool {
    URL_SAFE_NO_PAD.decode(token).is_ok_and(|tag| token_mac(key, team, user).verify_slice(&tag).is_ok())
}

fn token_mac(key: &SubjectKey, team: TeamId, user: UserId) -> hmac::Hmac<Sha256> {
    let mut mac = keyed(&hmac(key.bytes(), &[FOR_TOKEN]));
    mac.update(&associated(user));
    mac.update(team.to_string().as_bytes());
    mac
}

fn cipher(key: &SubjectKey) -> XChaCha20Poly1305 {
    XChaCha20Poly1305::new(Key::from_slice(&hmac(key.bytes(), &[FOR_CIPHER])))
}

/// What is not secret, and must be the same on opening.
fn associated(user: UserId) -> [u8; 9] {
    let [a, b, c, d, e, f, g, h] = user.0.to_be_bytes();
    [VERSION, a, b, c, d, e, f, g, h]
}

fn pad(text: &str) -> Vec<u8> {
    let length = (text.len() + 1).next_multiple_of(BLOCK);
    let mut padded = Vec::with_capacity(length);
    padded.extend_from_slice(text.as_bytes());
    padded.push(END);
    padded.resize(length, 0);
    padded
}

fn unpad(padded: &[u8]) -> Option<&[u8]> {
    let end = padded.iter().rposition(|byte| *byte != 0)?;
    (padded[end] == END).then_some(&padded[..end])
}

fn keyed(key: &[u8; 32]) -> hmac::Hmac<Sha256> {
    // A key that is shorter than a block is filled up with zeros (RFC 2104, section 2).
    let mut block = GenericArray::default();
    block[..32].copy_from_slice(key);
    <hmac::Hmac<Sha256> as Mac>::new(&block)
}

fn hmac(key: &[u8; 32], parts: &[&[u8]]) -> [u8; 32] {
    let mut mac = keyed(key);
    parts.iter().for_each(|part| mac.update(part));
    mac.finalize().into_bytes().into()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use secrecy::ExposeSecret;

    use super::*;

    const ADDRESS: &str = "awa.diop@example.org";
    const AWA: UserId = UserId(7);

    #[test]
    fn a_token_is_of_one_key_one_team_and_one_person() {
        let (key, team, other) =
            (SubjectKey::random(), TeamId::from_bytes([1; 16]), TeamId::from_bytes([2; 16]));
        let own = token(&key, team, AWA);
        assert!(is_token(&key, team, AWA, &own));
        assert!(!is_token(&SubjectKey::random(), team, AWA, &own));
        assert!(!is_token(&key, other, AWA, &own) && !is_token(&key, team, UserId(8), &own));
        assert!(!is_token(&key, team, AWA, &own[1..]) && !is_token(&key, team, AWA, ""));
    }

    fn opened(key: &SubjectKey, user: UserId, sealed: &Sealed) -> Result<String, SealError> {
        open(key, user, sealed).map(|text| text.expose_secret().to_owned())
    }

    proptest! {
        #[test]
        fn what_is_sealed_is_opened(text in ".{0,200}", user: i64) {
            let key = SubjectKey::random();
            let sealed = seal(&key, UserId(user), &text).unwrap();
            prop_assert_eq!(opened(&key, UserId(user), &sealed), Ok(text));
        }

        #[test]
        fn no_token_but_the_own_is_good(token in "[A-Za-z0-9_=.-]{0,60}") {
            let (key, team) = (SubjectKey::random(), TeamId::from_bytes([1; 16]));
            prop_assert!(!is_token(&key, team, AWA, &token));
        }

        #[test]
        fn no_text_makes_it_panic(text in "[A-Za-z0-9_=.-]{0,200}") {
            prop_assert!(opened(&SubjectKey::random(), AWA, &Sealed::new(text)).is_err());
        }
    }

    #[test]
    fn the_same_is_sealed_alike_and_anything_else_is_not() {
        let (key, other) = (SubjectKey::random(), SubjectKey::random());
        let sealed = seal(&key, AWA, ADDRESS).unwrap();
        assert_eq!(seal(&key, AWA, ADDRESS).unwrap(), sealed);
        for different in [
            seal(&key, AWA, "awa.diop@example.com"),
            seal(&key, UserId(8), ADDRESS),
            seal(&other, AWA, ADDRESS),
        ] {
            let different = different.unwrap();
            // Not the nonce either, which would show that the rest is related.
            assert_ne!(different.as_str()[..32], sealed.as_str()[..32]);
        }
    }

    #[test]
    fn with_another_key_or_for_somebody_else_it_is_noise() {
        let (key, other) = (SubjectKey::random(), SubjectKey::random());
        let sealed = seal(&key, AWA, ADDRESS).unwrap();
        assert_eq!(opened(&other, AWA, &sealed), Err(SealError::OtherKey));
        assert_eq!(opened(&key, UserId(8), &sealed), Err(SealError::OtherKey));
    }

    #[test]
    fn a_bit_that_was_flipped_anywhere_is_found() {
        let key = SubjectKey::random();
        let bytes = URL_SAFE_NO_PAD.decode(seal(&key, AWA, ADDRESS).unwrap().as_str()).unwrap();
        assert_eq!(bytes.len(), 1 + 24 + 64 + 16);
        for bit in 0..bytes.len() * 8 {
            let mut flipped = bytes.clone();
            flipped[bit / 8] ^= 1 << (bit % 8);
            let sealed = Sealed::new(URL_SAFE_NO_PAD.encode(flipped));
            let expected = if bit < 8 { SealError::Malformed } else { SealError::OtherKey };
            assert_eq!(opened(&key, AWA, &sealed), Err(expected), "bit {bit}");
        }
    }

    #[test]
    fn what_is_cut_off_or_of_another_form_is_no_sealed_text() {
        let key = SubjectKey::random();
        let sealed = seal(&key, AWA, ADDRESS).unwrap();
        for length in 0..sealed.as_str().len() {
            assert!(opened(&key, AWA, &Sealed::new(sealed.as_str()[..length].into())).is_err(), "{length}");
        }
        for bad in ["", "=", "Ag", ADDRESS, &format!("{}==", sealed.as_str())] {
            assert_eq!(opened(&key, AWA, &Sealed::new(bad.into())), Err(SealError::Malformed), "{bad:?}");
        }
    }

    #[test]
    fn the_length_tells_little() {
        let key = SubjectKey::random();
        let length = |text: &str| seal(&key, AWA, text).unwrap().as_str().len();
        assert_eq!(length("a@b.fr"), length(&"x".repeat(63)));
        assert!(length(&"x".repeat(64)) > length(&"x".repeat(63)));
    }

    #[test]
    fn nothing_can_be_read_of_a_key_or_of_what_is_sealed() {
        let key = SubjectKey::random();
        let sealed = seal(&key, AWA, ADDRESS).unwrap();
        let shown = format!("{key:?} {sealed:?} {:?}", open(&key, AWA, &sealed));
        assert!(!shown.contains(ADDRESS) && !shown.contains(&hex::encode(key.bytes())), "{shown}");
        assert!(
            !shown.contains(sealed.as_str()) && !shown.contains(&format!("{:?}", key.bytes())),
            "{shown}"
        );
    }

    /// What is sealed stands in events for ever. The text was made by a program in Python that shares nothing with this
    /// one but the description above, RFC 8439 and the draft.
    #[test]
    fn what_was_ever_sealed_can_be_opened() {
        let key =
            SubjectKey::read("000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f").unwrap();
        let sealed = Sealed::new(
            "ARXUoojyqC9rTle7QAb4JkdVtUuSbCw8MlGnZ2_HhAEKNFWMuFjaH99Dixgu0uBDXLacJzS-eiJvY4jqketJP3wSVXIE1kQn\
             ULzlhBtX2NjI2Zb1qYX48tXZ2kKRofmS8DoeHs1r-u6A"
                .into(),
        );
        assert_eq!(opened(&key, AWA, &sealed), Ok(ADDRESS.into()));
        assert_eq!(seal(&key, AWA, ADDRESS), Ok(sealed));
    }

    /// HMAC-SHA256 by RFC 4231, section 4.3, whose key is filled up with zeros to our length of one.
    #[test]
    fn the_hmac_is_the_standard_s() {
        let mut key = [0; 32];
        key[..4].copy_from_slice(b"Jefe");
        let expected = "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843";
        assert_eq!(hex::encode(hmac(&key, &[b"what do ya want ", b"for nothing?"])), expected);
    }
}
