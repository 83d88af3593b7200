//! Limits of the listener and of its connections.

use std::time::Duration;

/// How many connections there may be, and how long each may take.
#[derive(Clone, Copy, Debug)]
pub struct ConnectionLimits {
    /// Connections at once. Further ones wait in the kernel's queue.
    pub connections: usize,
    /// From the first byte of a head to its end. For the first head of a connection, from the start of the
    /// connection.
    pub head: Duration,
    /// From the end of a head to the end of the body, where the body does not come with the head.
    pub body: Duration,
    /// From an answer to the next request. Also how long a caller may take to receive a part of an answer.
    pub idle: Duration,
}
