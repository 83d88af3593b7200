//! The description of the API: it is served, its examples work, and its pages keep to a strict policy.

use crate::support::{TestServer, server};
use serde_json::{Map, Value};
use simgauge_protocol::OperationName;

async fn get(server: &TestServer, path: &str) -> (u16, reqwest::header::HeaderMap, String) {
    let response = server.request(reqwest::Method::GET, path).send().await.unwrap();
    (response.status().as_u16(), response.headers().clone(), response.text().await.unwrap())
}

async fn document(server: &TestServer) -> Value {
    let (status, headers, text) = get(server, "/openapi.json").await;
    assert_eq!((status, headers["content-type"].to_str().unwrap()), (200, "application/json"));
    serde_json::from_str(&text).unwrap()
}

/// An example as this server's app would send it now.
fn signed_again(server: &TestServer, example: &Value) -> String {
    let own = |name: &str| !["appkey", "timestamp", "nonce", "sign"].contains(&name);
    let fields: Map<String, Value> =
        example.as_object().unwrap().clone().into_iter().filter(|(name, _)| own(name)).collect();
    server.signed(fields.into()).to_string()
}

#[tokio::test]
async fn every_example_works() {
    let no_cooldown = |config: &mut simgauge::config::Config| {
        config.refresh.sim_cooldown_seconds = 0;
        config.refresh.cloud_esim_cooldown_seconds = 0;
    };
    let server = server().configure(no_cooldown).start().await;
    let document = document(&server).await;
    let paths = document["paths"].as_object().unwrap();
    assert_eq!(paths.len(), OperationName::ALL.len());
    let mut last_refresh = Value::Null;
    for (path, item) in paths {
        let examples = &item["post"]["requestBody"]["content"]["application/json"]["examples"];
        for (name, example) in examples.as_object().unwrap() {
            let mut example = example["value"].clone();
            // As the document's link says.
            if example.get("refreshId").is_some() {
                example["refreshId"] = last_refresh.clone();
            }
            let answer = server.post(path, signed_again(&server, &example)).await;
            assert_eq!((answer.status, answer.code()), (200, "200"), "{path} {name}: {answer:?}");
            if let Some(id) = answer.data().get("refreshId") {
                last_refresh = id.clone();
            }
        }
    }
    assert!(last_refresh.is_string());
}

#[tokio::test]
async fn the_command_line_prints_what_is_served() {
    let server = server().start().await;
    let printed = std::process::Command::new(env!("CARGO_BIN_EXE_simgauge")).arg("openapi").output().unwrap();
    assert!(printed.status.success());
    assert_eq!(serde_json::from_slice::<Value>(&printed.stdout).unwrap(), document(&server).await);
}

#[tokio::test]
async fn pages_come_with_a_policy_and_without_inline_script() {
    let server = server().start().await;
    for (path, kind) in [
        ("/docs/", "text/html"),
        ("/docs/swagger-ui-bundle.js", "text/javascript"),
        ("/docs/swagger-initializer.js", "text/javascript"),
        ("/docs/sign", "text/html"),
        ("/docs/sign.js", "text/javascript"),
        ("/docs/sign.css", "text/css"),
    ] {
        let (status, headers, text) = get(&server, path).await;
        assert_eq!(status, 200, "{path}");
        assert!(headers["content-type"].to_str().unwrap().starts_with(kind), "{path}: {headers:?}");
        let policy = headers["content-security-policy"].to_str().unwrap();
        assert!(
            policy.contains("default-src 'none'") && policy.contains("script-src 'self';"),
            "{path}: {policy}"
        );
        assert_eq!(headers["x-content-type-options"], "nosniff");
        if kind == "text/html" {
            for script in text.split("<script").skip(1) {
                let (tag, body) = script.split_once('>').unwrap();
                assert!(
                    tag.contains("src=") && body.trim_start().starts_with("</script>"),
                    "{path}: {script}"
                );
            }
            assert!(!text.contains(" style=") && !text.contains(" onclick="), "{path}");
        }
    }
    let (_, _, initializer) = get(&server, "/docs/swagger-initializer.js").await;
    assert!(initializer.contains("../openapi.json"), "{initializer}");
    assert_eq!(get(&server, "/docs/nothing").await.0, 404);
}

#[tokio::test]
async fn the_page_that_signs_speaks_two_languages_and_offers_every_operation() {
    let server = server().start().await;
    let (_, _, zh) = get(&server, "/docs/sign").await;
    let (_, _, en) = get(&server, "/docs/sign?lang=en").await;
    assert!(zh.contains("lang=\"zh-CN\"") && zh.contains("签名并发送"));
    assert!(en.contains("lang=\"en\"") && en.contains("Sign and send"));
    for operation in OperationName::ALL {
        assert!(en.contains(&format!("value=\"..{}\"", operation.path())), "{operation:?}");
    }
}

#[tokio::test]
async fn they_can_be_switched_off() {
    let server = server().configure(|config| config.docs.enabled = false).start().await;
    for path in ["/openapi.json", "/docs", "/docs/", "/docs/sign"] {
        assert_eq!(get(&server, path).await.0, 404, "{path}");
    }
    server.refresh_sim(crate::support::ICCID).await.expect("200");
}
