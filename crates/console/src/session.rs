//! When a session ends.

use crate::error::PageError;
use crate::state::ConsoleState;
use simgauge_domain::time::UnixMs;
use simgauge_store::Session;
use std::time::Duration;

/// A session is noted as seen at most this often.
const NOTE_SEEN_EVERY: Duration = Duration::from_secs(60);

/// The session that the store knows by this key, unless it has expired. Notes that it was seen.
pub(super) async fn live_session(state: &ConsoleState, key: &str) -> Result<Option<Session>, PageError> {
    let Some(session) = state.services.store.session(key).await? else { return Ok(None) };
    let now = state.services.clock.now();
    // The last visit may have been noted up to a minute early.
    let idle = state.config.session_idle().max(NOTE_SEEN_EVERY * 2);
    if is_over(&session, now, idle, state.config.session_longest()) {
        state.services.store.end_session(key).await?;
        return Ok(None);
    }
    if now.since(session.seen_at) >= NOTE_SEEN_EVERY {
        state.services.store.touch_session(key, now).await?;
    }
    Ok(Some(session))
}

/// Whether a session lives. An open page that asks this is no sign of life of a person, so nothing is noted.
pub(super) async fn is_alive(state: &ConsoleState, key: &str) -> Result<bool, PageError> {
    let now = state.services.clock.now();
    let (idle, longest) = (state.config.session_idle(), state.config.session_longest());
    Ok(state.services.store.session(key).await?.is_some_and(|session| !is_over(&session, now, idle, longest)))
}

/// A session whose times lie in the future has them from a clock that was ahead. It would live on until that
/// time has come, so it is over.
fn is_over(session: &Session, now: UnixMs, idle: Duration, longest: Duration) -> bool {
    let is_ahead = |at: UnixMs| at.since(now) > NOTE_SEEN_EVERY;
    if is_ahead(session.seen_at) || is_ahead(session.created_at) {
        return true;
    }
    now.since(session.seen_at) >= idle || now.since(session.created_at) >= longest
}

#[cfg(test)]
mod tests {
    use super::*;
    use simgauge_store::AdminRole;

    #[test]
    fn sessions_end_by_silence_and_by_age() {
        let session =
            Session { admin: "a".into(), role: AdminRole::Full, created_at: UnixMs(0), seen_at: UnixMs(0) };
        let (idle, longest) = (Duration::from_secs(1_800), Duration::from_secs(7_200));
        let over = |seen_at: i64, now: i64| {
            let session = Session { seen_at: UnixMs(seen_at * 1000), ..session.clone() };
            is_over(&session, UnixMs(now * 1000), idle, longest)
        };
        assert!(!over(0, 1_799) && over(0, 1_800));
        assert!(!over(7_000, 7_199) && over(7_000, 7_200));
        assert!(!over(1_060, 1_000) && over(1_061, 1_000), "seen by a clock that was ahead");
    }
}
