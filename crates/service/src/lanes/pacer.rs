//! Keeping one operator account within its limits: every HTTP call asks here first.

use futures::FutureExt as _;
use futures::future::BoxFuture;
use simgauge_domain::limits::{Bucket, Limits, Scope};
use simgauge_domain::pace::{Pace, Ticket};
use simgauge_domain::time::UnixMs;
use simgauge_operators::{CallGate, CallKind};
use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::Poll;
use std::time::Duration;
use tokio::time::Instant;

/// SIMs whose own buckets are kept before idle ones are dropped.
const ICCID_PACES_SWEEP: usize = 4096;

type SharedPace = Arc<Mutex<Pace>>;

/// Buckets per host, shared by all lanes of this process towards that host.
#[derive(Clone, Default)]
pub(super) struct HostPaces(Arc<Mutex<HashMap<HostBucket, SharedPace>>>);

/// A host and one of its limits.
type HostBucket = (String, u32, u32);

impl HostPaces {
    fn get(&self, host: &str, bucket: &Bucket) -> SharedPace {
        let mut hosts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let key = (host.to_owned(), bucket.limit, bucket.per_seconds);
        Arc::clone(hosts.entry(key).or_insert_with(|| Arc::new(Mutex::new(pace_of(bucket)))))
    }
}

fn pace_of(bucket: &Bucket) -> Pace {
    Pace::new(bucket.limit, Duration::from_secs(bucket.per_seconds.into()))
}

/// The paces of one lane. Time here is that of a clock that never jumps, counted from the lane's start.
#[derive(Clone)]
pub(super) struct Pacer(Arc<Inner>);

struct Inner {
    started: Instant,
    /// No call is made later than this: the lease may be another node's by then, and with it the limits.
    held_until: Mutex<Instant>,
    /// For calls of any kind.
    every_call: Vec<SharedPace>,
    /// For log-ins, beside those.
    login: Vec<SharedPace>,
    /// What each SIM's own paces look like.
    iccid_buckets: Vec<Pace>,
    iccids: Mutex<HashMap<String, Vec<SharedPace>>>,
    header_pause: Mutex<HeaderPause>,
    /// No such pause is longer.
    longest_pause: Option<Duration>,
}

/// The operator said in an answer that no calls are left.
#[derive(Default)]
struct HeaderPause {
    /// No call begins before.
    until: Option<UnixMs>,
    /// The lane has not been told yet.
    is_new: bool,
}

impl Pacer {
    pub(super) fn new(limits: &Limits, host: &str, hosts: &HostPaces) -> Self {
        let of = |scope| limits.buckets.iter().filter(move |bucket| bucket.scope == scope);
        let own = of(Scope::Credential).map(|bucket| Arc::new(Mutex::new(pace_of(bucket))));
        let shared = of(Scope::Host).map(|bucket| hosts.get(host, bucket));
        Self(Arc::new(Inner {
            started: Instant::now(),
            held_until: Mutex::new(Instant::now()),
            every_call: own.chain(shared).collect(),
            login: of(Scope::Login).map(|bucket| Arc::new(Mutex::new(pace_of(bucket)))).collect(),
            iccid_buckets: of(Scope::Iccid).map(pace_of).collect(),
            iccids: Mutex::default(),
            header_pause: Mutex::default(),
            longest_pause: limits.retry_after_max_seconds.map(|seconds| Duration::from_secs(seconds.into())),
        }))
    }

    fn now(&self) -> UnixMs {
        UnixMs(i64::try_from(self.0.started.elapsed().as_millis()).unwrap_or(i64::MAX))
    }

    /// Calls may be made until then.
    pub(super) fn hold_until(&self, until: Instant) {
        *self.0.held_until.lock().unwrap_or_else(PoisonError::into_inner) = until;
    }

