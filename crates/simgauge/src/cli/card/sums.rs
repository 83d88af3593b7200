//! What a list of cards and a single card both show.

use serde_json::{Value, json};
use simgauge_domain::time::UnixMs;
use simgauge_store::{CardView, ProfileView, RefreshView};

/// Used and total bytes over all profiles; none where one is not known, since a part would look like the
/// whole.
pub(super) fn sums(card: &CardView) -> (Option<u64>, Option<u64>) {
    let sum = |of: fn(&ProfileView) -> Option<u64>| {
        let parts = card.profiles.iter().map(of).collect::<Option<Vec<u64>>>()?;
        parts.into_iter().reduce(u64::saturating_add)
    };
    (sum(|profile| profile.used), sum(|profile| profile.total))
}

/// A card for programs.
pub(super) fn as_json(card: &CardView) -> Value {
    let (used, total) = sums(card);
    json!({
        "number": card.number,
        "kind": card.kind.as_str(),
        "account": card.account,
        "status": card.status,
        "label": card.label,
        "usedBytes": used,
        "totalBytes": total,
        "profiles": card.profiles.iter().map(profile_as_json).collect::<Vec<_>>(),
        "refresh": card.refresh.as_ref().map(refresh_as_json),
    })
}

fn profile_as_json(profile: &ProfileView) -> Value {
    let period = profile.period.as_ref();
    json!({
        "iccid": profile.iccid,
        "operatorAccount": profile.operator_account,
        "status": profile.status.map(|status| status.as_str()),
        "rawStatus": profile.raw_status,
        "usedBytes": profile.used,
        "totalBytes": profile.total,
        "period": period.map(|period| json!({
            "kind": period.kind.as_str(), "start": seconds(period.start), "end": seconds(period.end),
        })),
        "asOf": seconds(profile.as_of),
        "syncedAt": seconds(profile.synced_at),
    })
}

fn refresh_as_json(refresh: &RefreshView) -> Value {
    json!({
        "refreshId": refresh.id.as_str(),
        "state": refresh.state.as_str(),
        "acceptedAt": refresh.accepted_at.seconds(),
        "finishedAt": seconds(refresh.finished_at),
        "appkey": refresh.appkey,
        "before": refresh.before,
        "after": refresh.after,
        "reason": refresh.failure.as_ref().map(|failure| failure.kind.as_str()),
        "reasonText": refresh.failure.as_ref().map(|failure| failure.detail.as_str()),
    })
}

fn seconds(at: Option<UnixMs>) -> Option<i64> {
    at.map(UnixMs::seconds)
}
