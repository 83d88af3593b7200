//! Setting up: what is missing or not allowed is named before anything is asked.

use crate::support::{ICCID, SIMPLE, Stub, account, built_in, clock, parse, profile};
use secrecy::SecretString;
use simgauge_operators::check::check_live;
use simgauge_operators::{Catalog, Definition, NoGate, Operator, OperatorAccount, SetupError};
use std::sync::Arc;

const HTTPS: &str = "https://operator.example";

fn refused(definition: &Arc<Definition>, account: OperatorAccount) -> SetupError {
    Operator::new(Arc::clone(definition), account, clock()).unwrap_err()
}

#[test]
fn a_missing_secret_is_named() {
    let definition = parse(SIMPLE);
    let given = OperatorAccount { secrets: [].into(), ..account(&definition, HTTPS) };
    assert_eq!(refused(&definition, given).to_string(), "operator account `test`: missing secret(s) `key`");
    let empty = [("key".to_owned(), SecretString::from(""))].into();
    let given = OperatorAccount { secrets: empty, ..account(&definition, HTTPS) };
    assert!(matches!(refused(&definition, given), SetupError::MissingSecrets { .. }));
}

#[test]
fn a_misspelt_secret_or_setting_is_named() {
    let definition = parse(SIMPLE);
    let mut given = account(&definition, HTTPS);
    given.secrets.insert("kee".into(), SecretString::from("value-of-it"));
    let error = refused(&definition, given).to_string();
    assert!(error.contains("`kee`") && !error.contains("value-of-it"), "{error}");
    let settings = [("regoin".to_owned(), "eu".to_owned())].into();
    let given = OperatorAccount { settings, ..account(&definition, HTTPS) };
    assert!(refused(&definition, given).to_string().contains("`regoin`"));
}

#[test]
fn plain_http_needs_a_permission() {
    let definition = parse(SIMPLE);
    let given = OperatorAccount { allow_http: false, ..account(&definition, "http://operator.example") };
    assert!(matches!(refused(&definition, given.clone()), SetupError::PlainHttp { .. }));
    Operator::new(Arc::clone(&definition), OperatorAccount { allow_http: true, ..given }, clock()).unwrap();
    let allowing = parse(&format!("allow_http = true\n{SIMPLE}"));
    let given = OperatorAccount { allow_http: false, ..account(&allowing, "http://operator.example") };
    Operator::new(allowing, given, clock()).unwrap();
}

#[test]
fn urls_that_are_none_are_refused() {
    let definition = parse(SIMPLE);
    for url in
        ["operator.example", "ftp://operator.example", "https://user:pass@operator.example", "https://x/?a=b"]
    {
        let error = refused(&definition, account(&definition, url));
        assert!(matches!(error, SetupError::BadUrl { .. }), "{url}: {error}");
        assert!(!error.to_string().contains("pass"), "{error}");
    }
    let given = OperatorAccount { base_url: None, ..account(&definition, HTTPS) };
    assert!(matches!(refused(&definition, given), SetupError::NoBaseUrl { .. }));
}

#[test]
fn a_log_in_follows_the_base_url_unless_told_otherwise() {
    let definition = built_in("kore_super_sim");
    let http = "http://127.0.0.1:1/kore_super_sim";
    let operator = Operator::new(Arc::clone(&definition), account(&definition, http), clock()).unwrap();
    assert_eq!(operator.host(), "127.0.0.1:1");
    let settings = [("auth_base_url".to_owned(), "http://other.example".to_owned())].into();
    let given = OperatorAccount { settings, allow_http: false, ..account(&definition, HTTPS) };
    assert!(matches!(refused(&definition, given), SetupError::PlainHttp { .. }));
}

#[test]
fn built_ins_need_nothing_but_credentials_and_where_the_base_url_is_the_customers_own_that() {
    for definition in Catalog::builtin().unwrap().iter() {
        let base_url = definition.needs_base_url().then(|| HTTPS.to_owned());
        assert_eq!(base_url.is_some(), ["1ot", "cisco_control_center"].contains(&definition.name()));
        let given = OperatorAccount { base_url, allow_http: false, ..account(definition, HTTPS) };
        let operator = Operator::new(Arc::clone(definition), given, clock()).unwrap();
        assert!(!operator.host().is_empty());
        assert!(!definition.sources().is_empty() && !definition.facts().is_empty(), "{}", definition.name());
    }
}

