//! A definition's beginning: the skeleton, answers that were saved, and names that are misspelt.

use crate::many::{element, numbers, outcomes, read, with_ids};
use crate::support::{ICCID, SIMPLE, Stub, built_in, clock, operator, parse, profile};
use simgauge_domain::failure::FailureKind;
use simgauge_domain::reading::Reading;
use simgauge_operators::check::check_definition;
use simgauge_operators::{Definition, NoGate, Operator, ReadError, builtin_definitions, skeleton};
use std::collections::BTreeMap;

#[tokio::test]
async fn a_new_definition_compiles_and_passes_its_fixtures() {
    let (definition, fixture) = skeleton("my_operator");
    let report = check_definition("x.toml", &definition, &[("reading.toml".into(), fixture)]).await;
    assert!(report.is_ok() && report.cases.len() == 2, "{report:?}");
    assert_eq!(report.name, "my_operator");
    assert!(!definition.contains("NAME"), "the name stands everywhere");
    // What is offered in comments is taken too.
    let offered: Vec<String> = definition.lines().map(uncommented).collect();
    let error = Definition::parse("x.toml", &offered.join("\n"));
    assert!(error.is_ok(), "{error:?}");
}

/// Without the `# ` of lines that offer a key, a table or a value.
fn uncommented(line: &str) -> String {
    let offer = line.strip_prefix("# ").unwrap_or_default();
    let key = offer.split(' ').next().unwrap_or_default();
    let is_offer =
        offer.starts_with('[') || offer.strip_prefix(key).is_some_and(|rest| rest.starts_with(" = "));
    if is_offer { offer.to_owned() } else { line.to_owned() }
}

async fn read_saved(name: &str, answers: &[(u16, &str)]) -> Result<Reading, ReadError> {
    let answers = answers.iter().map(|(status, text)| (*status, text.as_bytes().to_vec()));
    let operator = Operator::with_saved_answers(built_in(name), BTreeMap::new(), answers, clock()).unwrap();
    operator.read(&profile(ICCID), &NoGate).await
}

