//! Where a call comes from: the address of the connection, or, behind proxies that are trusted, the one they tell.

use ipnet::IpNet;
use serde::Deserialize;
use std::net::IpAddr;

/// The header in which trusted proxies tell a caller's address.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ForwardedBy {
    /// `X-Forwarded-For`
    XForwardedFor,
    /// `Forwarded` (RFC 7239)
    Forwarded,
}

/// Marks a request that came over our own TLS.
#[derive(Clone, Copy, Debug)]
pub struct OverTls;

/// The proxies whose word counts.
#[derive(Clone, Debug)]
pub struct Proxies {
    trusted: Vec<IpNet>,
    header: ForwardedBy,
}

impl Proxies {
    /// Believes these networks, in this header.
    #[must_use]
    pub fn new(trusted: Vec<IpNet>, header: ForwardedBy) -> Self {
        Self { trusted, header }
    }

    /// The name of the header that is read, in lower case.
    #[must_use]
    pub const fn header_name(&self) -> &'static str {
        match self.header {
            ForwardedBy::XForwardedFor => "x-forwarded-for",
            ForwardedBy::Forwarded => "forwarded",
        }
    }

    /// Whether this address is one of the trusted proxies.
    #[must_use]
    pub fn trusts(&self, address: IpAddr) -> bool {
        self.trusted.iter().any(|network| network.contains(&address))
    }

    /// The caller's address. The header is read from its right end, where the nearest proxy wrote: each address is believed as long as
    /// the one that reported it is trusted. Nothing where a trusted proxy says what is no address.
    #[must_use]
    pub fn caller<'h>(
        &self,
        connection: IpAddr,
        lines: impl DoubleEndedIterator<Item = &'h [u8]>,
    ) -> Option<IpAddr> {
        let mut caller = connection.to_canonical();
        if !self.trusts(caller) {
            return Some(caller);
        }
        for line in lines.rev() {
            for hop in std::str::from_utf8(line).ok()?.rsplit(',') {
                caller = match self.header {
                    ForwardedBy::XForwardedFor => address(hop.trim())?,
                    ForwardedBy::Forwarded => forwarded_for(hop)?,
                };
                if !self.trusts(caller) {
                    return Some(caller);
                }
            }
        }
        Some(caller)
    }
}

/// The node of one element of `Forwarded` (RFC 7239).
fn forwarded_for(element: &str) -> Option<IpAddr> {
    let node = element.split(';').find_map(|pair| {
        let (name, value) = pair.split_once('=')?;
        name.trim().eq_ignore_ascii_case("for").then_some(value.trim())
    })?;
    address(node.trim_matches('"'))
}

/// An address, also with a port: `192.0.2.1`, `192.0.2.1:80`, `2001:db8::1`, `[2001:db8::1]`, `[2001:db8::1]:80`.
fn address(text: &str) -> Option<IpAddr> {
    let bare = match text.strip_prefix('[') {
        Some(rest) => rest.split_once(']')?.0,
        None if text.matches(':').count() == 1 => text.split_once(':')?.0,
        None => text,
    };
    bare.parse::<IpAddr>().ok().map(|address| address.to_canonical())
}

/// Networks as they are stored and given: separated by commas; an address alone is a network of one.
///
/// # Errors
/// The part that is none.
pub fn networks(text: &str) -> Result<Vec<IpNet>, String> {
    text.split(',').map(str::trim).filter(|part| !part.is_empty()).map(network).collect()
}

/// One network, its host bits cleared.
///
/// # Errors
/// It is none.
pub fn network(text: &str) -> Result<IpNet, String> {
    let single = || text.parse::<IpAddr>().ok().map(|address| IpNet::from(address.to_canonical()));
    let network = text.parse::<IpNet>().ok().map(|network| network.trunc()).or_else(single);
    network.ok_or_else(|| format!("{text:?} is no network such as 192.0.2.0/24, 192.0.2.7 or 2001:db8::/32"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use rstest::rstest;

    fn caller(header: ForwardedBy, connection: &str, lines: &[&str]) -> Option<String> {
        let trusted = networks("10.0.0.0/8, 127.0.0.1, fd00::/8").expect("networks");
        let found = Proxies::new(trusted, header)
            .caller(connection.parse().expect("address"), lines.iter().map(|line| line.as_bytes()));
        found.map(|address| address.to_string())
    }

    #[rstest]
    #[case::no_proxy("198.51.100.1", &["1.1.1.1"], Some("198.51.100.1"))]
    #[case::mapped("::ffff:198.51.100.1", &["1.1.1.1"], Some("198.51.100.1"))]
    #[case::proxy_without_header("10.0.0.1", &[], Some("10.0.0.1"))]
    #[case::one("10.0.0.1", &["198.51.100.1"], Some("198.51.100.1"))]
    #[case::the_callers_own_claim("10.0.0.1", &["1.1.1.1, 198.51.100.1"], Some("198.51.100.1"))]
    #[case::two_proxies("10.0.0.1", &["1.1.1.1, 198.51.100.1, 10.9.9.9"], Some("198.51.100.1"))]
    #[case::two_lines("10.0.0.1", &["1.1.1.1", "198.51.100.1 ,10.9.9.9"], Some("198.51.100.1"))]
    #[case::all_trusted("10.0.0.1", &["10.0.0.7, 10.0.0.3"], Some("10.0.0.7"))]
    #[case::port("127.0.0.1", &["198.51.100.1:4711"], Some("198.51.100.1"))]
    #[case::v6("fd00::1", &["2001:db8::1"], Some("2001:db8::1"))]
    #[case::v6_port("10.0.0.1", &["[2001:db8::1]:80"], Some("2001:db8::1"))]
    #[case::nonsense("10.0.0.1", &["unknown"], None)]
    #[case::empty("10.0.0.1", &[""], None)]
    #[case::nonsense_behind_the_caller("10.0.0.1", &["' OR 1=1, 198.51.100.1"], Some("198.51.100.1"))]
    fn x_forwarded_for(#[case] connection: &str, #[case] lines: &[&str], #[case] expected: Option<&str>) {
        assert_eq!(caller(ForwardedBy::XForwardedFor, connection, lines).as_deref(), expected);
    }

    #[rstest]
    #[case::one("10.0.0.1", &["for=198.51.100.1"], Some("198.51.100.1"))]
    #[case::more("10.0.0.1", &["for=1.1.1.1, by=10.0.0.2; For=\"198.51.100.1:99\";proto=https, for=10.3.3.3"], Some("198.51.100.1"))]
    #[case::v6("10.0.0.1", &["for=\"[2001:db8::1]:4711\""], Some("2001:db8::1"))]
    #[case::hidden("10.0.0.1", &["for=_secret"], None)]
    #[case::without("10.0.0.1", &["proto=https"], None)]
    #[case::untrusted("198.51.100.1", &["for=1.1.1.1"], Some("198.51.100.1"))]
    fn forwarded(#[case] connection: &str, #[case] lines: &[&str], #[case] expected: Option<&str>) {
        assert_eq!(caller(ForwardedBy::Forwarded, connection, lines).as_deref(), expected);
    }

    #[test]
    fn networks_are_read() {
        let found = networks("192.0.2.9/24, 198.51.100.1,2001:db8::/32").expect("networks");
        let text: Vec<String> = found.iter().map(ToString::to_string).collect();
        assert_eq!(text, ["192.0.2.0/24", "198.51.100.1/32", "2001:db8::/32"]);
        assert!(networks("").expect("none").is_empty());
        assert!(networks("192.0.2.0/33").expect_err("wrong").contains("192.0.2.0/33"));
    }
}
