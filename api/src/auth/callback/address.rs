//! The address that a callback really came from, and whether callbacks may come from there.

use std::net::{IpAddr, SocketAddr};

use http::HeaderMap;
use ipnet::{IpNet, Ipv4Net};

const FORWARDED_FOR: &str = "x-forwarded-for";
/// The bits before the IPv4 address in an IPv4-mapped IPv6 address (RFC 4291, section 2.5.5.2).
const MAPPED_BITS: u8 = 96;

/// Why an address may not send callbacks.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AddressRefused {
    /// The connection has no address, and only some may send.
    #[error("callbacks are taken from some addresses only, and this connection has none")]
    NoPeer,
    /// Trusted proxies, and nobody before them: one of them does not tell whom it stands for.
    #[error(
        "this came through a trusted proxy that does not tell in `X-Forwarded-For` for whom; what sends callbacks \
         itself must not be among the trusted proxies"
    )]
    NotForwarded,
    /// What a trusted proxy tells is no address.
    #[error("entry {0} of `X-Forwarded-For`, counted from the right, is no address")]
    Malformed(usize),
    /// Not from here.
    #[error("callbacks are not taken from {0}")]
    NotAllowed(IpAddr),
}

/// Who may send. Addresses and networks are IPv4 wherever they can be: `::ffff:192.0.2.1` is 192.0.2.1.
#[derive(Debug)]
pub(super) struct Senders {
    allowed: Vec<IpNet>,
    trusted_proxies: Vec<IpNet>,
}

impl Senders {
    pub(super) fn new(allowed: Vec<IpNet>, trusted_proxies: Vec<IpNet>) -> Self {
        let canonical = |nets: Vec<IpNet>| nets.into_iter().map(canonical).collect();
        Self { allowed: canonical(allowed), trusted_proxies: canonical(trusted_proxies) }
    }

    pub(super) fn check(&self, peer: Option<IpAddr>, headers: &HeaderMap) -> Result<(), AddressRefused> {
        if self.allowed.is_empty() {
            return Ok(());
        }
        let sender = self.sender(peer, headers)?;
        if holds(&self.allowed, sender) { Ok(()) } else { Err(AddressRefused::NotAllowed(sender)) }
    }

    fn sender(&self, peer: Option<IpAddr>, headers: &HeaderMap) -> Result<IpAddr, AddressRefused> {
        let peer = peer.ok_or(AddressRefused::NoPeer)?.to_canonical();
        if !holds(&self.trusted_proxies, peer) {
            return Ok(peer);
        }
        // Every proxy adds at the right whom it was asked by. Several headers are one list (RFC 9110, section 5.3).
        let lines = headers.get_all(FORWARDED_FOR).iter().rev();
        let entries = lines.flat_map(|line| line.as_bytes().rsplit(|byte| *byte == b','));
        for (place, entry) in (1..).zip(entries) {
            let address = address(entry).ok_or(AddressRefused::Malformed(place))?;
            if !holds(&self.trusted_proxies, address) {
                return Ok(address);
            }
        }
        Err(AddressRefused::NotForwarded)
    }
}

/// The address of an entry: `192.0.2.1`, `192.0.2.1:567`, `2001:db8::1`, `[2001:db8::1]` or `[2001:db8::1]:567`.
fn address(entry: &[u8]) -> Option<IpAddr> {
    let text = std::str::from_utf8(entry).ok()?.trim_matches([' ', '\t']);
    let bare = || text.parse().ok();
    let with_port = || Some(text.parse::<SocketAddr>().ok()?.ip());
    let in_brackets = || text.strip_prefix('[')?.strip_suffix(']')?.parse().ok().map(IpAddr::V6);
    bare().or_else(with_port).or_else(in_brackets).as_ref().map(IpAddr::to_canonical)
}

fn holds(nets: &[IpNet], address: IpAddr) -> bool {
    nets.iter().any(|net| net.contains(&address))
}

