//! Which refresh is a card's newest where the card's row does not say so yet.
//!
//! Accepting on SQLite writes at the ends of `refresh` and `task` only. To change the card's row as well, which lies somewhere
//! in the middle of a large table, costs more than all the rest: another page of the log for every call. So the row learns of
//! the refresh when its reading ends, which changes the card's profile anyway. Until then the refresh has a task that names
//! it, and what is remembered here is made of the tasks. (A refresh that waits for another one's task is written into the row
//! at once; so whoever ends a task finds all that it ends: its own refresh, and those that the row leads to.)
//!
//! Where more cards wait than are remembered, rows are told earlier.
//!
//! One process serves an SQLite file, and only that one accepts; it remembers. Others look the tasks through.

use crate::Store;
use crate::db::Db;
use crate::error::StoreError;
use rusqlite::{Connection, OptionalExtension as _, params};
use simgauge_domain::id::RefreshId;
use std::collections::hash_map::RandomState;
use std::collections::{BTreeMap, HashMap};
use std::hash::BuildHasher as _;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Cards remembered at most, but for those that a start finds; each takes about 57 bytes. What comes on top is written into the
/// cards' rows.
const MOST: usize = 450_000;

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
    /// By its [`Self::key`], a card's newest refresh.
    cards: BTreeMap<u128, u128>,
    hashers: [RandomState; 2],
    most: usize,
    /// Where the next card to be written into its row is looked for.
    sweep: u128,
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
        let hashers = [RandomState::new(), RandomState::new()];
        let mut memory = Memory { cards: BTreeMap::new(), hashers, most, sweep: 0 };
        let mut tasks = tx.prepare("SELECT card, refresh FROM task")?;
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
                memory.forget(memory.key(card), id.bits());
            }
        }
    }

    /// Where `more` cards would be too many: those to be written into their rows, as keys and ids. They lie beside each other,
    /// so that many of them share a page where much of the store waits. (The oldest ones would be a page each in any case.)
    fn overdue(&self, more: usize) -> Vec<(u128, u128)> {
        let memory = self.lock();
        let Some(memory) = memory.as_ref() else { return Vec::new() };
        // A start may have found more than enough; nobody waits until all that is written.
        let many = (memory.cards.len() + more).saturating_sub(memory.most).min(2 * more);
        let ahead = memory.cards.range(memory.sweep..);
        let around = ahead.chain(memory.cards.range(..memory.sweep));
        around.take(many).map(|(key, id)| (*key, *id)).collect()
    }

    /// Writes what is too much to be remembered into the cards' rows; answers what can be forgotten after the commit.
    pub(crate) fn note_overdue(&self, tx: &Connection, more: usize) -> Result<Noted, StoreError> {
        let overdue = self.overdue(more);
        if overdue.is_empty() {
            return Ok(Noted(overdue));
        }
        let mut hashed = tx.prepare_cached("SELECT card FROM refresh WHERE id = ?1")?;
        let mut card = tx.prepare_cached(
            "UPDATE card SET last_refresh = ?2, accepted_at = ?3 \
             WHERE number = ?1 AND (last_refresh IS NULL OR last_refresh < ?2)",
        )?;
        for (key, id) in &overdue {
            let id = RefreshId::from_bits(*id);
            // Without looking the refresh up, which lies anywhere: its id tells the time, too (unless the clock was put back;
            // who reads both believes the refresh).
            let number = match number_of(*key) {
                Some(number) => Some(number),
                None => hashed.query_row([id.as_str()], |row| row.get(0)).optional()?,
            };
            if let Some(number) = number {
                card.execute(params![number, id.as_str(), id.made_at().0])?;
            }
        }
        Ok(Noted(overdue))
    }

    /// Forgets what was written by [`Self::note_overdue`].
    pub(crate) fn forget_overdue(&self, Noted(overdue): &Noted) {
        let Some((last, _)) = overdue.last() else { return };
        if let Some(memory) = self.lock().as_mut() {
            memory.sweep = last.wrapping_add(1);
            for (key, id) in overdue {
                memory.forget(*key, *id);
            }
        }
    }

    fn lock(&self) -> MutexGuard<'_, Option<Memory>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What cards' rows were told: keys and ids.
