//! `Idempotency-Key`: what stands for a request to pay (draft-ietf-httpapi-idempotency-key-header).

use domain::{TeamId, UserId};
use http::HeaderMap;
use store::Key;
use store::key::KeyId;

use super::wish::Wanted;
use crate::problem::Problem;

const HEADER: &str = "idempotency-key";
/// Characters of a key.
const LONGEST: usize = 255;

/// The key of a request, if its header has one; it is the user's own for this team.
pub(super) fn of(
    headers: &HeaderMap,
    user: UserId,
    team: TeamId,
    wanted: &Wanted,
) -> Result<Option<Key>, Problem> {
    let key = |given: &str| {
        let id = KeyId::of(&["initiate", &user.to_string(), &team.to_string(), given]);
        Key { id, digest: wanted.digest(), answer: None }
    };
    Ok(given(headers)?.map(key))
}

fn given(headers: &HeaderMap) -> Result<Option<&str>, Problem> {
    let mut values = headers.get_all(HEADER).iter();
    match (values.next(), values.next()) {
        (None, _) => Ok(None),
        (Some(_), Some(_)) => Err(Problem::field(HEADER, "duplicate_field", "is there more than once")),
        (Some(value), None) => {
            let fits = |key: &&str| {
                (1..=LONGEST).contains(&key.len()) && key.bytes().all(|byte| byte.is_ascii_graphic())
            };
            let wrong = || {
                Problem::field(HEADER, "invalid", format!("must be 1 to {LONGEST} visible ASCII characters"))
            };
            value.to_str().ok().filter(fits).ok_or_else(wrong).map(Some)
        }
    }
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    fn given_of(values: &[&[u8]]) -> Result<Option<String>, Problem> {
        let values = values.iter().map(|value| HeaderValue::from_bytes(value).unwrap());
        let headers = values.map(|value| (HEADER.parse().unwrap(), value)).collect();
        given(&headers).map(|key| key.map(str::to_owned))
    }

    #[test]
    fn one_key_of_visible_characters() {
        assert_eq!(given_of(&[]).unwrap(), None);
        assert_eq!(given_of(&[b"\"a-1\""]).unwrap().unwrap(), "\"a-1\"");
        assert!(given_of(&[&[b'x'; 255]]).is_ok());
        for bad in [&[&b""[..]][..], &[b"a b"], &["é".as_bytes()], &[&[b'x'; 256]], &[b"a", b"a"]] {
            assert!(given_of(bad).is_err(), "{bad:?}");
        }
    }
}
