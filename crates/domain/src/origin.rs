//! Where a call comes from: the address of the connection, or the address that a trusted proxy reports.
//!
//! This is the only proxy rule. The open API and the console both use it, each with its own list of trusted
//! proxies.

use ipnet::IpNet;
use serde::de::Error as _;
use serde::{Deserialize, Deserializer};
use std::net::IpAddr;

/// The header in which trusted proxies report a caller's address.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ForwardedHeader {
    /// `X-Forwarded-For`
    XForwardedFor,
    /// `Forwarded` (RFC 7239)
    Forwarded,
}

/// A request extension: the request came over this server's own TLS.
#[derive(Clone, Copy, Debug)]
pub struct OverTls;

/// The proxies whose headers are believed.
#[derive(Clone, Debug)]
pub struct Proxies {
    trusted: Vec<IpNet>,
    header: ForwardedHeader,
}

impl Proxies {
    /// The header, in lower case, in which a proxy reports the scheme of the caller's connection to it.
    pub const SCHEME_HEADER: &'static str = "x-forwarded-proto";

    /// Believes the proxies in these networks. They report addresses in `header`.
    #[must_use]
    pub fn new(trusted: Vec<IpNet>, header: ForwardedHeader) -> Self {
        Self { trusted, header }
    }

    /// Believes the proxies with these addresses. They report addresses in `header`.
    #[must_use]
    pub fn of_addresses(trusted: impl IntoIterator<Item = IpAddr>, header: ForwardedHeader) -> Self {
        Self::new(trusted.into_iter().map(|address| IpNet::from(address.to_canonical())).collect(), header)
    }

    /// The name, in lower case, of the header that [`Self::caller`] reads.
    #[must_use]
    pub const fn header_name(&self) -> &'static str {
        match self.header {
            ForwardedHeader::XForwardedFor => "x-forwarded-for",
            ForwardedHeader::Forwarded => "forwarded",
        }
    }

    /// Whether this address is one of the trusted proxies.
    #[must_use]
    pub fn trusts(&self, address: IpAddr) -> bool {
        let address = address.to_canonical();
        self.trusted.iter().any(|network| network.contains(&address))
    }

    /// The caller's address. `lines` are the values of the header [`Self::header_name`], in the order in
    /// which they came.
    ///
    /// The header is read from its right end, where the nearest proxy wrote. Each address is believed as long
    /// as the one that reported it is a trusted proxy. `None` where a trusted proxy reports something that is
    /// not an address: then nothing that the header says is believed, and the address is unknown.
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
                    ForwardedHeader::XForwardedFor => address(hop.trim())?,
                    ForwardedHeader::Forwarded => forwarded_for(hop)?,
                };
                if !self.trusts(caller) {
                    return Some(caller);
                }
            }
        }
        Some(caller)
    }

    /// Whether the nearest proxy is trusted and says that the caller's connection to it used https. `lines`
    /// are the values of the header [`Self::SCHEME_HEADER`], in the order in which they came. The nearest
    /// proxy's word is the last one.
    #[must_use]
    pub fn says_https<'h>(
        &self,
        connection: IpAddr,
        mut lines: impl DoubleEndedIterator<Item = &'h [u8]>,
    ) -> bool {
        let last = lines.next_back().and_then(|line| line.rsplit(|byte| *byte == b',').next());
        self.trusts(connection) && last.is_some_and(|scheme| scheme.trim_ascii() == b"https")
    }
}

/// The address in the `for` parameter of one element of `Forwarded` (RFC 7239).
fn forwarded_for(element: &str) -> Option<IpAddr> {
    let node = element.split(';').find_map(|pair| {
        let (name, value) = pair.split_once('=')?;
        name.trim().eq_ignore_ascii_case("for").then_some(value.trim())
    })?;
    address(node.trim_matches('"'))
}

