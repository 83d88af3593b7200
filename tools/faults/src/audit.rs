//! What has to be true in an SQLite store, asked in SQL of this file's own. Nothing of the store's code is
//! used, so that a mistake there is not repeated here.

use anyhow::Context as _;
use rusqlite::{Connection, OpenFlags, OptionalExtension as _, Transaction, params};
use sha2::{Digest as _, Sha256};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::path::Path;
use std::time::Duration;

/// Something that is not as it has to be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Violation {
    /// The rule.
    pub rule: &'static str,
    /// The keys of the rows, and what is in them.
    pub what: String,
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.rule, self.what)
    }
}

/// What others know of the store.
#[derive(Clone, Debug)]
pub struct Expected {
    /// Refreshes that callers were told of, with their cards' numbers.
    pub answered: Vec<(String, String)>,
    /// Cards that were imported: at least so many.
    pub cards: i64,
    /// The cooldown of cards and of cloud eSIMs, in milliseconds.
    pub cooldown_ms: [i64; 2],
}

impl Default for Expected {
    fn default() -> Self {
        Self { answered: Vec::new(), cards: 0, cooldown_ms: [300_000; 2] }
    }
}

/// Each row of these statements is a violation.
const RULES: &[(&str, &str)] = &[
    (
        "a refresh has a known state",
        "SELECT format('refresh %s: %Q', id, state) FROM refresh
         WHERE state NOT IN ('queued', 'running', 'succeeded', 'failed')",
    ),
    (
        "a refresh that waits has something to wait for and no end",
        "SELECT format('refresh %s (%s): remaining %Q, finished_at %Q', id, state, remaining, finished_at)
         FROM refresh WHERE state IN ('queued', 'running') AND (remaining = '' OR finished_at IS NOT NULL)",
    ),
    (
        "a refresh that ended waits for nothing, and a failed one has a reason",
        "SELECT format('refresh %s (%s): remaining %Q, finished_at %Q, reason %Q', id, state, remaining,
             finished_at, reason)
         FROM refresh WHERE state IN ('succeeded', 'failed')
         AND (remaining <> '' OR finished_at IS NULL OR (state = 'failed') <> (reason IS NOT NULL))",
    ),
    (
        "a refresh that waits has a task for each profile that it waits for",
        "SELECT format('refresh %s (%s) of card %d: profile %d has no task', refresh.id, refresh.state,
             refresh.card, wanted.value)
         FROM refresh, json_each('[' || refresh.remaining || ']') AS wanted
         LEFT JOIN task ON task.card = refresh.card AND task.profile = wanted.value
         WHERE refresh.state IN ('queued', 'running') AND task.refresh IS NULL",
    ),
    (
        "a task belongs to a refresh that waits for it",
        "SELECT format('task %s/%s/%s/%d of card %d: its refresh is %s', task.lane, task.account,
             task.refresh, task.profile, task.card, COALESCE(refresh.state, 'missing'))
         FROM task LEFT JOIN refresh ON refresh.id = task.refresh
         WHERE refresh.id IS NULL OR refresh.card <> task.card OR refresh.account <> task.account
         OR refresh.state NOT IN ('queued', 'running')
         OR ',' || refresh.remaining || ',' NOT LIKE '%,' || task.profile || ',%'",
    ),
    (
        "a profile has one task at a time",
        "SELECT format('profile %d of card %d has %d tasks', profile, card, count(*))
         FROM task GROUP BY card, profile HAVING count(*) > 1",
    ),
    (
        "a card's latest refresh is there",
        "SELECT format('card %d: last_refresh %s', card.id, card.last_refresh) FROM card
         LEFT JOIN refresh ON refresh.id = card.last_refresh AND refresh.card = card.id
         WHERE card.last_refresh IS NOT NULL AND refresh.id IS NULL",
    ),
    (
        "a refresh follows another one of its card",
        "SELECT format('refresh %s: previous %s', refresh.id, refresh.previous) FROM refresh
         LEFT JOIN refresh AS earlier ON earlier.id = refresh.previous AND earlier.card = refresh.card
         WHERE refresh.previous IS NOT NULL AND earlier.id IS NULL",
    ),
    (
        "packages and overage are not negative",
        "SELECT format('card %d: overage %d', id, overage) FROM card WHERE overage < 0
         UNION ALL SELECT format('card %d: package %s has %d booked', card, code, booked) FROM package
         WHERE booked < 0",
    ),
    (
        // The body of a notification names its refresh. Delivered ones are kept for a week.
        "a refresh that ended is told once to an account that asked for it",
        "WITH asked AS (SELECT account.name, COALESCE((SELECT max(at) FROM audit
             WHERE action = 'account.notify' AND subject = account.name), 0) AS since
             FROM account WHERE notify_url IS NOT NULL),
         told AS (SELECT account, body->>'$.refreshId' AS refresh, count(*) AS times FROM notification
             WHERE event IN ('usage.refreshed', 'usage.refresh_failed') GROUP BY 1, 2)
         SELECT format('refresh %s (%s) of account %s: told %d times', refresh.id, refresh.state,
             refresh.account, COALESCE(told.times, 0))
         FROM refresh JOIN asked ON asked.name = refresh.account
         LEFT JOIN told ON told.account = refresh.account AND told.refresh = refresh.id
         WHERE refresh.state IN ('succeeded', 'failed') AND refresh.finished_at > asked.since
         AND refresh.finished_at > (SELECT max(finished_at) FROM refresh) - 6 * 86400000
         AND COALESCE(told.times, 0) <> 1",
    ),
    (
        "what is told of a refresh has happened",
        "SELECT format('notification %s (%s): refresh %s is %s', notification.id, notification.event,
             notification.body->>'$.refreshId', COALESCE(refresh.state, 'missing'))
         FROM notification LEFT JOIN refresh ON refresh.id = notification.body->>'$.refreshId'
         WHERE (notification.event = 'usage.refreshed' AND refresh.state IS NOT 'succeeded')
         OR (notification.event = 'usage.refresh_failed' AND refresh.state IS NOT 'failed')",
    ),
    (
        "of a card's waiting notifications the oldest one, and no other, has its time",
        "SELECT format('account %s, card %d: the oldest is %d, with a time %s', account, card, min(seq),
             COALESCE(group_concat(CASE WHEN next_at IS NOT NULL THEN seq END), 'none'))
         FROM notification WHERE state = 'waiting' GROUP BY account, card
         HAVING count(next_at) <> 1 OR min(seq) <> min(CASE WHEN next_at IS NOT NULL THEN seq END)",
    ),
];

