//! Inputs that the engine once read wrongly. One table: the input, what must come of it, what came.

use crate::support::{Asked, ICCID, SIMPLE, Stub, account, clock, ok, operator, parse, profile};
use axum::body::Body;
use http::Response;
use simgauge_operators::check::check_live;
use simgauge_operators::{Definition, NoGate, Operator};

/// What a definition and an answer come to, in a line: the reading, the failure, or the first mistake.
async fn outcome(toml: &str, body: &str) -> String {
    match Definition::parse("x.toml", toml) {
        Err(error) => {
            let first = &error.problems[0];
            format!("{}:{} {}", first.line, first.column, first.message)
        }
        Ok(definition) => {
            let stub = Stub::saying(body).await;
            let operator = operator(&definition.into(), &stub.url);
            match operator.read(&profile(ICCID), &NoGate).await {
                Err(error) => error.to_string(),
                Ok(reading) => {
                    let date = |at: Option<simgauge_domain::time::UnixMs>| at.map(|at| at.seconds());
                    format!(
                        "used {} total {:?} key {:?} start {:?} status {:?}",
                        reading.used,
                        reading.total,
                        reading.period.key,
                        date(reading.period.start),
                        reading.status
                    )
                }
            }
        }
    }
}

/// `SIMPLE` with another program for the used amount, in bytes.
fn adding(program: &str) -> String {
    SIMPLE.replace("add = \".used\"", &format!("add = '{program}'"))
}

fn with(answer_part: &str) -> String {
    SIMPLE.replace("[errors]", &format!("{answer_part}\n[errors]"))
}

fn period(period: &str) -> String {
    SIMPLE.replace("period = { kind = \"billing_cycle\" }", period)
}

fn body(fields: &str) -> String {
    format!("{{\"iccid\":\"{ICCID}\",{fields}}}")
}

const TOTAL: &str = "total = { add = \".total\", unit = \"B\" }";
const CYCLE: &str = "period = { kind = \"billing_cycle\", \
                     start = { from = \".start\", format = \"unix_s\" }, \
                     end = { from = \".end\", format = \"unix_s\" } }";
const MONTH: &str =
    "period = { kind = \"calendar_month\", start = { from = \".start\", format = \"rfc3339\" } }";
const STATUS: &str = "status = { from = \".state\", map = { Activated = \"active\" } }";
const FRACTION: &str = "bad_answer: The used amount in the operator's answer has a fraction of a byte";
const NO_DATE: &str = "bad_answer: A date in the operator's answer cannot be read.";
const PLAIN: &str = "used 5 total None key \"\" start None status None";
/// Where the program of the used amount begins in `SIMPLE`: line 12, column 16.
const PLACE: (usize, usize) = (13, 17);

/// Programs that calculate: each is refused with its place and what to write instead.
fn calculations() -> Vec<(String, String, String)> {
    let refused = |program: &str, at: &str, message: &str| {
        let column = PLACE.1 + program.find(at).unwrap();
        (
            adding(program),
            body("\"up\":\"1\""),
            format!("{}:{column} the jq program does not compile: {message}", PLACE.0),
        )
    };
    vec![
        refused(".up + .down", "+", "`+` cannot stand in an amount: write the terms one after the other"),
        refused(
            ".up - .down",
            "-",
            "`-` cannot stand in an amount: write what is taken away under `subtract`",
        ),
        refused(".up * 8", "*", "`*` cannot stand in an amount: say what a number counts with `unit`"),
        refused(".up / 8", "/", "`/` cannot stand in an amount"),
        refused("[.up, .down] | add", "add", "`add` cannot stand in an amount: write `.[]` in its place"),
        refused(".up | tonumber", "tonumber", "`tonumber` cannot stand in an amount: leave it out"),
        refused(".up | fromjson", "fromjson", "`fromjson` cannot stand in an amount: leave it out"),
        refused("\"\\(.up)\\(.down)\"", "\"", "`\\(...)` cannot stand in an amount"),
    ]
}