/// An address, with or without a port: `192.0.2.1`, `192.0.2.1:80`, `2001:db8::1`, `[2001:db8::1]`,
/// `[2001:db8::1]:80`.
fn address(text: &str) -> Option<IpAddr> {
    let bare = match text.strip_prefix('[') {
        Some(rest) => rest.split_once(']')?.0,
        None if text.matches(':').count() == 1 => text.split_once(':')?.0,
        None => text,
    };
    bare.parse::<IpAddr>().ok().map(|address| address.to_canonical())
}

/// Networks in the form in which people write them and the store keeps them: separated by commas. An address
/// alone is a network of one address. An empty text is an empty list.
///
/// # Errors
/// A sentence that quotes the part that is not a network.
pub fn networks(text: &str) -> Result<Vec<IpNet>, String> {
    text.split(',').map(str::trim).filter(|part| !part.is_empty()).map(network).collect()
}

/// One network. Host bits are cleared: `192.0.2.9/24` is `192.0.2.0/24`.
///
/// # Errors
/// A sentence that quotes the text that is not a network.
pub fn network(text: &str) -> Result<IpNet, String> {
    let single = || text.parse::<IpAddr>().ok().map(|address| IpNet::from(address.to_canonical()));
    let network = text.parse::<IpNet>().ok().map(|network| network.trunc()).or_else(single);
    network.ok_or_else(|| format!("{text:?} is no network such as 192.0.2.0/24, 192.0.2.7 or 2001:db8::/32"))
}

/// Reads a list of texts, each a network or a single address.
///
/// # Errors
/// One of them is neither.
pub fn deserialize_networks<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<IpNet>, D::Error> {
    let texts = Vec::<String>::deserialize(deserializer)?;
    texts.iter().map(|text| network(text).map_err(D::Error::custom)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use rstest::rstest;

    fn caller(header: ForwardedHeader, connection: &str, lines: &[&str]) -> Option<String> {
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
        assert_eq!(caller(ForwardedHeader::XForwardedFor, connection, lines).as_deref(), expected);
    }

    #[rstest]
    #[case::one("10.0.0.1", &["for=198.51.100.1"], Some("198.51.100.1"))]
    #[case::more(
        "10.0.0.1",
        &["for=1.1.1.1, by=10.0.0.2; For=\"198.51.100.1:99\";proto=https, for=10.3.3.3"],
        Some("198.51.100.1")
    )]
    #[case::v6("10.0.0.1", &["for=\"[2001:db8::1]:4711\""], Some("2001:db8::1"))]
    #[case::hidden("10.0.0.1", &["for=_secret"], None)]
    #[case::without("10.0.0.1", &["proto=https"], None)]
    #[case::untrusted("198.51.100.1", &["for=1.1.1.1"], Some("198.51.100.1"))]
    fn forwarded(#[case] connection: &str, #[case] lines: &[&str], #[case] expected: Option<&str>) {
        assert_eq!(caller(ForwardedHeader::Forwarded, connection, lines).as_deref(), expected);
    }

    #[rstest]
    #[case::declared("10.0.0.1", &["https"], true)]
    #[case::nearest_first("10.0.0.1", &["http, https"], true)]
    #[case::nearest_line("10.0.0.1", &["https", "http"], false)]
    #[case::callers_own_claim("10.0.0.1", &["https, http"], false)]
    #[case::mapped("::ffff:10.0.0.1", &[" https "], true)]
    #[case::untrusted("198.51.100.1", &["https"], false)]
    #[case::nothing_said("10.0.0.1", &[], false)]
    fn scheme(#[case] connection: &str, #[case] lines: &[&str], #[case] expected: bool) {
        let proxies =
            Proxies::of_addresses(["10.0.0.1".parse().expect("address")], ForwardedHeader::XForwardedFor);
        let lines = lines.iter().map(|line| line.as_bytes());
        assert_eq!(proxies.says_https(connection.parse().expect("address"), lines), expected);
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
