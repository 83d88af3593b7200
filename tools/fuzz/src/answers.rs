//! Any bytes as an operator's answer: given to every built-in definition.

use simgauge_domain::time::UnixMs;
use simgauge_operators::{Catalog, Definition, Operator, OperatorAccount, ProfileRef};
use std::sync::{Arc, LazyLock};
use std::time::{Duration, Instant};

const ICCID: &str = "8900000000000000001";
const EID: &str = "11111111111111111111111111";
/// Far longer than any answer takes, also with the instrumentation of a fuzz target.
const MAX_TIME: Duration = Duration::from_secs(5);

/// Every built-in definition, ready to be read.
static OPERATORS: LazyLock<Vec<Operator>> = LazyLock::new(|| {
    let catalog = Catalog::builtin().expect("sound definitions");
    let operator = |definition: &Arc<Definition>| {
        let needed = definition
            .settings()
            .iter()
            .filter(|(_, setting)| setting.default.is_none() && !setting.follows_base_url);
        let account = OperatorAccount {
            name: "fuzz".into(),
            base_url: Some("https://operator.example".into()),
            settings: needed.map(|(name, _)| (name.clone(), "some".to_owned())).collect(),
            secrets: definition.secret_names().map(|name| (name.to_owned(), "some".into())).collect(),
            ..OperatorAccount::default()
        };
        let clock = Arc::new(|| UnixMs(1_778_234_400_000));
        Operator::new(Arc::clone(definition), account, clock).expect("a whole account")
    };
    catalog.iter().map(operator).collect()
});

/// Reads the answer with every definition. The first byte chooses the HTTP status.
///
/// # Panics
/// A definition accepts an impossible answer, or takes too long.
pub fn check(bytes: &[u8]) {
    let Some((first, body)) = bytes.split_first() else { return };
    let status = match first % 8 {
        0 => 401,
        1 => 404,
        2 => 429,
        3 => 500,
        _ => 200,
    };
    for operator in OPERATORS.iter() {
        for eid in [None, Some(EID)] {
            let began = Instant::now();
            if let Ok(reading) = operator.read_canned(&ProfileRef { iccid: ICCID, eid }, status, body) {
                assert!(status == 200, "a failure was accepted");
                assert!(i64::try_from(reading.used).is_ok(), "more bytes than can be counted");
            }
            let name = operator.definition().name();
            assert!(began.elapsed() < MAX_TIME, "{name} takes {:?}", began.elapsed());
        }
    }
}
