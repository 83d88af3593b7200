//! Write-back of each card's latest refresh.
//!
//! Accepting on SQLite writes at the ends of `refresh` and `task` only. Changing the card's row as well,
//! somewhere in the middle of a large table, would cost more than all the rest: another page of the log for
//! every call. So the row is updated when the refresh's reading ends, which changes the card's profile
//! anyway. Until then the refresh has a task that names it, and the latest refresh is remembered here. After
//! a restart it is found in the tasks again. (A refresh that waits for another one's task is written into the
//! row at once. So the end of a task finds all refreshes that it ends: its own, and those that the row leads
//! to.)
//!
//! Where more cards wait than are remembered, some rows are updated earlier.
//!
//! One process serves an SQLite file, and only that one accepts; it remembers. Others look through the tasks.

use crate::backend::sql::Sql;
use crate::backend::sqlite::statement::prepared;
use crate::backend::values::refresh_id_from_db;
use crate::error::StoreError;
use rusqlite::{Connection, params};
use simgauge_domain::id::RefreshId;
use simgauge_domain::ids::CardId;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Cards remembered at most, but for those that a start finds; each takes about 40 bytes. The surplus is
/// written into the cards' rows.
const MOST: usize = 450_000;

/// Updates the rows of all cards whose latest refresh has a task.
pub(crate) const WRITE_ALL: Sql = Sql::sqlite(
    "UPDATE card SET last_refresh = open.id, \
     accepted_at = (SELECT accepted_at FROM refresh WHERE refresh.id = open.id) \
     FROM (SELECT card, max(refresh) AS id FROM task GROUP BY card) AS open \
     WHERE card.id = open.card AND (card.last_refresh IS NULL OR card.last_refresh < open.id)",
);

/// The memory; none until this process accepts.
#[derive(Clone, Debug)]
pub(crate) struct DeferredCardUpdates(Arc<Mutex<Option<Memory>>>);

#[derive(Debug)]
struct Memory {
    /// A card's latest refresh, by the card's id.
    cards: BTreeMap<CardId, RefreshBits>,
    most: usize,
    /// Where the next card to be written into its row is looked for.
    sweep: CardId,
}

/// A [`RefreshId`] in 16 bytes.
type RefreshBits = u128;

impl DeferredCardUpdates {
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
        let mut memory = Memory { cards: BTreeMap::new(), most, sweep: CardId(0) };
        let mut tasks = prepared(tx, "SELECT card, refresh FROM task")?;
        let mut rows = tasks.query([])?;
        while let Some(row) = rows.next()? {
            let card = CardId(row.get(0)?);
            let refresh = row.get_ref(1)?.as_str().map_err(rusqlite::Error::from)?;
            memory.add(card, &refresh_id_from_db(refresh, format_args!("refresh of a task of card {card}"))?);
        }
        *self.lock() = Some(memory);
        Ok(())
    }

    /// Forgets everything. The next accept begins again with what has tasks.
    pub(crate) fn forget_all(&self) {
        *self.lock() = None;
    }

    /// The latest refresh of a card, as far as it is remembered.
    pub(crate) fn of(&self, card: CardId) -> Option<RefreshId> {
        self.lock().as_ref()?.cards.get(&card).copied().map(RefreshId::from_bits)
    }

    /// Remembers refreshes just accepted.
    pub(crate) fn add<'a>(&self, accepted: impl Iterator<Item = (CardId, &'a RefreshId)>) {
        if let Some(memory) = self.lock().as_mut() {
            for (card, id) in accepted {
                memory.add(card, id);
            }
        }
    }

    /// Forgets refreshes that are in their cards' rows.
    pub(crate) fn forget<'a>(&self, written: impl Iterator<Item = (CardId, &'a RefreshId)>) {
        if let Some(memory) = self.lock().as_mut() {
            for (card, id) in written {
                memory.forget(card, id.bits());
            }
        }
    }

    /// Where `more` cards would be too many: those to be written into their rows. They lie beside each other,
    /// so that many of them share a page where much of the store waits. (The oldest ones would be a page each
    /// in any case.)
    fn surplus(&self, more: usize) -> Vec<(CardId, RefreshBits)> {
        let memory = self.lock();
        let Some(memory) = memory.as_ref() else { return Vec::new() };
        // A start may have found far too many. A call must not wait until all of them are written.
        let many = (memory.cards.len() + more).saturating_sub(memory.most).min(2 * more);
        let ahead = memory.cards.range(memory.sweep..);
        let around = ahead.chain(memory.cards.range(..memory.sweep));
        around.take(many).map(|(card, id)| (*card, *id)).collect()
    }

    /// Writes the surplus into the cards' rows; answers what can be forgotten after the commit.
    pub(crate) fn write_surplus(&self, tx: &Connection, more: usize) -> Result<Written, StoreError> {
        let surplus = self.surplus(more);
        if surplus.is_empty() {
            return Ok(Written(surplus));
        }
        let mut card = prepared(
            tx,
            "UPDATE card SET last_refresh = ?2, accepted_at = ?3 \
             WHERE id = ?1 AND (last_refresh IS NULL OR last_refresh < ?2)",
        )?;
        for (number, id) in &surplus {
            let id = RefreshId::from_bits(*id);
            // The refresh's row lies anywhere in its table, so it is not looked up. The id holds the time,
            // too, unless the clock was put back. Where both are read, the refresh's own time counts.
            card.execute(params![number.0, id.as_str(), id.made_at().0])?;
        }
        Ok(Written(surplus))
    }

    /// Forgets what [`Self::write_surplus`] wrote.
    pub(crate) fn forget_surplus(&self, Written(surplus): &Written) {
        let Some((CardId(last), _)) = surplus.last() else { return };
        if let Some(memory) = self.lock().as_mut() {
            memory.sweep = CardId(last.wrapping_add(1));
            for (card, id) in surplus {
                memory.forget(*card, *id);
            }
        }
    }

    fn lock(&self) -> MutexGuard<'_, Option<Memory>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Cards whose rows were updated, with the refreshes that they name now.
