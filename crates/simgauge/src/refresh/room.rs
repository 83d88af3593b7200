//! How many calls may wait to be made durable: as many as are committed soon. A caller that would wait longer is better told to
//! come back, at once.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

/// A group's first call waits so long at most, as far as can be told beforehand.
const LONGEST: Duration = Duration::from_millis(50);

/// So many may always wait. Groups of fewer would take nearly as long, and more callers would have to come back.
const LEAST: usize = 256;

/// Room for waiting calls; changes with how long they had to wait.
pub(super) struct Room {
    most: usize,
    now: AtomicUsize,
}

impl Room {
    /// For `most` calls, as long as nothing is known.
    pub(super) fn new(most: usize) -> Self {
        Self { most, now: AtomicUsize::new(most) }
    }

    /// Whether there is room for one more beside those that wait.
    pub(super) fn is_there(&self, waiting: usize) -> bool {
        waiting < self.now.load(Ordering::Relaxed)
    }

    /// The first of a group waited that long, and that many came meanwhile: what came too late to be committed within
    /// [`LONGEST`] does not get in the next time. Room grows again, by an eighth a group, once the wait is half of that.
    pub(super) fn learn(&self, waited: Duration, came: usize) {
        let now = self.now.load(Ordering::Relaxed);
        let next = if waited > LONGEST {
            (came as f64 * LONGEST.as_secs_f64() / waited.as_secs_f64()) as usize
        } else if waited < LONGEST / 2 {
            now + now / 8
        } else {
            now
        };
        let next = next.clamp(LEAST.min(self.most), self.most);
        if next != now {
            self.now.store(next, Ordering::Relaxed);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MOST: usize = 1024;

    fn ms(ms: u64) -> Duration {
        Duration::from_millis(ms)
    }

    /// How many may wait once it does not change any more, where so many are committed a second and more than that come.
    fn settled(room: &Room, per_second: usize) -> usize {
        for _ in 0..100 {
            let waiting = room.now.load(Ordering::Relaxed);
            room.learn(Duration::from_secs_f64(waiting as f64 / per_second as f64), waiting);
        }
        room.now.load(Ordering::Relaxed)
    }

    #[test]
    fn as_many_wait_as_are_committed_in_time() {
        let room = Room::new(MOST);
        for per_second in [12_000, 6_000, 20_000, 8_000] {
            let fit = per_second * 50 / 1000;
            let waiting = settled(&room, per_second);
            assert!((fit / 2..=fit).contains(&waiting), "{waiting} wait at {per_second}/s");
        }
        assert_eq!(settled(&room, 100_000), MOST);
    }

    #[test]
    fn some_may_always_wait() {
        let room = Room::new(MOST);
        room.learn(Duration::from_secs(60), 1);
        assert!(room.is_there(LEAST - 1) && !room.is_there(LEAST));
        assert!(!Room::new(1).is_there(1));
    }

    #[test]
    fn one_pause_of_the_disk_is_forgotten_within_some_groups() {
        let room = Room::new(MOST);
        room.learn(ms(400), MOST);
        assert!(!room.is_there(MOST / 2));
        for _ in 0..15 {
            room.learn(ms(3), 50);
        }
        assert!(room.is_there(MOST - 1));
    }
}
