//! Many SIMs at the simulator's operators: in the fewest calls that each allows, exact, within its limits.

use crate::many::{numbers, outcomes};
use crate::support::{NOW, account, built_in};
use futures::FutureExt as _;
use futures::future::BoxFuture;
use simgauge_domain::failure::FailureKind;
use simgauge_domain::time::UnixMs;
use simgauge_operators::{CallGate, CallKind, ManyReadings, Operator, ProfileRef, builtin_definitions};
use simgauge_simulator::{Fault, FaultSpan, Simulator, SimulatorConfig};
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

/// A thousand SIMs: the operator, the fewest usage calls, and log-ins.
const FEWEST: [(&str, u64, u64); 10] = [
    ("telnyx", 4, 0),
    ("simboss", 10, 0),
    ("onelink_v5", 10, 1),
    ("huawei_gsl", 20, 1),
    ("aeris", 10, 1),
    ("alibaba_linkcard", 25, 0),
    ("esim_access", 2, 0),
    ("hologram", 10, 0),
    ("simbase", 10, 0),
    ("unicom_cmp", 20, 0),
];
/// A device of it can have another profile, which nobody asks about.
const HAS_OTHER_PROFILES: &str = "hologram";

/// Permits a call every quarter of a second of a clock that moves with them, as a lane's pace would.
struct Paced(Arc<AtomicI64>);

impl CallGate for Paced {
    fn admit<'a>(&'a self, _: CallKind, _: &'a str) -> BoxFuture<'a, Box<dyn Send>> {
        self.0.fetch_add(250, Ordering::SeqCst);
        futures::future::ready(Box::new(()) as Box<dyn Send>).boxed()
    }
}

struct World {
    simulator: Simulator,
    clock: Arc<AtomicI64>,
}

impl World {
    async fn new() -> Self {
        let clock = Arc::new(AtomicI64::new(NOW));
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let now = now(&clock);
        let simulator = Simulator::start(listener, SimulatorConfig::fixed(), now).await.unwrap();
        Self { simulator, clock }
    }

    async fn read(&self, name: &str, iccids: &[String]) -> ManyReadings {
        let definition = built_in(name);
        let account = account(&definition, &self.simulator.base_url(name));
        let operator = Operator::new(definition, account, now(&self.clock)).unwrap();
        let profiles: Vec<ProfileRef<'_>> =
            iccids.iter().map(|iccid| ProfileRef { iccid, eid: None }).collect();
        operator.read_many(&profiles, &Paced(Arc::clone(&self.clock))).await
    }
}

fn now(clock: &Arc<AtomicI64>) -> simgauge_operators::Clock {
    let clock = Arc::clone(clock);
    Arc::new(move || UnixMs(clock.load(Ordering::SeqCst)))
}

/// Another number for each SIM, exact in the decimals of every operator: quarters of 1,048,576 bytes.
const fn used(index: usize) -> u64 {
    (index as u64 + 1) * 262_144
}

#[tokio::test]
async fn a_thousand_sims_are_read_in_the_fewest_calls() {
    let world = World::new().await;
    let iccids = numbers(1_000);
    for (name, calls, logins) in FEWEST {
        for (index, iccid) in iccids.iter().enumerate() {
            world.simulator.set_usage(name, iccid, used(index));
        }
        let readings = world.read(name, &iccids).await;
        for (index, outcome) in outcomes(&readings).into_iter().enumerate() {
            assert_eq!(outcome, Ok(used(index)), "{name} {index}");
        }
        let stats = world.simulator.stats(name);
        assert_eq!((stats.data_requests, stats.logins), (calls, logins), "{name}");
        assert_eq!((stats.violations, stats.readings), (0, 1_000), "{name}: {stats:?}");
        assert_eq!(readings.calls as u64, calls + logins, "{name}");
        assert!(readings.ignored == 0 || name == HAS_OTHER_PROFILES, "{name}: {}", readings.ignored);
    }
}

