//! Which addresses are not of the public internet, by IANA's registries of special-purpose addresses (RFC 6890).
//!
//! Everything in them is held to be special, down to the few addresses there that anybody may reach: no PaaS is
//! behind those. A NAT64 prefix of a network's own (RFC 6052, section 2.2) looks like any other address, and is not
//! known here.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// What is special about an address; none: it is one of the public internet.
pub(super) const fn special(address: IpAddr) -> Option<&'static str> {
    match address {
        IpAddr::V4(address) => special_v4(address),
        IpAddr::V6(address) => special_v6(address),
    }
}

const fn special_v4(address: Ipv4Addr) -> Option<&'static str> {
    match address.octets() {
        [0, ..] => Some("unspecified"),
        [10, ..] | [172, 16..=31, ..] | [192, 168, ..] => Some("private"),
        [100, 64..=127, ..] => Some("carrier-grade NAT"),
        [127, ..] => Some("loopback"),
        // Clouds answer there with the machine's credentials.
        [169, 254, ..] => Some("link-local"),
        [192, 0, 2, _] | [198, 51, 100, _] | [203, 0, 113, _] => Some("documentation"),
        // Protocol assignments, 6to4 relays, benchmarks.
        [192, 0, 0, _] | [192, 88, 99, _] | [198, 18..=19, ..] => Some("reserved"),
        [224..=239, ..] => Some("multicast"),
        [255, 255, 255, 255] => Some("broadcast"),
        [240..=255, ..] => Some("reserved"),
        _ => None,
    }
}

const fn special_v6(address: Ipv6Addr) -> Option<&'static str> {
    if let Some(mapped) = address.to_ipv4_mapped() {
        return special_v4(mapped);
    }
    match address.segments() {
        [0, 0, 0, 0, 0, 0, 0, 0] => Some("unspecified"),
        [0, 0, 0, 0, 0, 0, 0, 1] => Some("loopback"),
        // NAT64 (RFC 6052): the IPv4 address that it stands for.
        [0x64, 0xff9b, 0, 0, 0, 0, ..] => {
            let [.., a, b, c, d] = address.octets();
            special_v4(Ipv4Addr::new(a, b, c, d))
        }
        [0x2001, 0xdb8, ..] | [0x3fff, 0..=0xfff, ..] => Some("documentation"),
        // Protocol assignments, Teredo among them, and 6to4, which has any IPv4 address in it.
        [0x2001, 0..=0x1ff, ..] | [0x2002, ..] => Some("reserved"),
        // What is left of the only block that public addresses are taken from.
        [0x2000..=0x3fff, ..] => None,
        [0xfc00..=0xfdff, ..] => Some("unique local"),
        [0xfe80..=0xfebf, ..] => Some("link-local"),
        [0xff00..=0xffff, ..] => Some("multicast"),
        _ => Some("reserved"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_and_the_last_of_every_block() {
        for (addresses, expected) in [
            (&["0.0.0.0", "0.255.255.255", "::"][..], Some("unspecified")),
            (&["10.0.0.0", "10.255.255.255", "172.16.0.0", "172.31.255.255"], Some("private")),
            (&["192.168.0.0", "192.168.255.255"], Some("private")),
            (&["100.64.0.0", "100.127.255.255"], Some("carrier-grade NAT")),
            (&["127.0.0.0", "127.255.255.255", "::1"], Some("loopback")),
            (&["169.254.0.0", "169.254.169.254", "169.254.255.255"], Some("link-local")),
            (&["192.0.2.0", "198.51.100.255", "203.0.113.7"], Some("documentation")),
            (&["192.0.0.0", "192.0.0.255", "192.88.99.1", "198.18.0.0", "198.19.255.255"], Some("reserved")),
            (&["224.0.0.0", "239.255.255.255"], Some("multicast")),
            (&["240.0.0.0", "255.255.255.254"], Some("reserved")),
            (&["255.255.255.255"], Some("broadcast")),
            (&["::ffff:10.0.0.1", "::ffff:192.168.1.1", "64:ff9b::10.0.0.1"], Some("private")),
            (&["::ffff:127.0.0.1", "64:ff9b::127.0.0.1"], Some("loopback")),
            (&["::ffff:169.254.169.254", "64:ff9b::a9fe:a9fe"], Some("link-local")),
            (&["::ffff:0.0.0.0", "64:ff9b::"], Some("unspecified")),
            (&["fc00::", "fdff:ffff:ffff:ffff:ffff:ffff:ffff:ffff"], Some("unique local")),
            (&["fe80::1", "febf:ffff::"], Some("link-local")),
            (&["ff00::", "ff02::1", "ffff::"], Some("multicast")),
            (&["2001:db8::", "2001:db8:ffff::1", "3fff::", "3fff:fff:ffff::"], Some("documentation")),
            (&["2001::1", "2001:1ff:ffff::", "2002:7f00:1::", "2002:808:808::"], Some("reserved")),
            // IPv4-compatible, IPv4-translated, local NAT64, discard, segment routing, site-local, never given out.
            (&["::127.0.0.1", "::8.8.8.8", "::ffff:0:8.8.8.8", "64:ff9b:1::8.8.8.8"], Some("reserved")),
            (&["100::1", "5f00::1", "fec0::1", "4000::", "1fff::", "::2"], Some("reserved")),
            (&["1.0.0.0", "8.8.8.8", "9.255.255.255", "11.0.0.0", "100.63.255.255", "100.128.0.0"], None),
            (&["126.255.255.255", "128.0.0.0", "169.253.255.255", "169.255.0.0"], None),
            (&["172.15.255.255", "172.32.0.0", "192.167.255.255", "192.169.0.0", "192.0.1.0"], None),
            (&["198.17.255.255", "198.20.0.0", "203.0.112.255", "223.255.255.255"], None),
            (&["::ffff:8.8.8.8", "64:ff9b::8.8.8.8", "2001:200::", "2001:4860:4860::8888"], None),
            (&["2000::", "2003::1", "2606:4700::1111", "3ffe:ffff::1", "3fff:1000::"], None),
        ] {
            for text in addresses {
                assert_eq!(special(text.parse().unwrap()), expected, "{text}");
            }
        }
    }
}
