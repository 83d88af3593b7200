//! Arguments that several commands take, and request bodies on standard input.

use anyhow::{Context as _, bail};
use secrecy::SecretString;
use serde_json::{Value, json};
use simgauge_protocol::sign::{SIGN_TYPES, SignType};
use simgauge_store::StoredQuota;
use std::io::{IsTerminal as _, Read as _};
use std::time::Duration;

/// Most bytes of a body. The server takes 16 KiB.
const BODY_MAX: u64 = 1024 * 1024;

/// The secret of an app.
#[derive(Clone, Debug, clap::Args)]
pub struct Secret {
    /// The app's secret. Other users of this machine can see arguments: rather use the environment.
    #[arg(long, env = "SIMGAUGE_SECRET", hide_env_values = true)]
    pub secret: SecretString,
}

/// Reads a span of time such as `24h`, `90m` or `7d`.
///
/// # Errors
/// It is not a span, or not a positive one.
pub fn span(text: &str) -> Result<Duration, String> {
    let read = || {
        let span: jiff::Span = text.parse().ok()?;
        let duration = span.to_duration(jiff::SpanRelativeTo::days_are_24_hours()).ok()?;
        Duration::try_from(duration).ok().filter(|duration| !duration.is_zero())
    };
    read().ok_or_else(|| "must be a span of time such as 24h, 90m or 7d".to_owned())
}

/// Reads the name of a sign type in either letter case.
///
/// # Errors
/// There is no such sign type.
pub fn sign_type(text: &str) -> Result<SignType, String> {
    SignType::parse(&text.to_ascii_uppercase())
        .ok_or_else(|| format!("must be one of: {}", SIGN_TYPES.join(", ").to_lowercase()))
}

/// A limit of calls.
#[derive(Clone, Copy, Debug, clap::Args)]
#[group(skip)]
pub struct Quota {
    /// Calls a second; 0: no limit.
    #[arg(long)]
    per_second: Option<u32>,
    /// Calls at once; five times as many as a second unless given.
    #[arg(long, requires = "per_second", value_parser = clap::value_parser!(u32).range(1..))]
    burst: Option<u32>,
    /// Back to the default.
    #[arg(long, conflicts_with = "per_second", required_unless_present = "per_second")]
    default: bool,
}

impl Quota {
    /// The quota for the store; none: the default.
    #[must_use]
    pub fn stored(self) -> Option<StoredQuota> {
        let burst = |per_second: u32| self.burst.unwrap_or(per_second.saturating_mul(5)).max(1);
        self.per_second.map(|per_second| StoredQuota { per_second, burst: burst(per_second) })
    }
}

/// A quota in words.
#[must_use]
pub fn quota_in_words(quota: Option<StoredQuota>, default: &str) -> String {
    match quota {
        None => default.to_owned(),
        Some(StoredQuota { per_second: 0, .. }) => "no limit".to_owned(),
        Some(StoredQuota { per_second, burst }) => format!("{per_second}/s, {burst} at once"),
    }
}

/// A quota for programs.
#[must_use]
pub fn quota_as_json(quota: Option<StoredQuota>) -> Value {
    quota.map_or(Value::Null, |quota| json!({ "perSecond": quota.per_second, "burst": quota.burst }))
}

/// A request body from standard input.
///
/// # Errors
/// Standard input cannot be read, or holds too much.
pub fn body() -> anyhow::Result<Vec<u8>> {
    let stdin = std::io::stdin();
    if stdin.is_terminal() {
        eprintln!("reading the JSON body from standard input; end it with Ctrl-D");
    }
    let mut bytes = Vec::new();
    stdin.lock().take(BODY_MAX + 1).read_to_end(&mut bytes).context("standard input cannot be read")?;
    if u64::try_from(bytes.len())? > BODY_MAX {
        bail!("standard input is longer than {BODY_MAX} bytes");
    }
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_and_sign_types() {
        assert_eq!(span("24h"), Ok(Duration::from_secs(86_400)));
        assert_eq!(span("7d"), Ok(Duration::from_secs(7 * 86_400)));
        assert_eq!(span("1h 30m"), Ok(Duration::from_secs(5_400)));
        for wrong in ["", "24", "-1h", "0s", "1mo", "soon"] {
            assert!(span(wrong).is_err(), "{wrong}");
        }
        assert_eq!(sign_type("hmac-sha256"), Ok(SignType::HmacSha256));
        assert_eq!(sign_type("sha1").expect_err("wrong"), "must be one of: sha-1, hmac-sha256");
    }
}