#[tokio::test]
async fn a_live_check_tells_every_step_and_no_secret() {
    let stub = Stub::saying(format!(r#"{{"iccid":"{ICCID}","used":5,"echo":"the-secret-key"}}"#)).await;
    let definition = parse(&SIMPLE.replace("/sims/{{ iccid }}", "/{{ secret.key }}/sims/{{ iccid }}"));
    let secrets = [("key".to_owned(), SecretString::from("the-secret-key"))].into();
    let given = OperatorAccount { secrets, ..account(&definition, &stub.url) };
    let operator = Operator::new(definition, given, clock()).unwrap();
    let report = check_live(&operator, ICCID, None).await;
    assert_eq!(report.outcome.as_ref().unwrap().used, 5);
    let text = format!("{report:?} {operator:?}");
    assert!(!text.contains("the-secret-key"), "{text}");
    let step = &report.steps[0];
    assert_eq!((step.step.as_str(), step.method, step.status), ("usage", "GET", Some(200)));
    let printed = step.to_string();
    assert!(printed.contains("< HTTP 200 after") && printed.contains("> X-Key: ***"), "{printed}");
    assert!(step.url.ends_with(&format!("/***/sims/{ICCID}")), "{}", step.url);
    assert!(operator.read(&profile(ICCID), &NoGate).await.is_ok());
}

/// `SIMPLE` in MB, where the operator's documents do not say what a MB is.
fn with_questions() -> String {
    let setting =
        "[settings.kilobyte]\nabout = \"bytes of a KB\"\nassumed = \"1024\"\none_of = [\"1000\", \"1024\"]\n";
    let simple = SIMPLE.replace("unit = \"B\"", "unit = \"MB\", base = \"setting.kilobyte\"");
    format!(
        "asks_billing_day = true\n{}",
        simple.replace("[secrets.key]", &format!("{setting}[secrets.key]"))
    )
}

#[tokio::test]
async fn a_question_that_documents_leave_open_is_asked_and_its_answer_counts() {
    let definition = parse(&with_questions());
    let open = |answered: &[&str]| {
        let questions = definition.open_questions(|name| answered.contains(&name));
        questions.into_iter().map(|question| question.name).collect::<Vec<_>>()
    };
    assert_eq!(open(&[]), ["kilobyte", "billing_day"]);
    assert_eq!(open(&["kilobyte"]), ["billing_day"]);
    assert_eq!(open(&["kilobyte", "billing_day"]), Vec::<String>::new());
    assert!(parse(SIMPLE).open_questions(|_| false).is_empty());

    let stub = Stub::saying(format!(r#"{{"iccid":"{ICCID}","used":3}}"#)).await;
    for (given, used) in [(None, 3 * 1_048_576), (Some("1000"), 3_000_000), (Some("1024"), 3 * 1_048_576)] {
        let settings = given.map(|given| ("kilobyte".to_owned(), given.to_owned())).into_iter().collect();
        let given = OperatorAccount { settings, ..account(&definition, &stub.url) };
        let operator = Operator::new(Arc::clone(&definition), given, clock()).unwrap();
        assert_eq!(operator.read(&profile(ICCID), &NoGate).await.unwrap().used, used);
    }
    let settings = [("kilobyte".to_owned(), "1023".to_owned())].into();
    let error = refused(&definition, OperatorAccount { settings, ..account(&definition, HTTPS) }).to_string();
    assert_eq!(error, "operator account `test`: the setting `kilobyte` must be one of `1000`, `1024`");
}

#[test]
fn a_question_that_is_asked_wrongly_is_a_mistake() {
    for (from, to, message) in [
        ("setting.kilobyte\"", "setting.kilobit\"", "a base is 1000, 1024 or a declared setting"),
        ("assumed = \"1024\"", "assumed = \"1023\"", "is not in its `one_of`"),
        ("assumed = \"1024\"", "assumed = \"1024\"\ndefault = \"1000\"", "both `default` and `assumed`"),
        ("\"setting.kilobyte\"", "1001", "base must be 1000 or 1024, or \"setting.NAME\""),
    ] {
        let error = Definition::parse("x.toml", &with_questions().replace(from, to)).unwrap_err().to_string();
        assert!(error.contains(message), "{to}: {error}");
    }
}

/// The numbers of these rest on what a MB is, or on when a cycle begins.
#[test]
fn the_built_ins_ask_what_their_operators_do_not_say() {
    let open = |name: &str| -> Vec<String> {
        built_in(name).open_questions(|_| false).into_iter().map(|question| question.name).collect()
    };
    for name in ["1nce", "acceleronix", "airalo", "emnify", "huawei_gsl", "onelink_v5", "tuge"] {
        assert_eq!(open(name), ["kilobyte"], "{name}");
    }
    for name in ["china_telecom", "china_telecom_m2m"] {
        assert_eq!(open(name), ["kilobyte"], "{name}");
    }
    for name in ["alibaba_linkcard", "telnyx", "unicom_cmp"] {
        assert_eq!(open(name), ["kilobyte", "billing_day"], "{name}");
    }
    assert_eq!(open("cisco_control_center"), ["billing_day"]);
    for name in
        ["simboss", "soracom", "esim_go", "kore_super_sim", "oapi", "esim_access", "hologram", "aeris"]
    {
        assert!(open(name).is_empty(), "{name}");
    }
}
