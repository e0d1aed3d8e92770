//! Ready-made key closures: which project a request belongs to. Any closure over the request's head will do instead.

use std::{collections::HashMap, sync::Arc};

use http::{HeaderName, header::HOST, request::Parts, uri::Authority};

/// The project of the host that was asked for: the target's authority (HTTP/2, and absolute targets, RFC 9112 §3.2.2),
/// else the `Host` header. Case, port and a trailing dot do not matter; hosts that are not in the map go un-metered.
///
/// For a map that changes while the gateway runs, write the closure over what holds the map, with [`host`].
pub fn by_host<H, K>(
    hosts: impl IntoIterator<Item = (H, K)>,
) -> impl Fn(&Parts) -> Option<String> + Clone + Send + Sync + 'static
where
    H: AsRef<str>,
    K: Into<String>,
{
    let hosts: HashMap<String, String> =
        hosts.into_iter().map(|(host, key)| (normal(host.as_ref()), key.into())).collect();
    let hosts = Arc::new(hosts);
    move |parts| hosts.get(&host(parts)?).cloned()
}

/// The value of a header; requests without it, or where it is empty or not visible ASCII, go un-metered.
///
/// Only for a header that a proxy in front sets or strips: else a client chooses who is billed for it.
pub fn by_header(name: HeaderName) -> impl Fn(&Parts) -> Option<String> + Clone + Send + Sync + 'static {
    move |parts| {
        let value = parts.headers.get(&name)?.to_str().ok()?.trim();
        (!value.is_empty()).then(|| value.to_owned())
    }
}

/// The host a request asks for, in lower case, without port and trailing dot.
#[must_use]
pub fn host(parts: &Parts) -> Option<String> {
    let host = match parts.uri.host() {
        Some(host) => host,
        None => parts.headers.get(HOST)?.to_str().ok()?,
    };
    Some(normal(host))
}

fn normal(host: &str) -> String {
    let authority = host.parse::<Authority>();
    let host = authority.as_ref().map_or(host, Authority::host);
    host.strip_suffix('.').unwrap_or(host).to_ascii_lowercase()
}

#[cfg(test)]
mod tests {
    use http::Request;

    use super::*;

    fn parts(target: &str, header: (&str, &str)) -> Parts {
        Request::builder().uri(target).header(header.0, header.1).body(()).unwrap().into_parts().0
    }

    #[test]
    fn hosts_are_compared_without_case_port_and_trailing_dot() {
        let key = by_host([("Shop.Example.org", "shop"), ("[::1]", "local")]);
        for host in
            ["shop.example.org", "SHOP.example.ORG:8080", "shop.example.org.", "shop.example.org.:443"]
        {
            assert_eq!(key(&parts("/", ("host", host))).as_deref(), Some("shop"), "{host}");
        }
        assert_eq!(key(&parts("/", ("host", "[::1]:8080"))).as_deref(), Some("local"));
        assert_eq!(key(&parts("/", ("host", "example.org"))), None);
        assert_eq!(key(&parts("/", ("x-other", "shop.example.org"))), None);
    }

    #[test]
    fn the_target_s_authority_beats_the_host_header() {
        let key = by_host([("a.example", "a"), ("b.example", "b")]);
        assert_eq!(key(&parts("http://a.example/x", ("host", "b.example"))).as_deref(), Some("a"));
    }

    #[test]
    fn an_empty_header_is_no_key() {
        let key = by_header(HeaderName::from_static("x-project"));
        assert_eq!(key(&parts("/", ("x-project", "p1"))).as_deref(), Some("p1"));
        assert_eq!(key(&parts("/", ("x-project", " "))), None);
        assert_eq!(key(&parts("/", ("x-other", "p1"))), None);
    }
}
