//! XML answers: read by the rule of `xml.rs`, as Things Mobile and China Telecom have them.

use crate::support::{ICCID, Stub, operator, parse, profile};
use axum::body::Body;
use http::Response;
use simgauge_operators::{Definition, NoGate};

const THINGS: &str = r#"
name = "things"
title = "Things"
answer_format = "xml"
[secrets.key]
about = "token"
[[steps]]
name = "status"
request = { method = "POST", path = "/simStatus", form = { iccid = "{{ iccid }}" } }
success = '.result.done == "true"'
find = { in = '.result.sims | elements("sim")', key = ".iccid", equals = "{{ iccid }}" }
[answer]
used = { add = ".monthlyTraffic", unit = "B" }
period = { kind = "calendar_month", zone = "Europe/Rome" }
status = { from = ".status", map = { active = "active" } }
[errors]
code = ".result.errorCode"
[[errors.rules]]
when = '.result.errorCode == "30"'
kind = "auth"
"#;

fn sim(iccid: &str, used: u64) -> String {
    format!(
        "<sim><iccid>{iccid}</iccid><lastConnectionDate></lastConnectionDate>\
         <monthlyTraffic>{used}</monthlyTraffic><status>active</status><cdrs/></sim>"
    )
}

fn done(sims: &str) -> String {
    format!("\u{feff}<?xml version=\"1.0\"?>\n<result><done>true</done>{sims}</result>")
}

async fn read(toml: &str, answer: Vec<u8>, content_type: &'static str) -> Result<u64, String> {
    let stub = Stub::new(move |_| {
        let response = Response::builder().header("content-type", content_type);
        response.body(Body::from(answer.clone())).unwrap()
    })
    .await;
    let got = operator(&parse(toml), &stub.url).read(&profile(ICCID), &NoGate).await;
    let accept = stub.asked()[0].headers["accept"].clone();
    assert_eq!(accept, "application/xml, text/xml, application/json");
    got.map(|reading| reading.used).map_err(|error| error.to_string())
}

#[tokio::test]
async fn elements_once_often_and_never() {
    let other = sim("8988308650100524998", 7);
    for (sims, expected) in [
        (format!("<sims>{}</sims>", sim(ICCID, 1234)), Ok(1234)),
        (format!("<sims>{other}{}</sims>", sim(ICCID, 0)), Ok(0)),
        (format!("<sims>{other}</sims>"), Err("not_found: The operator does not know this SIM.")),
        ("<sims/>".to_owned(), Err("not_found: The operator does not know this SIM.")),
        (String::new(), Err("not_found: The operator does not know this SIM.")),
    ] {
        let got = read(THINGS, done(&sims).into_bytes(), "text/xml").await;
        assert_eq!(got, expected.map_err(str::to_owned), "{sims}");
    }
}

/// The operator answers 200 with a fault inside; its sample of an error.
#[tokio::test]
async fn faults_and_what_is_no_xml() {
    let fault = |code: &str| {
        format!(
            "<result><done>false</done><errorCode>{code}</errorCode>\
             <errorMessage>user error: token mismatch</errorMessage></result>"
        )
    };
    let bomb = format!(
        "<!DOCTYPE l [<!ENTITY a \"{}\"><!ENTITY b \"&a;&a;&a;&a;\">]>{}",
        "ha".repeat(100),
        done("&b;").trim_start_matches('\u{feff}').trim_start_matches("<?xml version=\"1.0\"?>\n")
    );
    for (answer, expected) in [
        (fault("30"), "auth: The operator does not accept our credentials. (operator code 30)"),
        (
            fault("77"),
            "bad_answer: The operator reports an error the definition does not know. (operator code 77)",
        ),
        (bomb, "bad_answer: The operator's answer has a document type, which is refused."),
        (
            "<!DOCTYPE html><html></html>".to_owned(),
            "bad_answer: The operator answered with a web page instead of XML; the base URL may be wrong.",
        ),
        ("<result>".to_owned(), "bad_answer: The operator's answer is not XML."),
        ("oops".to_owned(), "bad_answer: The operator's answer is not JSON."),
        (String::new(), "bad_answer: The operator's answer is empty."),
    ] {
        let got = read(THINGS, answer.clone().into_bytes(), "text/html").await;
        assert_eq!(got, Err(expected.to_owned()), "{answer}");
    }
}

/// The recorded answer of China Telecom's old API, with another number; and its JSON form.
#[tokio::test]
async fn an_answer_with_a_namespace_a_unit_and_a_charset() {
    let toml = r#"
name = "m2m"
title = "m2m"
answer_format = "xml"
[secrets.key]
about = "password"
[[steps]]
name = "traffic"
request = { path = "/query.do", query = { iccid = "{{ iccid19 }}" } }
success = '[.. | objects | .IRESULT? // empty] == ["0"]'
[answer]
names_no_card = true
used = { add = '.. | objects | .TOTAL_BYTES_CNT? // empty', unit_suffix = true, base = 1024 }
period = { kind = "calendar_month", zone = "Asia/Shanghai" }
[errors]
[[errors.rules]]
when = '[.. | objects | .CHARGE_CNT_CH? // empty] | any(test("元") | not)'
kind = "bad_answer"
"#;
    let xml = "<root><web:NEW_DATA_TICKET_QRsp xmlns:web=\"http://www.example.org/webservice\">\
        <CHARGE_CNT_CH>0元</CHARGE_CNT_CH><DURATION_CNT_CH></DURATION_CNT_CH><IRESULT>0</IRESULT>\
        <TOTALCOUNT></TOTALCOUNT><TOTALPAGE></TOTALPAGE><TOTAL_BYTES_CNT>2.50MB</TOTAL_BYTES_CNT>\
        <GROUP_TRANSACTIONID>1000000190201909030824413635</GROUP_TRANSACTIONID>\
        <number>1410000000001</number></web:NEW_DATA_TICKET_QRsp></root>";
    let json = r#"{"NEW_DATA_TICKET_QRsp":[{"TOTAL_BYTES_CNT":"2.50MB","IRESULT":"0"}]}"#;
    let gbk = [
        b"<?xml version='1.0' encoding='GBK'?>".as_slice(),
        &xml.replace("元", "#")
            .into_bytes()
            .into_iter()
            .flat_map(|byte| match byte {
                b'#' => vec![0xd4, 0xaa],
                byte => vec![byte],
            })
            .collect::<Vec<u8>>(),
    ]
    .concat();
    for answer in [xml.as_bytes().to_vec(), json.as_bytes().to_vec(), gbk] {
        assert_eq!(read(toml, answer, "text/plain").await, Ok(2_621_440));
    }
}

#[test]
fn an_unknown_format_is_a_mistake_with_its_place() {
    let error = Definition::parse("x.toml", &THINGS.replace("\"xml\"", "\"yaml\"")).map(drop).unwrap_err();
    assert!(error.to_string().starts_with("x.toml:4:17: unknown variant `yaml`"), "{error}");
}
