//! Customers that press the button as fast as they can, each card once.

use crate::record::Notes;
use crate::world::App;
use serde_json::json;
use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// Calls at once.
const CALLERS: usize = 4;

/// Pause after a call that was not answered with 200.
const AFTER_FAILURE: Duration = Duration::from_millis(50);

/// What the callers share.
struct Shared {
    app: App,
    address: SocketAddr,
    numbers: Vec<String>,
    next: AtomicUsize,
    paused: AtomicBool,
    stopping: AtomicBool,
    notes: Notes,
    seen: Mutex<Seen>,
}

/// What the callers were answered.
#[derive(Clone, Debug, Default)]
pub struct Seen {
    /// Refreshes: ids and numbers.
    pub answered: Vec<(String, String)>,
    /// Other answers by code; failures of the connection as such.
    pub others: BTreeMap<String, usize>,
}

/// Calls that are being made.
pub struct Load {
    shared: Arc<Shared>,
    callers: Vec<JoinHandle<()>>,
}

impl Load {
    /// Begins. Each answered refresh is noted in the record as `refresh ID NUMBER`.
    #[must_use]
    pub fn start(app: &App, address: SocketAddr, numbers: Vec<String>, notes: Notes) -> Self {
        let shared = Arc::new(Shared {
            app: app.clone(),
            address,
            numbers,
            next: AtomicUsize::new(0),
            paused: AtomicBool::new(false),
            stopping: AtomicBool::new(false),
            notes,
            seen: Mutex::default(),
        });
        let caller = |_| {
            let shared = Arc::clone(&shared);
            std::thread::spawn(move || shared.call_until_stopped())
        };
        let callers = (0..CALLERS).map(caller).collect();
        Self { shared, callers }
    }

    /// Makes no calls while `paused`. Those on their way are finished.
    pub fn pause(&self, paused: bool) {
        self.shared.paused.store(paused, Ordering::Relaxed);
    }

    /// How many calls were made so far, whatever came of them.
    #[must_use]
    pub fn calls(&self) -> usize {
        let seen = self.shared.seen.lock().unwrap_or_else(PoisonError::into_inner);
        seen.answered.len() + seen.others.values().sum::<usize>()
    }

    /// Waits until so many more calls were made, or so long.
    pub fn wait_for(&self, calls: usize, most: Duration) {
        let (began, until) = (Instant::now(), self.calls() + calls);
        while self.calls() < until && began.elapsed() < most {
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    /// Ends the calls.
    #[must_use]
    pub fn stop(self) -> Seen {
        self.shared.stopping.store(true, Ordering::Relaxed);
        for caller in self.callers {
            // A caller that panicked has printed why, and is missing among the answers.
            let _ = caller.join();
        }
        self.shared.seen.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl Shared {
    fn call_until_stopped(&self) {
        while !self.stopping.load(Ordering::Relaxed) {
            if self.paused.load(Ordering::Relaxed) {
                std::thread::sleep(Duration::from_millis(5));
                continue;
            }
            let Some(number) = self.numbers.get(self.next.fetch_add(1, Ordering::Relaxed)) else { return };
            let refresh =
                self.app.call(self.address, "/api/v3/card/refreshUsage", &json!({ "iccid": number }));
            let answered = match refresh {
                Ok((code, data)) if code == "200" => Ok(data["refreshId"].as_str().unwrap_or("?").to_owned()),
                Ok((code, _)) => Err(code),
                Err(_) => Err("no answer".to_owned()),
            };
            let noted = match &answered {
                Ok(id) => self.notes.add(&format!("refresh {id} {number}")),
                Err(_) => Ok(()),
            };
            let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
            match (answered, noted) {
                (Ok(id), Ok(())) => seen.answered.push((id, number.clone())),
                (Err(code), _) => {
                    *seen.others.entry(code).or_default() += 1;
                    drop(seen);
                    std::thread::sleep(AFTER_FAILURE);
                }
                (_, Err(error)) => {
                    *seen.others.entry(format!("not noted: {error}")).or_default() += 1;
                }
            }
        }
    }
}
