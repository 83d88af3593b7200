//! Finding cards.

use crate::error::PageResult;
use crate::fields::Fields;
use crate::list::{self, Choice, EXPORT_BATCH, Frame, List, ListPage, PAGE, Rows, SCAN_LIMIT, cell, choices};
use crate::page::{Shell, html};
use crate::request::PageRequest;
use crate::state::ConsoleState;
use crate::view::{Badge, ViewContext, When, percent, usage_time, used_tone};
use askama::Template;
use axum::extract::State;
use simgauge_admin::human;
use simgauge_domain::identity::{canonical_iccid, without_check_digit};
use simgauge_domain::time::UnixMs;
use simgauge_protocol::request::CARD_STATUSES;
use simgauge_service::answers;
use simgauge_store::{CardCursor, CardView, CardWalk};
use std::time::Duration;

/// Accounts that are offered while somebody types.
const ACCOUNTS_OFFERED: usize = 200;

/// What the usage of a card can be older than, in seconds; `never`: it was never read.
const AGES: [(&str, Option<u64>); 5] = [
    ("never", None),
    ("1h", Some(3_600)),
    ("24h", Some(86_400)),
    ("7d", Some(7 * 86_400)),
    ("30d", Some(30 * 86_400)),
];

/// The cards that fit. Empty fields let every card through.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct CardList {
    text: String,
    account: String,
    status: String,
    operator: String,
    /// One of [`AGES`].
    age: String,
}

/// A place in the list: on which of [`CardList::walks`], and where.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Place {
    walk: usize,
    after: Option<CardCursor>,
}

impl List for CardList {
    const NAME: &'static str = "cards";
    const COLUMNS: &'static [&'static str] = &[
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
    type Row = CardView;
    type Place = Place;

    fn parse(query: &Fields) -> (Self, Place) {
        let known = |name: &str, is_known: &dyn Fn(&str) -> bool| {
            let value = query.get(name);
            if is_known(value) { value.to_owned() } else { String::new() }
        };
        let filter = Self {
            text: query.get("q").to_owned(),
            account: query.get("account").to_owned(),
            status: known("status", &|status| CARD_STATUSES.contains(&status)),
            operator: query.get("operator").to_owned(),
            age: known("age", &|age| AGES.iter().any(|(name, _)| *name == age)),
        };
        let after = query
            .some("after")
            .map(|number| CardCursor { group: query.raw("group").to_owned(), number: number.to_owned() });
        (filter, Place { walk: query.get("way").parse().unwrap_or(0), after })
    }

    fn filter_fields(&self) -> Vec<(&'static str, String)> {
        vec![
            ("q", self.text.clone()),
            ("account", self.account.clone()),
            ("status", self.status.clone()),
            ("operator", self.operator.clone()),
            ("age", self.age.clone()),
        ]
    }

    fn place_fields(place: &Place) -> Vec<(&'static str, String)> {
        let CardCursor { group, number } = place.after.clone().unwrap_or_default();
        vec![("way", place.walk.to_string()), ("group", group), ("after", number)]
    }

    async fn fetch(&self, state: &ConsoleState, mut place: Place, limit: i64) -> PageResult<Rows<Self>> {
        let now = state.services.clock.now();
        let walks = self.walks();
        let limit = usize::try_from(limit).unwrap_or(usize::MAX);
        let mut rows: Vec<CardView> = Vec::new();
        let (mut looked_at, mut step) = (0, PAGE);
        while let Some(walk) = walks.get(place.walk) {
            let cards = state.services.store.walk_cards(walk, place.after.as_ref(), step).await?;
            let is_last = i64::try_from(cards.len()).is_ok_and(|count| count < step);
            for (cursor, card) in cards {
                place.after = Some(cursor);
                looked_at += 1;
                // A card is found by its number, by its label and by each of its profiles. Once is enough.
                let is_new = rows.iter().all(|known| known.number != card.number);
                if is_new && self.fits(&card, now) {
                    rows.push(card);
                    if rows.len() == limit {
                        return Ok(Rows { rows, next: Some(place), cut: false });
                    }
                }
            }
            if is_last {
                place = Place { walk: place.walk + 1, after: None };
            } else if looked_at >= SCAN_LIMIT {
                return Ok(Rows { rows, next: Some(place), cut: true });
            }
            step = EXPORT_BATCH;
        }
        Ok(Rows { rows, next: None, cut: false })
    }

    fn cells(state: &ConsoleState, card: CardView) -> Vec<String> {
        let now = state.services.clock.now();
        let usage = answers::card_usage(&state.services, &card.profiles, now);
        let usage_time = usage_time(&card);
        let refresh = card.refresh.as_ref();
        let operators = operators_of(&card);
        vec![
            card.number,
            card.kind.as_str().to_owned(),
            card.account,
            card.status,
            card.label,
            operators,
            cell(usage.as_ref().map(|usage| usage.used_bytes)),
            cell(usage.as_ref().and_then(|usage| usage.total_bytes)),
            cell(usage_time.map(UnixMs::seconds)),
            cell(usage_time.map(|at| now.since(at).as_secs())),
            cell(refresh.map(|refresh| refresh.accepted_at.seconds())),
            cell(refresh.map(|refresh| refresh.state.as_str())),
            cell(refresh.and_then(|refresh| refresh.failure.as_ref()).map(|failure| failure.kind.as_str())),
        ]
    }
}