/// A network of IPv4-mapped addresses as the IPv4 network that it is.
fn canonical(net: IpNet) -> IpNet {
    let IpNet::V6(v6) = net else { return net };
    let v4 = v6.addr().to_ipv4_mapped();
    let bits = v6.prefix_len().checked_sub(MAPPED_BITS);
    let mapped = v4.zip(bits).and_then(|(v4, bits)| Ipv4Net::new(v4, bits).ok());
    mapped.map_or(net, IpNet::V4)
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    fn nets(texts: &[&str]) -> Vec<IpNet> {
        texts.iter().map(|text| text.parse().unwrap()).collect()
    }

    /// Only 198.51.100.0/24 and 2001:db8::/32 may send, through proxies in 10.0.0.0/8 and fd00::/8.
    fn senders() -> Senders {
        Senders::new(nets(&["198.51.100.0/24", "2001:db8::/32"]), nets(&["10.0.0.0/8", "fd00::/8"]))
    }

    /// What is said to a callback from this peer with these `X-Forwarded-For` headers.
    fn check(peer: &str, forwarded: &[&str]) -> Result<(), AddressRefused> {
        let values = forwarded.iter().map(|value| HeaderValue::from_bytes(value.as_bytes()).unwrap());
        let headers = values.map(|value| ("X-Forwarded-For".parse().unwrap(), value)).collect();
        senders().check(Some(peer.parse().unwrap()), &headers)
    }

    fn not_allowed(address: &str) -> Result<(), AddressRefused> {
        Err(AddressRefused::NotAllowed(address.parse().unwrap()))
    }

    #[test]
    fn a_peer_that_is_no_proxy_is_the_sender_whatever_it_says() {
        assert_eq!(check("198.51.100.7", &[]), Ok(()));
        assert_eq!(check("2001:db8::7", &["nonsense"]), Ok(()));
        assert_eq!(check("203.0.113.9", &[]), not_allowed("203.0.113.9"));
        assert_eq!(check("203.0.113.9", &["198.51.100.7"]), not_allowed("203.0.113.9"));
        assert_eq!(check("203.0.113.9", &["198.51.100.7, 10.0.0.1"]), not_allowed("203.0.113.9"));
    }

    #[test]
    fn behind_proxies_the_last_that_is_none_is_the_sender() {
        assert_eq!(check("10.0.0.1", &["198.51.100.7"]), Ok(()));
        assert_eq!(check("10.0.0.1", &["198.51.100.7, 10.0.0.3, 10.0.0.2"]), Ok(()));
        assert_eq!(check("fd00::1", &["2001:db8::7 ,fd00::2,\t10.0.0.2 "]), Ok(()));
        assert_eq!(check("10.0.0.1", &["203.0.113.9"]), not_allowed("203.0.113.9"));
    }

    #[test]
    fn what_a_client_wrote_itself_is_never_believed() {
        for forged in [
            "198.51.100.7, 203.0.113.9",
            "198.51.100.7,203.0.113.9,10.0.0.2",
            "198.51.100.7, 10.0.0.9, 203.0.113.9, 10.0.0.2",
            "nonsense, , 203.0.113.9",
        ] {
            assert_eq!(check("10.0.0.1", &[forged]), not_allowed("203.0.113.9"), "{forged}");
        }
        // A right sender behind what somebody else wrote is a right sender.
        assert_eq!(check("10.0.0.1", &["203.0.113.9, nonsense, 198.51.100.7"]), Ok(()));
    }

    #[test]
    fn several_headers_are_one_list() {
        assert_eq!(check("10.0.0.1", &["198.51.100.7", "203.0.113.9"]), not_allowed("203.0.113.9"));
        assert_eq!(check("10.0.0.1", &["203.0.113.9", "198.51.100.7"]), Ok(()));
        assert_eq!(check("10.0.0.1", &["203.0.113.9", "198.51.100.7, 10.0.0.3", "10.0.0.2"]), Ok(()));
    }

    #[test]
    fn a_proxy_must_tell_for_whom() {
        assert_eq!(check("10.0.0.1", &[]), Err(AddressRefused::NotForwarded));
        assert_eq!(check("10.0.0.1", &["10.0.0.3, 10.0.0.2"]), Err(AddressRefused::NotForwarded));
        assert_eq!(senders().check(None, &HeaderMap::new()), Err(AddressRefused::NoPeer));
    }

    #[test]
    fn what_a_proxy_tells_must_be_an_address() {
        for bad in [
            "",
            "unknown",
            "198.51.100.7;",
            "198.51.100",
            "198.51.100.07",
            "198.51.100.7:",
            "198.51.100.7:99999",
            "198.51.100.0/24",
            "[198.51.100.7]",
            "[2001:db8::7",
            "2001:db8::7]:80",
            "\"198.51.100.7\"",
            "\u{a0}198.51.100.7",
        ] {
            assert_eq!(check("10.0.0.1", &[bad]), Err(AddressRefused::Malformed(1)), "{bad:?}");
            let behind = format!("198.51.100.7, {bad}, 10.0.0.2");
            assert_eq!(check("10.0.0.1", &[&behind]), Err(AddressRefused::Malformed(2)), "{bad:?}");
        }
    }

    #[test]
    fn entries_may_have_ports() {
        for good in [
            "198.51.100.7:567",
            "[2001:db8::7]:80",
            "[2001:db8::7]",
            "2001:db8::7",
            "[::ffff:198.51.100.7]:1",
        ] {
            assert_eq!(check("10.0.0.1", &[good]), Ok(()), "{good}");
        }
        assert_eq!(check("10.0.0.1", &["198.51.100.7, 203.0.113.9:567"]), not_allowed("203.0.113.9"));
        assert_eq!(check("10.0.0.1", &["198.51.100.7, 10.0.0.2:567"]), Ok(()));
    }

    #[test]
    fn mapped_addresses_and_networks_are_ipv4() {
        assert_eq!(check("::ffff:198.51.100.7", &[]), Ok(()));
        assert_eq!(check("::ffff:10.0.0.1", &["::ffff:198.51.100.7, ::FFFF:10.0.0.2"]), Ok(()));
        assert_eq!(check("::ffff:203.0.113.9", &["198.51.100.7"]), not_allowed("203.0.113.9"));
        let mapped = Senders::new(nets(&["::ffff:198.51.100.0/120"]), vec![]);
        let check = |peer: &str| mapped.check(Some(peer.parse().unwrap()), &HeaderMap::new());
        assert_eq!(check("198.51.100.7"), Ok(()));
        assert_eq!(check("198.51.101.7"), not_allowed("198.51.101.7"));
        // A network that reaches beyond mapped addresses is of IPv6 only.
        assert_eq!(canonical("::/0".parse().unwrap()), "::/0".parse::<IpNet>().unwrap());
        assert_eq!(canonical("::ffff:0:0/95".parse().unwrap()), "::ffff:0:0/95".parse::<IpNet>().unwrap());
    }

    #[test]
    fn without_a_list_every_address_may_send() {
        let anyone = Senders::new(vec![], nets(&["10.0.0.0/8"]));
        for peer in [None, Some("203.0.113.9"), Some("10.0.0.1")] {
            let peer = peer.map(|peer| peer.parse().unwrap());
            assert_eq!(anyone.check(peer, &HeaderMap::new()), Ok(()), "{peer:?}");
        }
    }
}
