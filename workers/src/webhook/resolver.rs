//! Lets a name lead to public addresses only. It stands where the connection is made: what was checked is what is
//! connected to, however fast a name's answers change.

use std::net::{IpAddr, SocketAddr};

use reqwest::dns::{Addrs, Name, Resolve, Resolving};

use super::address::special;

/// A name that leads to no address where webhooks may go.
#[derive(Debug, thiserror::Error)]
#[error(
    "{host} has the {kind} address {address}: name {host} in SERVELINK_WEBHOOK_ALLOW_PRIVATE if \
     webhooks shall go there"
)]
pub(super) struct PrivateAddress {
    host: String,
    address: IpAddr,
    kind: &'static str,
}

/// The system's resolver, without what it should not say.
#[derive(Debug)]
pub(super) struct PublicOnly {
    /// Whoever configured the host knows that it is not public.
    pub(super) may_be_private: bool,
}

impl Resolve for PublicOnly {
    fn resolve(&self, name: Name) -> Resolving {
        let may_be_private = self.may_be_private;
        Box::pin(async move {
            // Whoever asks knows the port and puts it in.
            let found: Vec<_> = tokio::net::lookup_host((name.as_str(), 0)).await?.collect();
            let usable = if may_be_private { found } else { public(name.as_str(), found)? };
            Ok::<Addrs, _>(Box::new(usable.into_iter()))
        })
    }
}

/// Those of the addresses that are public.
fn public(host: &str, found: Vec<SocketAddr>) -> Result<Vec<SocketAddr>, PrivateAddress> {
    let mut refused = None;
    let mut usable = found;
    usable.retain(|found| {
        let address = found.ip();
        let kind = special(address);
        if let Some(kind) = kind {
            refused.get_or_insert_with(|| PrivateAddress { host: host.into(), address, kind });
        }
        kind.is_none()
    });
    match refused {
        Some(refused) if usable.is_empty() => Err(refused),
        Some(_) | None => Ok(usable),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn addresses(of: &[&str]) -> Vec<SocketAddr> {
        of.iter().map(|text| SocketAddr::new(text.parse().unwrap(), 0)).collect()
    }

    #[test]
    fn what_is_public_is_left() {
        let found = addresses(&["10.0.0.7", "8.8.8.8", "::1", "2606:4700::1111"]);
        assert_eq!(public("paas.example", found).unwrap(), addresses(&["8.8.8.8", "2606:4700::1111"]));
        assert!(
            public("paas.example", vec![]).unwrap().is_empty(),
            "that it has none is for the client to say"
        );
    }

    #[test]
    fn a_name_with_nothing_public_is_refused() {
        let error =
            public("paas.example", addresses(&["::ffff:10.0.0.7", "127.0.0.1"])).unwrap_err().to_string();
        assert!(error.starts_with("paas.example has the private address ::ffff:10.0.0.7: "), "{error}");
    }
}
