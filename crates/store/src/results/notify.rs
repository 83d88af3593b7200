//! What ended readings are worth notifying of beside the end of the refresh: thresholds reached, and usage
//! that stays old.

use super::book::Touched;
use super::card::{CardState, Cards, MeteredTotal};
use crate::backend::{Sql, bulk, count_from_db, row, to_json};
use crate::cards::kind::kind_of;
use crate::error::StoreError;
use crate::outbox::body::{Event, EventBody, event_id};
use crate::outbox::ended::NewNotification;
use crate::outbox::prefs::{parse_style, parse_thresholds};
use serde::{Deserialize, Serialize};
use simgauge_domain::alert::{Alert, NotifyStyle};
use simgauge_domain::card_kind::CardKind;
use simgauge_domain::ids::CardId;
use simgauge_domain::metering::stale::became_stale;
use simgauge_domain::threshold::{Change, NotifiedState};
use std::collections::BTreeMap;
use std::time::Duration;

/// What accounts want to be notified of about these cards; no row where that is nothing.
pub(super) const PREFS: Sql = bulk!(
    "SELECT card.id, card.number, card.kind, card.account, card.notified_state, account.thresholds, \
     account.stale_hours, account.notify_style FROM ",
    [k bigint],
    " AS wanted JOIN card ON card.id = wanted.k JOIN account ON account.name = card.account \
     WHERE account.notify_url IS NOT NULL AND (account.thresholds <> '' OR account.stale_hours IS NOT NULL \
     OR account.notify_style <> 'plain')"
);

pub(super) const UPDATE_NOTIFIED_STATE: Sql = bulk!(
    "UPDATE card SET notified_state = c.notified_state FROM ",
    [card bigint, notified_state text],
    " AS c WHERE card.id = c.card"
);

row! {
    /// A row of [`PREFS`].
    pub(super) struct PrefsRow {
        id: i64,
        number: String,
        kind: String,
        account: String,
        notified_state: Option<String>,
        thresholds: String,
        stale_hours: Option<i64>,
        notify_style: String,
    }
}

/// What the account was notified of about a card.
#[derive(Default, Serialize, Deserialize)]
pub(crate) struct Notified {
    /// By the key of a [`MeteredTotal`].
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub(crate) thresholds: BTreeMap<String, NotifiedState>,
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    stale: bool,
    /// Which types of alert hold of what is left, by the key of a [`MeteredTotal`].
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub(crate) alerts: BTreeMap<String, NotifiedState>,
}

#[derive(Serialize)]
pub(super) struct NotifiedStateChange {
    card: CardId,
    notified_state: String,
}

impl PrefsRow {
    fn notified(&self) -> Result<Notified, StoreError> {
        let Some(json) = &self.notified_state else { return Ok(Notified::default()) };
        serde_json::from_str(json)
            .map_err(|error| StoreError::Corrupt(format!("notified_state of card {}: {error}", self.id)))
    }

    fn stale_hours(&self) -> Result<Option<u32>, StoreError> {
        let of = format_args!("stale_hours of account {}", self.account);
        self.stale_hours.map(|hours| count_from_db(hours, of)).transpose()
    }
}

/// The notifications about the cards that were read, and what their accounts have been notified of from now
/// on.
pub(super) fn notifications<'a>(
    prefs: &'a [PrefsRow],
    touched: &'a BTreeMap<CardId, Touched>,
    cards: &'a Cards,
) -> Result<(Vec<NewNotification<'a>>, Vec<NotifiedStateChange>), StoreError> {
    let (mut new, mut changes) = (Vec::new(), Vec::new());
    for row in prefs {
        let id = CardId(row.id);
        let (Some(touched), Some(card)) = (touched.get(&id), cards.get(&id)) else { continue };
        let mut events = Events { row, kind: kind_of(&row.kind)?, touched, card, new: Vec::new() };
        let before = row.notified()?;
        let mut notified = Notified { stale: before.stale, ..Notified::default() };
        events.thresholds(&before, &mut notified)?;
        events.stale(&before, &mut notified)?;
        events.alerts(&before, &mut notified)?;
        new.append(&mut events.new);
        let notified_state = to_json(&notified)?;
        if row.notified_state.as_deref() != Some(notified_state.as_str()) {
            changes.push(NotifiedStateChange { card: id, notified_state });
        }
    }
    Ok((new, changes))
}

