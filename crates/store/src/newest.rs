//! Which refresh is a card's newest where the card's row does not say so yet.
//!
//! Accepting on SQLite writes at the ends of `refresh` and `task` only. To change the card's row as well, which lies somewhere
//! in the middle of a large table, costs more than all the rest: another page of the log for every call. So the row learns of
//! the refresh when its reading ends, which changes the card's profile anyway. Until then the refresh has a task that names
//! it, and what is remembered here is made of the tasks. (A refresh that waits for another one's task is written into the row
//! at once; so whoever ends a task finds all that it ends: its own refresh, and those that the row leads to.)
//!
//! One process serves an SQLite file, and only that one accepts; it remembers. Others look the tasks through.

use crate::Store;
use crate::db::Db;
use crate::error::StoreError;
use rusqlite::{Connection, OptionalExtension as _, params};
use simgauge_domain::id::RefreshId;
use std::collections::hash_map::RandomState;
use std::collections::{HashMap, VecDeque};
use std::hash::BuildHasher as _;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Cards remembered at most; what comes on top is written into the rows of the cards accepted longest ago. They take about
/// 45 MB. A hash table in which entries come and go doubles where more than half of it is in use: this is less than half of 2^20
/// entries, seven eighths of which can be used.
const MOST: usize = 450_000;

/// So many cards are held in a table that grows with them; where there are more, it gets its whole size at once. Doubling
/// would leave holes behind and, in the middle of an overload, copy everything.
const FEW: usize = 7_000;

/// Tells cards' rows of refreshes that have tasks, where they are the newer ones.
pub(crate) const NOTE_ALL: &str = "UPDATE card SET last_refresh = open.id, \
     accepted_at = (SELECT accepted_at FROM refresh WHERE refresh.id = open.id) \
     FROM (SELECT card, max(refresh) AS id FROM task GROUP BY card) AS open \
     WHERE card.number = open.card AND (card.last_refresh IS NULL OR card.last_refresh < open.id)";

/// The memory; empty until somebody is going to accept.
#[derive(Clone, Debug)]
pub(crate) struct Newest(Arc<Mutex<Option<Memory>>>);

#[derive(Debug)]
struct Memory {
    /// By both hashes of its number, a card's newest refresh.
    cards: HashMap<u128, u128>,
    hashers: [RandomState; 2],
    /// Refreshes in the order of acceptance, those that are not remembered any more among them.
    order: VecDeque<u128>,
    most: usize,
}

impl Newest {
    pub(crate) fn new() -> Self {
        Self(Arc::default())
    }

    /// Whether this process remembers.
    pub(crate) fn is_kept(&self) -> bool {
        self.lock().is_some()
    }

    /// Begins to remember, with what has tasks.
    pub(crate) fn keep(&self, tx: &Connection) -> Result<(), StoreError> {
        self.keep_at_most(tx, MOST)
    }

    fn keep_at_most(&self, tx: &Connection, most: usize) -> Result<(), StoreError> {
        let mut memory = Memory {
            cards: HashMap::new(),
            hashers: [RandomState::new(), RandomState::new()],
            order: VecDeque::new(),
            most,
        };
        let mut tasks = tx.prepare("SELECT card, refresh FROM task ORDER BY refresh")?;
        let mut rows = tasks.query([])?;
        while let Some(row) = rows.next()? {
            let (card, refresh): (String, String) = (row.get(0)?, row.get(1)?);
            memory.add(&card, &RefreshId::trusted(refresh));
        }
        *self.lock() = Some(memory);
        Ok(())
    }

    /// The newest refresh of a card, as far as it is remembered.
    pub(crate) fn of(&self, card: &str) -> Option<RefreshId> {
        let memory = self.lock();
        let memory = memory.as_ref()?;
        memory.cards.get(&memory.key(card)).copied().map(RefreshId::from_bits)
    }

