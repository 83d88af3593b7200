//! Every built-in definition reads the simulator's operator of the same name.

use crate::support::{ICCID, NOW, account, built_in, clock, operator, profile};
use secrecy::SecretString;
use simgauge_domain::failure::FailureKind;
use simgauge_domain::time::UnixMs;
use simgauge_operators::{Clock, NoGate, Operator, ProfileRef, builtin_definitions};
use simgauge_simulator::{Fault, FaultSpan, Simulator, SimulatorConfig};
use std::sync::Arc;

/// A whole number of MB both of 1,000,000 and of 1,048,576 bytes.
const USED: u64 = 16_384_000_000;
const EID: &str = "11111111111111111111111111";
/// An operator of which no source says by what code it refuses a SIM that it does not know.
const UNKNOWN_SIM_HAS_NO_CODE: &str = "china_telecom_m2m";
/// Operators of which no source says by what codes they refuse credentials and too many calls.
const REFUSALS_HAVE_NO_CODE: [&str; 3] = ["unicom_cmp", "china_telecom", "china_telecom_m2m"];

#[test]
fn the_simulator_speaks_for_every_built_in() {
    let simulated = Simulator::operators();
    for (name, _) in builtin_definitions() {
        assert!(simulated.contains(&name), "{name}");
    }
}

async fn simulator() -> Simulator {
    start(SimulatorConfig::fixed()).await
}

async fn start(config: SimulatorConfig) -> Simulator {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    Simulator::start(listener, config, Arc::new(|| UnixMs(NOW))).await.unwrap()
}

async fn used(operator: &Operator, profile: &ProfileRef<'_>) -> u64 {
    let reading = operator.read(profile, &NoGate).await;
    reading.unwrap_or_else(|error| panic!("{}: {error}", operator.definition().name())).used
}

#[tokio::test]
async fn every_built_in_definition_reads_the_bytes_the_simulator_counts() {
    let simulator = simulator().await;
    for (name, _) in builtin_definitions() {
        simulator.set_usage(name, ICCID, USED);
        let operator = operator(&built_in(name), &simulator.base_url(name));
        assert_eq!(used(&operator, &profile(ICCID)).await, USED, "{name}");
        simulator.set_usage(name, ICCID, 0);
        let simulator_repeats = name == "airalo" || name == "oapi";
        let unused = used(&operator, &profile(ICCID)).await;
        assert!(unused == 0 || simulator_repeats, "{name}, unused: {unused}");
        let stats = simulator.stats(name);
        assert_eq!(stats.violations, 0, "{name}: {stats:?}");
    }
}

/// A second before and after the beginning of May, in UTC and in China. The number has its check digit.
#[tokio::test]
async fn a_month_begins_for_the_definition_when_it_does_for_the_operator() {
    const ICCID20: &str = "89883086501005249992";
    const MAY: i64 = 1_777_593_600_000;
    const MAY_IN_CHINA: i64 = MAY - 8 * 3_600_000;
    for now in [MAY - 1_000, MAY + 1_000, MAY_IN_CHINA - 1_000, MAY_IN_CHINA + 1_000] {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let clock: Clock = Arc::new(move || UnixMs(now));
        let simulator =
            Simulator::start(listener, SimulatorConfig::fixed(), Arc::clone(&clock)).await.unwrap();
        for (name, _) in builtin_definitions() {
            simulator.set_usage(name, ICCID20, USED);
            let definition = built_in(name);
            let account = account(&definition, &simulator.base_url(name));
            let operator = Operator::new(definition, account, Arc::clone(&clock)).unwrap();
            assert_eq!(used(&operator, &profile(ICCID20)).await, USED, "{name} at {now}");
        }
    }
}

#[tokio::test]
async fn definitions_that_take_eids_ask_by_them() {
    let simulator = simulator().await;
    for name in ["oapi", "emnify"] {
        simulator.set_usage(name, EID, USED);
        let operator = operator(&built_in(name), &simulator.base_url(name));
        let profile = ProfileRef { iccid: ICCID, eid: Some(EID) };
        assert_eq!(used(&operator, &profile).await, USED, "{name}");
    }
}

