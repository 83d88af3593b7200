//! Every built-in definition against its own fixtures.

use crate::support::{ICCID, SIMPLE};
use simgauge_operators::check::{check_builtin, check_definition};
use simgauge_operators::{builtin_definitions, builtin_fixtures};

#[tokio::test]
async fn every_built_in_definition_passes_its_fixtures() {
    let mut wrong = Vec::new();
    for (name, _) in builtin_definitions() {
        let report = check_builtin(name).await.unwrap();
        assert!(report.problems.is_empty(), "{name}: {:?}", report.problems);
        let failures = report.cases.iter().filter(|case| case.file == "errors.toml").count();
        assert!(failures >= 4, "{name} has only {failures} error fixtures");
        assert!(report.cases.iter().any(|case| case.file == "reading.toml"), "{name} has no reading");
        let (_, errors) = builtin_fixtures(name).find(|(file, _)| *file == "errors.toml").unwrap();
        for kind in ["auth", "not_found", "rate_limited", "bad_answer"] {
            assert!(errors.contains(&format!("kind = \"{kind}\"")), "{name} has no fixture for {kind}");
        }
        for case in report.cases.iter().filter(|case| !case.differences.is_empty()) {
            wrong.push(format!("{name}/{}: {}:\n  {}", case.file, case.what, case.differences.join("\n  ")));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// An answer that whoever wrote the definition made up proves nothing.
#[tokio::test]
async fn a_definition_is_not_official_by_what_was_made_up() {
    const OWN: &str = "https://operator.example/api";
    let toml =
        SIMPLE.replace("title", "sources = [\"https://operator.example/\"]\nevidence = \"official\"\ntitle");
    let case = |outcome: &str, source: &str| {
        format!(
            "[[case]]\nwhat = \"x\"\niccid = \"{ICCID}\"\nsecrets = {{ key = \"k\" }}\n{outcome}\n\
             [[case.exchange]]\nsource = \"{source}\"\n\
             request = {{ path = \"/sims/{ICCID}\", source = \"{source}\" }}\n"
        )
    };
    let good = format!("answer.body = '{{\"iccid\":\"{ICCID}\",\"used\":5}}'\n");
    let fixture = |request: &str, success: &str, error: &str| {
        let reading = case("reading = { used = 5, kind = \"billing_cycle\" }", success) + &good;
        let failure = case("failure = { kind = \"not_found\" }", error) + "answer.status = 404\n";
        let [reading, failure] = [reading, failure].map(|case| {
            case.replacen(&format!("source = \"{success}\" }}"), &format!("source = \"{request}\" }}"), 1)
                .replacen(&format!("source = \"{error}\" }}"), &format!("source = \"{request}\" }}"), 1)
        });
        reading + &failure
    };
    for (request, success, error, missing) in [
        (OWN, OWN, OWN, None),
        ("made up", OWN, OWN, Some("no request")),
        (OWN, "made up", OWN, Some("no reading")),
        (OWN, OWN, "made up", Some("no failure")),
        (OWN, OWN, "https://client.example/api", Some("no failure")),
    ] {
        let fixtures = [("x.toml".to_owned(), fixture(request, success, error))];
        let report = check_definition("x.toml", &toml, &fixtures).await;
        assert_eq!(report.is_ok(), missing.is_none(), "{request} {success} {error}: {report:?}");
        let message: Vec<&String> = report.cases.iter().flat_map(|case| &case.differences).collect();
        match missing {
            None => assert_eq!((report.proof.exchanges, report.proof.from_outside), (2, 2)),
            Some(missing) => assert!(message.len() == 1 && message[0].contains(missing), "{message:?}"),
        }
    }
    // A client's material is enough for less.
    let fixtures =
        [("x.toml".to_owned(), fixture("https://client.example/", "made up", "https://client.example/"))];
    let clients = toml.replace("\"official\"", "\"clients\"");
    let report = check_definition("x.toml", &clients, &fixtures).await;
    assert!(report.is_ok() && report.proof.from_outside == 1, "{report:?}");
    let fixtures = [("x.toml".to_owned(), fixture("https://client.example/", "made up", "made up"))];
    assert!(!check_definition("x.toml", &clients, &fixtures).await.is_ok());
}

/// `made up`, an address, or `owner/repository@commit path`.
#[test]
fn every_exchange_of_a_built_in_names_its_source() {
    for (name, _) in builtin_definitions() {
        for (file, text) in builtin_fixtures(name) {
            let fixture: toml::Table = toml::from_str(text).unwrap();
            let exchanges =
                |table: &toml::Value| table.get("exchange").and_then(|list| list.as_array()).cloned();
            let defaults = fixture.get("defaults");
            let file_source = defaults.and_then(|defaults| defaults.get("source"));
            let cases = fixture["case"].as_array().unwrap().iter().chain(defaults);
            for exchange in cases.filter_map(exchanges).flatten() {
                let source = exchange.get("source").or(file_source).and_then(|source| source.as_str());
                let source = source.unwrap_or_else(|| panic!("{name}/{file}: an exchange has no source"));
                let is_commit = source.split_once('@').is_some_and(|(repository, rest)| {
                    repository.split('/').count() == 2
                        && rest.split(' ').next().is_some_and(|commit| commit.len() == 40)
                });
                let is_address = source.starts_with("https://") || source.starts_with("http://");
                assert!(source == "made up" || is_address || is_commit, "{name}/{file}: {source}");
            }
        }
    }
}
