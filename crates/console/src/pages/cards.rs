//! Finding cards.

use super::{EXPORT_PAGE, PAGE, SCAN_LIMIT};
use crate::export::csv;
use crate::fields::{Fields, query};
use crate::page::{PageResult, ReadSession, Shell, html};
use crate::state::ConsoleState;
use crate::view::{Badge, ViewContext, When, figure_of, percent, used_tone};
use askama::Template;
use axum::extract::State;
use simgauge_admin::human;
use simgauge_domain::time::UnixMs;
use simgauge_protocol::request::CARD_STATUSES;
use simgauge_service::answers;
use simgauge_store::{CardCursor, CardView, CardWalk, StoreError};
use std::time::Duration;

/// Accounts that are offered while somebody types.
const ACCOUNTS_OFFERED: usize = 200;

/// How old figures are to be for a card to be shown.
const AGES: [(&str, u64); 4] = [("1h", 3_600), ("24h", 86_400), ("7d", 7 * 86_400), ("30d", 30 * 86_400)];

/// What somebody looks for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Wanted {
    text: String,
    account: String,
    status: String,
    operator: String,
    /// One of [`AGES`], or `never` read.
    age: String,
}

impl Wanted {
    fn read(query: &Fields) -> Self {
        let known = |name: &str, among: &[&str]| {
            let value = query.get(name);
            if among.contains(&value) { value.to_owned() } else { String::new() }
        };
        Self {
            text: query.get("q").to_owned(),
            account: query.get("account").to_owned(),
            status: known("status", CARD_STATUSES),
            operator: query.get("operator").to_owned(),
            age: known("age", &["never", "1h", "24h", "7d", "30d"]),
        }
    }

    fn query(&self, more: &[(&str, &str)]) -> String {
        let mut fields = vec![
            ("q", self.text.as_str()),
            ("account", &self.account),
            ("status", &self.status),
            ("operator", &self.operator),
            ("age", &self.age),
        ];
        fields.extend_from_slice(more);
        query(&fields)
    }

    /// The ways to go, one after the other: along the index that leaves the least to look at.
    fn ways(&self) -> Vec<CardWalk> {
        let is_number = |b: u8| b.is_ascii_hexdigit();
        let text = &self.text;
        if !text.is_empty() && text.bytes().all(is_number) && text.bytes().any(|b| b.is_ascii_digit()) {
            let number = text.to_ascii_uppercase();
            return vec![
                CardWalk::Number(number.clone()),
                CardWalk::Profile(number),
                CardWalk::Label(text.clone()),
            ];
        }
        if !text.is_empty() {
            return vec![CardWalk::Label(text.clone())];
        }
        if !self.operator.is_empty() {
            return vec![CardWalk::Operator(self.operator.clone())];
        }
        if let Some(way) = Some(self.status.as_str()).filter(|s| !s.is_empty()).and_then(CardWalk::status) {
            return vec![way];
        }
        if !self.account.is_empty() {
            return vec![CardWalk::Account(self.account.clone())];
        }
        vec![CardWalk::Number(String::new())]
    }

    fn fits(&self, card: &CardView, now: UnixMs) -> bool {
        let is = |wanted: &str, value: &str| wanted.is_empty() || wanted == value;
        let old = |figure: Option<UnixMs>| match AGES.iter().find(|(name, _)| *name == self.age) {
            Some((_, seconds)) => figure.is_none_or(|at| now.since(at) > Duration::from_secs(*seconds)),
            None => self.age.is_empty() || figure.is_none(),
        };
        is(&self.account, &card.account)
            && is(&self.status, &card.status)
            && (self.operator.is_empty()
                || card.profiles.iter().any(|one| one.operator_account == self.operator))
            && old(figure_of(card))
    }
}

/// A place in the list: on which of the ways, and where.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Place {
    way: usize,
    after: Option<CardCursor>,
}

impl Place {
    fn read(query: &Fields) -> Self {
        let number = query.get("after");
        let after = (!number.is_empty())
            .then(|| CardCursor { group: query.raw("group").to_owned(), number: number.to_owned() });
        Self { way: query.get("way").parse().unwrap_or(0), after }
    }

