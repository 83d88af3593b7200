//! Definitions as files: mistakes are reported with their place, and one more operator is one more file.

use crate::support::{ICCID, SIMPLE, Stub, clock, profile};
use secrecy::SecretString;
use simgauge_domain::reading::PeriodKind;
use simgauge_operators::check::{check_definition, check_file};
use simgauge_operators::{
    Catalog, CatalogError, Definition, NoGate, Operator, OperatorAccount, builtin_definitions,
};
use std::fs;
use std::sync::Arc;

/// The first mistake in `toml`: the marked place and what is wrong.
fn mistake(toml: &str) -> (usize, usize, String) {
    let error = Definition::parse("x.toml", toml).unwrap_err();
    let first = error.problems.first().unwrap().clone();
    (first.line, first.column, first.message)
}

/// Line and column of `needle` in `toml`, from 1.
fn place(toml: &str, needle: &str) -> (usize, usize) {
    let at = toml.find(needle).unwrap();
    let line_start = toml[..at].rfind('\n').map_or(0, |at| at + 1);
    (toml[..at].matches('\n').count() + 1, at - line_start + 1)
}

fn sign(algorithm: &str, output: &str) -> String {
    format!(
        "[auth.sign]\nparameters = \"query\"\nalgorithm = \"{algorithm}\"\noutput = \"{output}\"\n\
         place = \"header\"\nname = \"sign\"\n[[steps]]"
    )
}

fn oauth2(path: &str) -> String {
    format!(
        "[auth.oauth2]\npath = \"{path}\"\nclient_id = \"a\"\nclient_secret = \"b\"\n\
         client_auth = \"basic\"\nencoding = \"form\"\n[[steps]]"
    )
}

fn remaining(header: &str) -> String {
    format!("[limits]\nmax_concurrent = 1\nremaining = [{{ {header} }}]\n[[steps]]")
}

#[test]
fn mistakes_are_told_with_line_and_column() {
    for (from, to, at, message) in [
        ("title =", "titel =", "titel", "unknown field"),
        (".used\"", ".used |\"", ".used |\"", "jq program does not compile"),
        (".used\"", ".used | nosuch\"", "nosuch", "undefined filter `nosuch`"),
        (".used\"", "env.HOME\"", "env.HOME", "`env` is not available"),
        (".used\"", "$secret\"", "$secret", "undefined variable"),
        ("{{ iccid }}", "{{ iccid | nosuch }}", "iccid | nosuch", "template does not compile"),
        ("{{ iccid }}", "{{ iccid }", "{{ iccid }\"", "template does not compile"),
        ("{{ secret.key }}", "{{ secret.kee }}", "secret.kee", "`secret.kee` is not declared"),
        ("{{ iccid }}", "{{ time('%Y', zone='Mars') }}", "time('%Y'", "unknown time zone"),
        ("{{ iccid }}", "{{ msisdn }}", "msisdn", "templates know no `msisdn`"),
        ("unit = \"B\"", "unit = \"pint\"", "\"pint\"", "unit must be"),
        (", unit = \"B\"", "", "\".used\"", "in which `unit`"),
        ("unit = \"B\"", "unit = \"MB\"", "\".used\"", "1000 or 1024"),
        ("unit = \"B\"", "unit = \"MB\", base = 999", "999", "1000 or 1024"),
        ("identity = \".iccid\"\n", "", "\".used\"", "names its card"),
        (
            "identity = \".iccid\"\nused = { add = \".used\"",
            "names_no_card = true\nused = { none_is_zero = true, add = \".used\"",
            "\".used\"",
            "`none_is_zero` needs `success` on the last step",
        ),
        ("identity", "names_no_card = true\nidentity", "\".iccid\"", "contradict each other"),
        (".used\"", "$answers.nowhere.used\"", "nowhere", "there is no step `nowhere`"),
        ("[[steps]]", "[limits]\nmax_concurrent = 0\n[[steps]]", "[limits]", "at least 1"),
        ("name = \"usage\"", "name = \"login\"", "\"login\"", "none is called `login`"),
        ("kind = \"billing_cycle\"", "kind = \"weekly\"", "\"weekly\"", "unknown variant"),
        ("{{ iccid }}", "{{ iccid | hash('sm4') }}", "iccid | hash", "unknown algorithm in `hash`"),
        ("\"/sims/", "\"sims/", "\"sims/", "a path begins with `/`"),
        ("\"/sims/{{ iccid }}", "\"{{ iccid }}", "\"{{ iccid", "a path begins with `/`"),
        ("[[steps]]", &oauth2("oauth/token"), "\"oauth/token", "a path begins with `/`"),
        ("[[steps]]", &sign("sm4", "text"), "\"sm4\"", "unknown variant `sm4`"),
        ("[[steps]]", &sign("sm3", "text"), "\"sm3\"", "only the algorithm `none`"),
        ("[[steps]]", &sign("hmac-sha512", "base64"), "\"hmac-sha512\"", "an HMAC needs a `key`"),
        ("[[steps]]", &remaining("header = \"x-left\""), "\"x-left\"", "when there are new calls"),
        (
            "[[steps]]",
            &remaining("header = \"x left\", window_seconds = 1"),
            "\"x left\"",
            "not a header's name",
        ),
    ] {
        let toml = SIMPLE.replacen(from, to, 1);
        assert_ne!(toml, SIMPLE, "{from}");
        let (line, column, error) = mistake(&toml);
        assert!(error.contains(message), "{to}: {error}");
        let (wanted_line, wanted_column) = place(&toml, at);
        assert_eq!(line, wanted_line, "{to}: {error}");
        assert!(column.abs_diff(wanted_column) <= at.len() + 4, "{to}: {line}:{column} {error}");
    }
}