/// The sums of bytes of cards: in parts that cannot overflow.
const LEDGER: &str = "SELECT card, sum(bytes / 1048576), sum(bytes % 1048576) FROM
     (SELECT id AS card, overage AS bytes FROM card UNION ALL SELECT card, booked FROM package)
     GROUP BY card";
const BOOKED: &str = "SELECT card, sum(bytes / 1048576), sum(bytes % 1048576) FROM booking GROUP BY card";
const COUNTED: &str = "SELECT card, sum(delta / 1048576), sum(delta % 1048576) FROM
     (SELECT card, delta FROM reading UNION ALL SELECT card, delta FROM daily) GROUP BY card";

/// Looks at the whole store, at one moment of it.
///
/// # Errors
/// The file cannot be read at all.
pub fn audit(file: &Path, expected: &Expected) -> anyhow::Result<Vec<Violation>> {
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let mut connection =
        Connection::open_with_flags(file, flags).with_context(|| format!("{}", file.display()))?;
    connection.busy_timeout(Duration::from_secs(10))?;
    let store = connection.transaction()?;
    let mut violations = Vec::new();
    let mut found = |rule, what| violations.push(Violation { rule, what });
    for pragma in ["PRAGMA integrity_check", "PRAGMA foreign_key_check"] {
        for what in rows(&store, pragma)?.into_iter().filter(|what| what != "ok") {
            found("the file is sound", what);
        }
    }
    for (rule, statement) in RULES {
        rows(&store, statement).context(*rule)?.into_iter().for_each(|what| found(rule, what));
    }
    answered(&store, expected, &mut found)?;
    cooldowns(&store, expected, &mut found)?;
    books(&store, &mut found)?;
    chain(&store, &mut found)?;
    Ok(violations)
}

/// The first column of each row, as text.
fn rows(store: &Transaction<'_>, statement: &str) -> anyhow::Result<Vec<String>> {
    let mut statement = store.prepare(statement)?;
    let text = |row: &rusqlite::Row<'_>| Ok(row.get_ref(0)?.as_str_or_null()?.unwrap_or("NULL").to_owned());
    Ok(statement.query_map([], text)?.collect::<Result<_, _>>()?)
}