    fn fields(&self) -> Vec<(&'static str, String)> {
        let (group, number) =
            self.after.as_ref().map_or(("", ""), |after| (after.group.as_str(), after.number.as_str()));
        vec![("way", self.way.to_string()), ("group", group.to_owned()), ("after", number.to_owned())]
    }
}

/// What was found from a place on.
struct Found {
    cards: Vec<CardView>,
    next: Option<Place>,
    /// Whether looking stopped before the page was full.
    cut: bool,
}

async fn find(state: &ConsoleState, wanted: &Wanted, place: Place, most: i64) -> Result<Found, StoreError> {
    let now = state.services.clock.now();
    let ways = wanted.ways();
    let most = usize::try_from(most).unwrap_or(usize::MAX);
    let mut found = Found { cards: Vec::new(), next: None, cut: false };
    let (mut place, mut looked, mut step) = (place, 0, PAGE);
    while let Some(way) = ways.get(place.way) {
        let cards = state.services.store.walk_cards(way, place.after.as_ref(), step).await?;
        let is_last = i64::try_from(cards.len()).is_ok_and(|count| count < step);
        for (cursor, card) in cards {
            place.after = Some(cursor);
            looked += 1;
            // By its number, by its label, by each of its profiles: once is enough.
            let is_new = found.cards.iter().all(|known: &CardView| known.number != card.number);
            if is_new && wanted.fits(&card, now) {
                found.cards.push(card);
                if found.cards.len() == most {
                    found.next = Some(place);
                    return Ok(found);
                }
            }
        }
        if is_last {
            place = Place { way: place.way + 1, after: None };
        } else if looked >= SCAN_LIMIT {
            found.next = Some(place);
            found.cut = true;
            return Ok(found);
        }
        step = EXPORT_PAGE;
    }
    Ok(found)
}

struct Row {
    number: String,
    kind: String,
    label: String,
    account: String,
    status: Badge,
    operators: String,
    used: Option<String>,
    total: Option<String>,
    percent: Option<u64>,
    tone: &'static str,
    figure: Option<When>,
    is_old: bool,
    refresh: Option<Badge>,
}

struct Choice {
    value: String,
    text: String,
    is_chosen: bool,
}

#[derive(Template)]
#[template(path = "console/cards.html")]
struct CardsPage {
    shell: Shell,
    wanted: Wanted,
    accounts: Vec<String>,
    statuses: Vec<Choice>,
    operators: Vec<Choice>,
    ages: Vec<Choice>,
    rows: Vec<Row>,
    is_filtered: bool,
    first: Option<String>,
    next: Option<String>,
    cut: Option<String>,
    export: String,
}

/// The page.
pub(crate) async fn page(State(state): State<ConsoleState>, read: ReadSession) -> PageResult {
    let wanted = Wanted::read(&read.query);
    let place = Place::read(&read.query);
    let is_first = place == Place::default();
    let now = state.services.clock.now();
    let t = read.texts();
    let context = ViewContext { t, now, zone: &state.services.zone };
    let found = find(&state, &wanted, place, PAGE).await?;
    let next = found.next.map(|place| {
        let fields = place.fields();
        let fields: Vec<(&str, &str)> = fields.iter().map(|(name, value)| (*name, value.as_str())).collect();
        format!("/console/cards{}", wanted.query(&fields))
    });
    let accounts = state.services.store.accounts().await?;
    let choice = |value: &str, text: String, chosen: &str| Choice {
        is_chosen: value == chosen,
        value: value.to_owned(),
        text,
    };
    html(&CardsPage {
        accounts: accounts.into_iter().take(ACCOUNTS_OFFERED).map(|account| account.name).collect(),
        statuses: CARD_STATUSES
            .iter()
            .map(|name| choice(name, t.named("status", name), &wanted.status))
            .collect(),
        operators: state.operators.keys().map(|name| choice(name, name.clone(), &wanted.operator)).collect(),
        ages: ["never", "1h", "24h", "7d", "30d"]
            .iter()
            .map(|name| choice(name, t.named("age", name), &wanted.age))
            .collect(),
        is_filtered: wanted != Wanted::default(),
        first: (!is_first).then(|| format!("/console/cards{}", wanted.query(&[]))),
        cut: found.cut.then(|| human::count(u64::try_from(SCAN_LIMIT).unwrap_or(0))),
        export: format!("/console/cards.csv{}", wanted.query(&[])),
        rows: found.cards.iter().map(|card| row(&state, card, context)).collect(),
        next,
        wanted,
        shell: read.shell("cards", now),
    })
}

