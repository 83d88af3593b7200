//! The part of a lane's queue that is in memory: a bounded window of each account's waiting tasks, those put
//! off until later, and which account is next.

use simgauge_domain::fairness::RoundRobin;
use simgauge_domain::time::UnixMs;
use simgauge_store::{Task, TaskKey};
use std::collections::{BTreeMap, HashMap, HashSet, VecDeque};

/// Tasks of one account that are read at once.
pub(super) const WINDOW: usize = 256;
/// Tasks put off before a lane takes up no new ones: an operator that fails for so many SIMs at once has to
/// be waited for.
const PUT_OFF_MAX: usize = 4096;

/// Tasks in memory.
#[derive(Default)]
pub(super) struct Window {
    round_robin: RoundRobin,
    accounts: HashMap<String, Waiting>,
    put_off: BTreeMap<(UnixMs, TaskKey), Task>,
    /// Every task that is in memory or being read, so that none is taken twice.
    known: HashSet<TaskKey>,
}

struct Waiting {
    tasks: VecDeque<Task>,
    /// Whether the store may hold more than is here.
    more: bool,
}

impl Window {
    /// There may be new work of an account.
    pub(super) fn look_again(&mut self, account: &str) {
        self.accounts
            .entry(account.to_owned())
            .and_modify(|waiting| waiting.more = true)
            .or_insert_with(|| Waiting { tasks: VecDeque::new(), more: true });
        self.round_robin.join(account);
    }

    /// The account whose tasks have to be fetched before the next one can be given out.
    pub(super) fn wants(&self) -> Option<String> {
        if self.put_off.len() >= PUT_OFF_MAX {
            return None;
        }
        self.accounts
            .iter()
            .find(|(_, waiting)| waiting.tasks.is_empty() && waiting.more)
            .map(|(account, _)| account.clone())
    }

    /// How many tasks of the store to fetch so that, beside those known already, a window's worth is new.
    pub(super) fn fetch_limit(&self) -> usize {
        WINDOW + self.known.len()
    }

    /// Takes in what was fetched from the start of an account's queue. `more`: the store may hold others.
    pub(super) fn fetched(&mut self, account: &str, tasks: Vec<Task>, more: bool, now: UnixMs) {
        let mut fresh = VecDeque::new();
        for task in tasks {
            if !self.known.insert(task.key.clone()) {
                continue;
            }
            if task.not_before > now && !is_of_a_clock_ahead(&task, now) {
                self.put_off.insert((task.not_before, task.key.clone()), task);
            } else {
                fresh.push_back(task);
            }
        }
        if let Some(waiting) = self.accounts.get_mut(account) {
            waiting.tasks.extend(fresh);
            waiting.more = more;
            if waiting.tasks.is_empty() && !more {
                self.accounts.remove(account);
                self.round_robin.leave(account);
            }
        }
    }

    /// The next task; it stays known until [`Self::forget`] or [`Self::put_off`].
    pub(super) fn next(&mut self, now: UnixMs) -> Option<Task> {
        self.take_back_due(now);
        let accounts = &self.accounts;
        let account = self
            .round_robin
            .next(|account| accounts.get(account).is_some_and(|one| !one.tasks.is_empty()))?;
        let waiting = self.accounts.get_mut(&account)?;
        let task = waiting.tasks.pop_front();
        if waiting.tasks.is_empty() && !waiting.more {
            self.accounts.remove(&account);
            self.round_robin.leave(&account);
        }
        task
    }

    /// Puts tasks whose time has come back in front of their accounts' queues: they have waited longest.
    fn take_back_due(&mut self, now: UnixMs) {
        while let Some(entry) = self.put_off.first_entry() {
            if entry.key().0 > now {
                break;
            }
            let task = entry.remove();
            self.put_in_front(task);
        }
        while let Some(entry) = self.put_off.last_entry() {
            if !is_of_a_clock_ahead(entry.get(), now) {
                break;
            }
            let task = entry.remove();
            self.put_in_front(task);
        }
    }

    /// Puts a task in front of its account's queue.
    pub(super) fn put_in_front(&mut self, task: Task) {
        let account = task.key.account.clone();
        self.round_robin.join(&account);
        self.accounts
            .entry(account)
            .or_insert_with(|| Waiting { tasks: VecDeque::new(), more: false })
            .tasks
            .push_front(task);
    }

    /// Puts a task off.
    pub(super) fn put_off(&mut self, task: Task) {
        self.put_off.insert((task.not_before, task.key.clone()), task);
    }

    /// Takes tasks out that are to be given out no more; they stay known until [`Self::forget`].
    pub(super) fn withdraw(&mut self, keys: &HashSet<TaskKey>) {
        self.known.extend(keys.iter().cloned());
        self.put_off.retain(|(_, key), _| !keys.contains(key));
        for (account, waiting) in &mut self.accounts {
            if keys.iter().any(|key| key.account == *account) {
                waiting.tasks.retain(|task| !keys.contains(&task.key));
            }
        }
    }

    /// A task is done and out of the store.
    pub(super) fn forget(&mut self, key: &TaskKey) {
        self.known.remove(key);
    }

    /// When the next task that was put off may be tried, by the clock as it is.
    pub(super) fn next_due(&self) -> Option<UnixMs> {
        self.put_off.first_key_value().map(|((at, _), _)| *at)
    }

