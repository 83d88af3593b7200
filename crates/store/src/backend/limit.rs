//! How long a statement that reads may take.

use std::time::Duration;

/// Whoever asks has given up by then, and others wait for the connection. Statements of write transactions
/// have no limit: a lease must not be lost because a disk is slow.
pub(crate) const READ_LIMIT: Duration = Duration::from_secs(5);