fn answered(
    store: &Transaction<'_>,
    expected: &Expected,
    found: &mut impl FnMut(&'static str, String),
) -> anyhow::Result<()> {
    let mut select = store.prepare(
        "SELECT card.number FROM refresh LEFT JOIN card ON card.id = refresh.card WHERE refresh.id = ?1",
    )?;
    let mut seen = BTreeSet::new();
    for (id, number) in &expected.answered {
        if !seen.insert(id) {
            found("an answered refresh is told to one caller", format!("refresh {id}, card {number}"));
        }
        let card: Option<Option<String>> = select.query_row([id], |row| row.get(0)).optional()?;
        match card {
            None => found("an answered refresh is there", format!("refresh {id} of card {number}")),
            Some(card) if card.as_ref() != Some(number) => {
                let what = format!("refresh {id}: {number} was told, {card:?} is stored");
                found("an answered refresh is of its card", what);
            }
            Some(_) => {}
        }
    }
    let cards: i64 = store.query_row("SELECT count(*) FROM card", [], |row| row.get(0))?;
    if cards < expected.cards {
        found("imported cards are there", format!("{cards} of {}", expected.cards));
    }
    Ok(())
}

fn cooldowns(
    store: &Transaction<'_>,
    expected: &Expected,
    found: &mut impl FnMut(&'static str, String),
) -> anyhow::Result<()> {
    let mut select = store.prepare(
        "SELECT format('card %d: refreshes %s and %s, %d ms apart', card, earlier, id, apart) FROM
             (SELECT refresh.card, refresh.id, card.kind, lag(refresh.id) OVER of_card AS earlier,
              refresh.accepted_at - lag(refresh.accepted_at) OVER of_card AS apart
              FROM refresh JOIN card ON card.id = refresh.card
              WINDOW of_card AS (PARTITION BY refresh.card ORDER BY refresh.accepted_at, refresh.id))
         WHERE apart < CASE kind WHEN 'sim' THEN ?1 ELSE ?2 END",
    )?;
    let [sims, cloud_esims] = expected.cooldown_ms;
    for what in select.query_map(params![sims, cloud_esims], |row| row.get(0))? {
        found("a card's refreshes are a cooldown apart", what?);
    }
    Ok(())
}

/// Bytes on packages and beyond them are what was booked, and that is what was counted.
fn books(store: &Transaction<'_>, found: &mut impl FnMut(&'static str, String)) -> anyhow::Result<()> {
    let [ledger, booked, counted] = [sums(store, LEDGER)?, sums(store, BOOKED)?, sums(store, COUNTED)?];
    let cards: BTreeSet<i64> = ledger.keys().chain(booked.keys()).chain(counted.keys()).copied().collect();
    for card in cards {
        let of = |sums: &BTreeMap<i64, i128>| sums.get(&card).copied().unwrap_or_default();
        let (ledger, booked, counted) = (of(&ledger), of(&booked), of(&counted));
        if ledger != booked || booked != counted {
            let what =
                format!("card {card}: packages and overage {ledger}, bookings {booked}, readings {counted}");
            found("the books balance", what);
        }
    }
    Ok(())
}

fn sums(store: &Transaction<'_>, statement: &str) -> anyhow::Result<BTreeMap<i64, i128>> {
    let mut statement = store.prepare(statement)?;
    let sum = |row: &rusqlite::Row<'_>| {
        let (high, low): (i64, i64) = (row.get(1)?, row.get(2)?);
        Ok((row.get(0)?, i128::from(high) * 1_048_576 + i128::from(low)))
    };
    Ok(statement.query_map([], sum)?.collect::<Result<_, _>>()?)
}

/// Each entry's hash covers the one before it, and the head is the last one.
fn chain(store: &Transaction<'_>, found: &mut impl FnMut(&'static str, String)) -> anyhow::Result<()> {
    let rule = "the audit is a chain without gaps";
    let head: Option<(i64, String)> = store
        .query_row("SELECT seq, hash FROM audit_head", [], |row| Ok((row.get(0)?, row.get(1)?)))
        .optional()?;
    let mut select =
        store.prepare("SELECT seq, at, actor, action, subject, detail, hash FROM audit ORDER BY seq")?;
    let mut last = (0, String::new());
    let mut entries = select.query([])?;
    while let Some(entry) = entries.next()? {
        let (seq, at): (i64, i64) = (entry.get(0)?, entry.get(1)?);
        let texts: [String; 4] = [entry.get(2)?, entry.get(3)?, entry.get(4)?, entry.get(5)?];
        let hash: String = entry.get(6)?;
        let mut hasher = Sha256::new();
        for field in [&last.1, &seq.to_string(), &at.to_string()].into_iter().chain(&texts) {
            hasher.update(format!("{}:{field}", field.len()));
        }
        if seq != last.0 + 1 {
            found(rule, format!("entry {seq} follows entry {}", last.0));
        }
        if hex::encode(hasher.finalize()) != hash {
            found(rule, format!("entry {seq} ({}, {}) was changed, or one before it", texts[1], texts[2]));
        }
        last = (seq, hash);
    }
    if head.as_ref() != Some(&last) {
        found(rule, format!("the head is {:?}, the last entry {:?}", head.map(|head| head.0), last.0));
    }
    Ok(())
}