fn operators_of(card: &CardView) -> String {
    let mut names: Vec<&str> =
        card.profiles.iter().map(|profile| profile.operator_account.as_str()).collect();
    names.sort_unstable();
    names.dedup();
    names.join(", ")
}

fn row(state: &ConsoleState, card: &CardView, context: ViewContext<'_>) -> Row {
    let usage = answers::card_usage(&state.services, &card.profiles, context.now);
    let used = usage.as_ref().map(|usage| usage.used_bytes);
    let total = usage.as_ref().and_then(|usage| usage.total_bytes);
    let share = used.zip(total).map(|(used, total)| percent(used, total));
    let figure = figure_of(card);
    Row {
        number: card.number.clone(),
        kind: context.t.named("kind", card.kind.as_str()),
        label: card.label.clone(),
        account: card.account.clone(),
        status: context.card_status(&card.status),
        operators: operators_of(card),
        used: used.map(human::bytes),
        total: total.map(human::bytes),
        percent: share,
        tone: share.map_or("quiet", used_tone),
        is_old: figure.is_some_and(|at| context.now.since(at) > Duration::from_secs(86_400)),
        figure: figure.map(|at| context.when(at)),
        refresh: card.refresh.as_ref().map(|refresh| context.state(refresh.state)),
    }
}

/// The list as CSV.
pub(crate) async fn export(State(state): State<ConsoleState>, read: ReadSession) -> PageResult {
    let wanted = Wanted::read(&read.query);
    let columns = [
        "number",
        "kind",
        "account",
        "status",
        "label",
        "operator_accounts",
        "used_bytes",
        "total_bytes",
        "figure_of",
        "age_seconds",
        "last_refresh",
        "last_refresh_state",
        "last_refresh_reason",
    ];
    csv("cards", &columns, Place::default(), move |place| {
        let (state, wanted) = (state.clone(), wanted.clone());
        async move {
            let now = state.services.clock.now();
            let found = find(&state, &wanted, place, EXPORT_PAGE).await?;
            let rows = found.cards.iter().map(|card| csv_row(&state, card, now)).collect();
            Ok((rows, found.next))
        }
    })
}

fn csv_row(state: &ConsoleState, card: &CardView, now: UnixMs) -> Vec<String> {
    let usage = answers::card_usage(&state.services, &card.profiles, now);
    let number = |value: Option<u64>| value.map(|value| value.to_string()).unwrap_or_default();
    let figure = figure_of(card);
    let refresh = card.refresh.as_ref();
    vec![
        card.number.clone(),
        card.kind.as_str().to_owned(),
        card.account.clone(),
        card.status.clone(),
        card.label.clone(),
        operators_of(card),
        number(usage.as_ref().map(|usage| usage.used_bytes)),
        number(usage.as_ref().and_then(|usage| usage.total_bytes)),
        figure.map(|at| at.seconds().to_string()).unwrap_or_default(),
        figure.map(|at| now.since(at).as_secs().to_string()).unwrap_or_default(),
        refresh.map(|refresh| refresh.accepted_at.seconds().to_string()).unwrap_or_default(),
        refresh.map(|refresh| refresh.state.as_str().to_owned()).unwrap_or_default(),
        refresh
            .and_then(|refresh| refresh.failure.as_ref())
            .map(|failure| failure.kind.as_str().to_owned())
            .unwrap_or_default(),
    ]
}