#[derive(Debug)]
pub(crate) struct Noted(Vec<(u128, u128)>);

/// Keys of hashed numbers begin with it.
const HASHED: u128 = 15 << 124;

/// The number of a key, where it can be told.
fn number_of(key: u128) -> Option<String> {
    let digits = format!("{key:X}");
    if key >= HASHED {
        None
    } else if digits.starts_with('8') {
        Some(digits)
    } else {
        digits.strip_prefix('1').map(str::to_owned)
    }
}

impl Memory {
    /// A number in 128 bits, which sort as numbers of one length do: its digits, four bits each (also letters, which operators in China
    /// use from A to F), with a 1 before them where they are fewer than 32. An EID, which has 32, begins with an 8. What is
    /// neither is hashed.
    fn key(&self, number: &str) -> u128 {
        let short = number.len() < 32;
        let plain = number.bytes().all(|b| matches!(b, b'0'..=b'9' | b'A'..=b'F'));
        if plain && (short || (number.len() == 32 && number.starts_with('8'))) {
            let digits = u128::from_str_radix(number, 16).unwrap_or(0);
            return if short { digits | (1 << (4 * number.len())) } else { digits };
        }
        let [one, other] = &self.hashers;
        HASHED | (u128::from(one.hash_one(number)) << 64) | u128::from(other.hash_one(number))
    }

    fn add(&mut self, card: &str, id: &RefreshId) {
        let newest = self.cards.entry(self.key(card)).or_default();
        *newest = id.bits().max(*newest);
    }

