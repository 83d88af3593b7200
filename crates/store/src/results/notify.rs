//! What ended readings are worth telling beside the end of the refresh: thresholds reached, and figures that are old all the
//! same.

use super::book::{CardState, Cards};
use crate::card::kind_of;
use crate::db::{Sql, bulk};
use crate::error::StoreError;
use crate::notification::{Event, EventBody, NewNotification, event_id, parse_thresholds};
use crate::row::row;
use serde::{Deserialize, Serialize};
use simgauge_domain::id::RefreshId;
use simgauge_domain::metering::stale::{became_stale, is_stale};
use simgauge_domain::threshold::{Change, NotifiedState};
use simgauge_domain::time::UnixMs;
use std::collections::BTreeMap;
use std::time::Duration;

/// What accounts wish to be told of these cards; no row where there is no wish.
pub(super) const WISHES: Sql = bulk!(
    "SELECT card.number, card.kind, card.account, card.said, account.thresholds, account.stale_hours FROM ",
    [k text],
    " AS wanted JOIN card ON card.number = wanted.k JOIN account ON account.name = card.account \
     WHERE account.notify_url IS NOT NULL AND (account.thresholds <> '' OR account.stale_hours IS NOT NULL)"
);

pub(super) const UPDATE_NOTIFIED_STATE: Sql = bulk!(
    "UPDATE card SET said = c.said FROM ",
    [number text, said text],
    " AS c WHERE card.number = c.number"
);

row! {
    /// A row of [`WISHES`].
    pub(super) struct Wish {
        number: String,
        kind: String,
        account: String,
        said: Option<String>,
        thresholds: String,
        stale_hours: Option<i64>,
    }
}

/// What the account was told of a card.
#[derive(Default, Serialize, Deserialize)]
struct Told {
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    thresholds: BTreeMap<String, NotifiedState>,
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    stale: bool,
}

#[derive(Serialize)]
pub(super) struct NotifiedStateChange<'a> {
    number: &'a str,
    said: String,
}

/// Something that has a total to reach.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Figure {
    /// Tells it apart from the card's others.
    pub(super) key: String,
    /// The package's code, where it is one.
    pub(super) code: Option<String>,
    /// Tells counts apart that start anew.
    pub(super) period: String,
    pub(super) used: u64,
    pub(super) total: Option<u64>,
}

/// A card that was read: how its figures stood before, and the reading that changed them last.
pub(super) struct Touched {
    pub(super) before: Vec<Figure>,
    pub(super) refresh: RefreshId,
    pub(super) at: UnixMs,
}

/// What one piece of news says beside what all say.
#[derive(Default)]
struct Say<'a> {
    used_bytes: Option<u64>,
    total_bytes: Option<u64>,
    package_code: Option<&'a str>,
    threshold_percent: Option<u16>,
    stale_hours: Option<u32>,
}

/// The news of the cards that were read, and what is told of them from now on.
pub(super) fn news<'a>(
    wishes: &'a [Wish],
    touched: &BTreeMap<&str, Touched>,
    cards: &Cards,
) -> Result<(Vec<NewNotification<'a>>, Vec<NotifiedStateChange<'a>>), StoreError> {
    let (mut notifications, mut changes) = (Vec::new(), Vec::new());
    for wish in wishes {
        let (Some(touched), Some(card)) = (touched.get(wish.number.as_str()), cards.get(&wish.number)) else {
            continue;
        };
        let before: Told = match &wish.said {
            Some(json) => serde_json::from_str(json)
                .map_err(|error| StoreError::Corrupt(format!("said of card {}: {error}", wish.number)))?,
            None => Told::default(),
        };
        let mut told = Told { stale: before.stale, ..Told::default() };
        // The end of the refresh itself is number 0.
        let mut ordinal = 0_u8;
        let mut next_id = || {
            ordinal = ordinal.saturating_add(1);
            event_id(&touched.refresh, touched.at, ordinal)
        };
        let kind = kind_of(&wish.kind)?;
        let mut tell = |event: Event, id: String, say: Say<'_>| -> Result<(), StoreError> {
            let refresh = touched.refresh.to_string();
            let body = EventBody {
                refresh_id: Some(&refresh),
                finished_at: Some(touched.at.seconds()),
                used_bytes: say.used_bytes,
                total_bytes: say.total_bytes,
                package_code: say.package_code,
                threshold_percent: say.threshold_percent,
                stale_hours: say.stale_hours,
                ..EventBody::new(event, &id, kind, &wish.number)
            }
            .to_json()?;
            notifications.push(NewNotification {
                id,
                account: &wish.account,
                card: &wish.number,
                event,
                body,
                created_at: touched.at.0,
            });
            Ok(())
        };
        if let Some(percentages) = parse_thresholds(&wish.thresholds) {
            for figure in card.figures() {
                let used_before =
                    touched.before.iter().find(|one| one.key == figure.key).map_or(0, |one| one.used);
                let change = Change {
                    period: &figure.period,
                    before: used_before,
                    after: figure.used,
                    total: figure.total,
                };
                let said = before.thresholds.get(&figure.key).cloned().unwrap_or_default();
                let (fired, said) = said.advance(&percentages, change);
                told.thresholds.insert(figure.key.clone(), said);
                for percent in fired {
                    let say = Say {
                        used_bytes: Some(figure.used),
                        total_bytes: figure.total,
                        package_code: figure.code.as_deref(),
                        threshold_percent: Some(percent),
                        ..Say::default()
                    };
                    tell(Event::Threshold, next_id(), say)?;
                }
            }
        }
        if let Some(hours) = wish.stale_hours.and_then(|hours| u32::try_from(hours).ok()) {
            told.stale = card.is_stale(touched.at, Duration::from_secs(u64::from(hours) * 3600));
            if became_stale(before.stale, told.stale) {
                tell(Event::Stale, next_id(), Say { stale_hours: Some(hours), ..Say::default() })?;
            }
        }
        let said = serde_json::to_string(&told).map_err(|error| StoreError::Corrupt(error.to_string()))?;
        if wish.said.as_deref() != Some(said.as_str()) {
            changes.push(NotifiedStateChange { number: &wish.number, said });
        }
    }
    Ok((notifications, changes))
}

impl CardState {
    fn is_stale(&self, at: UnixMs, limit: Duration) -> bool {
        self.lasts().any(|last| match last {
            Some(last) => is_stale(last.as_of, Some(last.began_at), at, limit),
            None => is_stale(None, None, at, limit),
        })
    }
}