#[test]
fn every_mistake_is_told_at_once() {
    let toml = SIMPLE.replace(".iccid\"", ".iccid |\"").replace("{{ secret.key }}", "{{ secret.kee }}");
    let error = Definition::parse("x.toml", &toml).unwrap_err();
    assert_eq!(error.problems.len(), 2, "{error}");
    assert!(error.to_string().lines().all(|line| line.starts_with("x.toml:")), "{error}");
}

#[test]
fn a_broken_file_stops_the_catalogue_and_is_named() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("mine.toml"), SIMPLE.replace("{{ iccid }}", "{{ iccid")).unwrap();
    let error = Catalog::load(Some(folder.path())).unwrap_err().to_string();
    assert!(error.contains("mine.toml:"), "{error}");
    let error = Catalog::load(Some(&folder.path().join("nowhere"))).unwrap_err();
    assert!(matches!(error, CatalogError::Unreadable { .. }), "{error}");
}

#[test]
fn a_users_file_replaces_the_built_in_of_its_name() {
    let folder = tempfile::tempdir().unwrap();
    let mine = SIMPLE.replace("name = \"simple\"", "name = \"telnyx\"");
    fs::write(folder.path().join("my-telnyx.toml"), &mine).unwrap();
    let catalog = Catalog::load(Some(folder.path())).unwrap();
    assert_eq!(catalog.get("telnyx").unwrap().title(), "Simple");
    fs::write(folder.path().join("again.toml"), &mine).unwrap();
    assert!(matches!(Catalog::load(Some(folder.path())).unwrap_err(), CatalogError::Twice { .. }));
}

/// An operator nobody has heard of, as its file would be written.
const NINTH: &str = r#"
name = "ninth"
title = "The ninth operator"
base_url = "https://api.ninth.example"

[limits]
max_concurrent = 1
min_refresh_seconds = 120
buckets = [{ scope = "credential", limit = 2, per_seconds = 1 }]

[secrets.app]
about = "app id"
[secrets.secret]
about = "app secret"

[auth.sign]
parameters = "query"
add = { app = "{{ secret.app }}", ts = "{{ time('unix_s') }}" }
algorithm = "hmac-sha256"
key = "{{ secret.secret }}"
output = "base64"
place = "header"
name = "X-Signature"

[[steps]]
name = "find"
request = { path = "/cards", query = { q = "{{ iccid }}" } }
find = { in = ".cards[]", key = ".number", equals = "{{ iccid }}" }
capture = { id = { body = ".id" } }

[[steps]]
name = "traffic"
success = ".ok"
[steps.request]
path = "/cards/{{ capture.id }}/traffic"
query = { month = "{{ time('%Y%m', zone='Asia/Shanghai') }}" }

[answer]
used = { add = ".traffic[].volume", unit_suffix = true, base = 1024, none_is_zero = true }
period = { kind = "calendar_month", zone = "Asia/Shanghai" }
status = { from = "$answers.find.state", map = { "1" = "active", "2" = "suspended" } }
"#;

