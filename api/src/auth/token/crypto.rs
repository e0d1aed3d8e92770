//! ring behind the `jsonwebtoken` crate, which brings only aws-lc (a second crypto library in the tree) or RustCrypto
//! (whose `rsa` leaks its private key's timing, RUSTSEC-2023-0071). Checks HS256, RS256, ES256 and EdDSA; signs HS256.

use jsonwebtoken::crypto::{CryptoProvider, JwkUtils, JwtSigner, JwtVerifier};
use jsonwebtoken::errors::{Error, ErrorKind};
use jsonwebtoken::signature::{self, Signer, Verifier};
use jsonwebtoken::{Algorithm, AlgorithmFamily, DecodingKey, DecodingKeyKind, EncodingKey};
use ring::hmac;
use ring::signature as ring_signature;

static PROVIDER: CryptoProvider = CryptoProvider {
    signer_factory: signer,
    verifier_factory: verifier,
    // Used only to make key sets, which we never do.
    jwk_utils: JwkUtils::new_unimplemented(),
};

/// Makes ring the provider of this process. Safe to repeat.
pub(super) fn install() {
    // An error says that a provider is there already, and nobody else installs one.
    let _ = PROVIDER.install_default();
}

fn signer(algorithm: &Algorithm, key: &EncodingKey) -> Result<Box<dyn JwtSigner>, Error> {
    if *algorithm != Algorithm::HS256 {
        return Err(ErrorKind::InvalidAlgorithm.into());
    }
    Ok(Box::new(HmacSigner(hmac::Key::new(hmac::HMAC_SHA256, key.try_get_hmac_secret()?))))
}

fn verifier(algorithm: &Algorithm, key: &DecodingKey) -> Result<Box<dyn JwtVerifier>, Error> {
    let public = |family, ring| -> Result<Box<dyn JwtVerifier>, Error> {
        if key.family() != family {
            return Err(ErrorKind::InvalidKeyFormat.into());
        }
        Ok(Box::new(PublicVerifier { algorithm: *algorithm, ring, key: key.clone() }))
    };
    match algorithm {
        Algorithm::HS256 => {
            Ok(Box::new(HmacVerifier(hmac::Key::new(hmac::HMAC_SHA256, key.try_get_hmac_secret()?))))
        }
        Algorithm::RS256 => {
            public(AlgorithmFamily::Rsa, Ring::Rsa(&ring_signature::RSA_PKCS1_2048_8192_SHA256))
        }
        Algorithm::ES256 => {
            public(AlgorithmFamily::Ec, Ring::Other(&ring_signature::ECDSA_P256_SHA256_FIXED))
        }
        Algorithm::EdDSA => public(AlgorithmFamily::Ed, Ring::Other(&ring_signature::ED25519)),
        Algorithm::HS384
        | Algorithm::HS512
        | Algorithm::ES384
        | Algorithm::RS384
        | Algorithm::RS512
        | Algorithm::PS256
        | Algorithm::PS384
        | Algorithm::PS512 => Err(ErrorKind::InvalidAlgorithm.into()),
    }
}

struct HmacSigner(hmac::Key);

impl Signer<Vec<u8>> for HmacSigner {
    fn try_sign(&self, message: &[u8]) -> Result<Vec<u8>, signature::Error> {
        Ok(hmac::sign(&self.0, message).as_ref().to_vec())
    }
}

impl JwtSigner for HmacSigner {
    fn algorithm(&self) -> Algorithm {
        Algorithm::HS256
    }
}

struct HmacVerifier(hmac::Key);

impl Verifier<Vec<u8>> for HmacVerifier {
    fn verify(&self, message: &[u8], signature: &Vec<u8>) -> Result<(), signature::Error> {
        // In constant time.
        hmac::verify(&self.0, message, signature).map_err(|_| signature::Error::new())
    }
}

impl JwtVerifier for HmacVerifier {
    fn algorithm(&self) -> Algorithm {
        Algorithm::HS256
    }
}

/// ring's two kinds of public-key algorithm: RSA keys come as modulus and exponent.
enum Ring {
    Rsa(&'static ring_signature::RsaParameters),
    Other(&'static dyn ring_signature::VerificationAlgorithm),
}

struct PublicVerifier {
    algorithm: Algorithm,
    ring: Ring,
    key: DecodingKey,
}

impl Verifier<Vec<u8>> for PublicVerifier {
    fn verify(&self, message: &[u8], signature: &Vec<u8>) -> Result<(), signature::Error> {
        let verified = match (&self.ring, self.key.kind()) {
            (Ring::Rsa(parameters), DecodingKeyKind::RsaModulusExponent { n, e }) => {
                ring_signature::RsaPublicKeyComponents { n, e }.verify(parameters, message, signature)
            }
            (Ring::Other(algorithm), DecodingKeyKind::SecretOrDer(key)) => {
                ring_signature::UnparsedPublicKey::new(*algorithm, key).verify(message, signature)
            }
            (Ring::Rsa(_), DecodingKeyKind::SecretOrDer(_))
            | (Ring::Other(_), DecodingKeyKind::RsaModulusExponent { .. }) => {
                return Err(signature::Error::new());
            }
        };
        verified.map_err(|_| signature::Error::new())
    }
}

impl JwtVerifier for PublicVerifier {
    fn algorithm(&self) -> Algorithm {
        self.algorithm
    }
}