/// What one event says beside what all say.
#[derive(Default)]
struct Detail<'a> {
    used_bytes: Option<u64>,
    total_bytes: Option<u64>,
    package_code: Option<&'a str>,
    threshold_percent: Option<u16>,
    stale_hours: Option<u32>,
    alert: Option<&'a Alert>,
}

/// The notifications about one card.
struct Events<'a> {
    row: &'a PrefsRow,
    kind: CardKind,
    touched: &'a Touched,
    card: &'a CardState,
    new: Vec<NewNotification<'a>>,
}

impl Events<'_> {
    fn thresholds(&mut self, before: &Notified, notified: &mut Notified) -> Result<(), StoreError> {
        let percentages = parse_thresholds(&self.row.thresholds)
            .ok_or_else(|| StoreError::Corrupt(format!("thresholds of account {}", self.row.account)))?;
        for metered in self.card.metered_totals() {
            let used_before = self.touched.before.iter().find(|one| one.key == metered.key);
            let change = Change {
                period: &metered.period,
                before: used_before.map_or(0, |one| one.used),
                after: metered.used,
                total: metered.total,
            };
            let state = before.thresholds.get(&metered.key).cloned().unwrap_or_default();
            let (fired, state) = state.advance(&percentages, change);
            notified.thresholds.insert(metered.key.clone(), state);
            for percent in fired {
                self.threshold(&metered, percent)?;
            }
        }
        Ok(())
    }

    fn threshold(&mut self, metered: &MeteredTotal, percent: u16) -> Result<(), StoreError> {
        let detail = Detail {
            used_bytes: Some(metered.used),
            total_bytes: metered.total,
            package_code: metered.code.as_deref(),
            threshold_percent: Some(percent),
            ..Detail::default()
        };
        self.add(Event::Threshold, detail)
    }

    fn stale(&mut self, before: &Notified, notified: &mut Notified) -> Result<(), StoreError> {
        let Some(hours) = self.row.stale_hours()? else { return Ok(()) };
        let limit = Duration::from_secs(u64::from(hours) * 3600);
        notified.stale = self.card.is_stale(self.touched.at, limit);
        if became_stale(before.stale, notified.stale) {
            self.add(Event::Stale, Detail { stale_hours: Some(hours), ..Detail::default() })?;
        }
        Ok(())
    }

    fn alerts(&mut self, before: &Notified, notified: &mut Notified) -> Result<(), StoreError> {
        // The reference platform's event for physical cards is not documented.
        if parse_style(&self.row.notify_style)? != NotifyStyle::Platform || self.kind != CardKind::CloudEsim {
            return Ok(());
        }
        for metered in self.card.metered_totals() {
            let alerts = metered.left().alerts(self.touched.at);
            let known = before.alerts.get(&metered.key).filter(|known| known.period == metered.period);
            let is_known = |kind: u16| known.is_some_and(|known| known.percentages.contains(&kind));
            for alert in alerts.iter().filter(|alert| !is_known(alert.kind)) {
                self.add(Event::FlowAlert, Detail { alert: Some(alert), ..Detail::default() })?;
            }
            let percentages: Vec<u16> = alerts.into_iter().map(|alert| alert.kind).collect();
            if !percentages.is_empty() {
                notified.alerts.insert(metered.key, NotifiedState { period: metered.period, percentages });
            }
        }
        Ok(())
    }

    fn add(&mut self, event: Event, detail: Detail<'_>) -> Result<(), StoreError> {
        // The end of the refresh itself is number 0.
        let ordinal = u8::try_from(self.new.len() + 1).unwrap_or(u8::MAX);
        let (refresh, at) = (self.touched.refresh, self.touched.at);
        let id = event_id(&refresh, at, ordinal);
        let platforms = detail.alert.map(|alert| EventBody {
            alert_type: Some(alert.kind),
            alert_value: Some(&alert.value),
            ..EventBody::of_platform(event, &id, self.kind, &self.row.number)
        });
        let body = platforms
            .unwrap_or(EventBody {
                refresh_id: Some(refresh.as_str()),
                finished_at: Some(at.seconds()),
                used_bytes: detail.used_bytes,
                total_bytes: detail.total_bytes,
                package_code: detail.package_code,
                threshold_percent: detail.threshold_percent,
                stale_hours: detail.stale_hours,
                ..EventBody::new(event, &id, self.kind, &self.row.number)
            })
            .to_json()?;
        let card = CardId(self.row.id);
        let account = &self.row.account;
        self.new.push(NewNotification { id, account, card, event, body, created_at: at.0 });
        Ok(())
    }
}