impl CardList {
    /// The indexes to walk along, one after the other. The first is the one that leaves the least to look at.
    fn walks(&self) -> Vec<CardWalk> {
        let text = &self.text;
        let number = canonical_iccid(text);
        if !text.is_empty()
            && number.bytes().all(|byte| byte.is_ascii_hexdigit())
            && number.bytes().any(|byte| byte.is_ascii_digit())
        {
            // All of a SIM's spellings begin with the one without check digit.
            let number = without_check_digit(&number).unwrap_or(&number).to_owned();
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
        if let Some(walk) = Some(self.status.as_str()).filter(|s| !s.is_empty()).and_then(CardWalk::status) {
            return vec![walk];
        }
        if !self.account.is_empty() {
            return vec![CardWalk::Account(self.account.clone())];
        }
        vec![CardWalk::Number(String::new())]
    }

    fn fits(&self, card: &CardView, now: UnixMs) -> bool {
        let is = |wanted: &str, value: &str| wanted.is_empty() || wanted == value;
        let has_operator = || card.profiles.iter().any(|profile| profile.operator_account == self.operator);
        is(&self.account, &card.account)
            && is(&self.status, &card.status)
            && (self.operator.is_empty() || has_operator())
            && self.fits_age(usage_time(card), now)
    }

    fn fits_age(&self, usage_time: Option<UnixMs>, now: UnixMs) -> bool {
        match AGES.iter().find(|(name, _)| *name == self.age) {
            None => true,
            Some((_, None)) => usage_time.is_none(),
            Some((_, Some(seconds))) => {
                usage_time.is_none_or(|at| now.since(at) > Duration::from_secs(*seconds))
            }
        }
    }
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
    usage_time: Option<When>,
    is_old: bool,
    refresh: Option<Badge>,
}

fn operators_of(card: &CardView) -> String {
    let mut names: Vec<&str> =
        card.profiles.iter().map(|profile| profile.operator_account.as_str()).collect();
    names.sort_unstable();
    names.dedup();
    names.join(", ")
}

fn row(state: &ConsoleState, card: CardView, context: ViewContext<'_>) -> Row {
    let usage = answers::card_usage(&state.services, &card.profiles, context.now);
    let used = usage.as_ref().map(|usage| usage.used_bytes);
    let total = usage.as_ref().and_then(|usage| usage.total_bytes);
    let share = used.zip(total).map(|(used, total)| percent(used, total));
    let usage_time = usage_time(&card);
    Row {
        kind: context.t.named("kind", card.kind.as_str()),
        status: context.card_status(&card.status),
        operators: operators_of(&card),
        used: used.map(human::bytes),
        total: total.map(human::bytes),
        percent: share,
        tone: share.map_or("quiet", used_tone),
        is_old: usage_time.is_some_and(|at| context.now.since(at) > Duration::from_secs(86_400)),
        usage_time: usage_time.map(|at| context.when(at)),
        refresh: card.refresh.as_ref().map(|refresh| context.state(refresh.state)),
        number: card.number,
        label: card.label,
        account: card.account,
    }
}

#[derive(Template)]
#[template(path = "console/cards.html")]
struct CardsPage {
    shell: Shell,
    frame: Frame,
    filter: CardList,
    accounts: Vec<String>,
    statuses: Vec<Choice>,
    operators: Vec<Choice>,
    ages: Vec<Choice>,
    rows: Vec<Row>,
}

pub(crate) async fn page(State(state): State<ConsoleState>, request: PageRequest) -> PageResult {
    let context = state.view(request.texts());
    let t = context.t;
    let ListPage { filter, rows, frame } = list::page::<CardList>(&state, &request.query).await?;
    let accounts = state.services.store.accounts().await?;
    html(&CardsPage {
        shell: request.shell("cards"),
        frame,
        accounts: accounts.into_iter().take(ACCOUNTS_OFFERED).map(|account| account.name).collect(),
        statuses: choices(CARD_STATUSES.iter().copied(), |name| t.named("status", name), &filter.status),
        operators: choices(state.operators.keys().map(String::as_str), str::to_owned, &filter.operator),
        ages: choices(AGES.iter().map(|(name, _)| *name), |name| t.named("age", name), &filter.age),
        rows: rows.into_iter().map(|card| row(&state, card, context)).collect(),
        filter,
    })
}