#[tokio::test]
async fn saved_answers_are_read_without_secrets_settings_and_calls() {
    // A log-in and one step; what a KB is, is asked.
    let answer = r#"{"status":"0","message":"","result":[{"dataAmount":"2"}]}"#;
    assert_eq!(read_saved("onelink_v5", &[(200, answer)]).await.unwrap().used, 2 * 1_024);
    // No base URL of its own.
    let answer = format!(r#"{{"iccid":"{ICCID}","ctdDataUsage":77}}"#);
    assert_eq!(read_saved("cisco_control_center", &[(200, &answer)]).await.unwrap().used, 77);
    for (answers, kind) in [
        (vec![(404, "{}")], FailureKind::NotFound),
        (vec![(200, "<html></html>")], FailureKind::BadAnswer),
        (vec![], FailureKind::BadRequest),
    ] {
        assert_eq!(read_saved("cisco_control_center", &answers).await.unwrap_err().kind, kind);
    }
    // The log-in is not made again.
    let gone = r#"{"status":"12021","message":"","result":[]}"#;
    assert_eq!(read_saved("onelink_v5", &[(200, gone)]).await.unwrap_err().kind, FailureKind::TokenExpired);
    // Nor are chained ones.
    let gone = read_saved("verizon_thingspace", &[(401, "{}")]).await;
    assert_eq!(gone.unwrap_err().kind, FailureKind::TokenExpired);
    // Every definition can be tried.
    for (name, _) in builtin_definitions() {
        let answers = std::iter::repeat_n((200, b"{}".to_vec()), 4);
        let operator =
            Operator::with_saved_answers(built_in(name), BTreeMap::new(), answers, clock()).unwrap();
        let error = operator.read(&profile(ICCID), &NoGate).await.unwrap_err();
        assert_ne!(error.kind, FailureKind::BadRequest, "{name}: {error}");
    }
}

#[tokio::test]
async fn a_saved_answer_about_many_is_read_too() {
    let iccids = numbers(3);
    let text = format!(r#"{{"sims":[{},{}]}}"#, element(&iccids[0], 1), element(&iccids[2], 3));
    let saved = [(200, text.into_bytes())];
    let operator = Operator::with_saved_answers(parse(&with_ids()), BTreeMap::new(), saved, clock()).unwrap();
    let readings = read(&operator, &iccids).await;
    let outcomes = outcomes(&readings);
    assert_eq!((&outcomes[0], &outcomes[2]), (&Ok(1), &Ok(3)));
    assert!(outcomes[1].is_err());
    let steps: Vec<String> = built_in("emnify").step_names(true).map(str::to_owned).collect();
    assert_ne!(steps, built_in("emnify").step_names(false).collect::<Vec<_>>());
}

#[tokio::test]
async fn saved_answers_that_cannot_be_read_are_explained() {
    let with = |from: &str, to: &str| SIMPLE.replacen(from, to, 1);
    let successful = with("[answer]", "success = \".ok == true\"\n[answer]");
    let found =
        with("[answer]", "find = { in = \".sims[]\", key = \".n\", equals = \"{{ iccid }}\" }\n[answer]");
    let dated = with("[errors]", "as_of = { from = \".at\", format = \"rfc3339\" }\n[errors]");
    let used = |used: &str| format!(r#"{{"iccid":"{ICCID}","used":{used},"at":"yesterday"}}"#);
    for (toml, answer, place, expression, yields) in [
        (SIMPLE, used("\"12,5\""), "answer.used.add", ".used", "\"12,5\""),
        (SIMPLE, used("null"), "answer.used.add", ".used", "null"),
        (SIMPLE, r#"{"iccid":"1","used":1}"#.to_owned(), "answer.identity", ".iccid", "\"1\""),
        (SIMPLE, "[]".to_owned(), "answer.used.add", ".used", "an error: "),
        (&dated, used("1"), "answer.as_of.from", ".at", "\"yesterday\""),
        (&successful, r#"{"ok":"yes"}"#.to_owned(), "steps.usage.success", ".ok == true", "false"),
        (&found, r#"{"sims":null}"#.to_owned(), "steps.usage.find.in", ".sims[]", "an error: "),
        (&found, r#"{"sims":[{"n":"1"},{}]}"#.to_owned(), "steps.usage.find.key", ".n", "\"1\""),
        (&found, r#"{"sims":[]}"#.to_owned(), "steps.usage.find.in", ".sims[]", "nothing"),
    ] {
        let saved = [(200, answer.clone().into_bytes())];
        let operator = Operator::with_saved_answers(parse(toml), BTreeMap::new(), saved, clock()).unwrap();
        let (outcome, findings) = operator.read_explained(&profile(ICCID)).await;
        outcome.unwrap_err();
        let found = findings.iter().find(|found| found.place == place);
        let found = found.unwrap_or_else(|| panic!("{answer}: {findings:?}"));
        assert_eq!(found.expression, expression, "{answer}");
        assert!(found.yields.starts_with(yields), "{answer}: {found:?}");
    }
    let read = |answers: &str| {
        let saved = [(200, answers.as_bytes().to_vec())];
        Operator::with_saved_answers(parse(SIMPLE), BTreeMap::new(), saved, clock()).unwrap()
    };
    assert_eq!(read(&used("1")).read_explained(&profile(ICCID)).await.1, []);
    // There is nothing to apply an expression to.
    assert_eq!(read("<html>").read_explained(&profile(ICCID)).await.1, []);
    // What an operator answers is quoted to nobody.
    let stub = Stub::saying(used("null")).await;
    assert_eq!(operator(&parse(SIMPLE), &stub.url).read_explained(&profile(ICCID)).await.1, []);
}

#[tokio::test]
async fn an_answer_about_many_is_explained_by_its_elements() {
    let iccids = numbers(2);
    let text = format!(r#"{{"sims":[{},{{"iccid":"{}","used":"x"}}]}}"#, element(&iccids[0], 1), iccids[1]);
    let saved = [(200, text.into_bytes())];
    let operator = Operator::with_saved_answers(parse(&with_ids()), BTreeMap::new(), saved, clock()).unwrap();
    let profiles: Vec<_> = iccids.iter().map(|iccid| profile(iccid)).collect();
    let (readings, findings) = operator.read_many_explained(&profiles).await;
    assert!(readings.outcomes[0].outcome.is_ok() && readings.outcomes[1].outcome.is_err());
    let key = format!("\"{}\"", iccids[1]);
    assert!(findings.iter().any(|found| found.place == "many.key" && found.yields == key), "{findings:?}");
    let used = |yields: &str| {
        findings.iter().any(|found| found.place == "answer.used.add" && found.yields == yields)
    };
    assert!(used("1") && used("\"x\""), "{findings:?}");
}

#[test]
fn a_misspelt_name_is_told_the_nearest_one() {
    let rule = "[[errors.rules]]\nstep = \"usages\"\nkind = \"auth\"\n";
    for (from, to, meant) in [
        ("title =", "titel =", "title"),
        ("unit = \"B\"", "unitfrom = \".u\"", "unit_from"),
        ("kind = \"billing_cycle\"", "kind = \"bililng_cycle\"", "billing_cycle"),
        ("secret.key", "secret.kee", "key"),
        ("{{ iccid }}", "{{ icid }}", "iccid"),
        (".used\"", ".used | selct(. > 0)\"", "select"),
        (".used\"", "$icid\"", "$iccid"),
        (".used\"", "$answers.usag.used\"", "usage"),
        ("[errors]\ncode = \".code\"\n", rule, "usage"),
    ] {
        let toml = SIMPLE.replacen(from, to, 1);
        assert_ne!(toml, SIMPLE, "{from}");
        let error = Definition::parse("x.toml", &toml).unwrap_err().to_string();
        assert!(error.contains(&format!("did you mean `{meant}`?")), "{to}: {error}");
    }
    let far = SIMPLE.replace("title =", "something_else =");
    assert!(!Definition::parse("x.toml", &far).unwrap_err().to_string().contains("did you mean"));
}