    fn forget(&mut self, key: u128, id: u128) {
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
    use simgauge_domain::time::UnixMs;

    fn id(n: u8) -> RefreshId {
        RefreshId::from_bits(u128::from(n))
    }

    fn database() -> Connection {
        let tx = Connection::open_in_memory().expect("opens");
        tx.execute_batch(
            "CREATE TABLE task (card TEXT, refresh TEXT); CREATE TABLE refresh (id TEXT, card TEXT);
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

    /// A store in which cards have been accepted, remembered as far as `most` allows, each on its own.
    fn accepted(most: usize, cards: &[&str]) -> (Newest, Connection) {
        let newest = Newest::new();
        let tx = database();
        newest.keep_at_most(&tx, most).expect("loads");
        for (card, n) in cards.iter().zip(1..) {
            tx.execute("INSERT INTO card VALUES (?1, NULL, NULL)", [card]).expect("inserts");
            tx.execute("INSERT INTO refresh VALUES (?1, ?2)", params![id(n).as_str(), card])
                .expect("inserts");
            note(&newest, &tx, 1);
            newest.add([(*card, &id(n))].into_iter());
        }
        (newest, tx)
    }

    /// Makes room for more cards; answers how many were written.
    fn note(newest: &Newest, tx: &Connection, more: usize) -> usize {
        let noted = newest.note_overdue(tx, more).expect("notes");
        newest.forget_overdue(&noted);
        noted.0.len()
    }

    #[test]
    fn what_is_too_much_to_remember_is_written_into_rows_beside_each_other_and_then_on_from_there() {
        let (newest, tx) = accepted(4, &["89003", "89001", "a card", "89002"]);
        let known = |card| row(&tx, card).is_some() && newest.of(card).is_none();
        assert_eq!(["89001", "89002", "89003", "a card"].map(known), [false; 4]);
        assert_eq!(note(&newest, &tx, 2), 2);
        assert_eq!(["89001", "89002", "89003", "a card"].map(known), [true, true, false, false]);
        assert_eq!(
            (row(&tx, "89001"), row(&tx, "89002")),
            (Some(id(2).to_string()), Some(id(4).to_string()))
        );
        newest.add([("89001", &id(5)), ("89002", &id(6))].into_iter());
        assert_eq!(note(&newest, &tx, 1), 1);
        assert_eq!(newest.of("89003"), None);
        assert_eq!(note(&newest, &tx, 3), 2);
        assert_eq!((newest.of("a card"), newest.of("89001"), newest.of("89002")), (None, None, Some(id(6))));
        // A number that its key does not tell, either.
        assert_eq!(
            (row(&tx, "a card"), row(&tx, "89001")),
            (Some(id(3).to_string()), Some(id(5).to_string()))
        );
    }

    #[test]
    fn the_row_is_told_when_too() {
        let (newest, tx) = accepted(1, &[]);
        let at = UnixMs(1_800_000_000_123);
        tx.execute("INSERT INTO card VALUES ('1', NULL, NULL)", []).expect("inserts");
        newest.add([("1", &RefreshId::new(at, 7))].into_iter());
        assert_eq!(note(&newest, &tx, 1), 1);
        let told = |row: &rusqlite::Row<'_>| row.get::<_, i64>(0);
        assert_eq!(tx.query_row("SELECT accepted_at FROM card", [], told), Ok(at.0));
    }

    #[test]
    fn a_start_that_finds_too_much_is_worked_off_little_by_little() {
        let (newest, tx) = accepted(100, &["1", "2", "3", "4", "5", "6", "7", "8", "9"]);
        newest.lock().as_mut().expect("kept").most = 2;
        assert_eq!([1, 0, 2, 1].map(|more| note(&newest, &tx, more)), [2, 0, 4, 2]);
        assert_eq!(note(&newest, &tx, 1), 0);
    }

    #[test]
    fn what_was_not_committed_is_written_again() {
        let (newest, tx) = accepted(1, &["1"]);
        tx.execute_batch("BEGIN").expect("begins");
        assert_eq!(newest.note_overdue(&tx, 1).expect("notes").0.len(), 1);
        tx.execute_batch("ROLLBACK").expect("rolls back");
        assert_eq!((newest.of("1"), row(&tx, "1")), (Some(id(1)), None));
        assert_eq!(note(&newest, &tx, 1), 1);
        assert_eq!((newest.of("1"), row(&tx, "1")), (None, Some(id(1).to_string())));
    }

    #[test]
    fn keys_tell_numbers_apart_and_sort_as_they_do() {
        let newest = Newest::new();
        newest.keep_at_most(&database(), 1).expect("loads");
        let key = |number: &str| newest.lock().as_ref().expect("kept").key(number);
        let eid = "89049032000000000000000000000123";
        let sorted = [
            "898602B0101234567890",
            "898602B0101234567891",
            "898602C0101234567890",
            "8986040012345678901F",
            eid,
        ];
        assert!(sorted.map(key).is_sorted());
        let long = format!("{eid}0");
        let other = eid.replacen('8', "1", 1);
        let alike =
            ["", "0", "00", "1", "10", "1A", "1a", "+1", "F", eid, &eid[1..], &eid[..31], &long, &other];
        let keys: std::collections::BTreeSet<u128> = alike.into_iter().map(key).collect();
        assert_eq!(keys.len(), alike.len());
        for number in alike {
            let told = number_of(key(number));
            assert!(told.as_deref().is_none_or(|told| told == number), "{number:?} became {told:?}");
        }
        for number in sorted {
            assert_eq!(number_of(key(number)).as_deref(), Some(number));
        }
    }

    #[test]
    fn what_has_ended_costs_nothing() {
        let newest = Newest::new();
        let tx = database();
        newest.keep_at_most(&tx, 4).expect("loads");
        for n in 0..100 {
            assert_eq!(note(&newest, &tx, 1), 0);
            newest.add([("a", &id(n))].into_iter());
            newest.forget([("a", &id(n))].into_iter());
        }
    }
}
