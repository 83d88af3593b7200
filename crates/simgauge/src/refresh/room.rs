//! How many calls may be on their way to being durable: as many as get there soon. A caller that would wait longer is better
//! told to come back.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

/// A call is durable within so long, from the queue's entrance on, as far as can be told beforehand.
const LONGEST: Duration = Duration::from_millis(12);

/// So many always get in. Groups of fewer would take nearly as long, and more callers would have to come back.
const LEAST: usize = 256;

/// Room for calls; changes with how long they took.
pub(super) struct Room {
    most: usize,
    now: AtomicUsize,
    inside: AtomicUsize,
}

/// A call's place in the room, which it leaves when this is dropped.
pub(super) struct Place {
    room: Arc<Room>,
    /// When it came.
    pub(super) since: Instant,
}

impl Room {
    /// For `most` calls, as long as nothing is known.
    pub(super) fn new(most: usize) -> Self {
        Self { most, now: AtomicUsize::new(most), inside: AtomicUsize::new(0) }
    }

    /// How many are inside.
    pub(super) fn inside(&self) -> usize {
        self.inside.load(Ordering::Relaxed)
    }

    /// Gets in, where there is room.
    pub(super) fn enter(self: &Arc<Self>) -> Option<Place> {
        let most = self.now.load(Ordering::Relaxed);
        self.inside
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, |inside| {
                (inside < most).then_some(inside + 1)
            })
            .ok()?;
        Some(Place { room: Arc::clone(self), since: Instant::now() })
    }

    /// Whoever came first of those inside is durable after so long; all others came meanwhile. What comes through in that time
    /// comes through in [`LONGEST`] accordingly. Room grows by an eighth at most, since one group may have been lucky. One
    /// thread learns.
    pub(super) fn learn(&self, took: Duration) {
        let now = self.now.load(Ordering::Relaxed);
        let fit = (self.inside() as f64 * LONGEST.as_secs_f64() / took.as_secs_f64()) as usize;
        let next = if took > LONGEST { fit.min(now) } else { fit.clamp(now, now + now / 8 + 1) };
        let next = next.clamp(LEAST.min(self.most), self.most);
        if next != now {
            self.now.store(next, Ordering::Relaxed);
        }
    }
}

impl Drop for Place {
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

    /// As many as there is room for, but not more than so many.
    fn fill(room: &Arc<Room>, places: &mut Vec<Place>, most: usize) {
        while places.len() < most
            && let Some(place) = room.enter()
        {
            places.push(place);
        }
    }

    /// How many get in once it does not change any more, where so many become durable a second and more than that come.
    fn settled(room: &Arc<Room>, per_second: usize) -> usize {
        let mut places = Vec::new();
        for _ in 0..100 {
            fill(room, &mut places, usize::MAX);
            room.learn(Duration::from_secs_f64(places.len() as f64 / per_second as f64));
            places.clear();
        }
        now(room)
    }

    #[test]
    fn as_many_get_in_as_are_durable_in_time() {
        let room = Arc::new(Room::new(MOST));
        for per_second in [48_000, 24_000, 36_000, 80_000, 32_000] {
            let fit = (per_second as f64 * LONGEST.as_secs_f64()) as usize;
            let inside = settled(&room, per_second);
            assert!((fit - 1..=fit + 1).contains(&inside), "{inside} get in at {per_second}/s");
        }
        assert_eq!(settled(&room, 200_000), MOST);
        assert_eq!(settled(&room, 12_000), LEAST);
    }

    #[test]
    fn some_always_get_in() {
        let room = Arc::new(Room::new(MOST));
        room.learn(Duration::from_secs(60));
        let mut places = Vec::new();
        fill(&room, &mut places, usize::MAX);
        assert_eq!((places.len(), room.inside()), (LEAST, LEAST));
        places.pop();
        assert!(room.enter().is_some(), "who goes makes room");
        let small = Arc::new(Room::new(1));
        let only = small.enter();
        assert!(only.is_some() && small.enter().is_none());
    }

    #[test]
    fn few_calls_that_are_fast_take_no_room_away() {
        let room = Arc::new(Room::new(MOST));
        let _place = room.enter();
        room.learn(LONGEST / 2);
        assert_eq!(now(&room), MOST);
    }

    #[test]
    fn one_pause_of_the_disk_is_soon_forgotten() {
        let room = Arc::new(Room::new(MOST));
        let place = room.enter();
        room.learn(Duration::from_millis(400));
        drop(place);
        assert_eq!(now(&room), LEAST);
        let mut places = Vec::new();
        for _ in 0..15 {
            fill(&room, &mut places, MOST);
            room.learn(Duration::from_millis(3));
            places.clear();
        }
        assert_eq!(now(&room), MOST);
    }
}
