use super::*;
use crate::catalog::Catalog;
use crate::{jq, json};
use proptest::prelude::*;
use serde_json::{Value, json};
use std::sync::LazyLock;

const ICCID: &str = "8900000000000000001";

static CATALOG: LazyLock<Catalog> = LazyLock::new(|| Catalog::builtin().expect("sound definitions"));

/// JSON of the shapes operators answer in, with their field names and values that are not quite right.
fn answers() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        Just(json!(ICCID)),
        Just(json!("data")),
        Just(json!("active")),
        Just(json!("2026-05-01T00:00:00Z")),
        "[ -~]{0,12}".prop_map(Value::from),
    ];
    let field = prop::sample::select(vec![
        "iccid",
        "data",
        "ctdDataUsage",
        "volume",
        "total_volume",
        "amount",
        "unit",
        "bundles",
        "assignments",
        "callTypeGroup",
        "bundleState",
        "initialQuantity",
        "remainingQuantity",
        "remaining",
        "total",
        "usage",
        "usedBytes",
        "period",
        "start",
        "kind",
        "result",
        "dataAmount",
        "current_month",
        "usedDataVolume",
        "dataTrafficStatsMap",
        "uploadByteSizeTotal",
        "usage_records",
        "data_total",
        "flow_used",
        "id",
        "current_billing_period_consumed_data",
        "status",
        "expired_at",
    ]);
    leaf.prop_recursive(5, 40, 5, move |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::vec((field.clone(), inner), 0..6)
                .prop_map(|pairs| pairs.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()),
        ]
    })
}

fn assumed(definition: &crate::definition::Definition) -> Settings {
    let settings = definition.settings().iter();
    settings.filter_map(|(name, setting)| Some((name.clone(), setting.default.clone()?))).collect()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, ..ProptestConfig::default() })]

    #[test]
    fn no_answer_makes_any_definition_panic_or_believe_the_impossible(answer in answers()) {
        let text = answer.to_string();
        let body = json::parse(&text).expect("what was written as JSON is JSON");
        let globals = Globals {
            iccid: jq::string(ICCID),
            eid: Val::Null,
            now: Val::from(1_778_234_400_usize),
            answers: Val::default(),
            operator_id: Val::Null,
        };
        let span = Span { began: UnixMs(1_778_234_400_000), ended: UnixMs(1_778_234_400_000) };
        let profile = ProfileRef { iccid: ICCID, eid: None };
        let read = |definition: &crate::definition::Definition| {
            reading(&definition.answer, &body, &globals, &profile, &assumed(definition), span)
        };
        for definition in CATALOG.iter() {
            if let Ok(reading) = read(definition) {
                prop_assert!(i64::try_from(reading.used).is_ok());
                prop_assert!(definition.answer.identity.is_none() || text.contains(ICCID));
            }
        }
    }
}