/// Input (definition, answer), and how the outcome begins.
fn table() -> Vec<(String, String, String)> {
    let read = |toml: String, fields: &str, expected: &str| (toml, body(fields), expected.to_owned());
    let unit_b = |number: &str, expected: &str| read(SIMPLE.into(), &format!("\"used\":{number}"), expected);
    let total =
        |total: &str, expected: &str| read(with(TOTAL), &format!("\"used\":5,\"total\":{total}"), expected);
    let cycle = |start: &str, end: &str, expected: &str| {
        read(period(CYCLE), &format!("\"used\":5,\"start\":{start},\"end\":{end}"), expected)
    };
    let month = |start: &str, expected: &str| {
        read(period(MONTH), &format!("\"used\":5,\"start\":\"{start}\""), expected)
    };
    let millis = CYCLE.replace("unix_s", "unix_ms");
    let no_total = "used 5 total None";
    vec![
        read(adding(".up, .down"), "\"up\":\"1000\",\"down\":\"2000\"", "used 3000"),
        read(
            adding(".up, .down"),
            "\"up\":null,\"down\":\"7\"",
            "bad_answer: The operator's answer has no used",
        ),
        read(adding(".list[-1]"), "\"list\":[1,7]", "used 7"),
        unit_b("0.1", FRACTION),
        unit_b("\"12.34\"", FRACTION),
        unit_b("\"12.0\"", "used 12 "),
        read(period(&millis), "\"used\":5,\"start\":1793491200,\"end\":null", NO_DATE),
        cycle("1777593600.0", "null", "used 5 total None key \"1777593600\" start Some(1777593600)"),
        cycle("1.7775936e9", "null", "used 5 total None key \"1777593600\" start Some(1777593600)"),
        cycle("0", "null", NO_DATE),
        cycle(
            "1780272000",
            "1777593600",
            "bad_answer: A period in the operator's answer ends before it begins.",
        ),
        cycle("1780272000", "null", "bad_answer: The period in the operator's answer has not begun yet."),
        month("1970-01-01T00:00:00Z", NO_DATE),
        month("2026-06-01T00:00:00Z", "bad_answer: The period in the operator's answer has not begun yet."),
        month("2026-05-01T00:00:00Z", "used 5 total None key \"2026-05\" start Some(1777593600)"),
        total("-1", no_total),
        total("\"-\"", no_total),
        total("\"Unlimited\"", no_total),
        total("\"5 apples\"", "bad_answer: The total amount in the operator's answer is not a number."),
        read(
            with(STATUS),
            "\"used\":5,\"state\":\"ACTIVATED\"",
            "used 5 total None key \"\" start None status Some(Active)",
        ),
        read(
            with(STATUS),
            "\"used\":5,\"state\":\"resting\"",
            "used 5 total None key \"\" start None status Some(Unknown)",
        ),
        (
            with("status = { from = \".state\", map = { on = \"active\", ON = \"active\" } }"),
            String::new(),
            "15:19 two names of the map differ in letter case alone".into(),
        ),
    ]
}

