//! Names to addresses for deliveries: only addresses that passed the check are handed to the connection, so
//! nothing can change between the two.

use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use simgauge_domain::public_address::is_public;
use std::net::SocketAddr;

/// Why there is no address to connect to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum ResolveError {
    /// The name is not known.
    #[error("the name of the receiver does not resolve")]
    Unknown,
    /// It leads nowhere but into private networks.
    #[error("the name of the receiver leads to an address that is not public")]
    Private,
}

/// The system's resolver, with what is not public left out.
pub(super) struct PublicResolver {
    pub(super) allow_private: bool,
}

impl Resolve for PublicResolver {
    fn resolve(&self, name: Name) -> Resolving {
        let allow_private = self.allow_private;
        Box::pin(async move {
            let found = tokio::net::lookup_host((name.as_str(), 0)).await;
            let addresses = allowed(found.map_err(|_| ResolveError::Unknown)?, allow_private)?;
            Ok(Box::new(addresses.into_iter()) as Addrs)
        })
    }
}

fn allowed(
    found: impl Iterator<Item = SocketAddr>,
    allow_private: bool,
) -> Result<Vec<SocketAddr>, ResolveError> {
    let found: Vec<SocketAddr> = found.collect();
    if found.is_empty() {
        return Err(ResolveError::Unknown);
    }
    let allowed: Vec<SocketAddr> =
        found.into_iter().filter(|address| allow_private || is_public(address.ip())).collect();
    if allowed.is_empty() { Err(ResolveError::Private) } else { Ok(allowed) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn addresses(list: &[&str]) -> Vec<SocketAddr> {
        list.iter().map(|text| text.parse().expect("address")).collect()
    }

    #[test]
    fn only_checked_addresses_are_connected_to() {
        let mixed = addresses(&["127.0.0.1:0", "8.8.8.8:0", "[::ffff:10.0.0.1]:0"]);
        assert_eq!(allowed(mixed.clone().into_iter(), false), Ok(addresses(&["8.8.8.8:0"])));
        assert_eq!(allowed(mixed.clone().into_iter(), true), Ok(mixed));
        assert_eq!(allowed(addresses(&["[::1]:0"]).into_iter(), false), Err(ResolveError::Private));
        assert_eq!(allowed(std::iter::empty(), true), Err(ResolveError::Unknown));
    }
}