    /// Remembers refreshes just accepted.
    pub(crate) fn add<'a>(&self, accepted: impl Iterator<Item = (&'a str, &'a RefreshId)>) {
        if let Some(memory) = self.lock().as_mut() {
            for (card, id) in accepted {
                memory.add(card, id);
            }
        }
    }

    /// Forgets refreshes that their cards' rows know.
    pub(crate) fn forget<'a>(&self, noted: impl Iterator<Item = (&'a str, &'a RefreshId)>) {
        if let Some(memory) = self.lock().as_mut() {
            for (card, id) in noted {
                memory.forget(card, id.bits());
            }
        }
    }

    /// The oldest refreshes, where `more` cards would be too many.
    fn overdue(&self, more: usize) -> Vec<RefreshId> {
        let mut memory = self.lock();
        let Some(memory) = memory.as_mut() else { return Vec::new() };
        let many = (memory.order.len() + more).saturating_sub(memory.most);
        if many > 0 && memory.cards.len() + more <= memory.most / 2 {
            // Most of them have ended.
            let mut open: Vec<u128> = memory.cards.values().copied().collect();
            open.sort_unstable();
            memory.order.clear();
            memory.order.extend(open);
            return Vec::new();
        }
        memory.order.iter().take(many).copied().map(RefreshId::from_bits).collect()
    }

    /// Writes what is too much to be remembered into the cards' rows; answers what can be forgotten after the commit.
    pub(crate) fn note_overdue(&self, tx: &Connection, more: usize) -> Result<Noted, StoreError> {
        let mut noted = Noted::default();
        let overdue = self.overdue(more);
        if overdue.is_empty() {
            return Ok(noted);
        }
        let mut refresh = tx.prepare_cached("SELECT card, accepted_at FROM refresh WHERE id = ?1")?;
        let mut card = tx.prepare_cached(
            "UPDATE card SET last_refresh = ?2, accepted_at = ?3 \
             WHERE number = ?1 AND (last_refresh IS NULL OR last_refresh < ?2)",
        )?;
        for id in &overdue {
            let row = refresh.query_row([id.as_str()], |row| Ok((row.get(0)?, row.get::<_, i64>(1)?)));
            if let Some((number, accepted_at)) = row.optional()? {
                let number: String = number;
                card.execute(params![number, id.as_str(), accepted_at])?;
                noted.cards.push((number, *id));
            }
        }
        noted.looked_at = overdue.len();
        Ok(noted)
    }

    /// Forgets what was written by [`Self::note_overdue`].
    pub(crate) fn forget_overdue(&self, noted: &Noted) {
        self.forget(noted.cards.iter().map(|(card, id)| (card.as_str(), id)));
        if let Some(memory) = self.lock().as_mut() {
            memory.order.drain(..noted.looked_at.min(memory.order.len()));
        }
    }

    fn lock(&self) -> MutexGuard<'_, Option<Memory>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What cards' rows were told.
#[derive(Debug, Default)]
pub(crate) struct Noted {
    cards: Vec<(String, RefreshId)>,
    looked_at: usize,
}

impl Memory {
    fn key(&self, card: &str) -> u128 {
        let [one, other] = &self.hashers;
        (u128::from(one.hash_one(card)) << 64) | u128::from(other.hash_one(card))
    }

    fn add(&mut self, card: &str, id: &RefreshId) {
        let bits = id.bits();
        // What was removed takes a little of a table's capacity away until it grows; half of the whole is far from either size.
        if self.cards.len() >= FEW && self.cards.capacity() < self.most {
            self.cards.reserve(2 * self.most - self.cards.len());
            self.order.reserve(self.most.saturating_sub(self.order.len()));
        }
        self.cards.insert(self.key(card), bits);
        self.order.push_back(bits);
    }

    fn forget(&mut self, card: &str, id: u128) {
        let key = self.key(card);
        if self.cards.get(&key).is_some_and(|known| *known <= id) {
            self.cards.remove(&key);
        }
    }
}

impl Store {
    /// Begins to remember which refreshes cards' rows do not name yet: for the process that accepts on an embedded store.
    /// Accepting does so by itself; asked beforehand, its first caller need not wait for that.
    ///
    /// # Errors
    /// The database cannot be reached.
    pub async fn remember_open(&self) -> Result<(), StoreError> {
        let Db::Sqlite { hot, .. } = &self.db else { return Ok(()) };
        if hot.newest().is_kept() {
            return Ok(());
        }
        hot.write_here(|tx, newest| newest.keep(tx), |(), _| ()).await
    }