#[tokio::test]
async fn an_unknown_sim_is_not_found_everywhere() {
    let simulator = simulator().await;
    for (name, _) in builtin_definitions() {
        simulator.set_unknown(name, ICCID, true);
        let operator = operator(&built_in(name), &simulator.base_url(name));
        let error = operator.read(&profile(ICCID), &NoGate).await.unwrap_err();
        let kind = match name {
            UNKNOWN_SIM_HAS_NO_CODE => FailureKind::BadAnswer,
            _ => FailureKind::NotFound,
        };
        assert_eq!(error.kind, kind, "{name}: {error}");
    }
}

#[tokio::test]
async fn a_log_in_that_has_run_out_is_renewed_once() {
    let simulator = simulator().await;
    for (name, _) in builtin_definitions() {
        let definition = built_in(name);
        let operator = operator(&definition, &simulator.base_url(name));
        simulator.set_usage(name, ICCID, USED);
        operator.read(&profile(ICCID), &NoGate).await.unwrap();
        if operator.definition().source().contains("[auth.login")
            || operator.definition().source().contains("[auth.oauth2")
        {
            simulator.set_fault(name, None, Fault::AuthExpired, FaultSpan::Count(1));
            assert_eq!(used(&operator, &profile(ICCID)).await, USED, "{name}");
        }
    }
}

/// How a refusal of this kind is read from this operator.
fn refusal(name: &str, kind: FailureKind) -> FailureKind {
    if REFUSALS_HAVE_NO_CODE.contains(&name) { FailureKind::BadAnswer } else { kind }
}

#[tokio::test]
async fn wrong_credentials_are_told_from_other_trouble() {
    let simulator = simulator().await;
    for (name, _) in builtin_definitions() {
        let definition = built_in(name);
        let mut wrong = account(&definition, &simulator.base_url(name));
        for (secret, value) in &mut wrong.secrets {
            if !definition.secret_identifies(secret) {
                // As long as China Telecom's key.
                *value = SecretString::from("not right");
            }
        }
        let operator = Operator::new(definition, wrong, clock()).unwrap();
        let error = operator.read(&profile(ICCID), &NoGate).await.expect_err(name);
        assert_eq!(error.kind, refusal(name, FailureKind::Auth), "{name}: {error}");
    }
}

#[tokio::test]
async fn what_goes_wrong_has_the_same_kind_at_every_operator() {
    let simulator = start(SimulatorConfig { enforce_limits: false, ..SimulatorConfig::fixed() }).await;
    for (name, _) in builtin_definitions() {
        let operator = operator(&built_in(name), &simulator.base_url(name));
        simulator.set_usage(name, ICCID, USED);
        used(&operator, &profile(ICCID)).await;
        for (fault, kind) in [
            (Fault::Nonsense, FailureKind::BadAnswer),
            (Fault::EmptyBody, FailureKind::BadAnswer),
            (Fault::MissingUsed, FailureKind::BadAnswer),
            (Fault::Huge, FailureKind::BadAnswer),
            (Fault::Redirect("http://127.0.0.1:9/".into()), FailureKind::BadAnswer),
            (Fault::HangUp, FailureKind::Temporary),
            (Fault::Status(500), FailureKind::Temporary),
            (Fault::RateLimited { retry_after: None }, refusal(name, FailureKind::RateLimited)),
        ] {
            simulator.set_fault(name, None, fault.clone(), FaultSpan::Forever);
            let outcome = operator.read(&profile(ICCID), &NoGate).await;
            let error = outcome.expect_err(&format!("{name}, {fault:?}"));
            assert_eq!(error.kind, kind, "{name}, {fault:?}: {error}");
            simulator.clear_faults();
        }
    }
}

#[tokio::test]
async fn an_answer_about_another_sim_is_never_believed_where_answers_name_one() {
    let simulator = simulator().await;
    for (name, toml) in builtin_definitions() {
        if toml.contains("names_no_card = true") {
            continue;
        }
        simulator.set_usage(name, ICCID, USED);
        let operator = operator(&built_in(name), &simulator.base_url(name));
        operator.read(&profile(ICCID), &NoGate).await.unwrap();
        simulator.set_fault(name, None, Fault::WrongCard, FaultSpan::Forever);
        let error = operator.read(&profile(ICCID), &NoGate).await.expect_err(name);
        assert!(matches!(error.kind, FailureKind::BadAnswer | FailureKind::NotFound), "{name}: {error}");
    }
}