#[derive(Debug)]
pub(crate) struct Written(Vec<(CardId, RefreshBits)>);

impl Memory {
    fn add(&mut self, card: CardId, id: &RefreshId) {
        let latest = self.cards.entry(card).or_default();
        *latest = id.bits().max(*latest);
    }

    fn forget(&mut self, card: CardId, id: RefreshBits) {
        if self.cards.get(&card).is_some_and(|known| *known <= id) {
            self.cards.remove(&card);
        }
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
            "CREATE TABLE task (card INT, refresh TEXT);
             CREATE TABLE card (id INTEGER PRIMARY KEY, last_refresh TEXT, accepted_at INT);",
        )
        .expect("makes tables");
        tx
    }

    fn row(tx: &Connection, card: i64) -> Option<String> {
        let of = "SELECT last_refresh FROM card WHERE id = ?1";
        tx.query_row(of, [card], |row| row.get(0)).expect("a row")
    }

    #[test]
    fn remembers_the_latest_until_the_row_has_it() {
        let deferred = DeferredCardUpdates::new();
        let tx = database();
        for (card, n) in [(1, 2), (1, 1), (2, 3)] {
            tx.execute("INSERT INTO task VALUES (?1, ?2)", params![card, id(n).as_str()]).expect("inserts");
        }
        assert!(!deferred.is_kept());
        deferred.keep(&tx).expect("loads");
        let of = |card| deferred.of(CardId(card));
        assert_eq!((of(1), of(2), of(3)), (Some(id(2)), Some(id(3)), None));
        deferred.add([(CardId(1), &id(4))].into_iter());
        deferred.forget([(CardId(1), &id(2)), (CardId(2), &id(3))].into_iter());
        assert_eq!((of(1), of(2)), (Some(id(4)), None));
    }

    #[test]
    fn a_damaged_task_is_named() {
        let tx = database();
        tx.execute("INSERT INTO task VALUES (7, 'no id')", []).expect("inserts");
        let error = DeferredCardUpdates::new().keep(&tx).expect_err("no id");
        assert!(error.to_string().ends_with("refresh of a task of card 7 is \"no id\""), "{error}");
    }

    /// A store in which cards have been accepted, remembered as far as `most` allows, each on its own.
    fn accepted(most: usize, cards: &[i64]) -> (DeferredCardUpdates, Connection) {
        let deferred = DeferredCardUpdates::new();
        let tx = database();
        deferred.keep_at_most(&tx, most).expect("loads");
        for (card, n) in cards.iter().zip(1..) {
            tx.execute("INSERT INTO card VALUES (?1, NULL, NULL)", [card]).expect("inserts");
            write(&deferred, &tx, 1);
            deferred.add([(CardId(*card), &id(n))].into_iter());
        }
        (deferred, tx)
    }

    /// Makes room for more cards; answers how many were written.
    fn write(deferred: &DeferredCardUpdates, tx: &Connection, more: usize) -> usize {
        let written = deferred.write_surplus(tx, more).expect("writes");
        deferred.forget_surplus(&written);
        written.0.len()
    }

    #[test]
    fn the_surplus_is_written_into_rows_beside_each_other_and_then_on_from_there() {
        let (deferred, tx) = accepted(4, &[3, 1, 4, 2]);
        let written = |card| row(&tx, card).is_some() && deferred.of(CardId(card)).is_none();
        assert_eq!([1, 2, 3, 4].map(written), [false; 4]);
        assert_eq!(write(&deferred, &tx, 2), 2);
        assert_eq!([1, 2, 3, 4].map(written), [true, true, false, false]);
        assert_eq!((row(&tx, 1), row(&tx, 2)), (Some(id(2).to_string()), Some(id(4).to_string())));
        deferred.add([(CardId(1), &id(5)), (CardId(2), &id(6))].into_iter());
        assert_eq!(write(&deferred, &tx, 1), 1);
        assert_eq!(deferred.of(CardId(3)), None);
        assert_eq!(write(&deferred, &tx, 3), 2);
        let of = |card| deferred.of(CardId(card));
        assert_eq!((of(4), of(1), of(2)), (None, None, Some(id(6))));
        assert_eq!((row(&tx, 4), row(&tx, 1)), (Some(id(3).to_string()), Some(id(5).to_string())));
    }

    #[test]
    fn the_row_gets_the_time_too() {
        let (deferred, tx) = accepted(1, &[]);
        let at = UnixMs(1_800_000_000_123);
        tx.execute("INSERT INTO card VALUES (1, NULL, NULL)", []).expect("inserts");
        deferred.add([(CardId(1), &RefreshId::new(at, 7))].into_iter());
        assert_eq!(write(&deferred, &tx, 1), 1);
        let first = |row: &rusqlite::Row<'_>| row.get::<_, i64>(0);
        assert_eq!(tx.query_row("SELECT accepted_at FROM card", [], first), Ok(at.0));
    }

    #[test]
    fn a_start_that_finds_too_much_is_worked_off_little_by_little() {
        let (deferred, tx) = accepted(100, &[1, 2, 3, 4, 5, 6, 7, 8, 9]);
        deferred.lock().as_mut().expect("kept").most = 2;
        assert_eq!([1, 0, 2, 1].map(|more| write(&deferred, &tx, more)), [2, 0, 4, 2]);
        assert_eq!(write(&deferred, &tx, 1), 0);
    }

    #[test]
    fn what_was_not_committed_is_written_again() {
        let (deferred, tx) = accepted(1, &[1]);
        tx.execute_batch("BEGIN").expect("begins");
        assert_eq!(deferred.write_surplus(&tx, 1).expect("writes").0.len(), 1);
        tx.execute_batch("ROLLBACK").expect("rolls back");
        assert_eq!((deferred.of(CardId(1)), row(&tx, 1)), (Some(id(1)), None));
        assert_eq!(write(&deferred, &tx, 1), 1);
        assert_eq!((deferred.of(CardId(1)), row(&tx, 1)), (None, Some(id(1).to_string())));
    }

    #[test]
    fn what_has_ended_costs_nothing() {
        let deferred = DeferredCardUpdates::new();
        let tx = database();
        deferred.keep_at_most(&tx, 4).expect("loads");
        for n in 0..100 {
            assert_eq!(write(&deferred, &tx, 1), 0);
            deferred.add([(CardId(1), &id(n))].into_iter());
            deferred.forget([(CardId(1), &id(n))].into_iter());
        }
    }
}