    /// The newest refreshes of those cards whose rows do not name them yet. Whoever reads rows as well reads them
    /// afterwards, and takes the newer of both: a row may be told meanwhile.
    pub(crate) async fn unnoted<'a>(
        &self,
        cards: impl Iterator<Item = &'a str>,
    ) -> Result<HashMap<String, String>, StoreError> {
        let Db::Sqlite { hot, read, .. } = &self.db else { return Ok(HashMap::new()) };
        if hot.newest().is_kept() {
            let found = cards.filter_map(|card| Some((card.to_owned(), hot.newest().of(card)?.to_string())));
            return Ok(found.collect());
        }
        let wanted = serde_json::Value::from_iter(cards).to_string();
        let newest = "SELECT card, max(refresh) FROM task WHERE card IN (SELECT value FROM json_each($1)) GROUP BY card";
        let found: Vec<(String, String)> = sqlx::query_as(newest).bind(wanted).fetch_all(read).await?;
        Ok(found.into_iter().collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(n: u8) -> RefreshId {
        RefreshId::from_bits(u128::from(n))
    }

    fn database() -> Connection {
        let tx = Connection::open_in_memory().expect("opens");
        tx.execute_batch(
            "CREATE TABLE task (card TEXT, refresh TEXT); CREATE TABLE refresh (id TEXT, card TEXT, accepted_at INT);
             CREATE TABLE card (number TEXT, last_refresh TEXT, accepted_at INT);",
        )
        .expect("makes tables");
        tx
    }

    fn row(tx: &Connection, card: &str) -> Option<String> {
        let of = "SELECT last_refresh FROM card WHERE number = ?1";
        tx.query_row(of, [card], |row| row.get(0)).expect("a row")
    }

    #[test]
    fn remembers_the_newest_until_the_row_knows_it() {
        let newest = Newest::new();
        let tx = database();
        for (card, n) in [("a", 2), ("a", 1), ("b", 3)] {
            tx.execute("INSERT INTO task VALUES (?1, ?2)", params![card, id(n).as_str()]).expect("inserts");
        }
        assert!(!newest.is_kept());
        newest.keep(&tx).expect("loads");
        assert_eq!((newest.of("a"), newest.of("b"), newest.of("c")), (Some(id(2)), Some(id(3)), None));
        newest.add([("a", &id(4))].into_iter());
        newest.forget([("a", &id(2)), ("b", &id(3))].into_iter());
        assert_eq!((newest.of("a"), newest.of("b")), (Some(id(4)), None));
    }

    #[test]
    fn what_is_too_much_to_remember_is_written_into_the_rows_oldest_first() {
        let newest = Newest::new();
        let tx = database();
        newest.keep_at_most(&tx, 4).expect("loads");
        for (card, n) in [("a", 1), ("b", 2), ("c", 3), ("d", 4)] {
            tx.execute("INSERT INTO card VALUES (?1, NULL, NULL)", [card]).expect("inserts");
            tx.execute("INSERT INTO refresh VALUES (?1, ?2, ?3)", params![id(n).as_str(), card, n])
                .expect("inserts");
            let noted = newest.note_overdue(&tx, 1).expect("notes");
            newest.forget_overdue(&noted);
            newest.add([(card, &id(n))].into_iter());
        }
        assert_eq!((row(&tx, "a"), newest.of("a")), (None, Some(id(1))));
        let noted = newest.note_overdue(&tx, 2).expect("notes");
        newest.forget_overdue(&noted);
        assert_eq!((row(&tx, "a"), row(&tx, "b")), (Some(id(1).to_string()), Some(id(2).to_string())));
        assert_eq!((newest.of("a"), newest.of("b"), newest.of("c")), (None, None, Some(id(3))));
    }

    #[test]
    fn the_table_does_not_grow_any_more_once_it_holds_more_than_a_few() {
        let newest = Newest::new();
        newest.keep_at_most(&database(), 20_000).expect("loads");
        let sizes = || {
            let memory = newest.lock();
            let memory = memory.as_ref().expect("kept");
            (memory.cards.capacity(), memory.order.capacity())
        };
        let cards = |all: std::ops::Range<u32>| {
            for n in all {
                newest.add([(n.to_string().as_str(), &RefreshId::from_bits(n.into()))].into_iter());
            }
        };
        let few = u32::try_from(FEW).expect("a small number");
        cards(0..100);
        assert!(sizes().0 < 1_000, "{:?}", sizes());
        cards(100..few + 1);
        let whole = sizes();
        cards(few + 1..20_000);
        for n in 0..12_000_u32 {
            newest.forget([(n.to_string().as_str(), &RefreshId::from_bits(n.into()))].into_iter());
        }
        assert!(newest.overdue(1).is_empty());
        cards(20_000..30_000);
        // Where an entry was removed, its place may count as used until something takes it.
        assert!(sizes().0 <= whole.0 && sizes().1 == whole.1, "{:?}, was {whole:?}", sizes());
    }

    #[test]
    fn what_has_ended_costs_nothing() {
        let newest = Newest::new();
        let tx = database();
        newest.keep_at_most(&tx, 4).expect("loads");
        for n in 0..100 {
            let noted = newest.note_overdue(&tx, 1).expect("notes");
            assert_eq!(noted.looked_at, 0);
            newest.add([("a", &id(n))].into_iter());
            newest.forget([("a", &id(n))].into_iter());
        }
        assert!(newest.lock().as_ref().expect("kept").order.len() <= 4);
    }
}