    /// Whether a task could be given out now.
    pub(super) fn has_ready(&self, now: UnixMs) -> bool {
        let is_ahead = |(_, task)| is_of_a_clock_ahead(task, now);
        self.next_due().is_some_and(|at| at <= now)
            || self.put_off.last_key_value().is_some_and(is_ahead)
            || self.accounts.values().any(|one| !one.tasks.is_empty())
    }
}

/// Whether a clock that was ahead put a task off: then it is due, since nobody knows for how long it has
/// waited.
fn is_of_a_clock_ahead(task: &Task, now: UnixMs) -> bool {
    task.first_attempt_at.is_some_and(|at| at.is_of_a_clock_ahead(now))
}

#[cfg(test)]
mod tests {
    use super::*;
    use simgauge_domain::id::RefreshId;
    use simgauge_domain::ids::{CardId, ProfileId};

    fn task(account: &str, n: u32, not_before: i64) -> Task {
        Task {
            key: TaskKey {
                account: account.into(),
                refresh: RefreshId::new(UnixMs(1), n.into()),
                profile: ProfileId(n.into()),
            },
            card: CardId(n.into()),
            number: n.to_string(),
            iccid: n.to_string(),
            eid: None,
            attempts: 0,
            first_attempt_at: None,
            not_before: UnixMs(not_before),
            last_read_at: None,
            operator_id: None,
        }
    }

    fn fill(window: &mut Window, account: &str, count: u32) {
        window.look_again(account);
        assert_eq!(window.wants().as_deref(), Some(account));
        window.fetched(account, (0..count).map(|n| task(account, n, 0)).collect(), false, UnixMs(5));
    }

    #[test]
    fn accounts_take_turns() {
        let mut window = Window::default();
        fill(&mut window, "many", 5);
        assert_eq!(window.next(UnixMs(5)).expect("task").key.account, "many");
        fill(&mut window, "one", 1);
        let order: Vec<String> =
            std::iter::from_fn(|| window.next(UnixMs(5))).map(|task| task.key.account).collect();
        assert_eq!(order, ["many", "one", "many", "many", "many"]);
        assert_eq!(window.wants(), None);
    }

    #[test]
    fn a_task_is_taken_once_until_it_is_forgotten() {
        let mut window = Window::default();
        fill(&mut window, "a", 2);
        let first = window.next(UnixMs(5)).expect("task");
        window.look_again("a");
        let again = vec![task("a", 0, 0), task("a", 1, 0), task("a", 2, 0)];
        window.fetched("a", again, false, UnixMs(5));
        assert_eq!(window.next(UnixMs(5)).expect("task").number, "1");
        assert_eq!(window.next(UnixMs(5)).expect("task").number, "2");
        assert_eq!(window.next(UnixMs(5)), None);
        window.forget(&first.key);
        window.look_again("a");
        window.fetched("a", vec![task("a", 0, 0)], false, UnixMs(5));
        assert_eq!(window.next(UnixMs(5)).expect("task").number, "0");
    }

    #[test]
    fn what_is_withdrawn_is_not_given_out_again() {
        let mut window = Window::default();
        fill(&mut window, "a", 3);
        let put_off = window.next(UnixMs(5)).expect("task");
        window.put_off(Task { not_before: UnixMs(7), ..put_off.clone() });
        window.withdraw(&[put_off.key.clone(), task("a", 1, 0).key].into());
        assert_eq!(window.next(UnixMs(9)).expect("task").number, "2");
        assert_eq!((window.next(UnixMs(9)), window.next_due()), (None, None));
        window.look_again("a");
        window.fetched("a", (0..3).map(|n| task("a", n, 0)).collect(), false, UnixMs(9));
        assert_eq!(window.next(UnixMs(9)), None, "all are known");
    }

    #[test]
    fn what_is_put_off_comes_back_first_when_its_time_has_come() {
        let mut window = Window::default();
        fill(&mut window, "a", 2);
        let mut first = window.next(UnixMs(5)).expect("task");
        first.not_before = UnixMs(50);
        window.put_off(first);
        assert_eq!(window.next_due(), Some(UnixMs(50)));
        assert_eq!(window.next(UnixMs(50)).expect("task").number, "0");
        assert_eq!(window.next(UnixMs(50)).expect("task").number, "1");
        window.look_again("a");
        window.fetched("a", vec![task("a", 7, 99)], false, UnixMs(50));
        assert_eq!(window.next(UnixMs(98)), None);
        assert_eq!(window.next(UnixMs(99)).expect("task").number, "7");
    }

    #[test]
    fn what_a_clock_ahead_put_off_is_due_when_the_clock_is_put_back() {
        const DAY: i64 = 86_400_000;
        let mut window = Window::default();
        let put_off = |n| Task { first_attempt_at: Some(UnixMs(DAY)), ..task("a", n, DAY + 60_000) };
        window.look_again("a");
        window.fetched("a", vec![put_off(0)], false, UnixMs(DAY));
        assert!(!window.has_ready(UnixMs(DAY)));
        assert!(window.has_ready(UnixMs(5)));
        assert_eq!(window.next(UnixMs(5)).expect("task").number, "0");
        window.look_again("a");
        window.fetched("a", vec![put_off(1)], false, UnixMs(5));
        assert_eq!(window.next(UnixMs(5)).expect("task").number, "1");
    }
}