#[test]
fn what_a_definition_says_of_many_is_known() {
    for (name, _) in builtin_definitions() {
        let many = built_in(name).many();
        match name {
            "telnyx" => assert_eq!(many.unwrap().ids, None),
            "simboss" => assert_eq!(many.unwrap().ids, Some(100)),
            "onelink_v5" => {
                let many = many.unwrap();
                assert_eq!((many.ids, many.declared_lag_seconds), (Some(100), Some(86_400)));
            }
            "huawei_gsl" | "unicom_cmp" => assert_eq!(many.unwrap().ids, Some(50)),
            "aeris" => assert_eq!(many.unwrap().ids, Some(100)),
            "alibaba_linkcard" | "hologram" | "simbase" => assert_eq!(many.unwrap().ids, None),
            "esim_access" => {
                let many = many.unwrap();
                assert_eq!((many.ids, many.declared_lag_seconds), (None, Some(10_800)));
            }
            _ => assert_eq!(many, None, "{name}"),
        }
    }
}

#[tokio::test]
async fn unknown_sims_are_their_own_failure_and_no_others() {
    let world = World::new().await;
    let iccids = numbers(60);
    for (name, _, _) in FEWEST {
        for (index, iccid) in iccids.iter().enumerate() {
            world.simulator.set_usage(name, iccid, used(index));
        }
        world.simulator.set_unknown(name, &iccids[7], true);
        world.simulator.set_unknown(name, &iccids[55], true);
        let readings = world.read(name, &iccids).await;
        for (index, outcome) in outcomes(&readings).into_iter().enumerate() {
            match (index, name, outcome) {
                // The call is refused, and asked again about fewer.
                (7 | 55, "onelink_v5" | "huawei_gsl", Err((kind, _))) => {
                    assert_eq!(kind, FailureKind::NotFound, "{name}");
                }
                // They have no element, which may have other reasons.
                (7 | 55, _, Err((FailureKind::BadAnswer, detail))) => {
                    assert!(detail.contains(&iccids[index]), "{name}: {detail}");
                }
                (_, _, outcome) => assert_eq!(outcome, Ok(used(index)), "{name} {index}"),
            }
        }
        assert_eq!(world.simulator.stats(name).violations, 0, "{name}");
    }
}

#[tokio::test]
async fn elements_that_are_wrong_are_their_sims_failures() {
    let world = World::new().await;
    let iccids = numbers(5);
    for (name, _, _) in FEWEST {
        for (index, iccid) in iccids.iter().enumerate() {
            world.simulator.set_usage(name, iccid, used(index));
        }
        let faults = [(1, Fault::Nonsense), (2, Fault::EmptyBody), (3, Fault::WrongCard)];
        for (index, fault) in faults {
            world.simulator.set_fault(name, Some(&iccids[index]), fault, FaultSpan::Forever);
        }
        let readings = world.read(name, &iccids).await;
        let outcomes = outcomes(&readings);
        assert_eq!((&outcomes[0], &outcomes[4]), (&Ok(used(0)), &Ok(used(4))), "{name}");
        for outcome in &outcomes[1..4] {
            assert!(matches!(outcome, Err((FailureKind::BadAnswer, _))), "{name}: {outcomes:?}");
        }
        assert!(readings.ignored > 0, "{name}: the element about another SIM is counted");
    }
}

#[tokio::test]
async fn a_log_in_that_runs_out_in_a_batch_is_renewed_once() {
    let world = World::new().await;
    let iccids = numbers(150);
    for name in ["onelink_v5", "huawei_gsl", "aeris"] {
        for (index, iccid) in iccids.iter().enumerate() {
            world.simulator.set_usage(name, iccid, used(index));
        }
        world.simulator.set_fault(name, None, Fault::AuthExpired, FaultSpan::Count(1));
        let readings = world.read(name, &iccids).await;
        assert!(outcomes(&readings).iter().all(Result::is_ok), "{name}: {readings:?}");
        assert_eq!(world.simulator.stats(name).logins, 2, "{name}");
    }
}
