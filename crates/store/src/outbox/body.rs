//! What a notification says: one flat JSON object. Each attempt adds timestamp, nonce and sign.

use crate::backend::to_json;
use crate::error::StoreError;
use serde::Serialize;
use simgauge_domain::card_kind::CardKind;
use simgauge_domain::id::RefreshId;
use simgauge_domain::time::UnixMs;

/// What an account can be notified of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub(crate) enum Event {
    /// A refresh succeeded.
    #[serde(rename = "usage.refreshed")]
    Refreshed,
    /// A refresh failed.
    #[serde(rename = "usage.refresh_failed")]
    RefreshFailed,
    /// Usage reached a percentage of a total.
    #[serde(rename = "usage.threshold")]
    Threshold,
    /// After a refresh, nothing newer than so many hours is known.
    #[serde(rename = "usage.stale")]
    Stale,
    /// Little is left, in the reference platform's form.
    #[serde(rename = "CloudESimFlowAlert")]
    FlowAlert,
    /// A reading is held back, since it is not believed.
    #[serde(rename = "usage.suspect")]
    Suspect,
}

/// The fields of all events; each event leaves out those it has no value for. Times are Unix seconds.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct EventBody<'a> {
    pub(crate) event: Event,
    /// Delivery adds it as `id`, too.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) event_id: Option<&'a str>,
    /// In the reference platform's form, in place of `eventId`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) id: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) iccid: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) eid: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) refresh_id: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) accepted_at: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) finished_at: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) used_bytes: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) total_bytes: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) before_bytes: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) package_code: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) threshold_percent: Option<u16>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) stale_hours: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) reason: Option<&'a str>,
    /// In English here; delivery puts it into the account's language.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) reason_text: Option<&'a str>,
    #[serde(rename = "alert_type", skip_serializing_if = "Option::is_none")]
    pub(crate) alert_type: Option<u16>,
    #[serde(rename = "alert_value", skip_serializing_if = "Option::is_none")]
    pub(crate) alert_value: Option<&'a str>,
    /// Why a reading of the refresh was held back.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) warning: Option<&'a str>,
}

impl<'a> EventBody<'a> {
    /// What every event says.
    pub(crate) fn new(event: Event, id: &'a str, kind: CardKind, number: &'a str) -> Self {
        Self {
            event,
            event_id: Some(id),
            id: None,
            iccid: (kind == CardKind::Sim).then_some(number),
            eid: (kind == CardKind::CloudEsim).then_some(number),
            refresh_id: None,
            accepted_at: None,
            finished_at: None,
            used_bytes: None,
            total_bytes: None,
            before_bytes: None,
            package_code: None,
            threshold_percent: None,
            stale_hours: None,
            reason: None,
            reason_text: None,
            alert_type: None,
            alert_value: None,
            warning: None,
        }
    }

    /// What every event in the reference platform's form says.
    pub(crate) fn of_platform(event: Event, id: &'a str, kind: CardKind, number: &'a str) -> Self {
        Self { event_id: None, id: Some(id), ..Self::new(event, id, kind, number) }
    }

    /// The body as it is kept.
    pub(crate) fn to_json(&self) -> Result<String, StoreError> {
        to_json(self)
    }
}

/// The id of notification number `ordinal` that came with the end of a refresh. It is always the same for the
/// same event, so that the event is notified once however often it is written.
pub(crate) fn event_id(refresh: &RefreshId, at: UnixMs, ordinal: u8) -> String {
    RefreshId::new(at, refresh.distinct() ^ (u128::from(ordinal) << 72)).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_without_a_value_are_left_out() {
        let body = EventBody {
            refresh_id: Some("r"),
            used_bytes: Some(5),
            ..EventBody::new(Event::Refreshed, "e", CardKind::CloudEsim, "111")
        };
        let expected =
            r#"{"event":"usage.refreshed","eventId":"e","eid":"111","refreshId":"r","usedBytes":5}"#;
        assert_eq!(body.to_json().expect("plain data"), expected);
    }

    #[test]
    fn ids_tell_events_apart_and_repeat_themselves() {
        let refresh = RefreshId::new(UnixMs(5), u128::MAX);
        let ids: Vec<String> = (0..3).map(|ordinal| event_id(&refresh, UnixMs(9), ordinal)).collect();
        assert!(ids[0] != ids[1] && ids[1] != ids[2]);
        assert_eq!(ids[1], event_id(&refresh, UnixMs(9), 1));
        let id = RefreshId::parse(&ids[0]).expect("an id");
        assert_eq!((id.made_at(), id.distinct()), (UnixMs(9), refresh.distinct()));
    }
}