#[tokio::test]
async fn a_ninth_operator_is_one_toml_file() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("ninth.toml"), NINTH).unwrap();
    let catalog = Catalog::load(Some(folder.path())).unwrap();
    assert_eq!(catalog.iter().count(), builtin_definitions().count() + 1);
    let definition = Arc::clone(catalog.get("ninth").unwrap());
    assert_eq!(definition.limits().min_refresh_seconds, 120);

    let stub = Stub::new(|asked| {
        let find = format!(
            r#"{{"cards":[{{"number":"{ICCID}0","id":1}},{{"number":"{ICCID}","id":7,"state":1}}]}}"#
        );
        match asked.path.as_str() {
            "/cards" => crate::support::ok(&find),
            "/cards/7/traffic" => {
                crate::support::ok(r#"{"ok":true,"traffic":[{"volume":"1.50MB"},{"volume":"512KB"}]}"#)
            }
            _ => crate::support::status(404, ""),
        }
    })
    .await;
    let secret = |name: &str, value: &str| (name.to_owned(), SecretString::from(value));
    let account = OperatorAccount {
        base_url: Some(stub.url.clone()),
        allow_http: true,
        secrets: [secret("app", "a"), secret("secret", "s")].into(),
        ..OperatorAccount::default()
    };
    let operator = Operator::new(definition, account, clock()).unwrap();
    let reading = operator.read(&profile(ICCID), &NoGate).await.unwrap();
    assert_eq!((reading.used, reading.period.kind), (2 * 1024 * 1024, PeriodKind::CalendarMonth));
    assert_eq!(reading.raw_status.as_deref(), Some("1"));
    let asked = stub.asked();
    assert_eq!(asked[0].query, format!("q={ICCID}&app=a&ts=1778235072"));
    // base64(hmac-sha256("s", "app=a&q=8988308650100524999&ts=1778235072"))
    assert_eq!(asked[0].headers["x-signature"], "EFeQMwqX34QcAAZxgSvXTR2u1x0Ge+xyqYVAq0Ufppc=");
}

#[tokio::test]
async fn a_check_tells_mistakes_and_differences() {
    let report = check_definition("x.toml", &SIMPLE.replace(".used\"", ".used |\""), &[]).await;
    assert!(!report.is_ok() && report.problems.len() == 1, "{report:?}");

    let folder = tempfile::tempdir().unwrap();
    let (file, fixtures) = (folder.path().join("simple.toml"), folder.path().join("fixtures/simple"));
    fs::create_dir_all(&fixtures).unwrap();
    fs::write(&file, SIMPLE).unwrap();
    let case = r#"
[[case]]
what = "one card"
iccid = "8988308650100524999"
secrets = { key = "k" }
[[case.exchange]]
request = { path = "/sims/8988308650100524999", headers = { x-key = "k" } }
answer.body = '{"iccid":"8988308650100524999","used":5}'
[case.reading]
used = 5
kind = "billing_cycle"
"#;
    fs::write(fixtures.join("reading.toml"), case).unwrap();
    let report = check_file(&file).await.unwrap();
    assert!(report.is_ok() && report.cases.len() == 1, "{report:?}");

    fs::write(
        fixtures.join("reading.toml"),
        case.replace("used = 5", "used = 6").replace("x-key = \"k\"", "x-key = \"l\""),
    )
    .unwrap();
    let report = check_file(&file).await.unwrap();
    let differences = &report.cases[0].differences;
    assert_eq!(differences.len(), 2, "{report:?}");
    assert_eq!(differences[0], "`used` is 5, the fixture says 6");
    assert!(!report.is_ok());
    let more = "start = \"2026-05-01T00:00:00Z\"\nstatus = \"active\"\n\
                bundles = [{ code = \"a\", name = \"A\", used = 1 }]";
    fs::write(fixtures.join("reading.toml"), format!("{case}{more}\n")).unwrap();
    let report = check_file(&file).await.unwrap();
    let wanted = [
        "`start` is nothing, the fixture says 2026-05-01T00:00:00Z",
        "`status` is nothing, the fixture says \"active\"",
        "there are 0 `bundles`, the fixture says 1",
    ];
    assert_eq!(report.cases[0].differences, wanted);

    // Fixtures are found by the file's name.
    let other = folder.path().join("other.toml");
    fs::rename(&file, &other).unwrap();
    let report = check_file(&other).await.unwrap();
    assert!(
        report.cases[0].differences[0].contains("is named `other`, its definition `simple`"),
        "{report:?}"
    );
    fs::remove_dir_all(&fixtures).unwrap();
    assert!(check_file(&other).await.unwrap().is_ok());
}

/// The worked example of the documentation is checked as a reader would check it.
#[tokio::test]
async fn the_documentations_example_works() {
    let page = include_str!("../../../../docs/en/operators.md");
    let mut blocks = page.split("```toml\n").skip(1).filter_map(|rest| rest.split("```").next());
    let (definition, fixture) = (blocks.next().unwrap(), blocks.next().unwrap());
    let fixtures = [("reading.toml".to_owned(), fixture.to_owned())];
    let report = check_definition("example.toml", definition, &fixtures).await;
    assert!(report.is_ok() && report.cases.len() == 2, "{report:?}");
    for definition in Catalog::builtin().unwrap().iter() {
        let name = definition.name();
        let row = page.lines().find(|line| line.starts_with(&format!("| `{name}` |")));
        let cells: Vec<&str> = row.unwrap_or_else(|| panic!("{name} is missing")).split(" | ").collect();
        assert_eq!(cells[2], definition.evidence().as_str(), "{name}");
        for question in definition.open_questions(|_| false) {
            assert!(cells[7].contains(&format!("`{}`", question.name)), "{name}: {}", question.name);
        }
    }
}