#[tokio::test]
async fn what_was_read_wrongly_is_read_or_refused() {
    let mut wrong = Vec::new();
    for (toml, body, expected) in calculations().into_iter().chain(table()) {
        let got = outcome(&toml, &body).await;
        if !got.starts_with(&expected) {
            wrong.push(format!("{toml}\n{body}\n  expected {expected}\n  got      {got}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert_eq!(outcome(SIMPLE, &body("\"used\":5")).await, PLAIN);
}

/// Chinese in GBK, told by the header. The second byte of 賬 is a backslash.
#[tokio::test]
async fn an_answer_is_read_in_the_charset_that_it_names() {
    let rule = "[[errors.rules]]\nwhen = '.message | test(\"余额\")'\nkind = \"unsupported\"\n";
    let definition = parse(&format!("{SIMPLE}{rule}"));
    for (charset, message, expected) in [
        ("GBK", b"\xd3\xe0\xb6\xee".as_slice(), "unsupported"),
        ("gb18030", b"\xd3\xe0\xb6\xee".as_slice(), "unsupported"),
        ("\"GBK\"", b"\xd9\x5c".as_slice(), "read"),
        ("Shift_JIS", b"\x83\x5c".as_slice(), "read"),
        ("iso-8859-1", b"caf\xe9".as_slice(), "read"),
        ("no-such-charset", b"caf\xe9".as_slice(), "read"),
    ] {
        let bytes = [
            b"{\"message\":\"".as_slice(),
            message,
            format!("\",\"iccid\":\"{ICCID}\",\"used\":5}}").as_bytes(),
        ]
        .concat();
        let content_type = format!("application/json; charset={charset}");
        let stub = Stub::new(move |_| {
            let response = Response::builder().header("content-type", content_type.as_str());
            response.body(Body::from(bytes.clone())).unwrap()
        })
        .await;
        let got = operator(&definition, &stub.url).read(&profile(ICCID), &NoGate).await;
        let got = got.map_or_else(|error| error.kind.to_string(), |_| "read".into());
        assert_eq!(got, expected, "{charset}");
    }
}

fn two_steps(first: &str) -> String {
    let step = format!("[[steps]]\nname = \"first\"\nrequest = {{ path = \"/first\" }}\n{first}\n[[steps]]");
    SIMPLE.replacen("[[steps]]", &step, 1)
}

async fn first_then_usage(first: &'static str) -> Stub {
    Stub::new(move |asked: &Asked| if asked.path == "/first" { ok(first) } else { ok(&body("\"used\":5")) })
        .await
}

#[tokio::test]
async fn a_live_check_masks_what_a_step_captured() {
    let toml = two_steps("capture = { token = { body = \".token\" }, id = { body = \".id\" } }")
        .replace("/sims/{{ iccid }}", "/sims/{{ iccid }}/{{ capture.token }}/{{ capture.id }}");
    let definition = parse(&toml);
    let stub = first_then_usage(r#"{"token":"captured-token","id":7,"count":17}"#).await;
    let operator = Operator::new(definition.clone(), account(&definition, &stub.url), clock()).unwrap();
    let report = check_live(&operator, ICCID, None).await;
    assert!(report.outcome.is_ok(), "{report:?}");
    assert!(!format!("{report:?}").contains("captured-token"), "{report:?}");
    assert!(report.steps[1].url.ends_with(&format!("/sims/{ICCID}/***/***")), "{}", report.steps[1].url);
    // A short id is masked where it stands alone. It is no part of other numbers.
    assert_eq!(report.steps[0].answer, r#"{"token":"***","id":***,"count":17}"#);
}

#[tokio::test]
async fn a_candidate_without_the_key_does_not_hide_the_wanted_one() {
    let find = "find = { in = \".sims[]\", key = \".number\", equals = \"{{ iccid }}\" }";
    let definition = parse(&two_steps(find));
    for (first, expected) in [
        (r#"{"sims":[{"id":1},{"number":"8988308650100524999"}]}"#, "read"),
        (r#"{"sims":[{"id":1},{"number":"8988308650100524998"}]}"#, "bad_answer"),
        (r#"{"sims":[{"number":"8988308650100524998"}]}"#, "not_found"),
    ] {
        let stub = first_then_usage(first).await;
        let got = operator(&definition, &stub.url).read(&profile(ICCID), &NoGate).await;
        assert_eq!(got.map_or_else(|error| error.kind.to_string(), |_| "read".into()), expected, "{first}");
    }
}

#[tokio::test]
async fn a_named_value_is_made_once_for_a_request() {
    let toml = SIMPLE.replace(
        "[auth]\nheaders = { X-Key = \"{{ secret.key }}\" }",
        "[values]\nserial = \"{{ seq(4) }}\"\n[auth]\n\
         headers = { A = \"{{ uuid() }} {{ value.serial }}\", B = \"{{ uuid() }} {{ value.serial }}\" }",
    );
    let stub = Stub::saying(body("\"used\":5")).await;
    let operator = operator(&parse(&toml), &stub.url);
    operator.read(&profile(ICCID), &NoGate).await.unwrap();
    operator.read(&profile(ICCID), &NoGate).await.unwrap();
    let asked = stub.asked();
    assert_eq!(asked[0].headers["a"], asked[0].headers["b"]);
    assert_ne!(asked[0].headers["a"], asked[1].headers["a"]);
    assert!(asked[1].headers["a"].to_str().unwrap().ends_with(" 0002"), "{:?}", asked[1].headers);
    let error = Definition::parse("x.toml", &toml.replace("value.serial", "value.serail")).unwrap_err();
    assert!(error.to_string().contains("`value.serail` is not declared under [values]"), "{error}");
}
