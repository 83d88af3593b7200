//! Every built-in definition against its own fixtures.

use simgauge_operators::check::check_builtin;
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
