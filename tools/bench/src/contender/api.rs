use std::net::SocketAddr;

/// A server that accepts refreshes and is measured.
pub(crate) trait Contender {
    /// Its name in the report.
    fn name(&self) -> &'static str;

    /// Whether it works on a repeated request as on a new one.
    fn forgets(&self) -> bool {
        false
    }

    /// Starts it with nothing accepted yet. It is ready when this returns.
    fn start(&mut self) -> anyhow::Result<SocketAddr>;

    /// Stops it. Returns how many refreshes it keeps (for the bare handler: how many it verified).
    fn stop(&mut self) -> anyhow::Result<u64>;
}