    fn is_held(&self) -> bool {
        Instant::now() < *self.0.held_until.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Lets a reading go on only as long as calls may be made: a process that was frozen in the middle of one
    /// must not send it when it wakes up and the lane is another node's.
    pub(super) async fn while_held<T>(&self, reading: impl Future<Output = T>) -> T {
        let mut reading = std::pin::pin!(reading);
        std::future::poll_fn(|context| match self.is_held() {
            true => reading.as_mut().poll(context),
            // The session ends by itself and drops it.
            false => Poll::Pending,
        })
        .await
    }

    /// What the lane's own calls count for, to be handed over; in the order of the buckets.
    pub(super) fn hand_over(&self) -> Vec<Vec<i64>> {
        let now = self.now();
        self.0.every_call.iter().chain(&self.0.login).map(|pace| lock(pace).counting(now)).collect()
    }

    /// Goes on from what was handed over `age` ago; without it the limits are taken to be used up just now,
    /// since the holder before may have called until its last moment.
    pub(super) fn take_over(&self, handed_over: Option<(&[Vec<i64>], Duration)>) {
        let now = self.now();
        for (index, pace) in self.0.every_call.iter().chain(&self.0.login).enumerate() {
            let mut pace = lock(pace);
            match handed_over.and_then(|(all, age)| Some((all.get(index)?, age))) {
                Some((counting, age)) => {
                    let age = i64::try_from(age.as_millis()).unwrap_or(i64::MAX);
                    let left: Vec<i64> =
                        counting.iter().map(|left| left - age).filter(|left| *left > 0).collect();
                    pace.take_over(&left, now);
                }
                None => pace.exhaust(now),
            }
        }
    }

    /// When a step of any reading could start, as a wait from now.
    pub(super) fn wait_for_step(&self) -> Duration {
        let now = self.now();
        let paced = self.0.every_call.iter().map(|pace| lock(pace).next_at(now).since(now)).max();
        paced.unwrap_or_default().max(self.pause_from(now))
    }

    fn pause_from(&self, now: UnixMs) -> Duration {
        self.pause_state().until.map(|until| until.since(now)).unwrap_or_default()
    }

    fn pause_state(&self) -> MutexGuard<'_, HeaderPause> {
        self.0.header_pause.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// How long the operator lets no call begin, where it said so since this was asked last.
    pub(super) fn take_pause(&self) -> Option<Duration> {
        let now = self.now();
        let mut pause = self.pause_state();
        let until = pause.until.filter(|_| pause.is_new)?;
        pause.is_new = false;
        Some(until.since(now))
    }

    /// Somebody asked for the operator to be tried at once.
    pub(super) fn end_pause(&self) {
        *self.pause_state() = HeaderPause::default();
    }

    /// Calls that could start now; nothing where there is no limit.
    pub(super) fn budget(&self) -> Option<usize> {
        let now = self.now();
        if !self.pause_from(now).is_zero() {
            return Some(0);
        }
        self.0.every_call.iter().map(|pace| lock(pace).available(now)).min()
    }

    /// Readings per second in the long run, if each takes so many calls.
    pub(super) fn readings_per_second(limits: &Limits, calls_per_reading: u32) -> Option<f64> {
        limits
            .buckets
            .iter()
            .filter(|bucket| matches!(bucket.scope, Scope::Credential | Scope::Host))
            .map(|bucket| f64::from(bucket.limit) / f64::from(bucket.per_seconds.max(1)))
            .min_by(f64::total_cmp)
            .map(|calls| calls / f64::from(calls_per_reading.max(1)))
    }

    fn paces_of(&self, kind: CallKind, iccid: &str) -> Vec<SharedPace> {
        let mut paces = self.0.every_call.clone();
        match kind {
            CallKind::Login => paces.extend(self.0.login.iter().cloned()),
            CallKind::Step => paces.extend(self.iccid_paces(iccid)),
        }
        paces
    }

    fn iccid_paces(&self, iccid: &str) -> Vec<SharedPace> {
        if self.0.iccid_buckets.is_empty() {
            return Vec::new();
        }
        let now = self.now();
        let mut iccids = self.0.iccids.lock().unwrap_or_else(PoisonError::into_inner);
        if iccids.len() >= ICCID_PACES_SWEEP {
            iccids.retain(|_, paces| paces.iter().any(|pace| !lock(pace).is_idle(now)));
        }
        let fresh = || self.0.iccid_buckets.iter().map(|pace| Arc::new(Mutex::new(pace.clone()))).collect();
        iccids.entry(iccid.to_owned()).or_insert_with(fresh).clone()
    }

    /// Starts a call in every pace if each allows one now; else after how long to try again.
    fn try_start(&self, paces: &[SharedPace]) -> Result<Vec<(SharedPace, Ticket)>, Duration> {
        let now = self.now();
        let mut guards: Vec<MutexGuard<'_, Pace>> = paces.iter().map(lock).collect();
        let paced = guards.iter().map(|pace| pace.next_at(now).since(now)).max().unwrap_or_default();
        let wait = paced.max(self.pause_from(now));
        if !wait.is_zero() {
            return Err(wait);
        }
        let tickets: Vec<Ticket> = guards.iter_mut().map(|pace| pace.start(now)).collect();
        drop(guards);
        Ok(paces.iter().cloned().zip(tickets).collect())
    }
}

fn lock(pace: &SharedPace) -> MutexGuard<'_, Pace> {
    pace.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A call under way; its end is counted when this is dropped.
struct UnderWay {
    pacer: Pacer,
    counted: Vec<(SharedPace, Ticket)>,
}

impl Drop for UnderWay {
    fn drop(&mut self) {
        let now = self.pacer.now();
        for (pace, ticket) in &self.counted {
            lock(pace).finish(*ticket, now);
        }
    }
}

impl CallGate for Pacer {
    fn admit<'a>(&'a self, kind: CallKind, iccid: &'a str) -> BoxFuture<'a, Box<dyn Send>> {
        async move {
            let paces = self.paces_of(kind, iccid);
            loop {
                if !self.is_held() {
                    // The session ends by itself and drops this reading.
                    std::future::pending::<()>().await;
                }
                match self.try_start(&paces) {
                    Ok(counted) => {
                        return Box::new(UnderWay { pacer: self.clone(), counted }) as Box<dyn Send>;
                    }
                    // A millisecond more, since times are cut to whole ones.
                    Err(wait) => tokio::time::sleep(wait + Duration::from_millis(1)).await,
                }
            }
        }
        .boxed()
    }

    fn pause(&self, wait: Duration) {
        let until = self.now().after(self.0.longest_pause.map_or(wait, |longest| wait.min(longest)));
        let mut pause = self.pause_state();
        if pause.until.is_none_or(|known| known < until) {
            *pause = HeaderPause { until: Some(until), is_new: true };
        }
    }
}
