//! How many calls may be on their way to being durable: as many as are answered soon. A caller that would wait longer is better
//! told to come back.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

/// A call is answered within so long, from the queue's entrance on, as far as can be told beforehand.
const LONGEST: Duration = Duration::from_millis(25);

/// So many always get in. Groups of fewer would take nearly as long, and more callers would have to come back.
const LEAST: usize = 256;

/// Room for calls; changes with how long they had to wait.
pub(super) struct Room {
    most: usize,
    now: AtomicUsize,
    inside: AtomicUsize,
}

/// A call's place in the room, which it leaves when this is dropped.
pub(super) struct Place<'a> {
    room: &'a Room,
    since: Instant,
    /// How many were inside then, this one too.
    inside: usize,
}

impl Room {
    /// For `most` calls, as long as nothing is known.
    pub(super) fn new(most: usize) -> Self {
        Self { most, now: AtomicUsize::new(most), inside: AtomicUsize::new(0) }
    }

    /// Gets in, where there is room.
    pub(super) fn enter(&self) -> Option<Place<'_>> {
        let inside = self.inside.fetch_add(1, Ordering::Relaxed) + 1;
        let place = Place { room: self, since: Instant::now(), inside };
        (inside <= self.now.load(Ordering::Relaxed)).then_some(place)
    }

    /// A call was answered after so long, with that many inside when it came. What goes through in that time goes through in
    /// [`LONGEST`] accordingly; once calls take less than half of that, room grows with each.
    fn learn(&self, took: Duration, inside: usize) {
        let now = self.now.load(Ordering::Relaxed);
        let next = if took > LONGEST {
            now.min((inside as f64 * LONGEST.as_secs_f64() / took.as_secs_f64()) as usize)
        } else if took < LONGEST / 2 {
            now + 1
        } else {
            now
        };
        let next = next.clamp(LEAST.min(self.most), self.most);
        if next != now {
            self.now.store(next, Ordering::Relaxed);
        }
    }
}

impl Place<'_> {
    /// When the call came.
    pub(super) fn since(&self) -> Instant {
        self.since
    }

    /// The call was answered.
    pub(super) fn answered(self) {
        self.room.learn(self.since.elapsed(), self.inside);
    }
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        self.room.inside.fetch_sub(1, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MOST: usize = 1024;

    fn now(room: &Room) -> usize {
        room.now.load(Ordering::Relaxed)
    }

    /// How many get in once it does not change any more, where so many are answered a second and more than that come.
    fn settled(room: &Room, per_second: usize) -> usize {
        for _ in 0..10_000 {
            let inside = now(room);
            room.learn(Duration::from_secs_f64(inside as f64 / per_second as f64), inside);
        }
        now(room)
    }

    #[test]
    fn as_many_get_in_as_are_answered_in_time() {
        let room = Room::new(MOST);
        for per_second in [24_000, 12_000, 40_000, 16_000] {
            let fit = per_second * 25 / 1000;
            let inside = settled(&room, per_second);
            assert!((fit / 2..=fit).contains(&inside), "{inside} get in at {per_second}/s");
        }
        assert_eq!(settled(&room, 100_000), MOST);
    }

    #[test]
    fn some_always_get_in() {
        let room = Room::new(MOST);
        room.learn(Duration::from_secs(60), 1);
        let places: Vec<_> = (0..LEAST).map(|_| room.enter()).collect();
        assert!(places.iter().all(Option::is_some));
        assert!(room.enter().is_none());
        drop(places);
        assert!(room.enter().is_some(), "who goes makes room");
        let small = Room::new(1);
        let only = small.enter();
        assert!(only.is_some() && small.enter().is_none());
    }

    #[test]
    fn one_pause_of_the_disk_is_soon_forgotten() {
        let room = Room::new(MOST);
        for _ in 0..MOST {
            room.learn(Duration::from_millis(400), MOST);
        }
        assert_eq!(now(&room), LEAST);
        for _ in LEAST..MOST {
            room.learn(Duration::from_millis(3), 50);
        }
        assert_eq!(now(&room), MOST);
    }
}
