//! TLS by the program itself, with a certificate that changes.

use crate::support::call::read;
use crate::support::{ICCID, TestServer, server};
use serde_json::json;
use simgauge_http::server::TlsFiles;
use std::time::Duration;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::time::{Instant, sleep};

const TIMEOUT: Duration = Duration::from_secs(15);

/// Puts a new certificate for localhost in place; answers it as PEM.
fn issue(files: &TlsFiles) -> String {
    let pair = rcgen::generate_simple_self_signed(vec!["localhost".to_owned()]).unwrap();
    std::fs::write(&files.key, pair.signing_key.serialize_pem()).unwrap();
    std::fs::write(&files.cert, pair.cert.pem()).unwrap();
    pair.cert.pem()
}

/// A call by somebody who trusts this certificate and no other.
async fn call(server: &TestServer, trusted: &str) -> Result<String, reqwest::Error> {
    let address = server.url.trim_start_matches("http://").parse().unwrap();
    let client = reqwest::Client::builder()
        .tls_certs_only([reqwest::Certificate::from_pem(trusted.as_bytes()).unwrap()])
        .resolve("localhost", address)
        .build()
        .unwrap();
    let url = format!("https://localhost:{}/api/v3/card/getCardsInfo", address.port());
    let body = server.signed(json!({ "iccid": ICCID })).to_string();
    let response = client.post(url).body(body).send().await?;
    Ok(read(response).await.code().to_owned())
}

/// The name of the cookie that the console's log-in sets, and whether browsers keep it to TLS.
async fn visit_cookie(server: &TestServer, trusted: &str) -> String {
    let address: std::net::SocketAddr = server.url.trim_start_matches("http://").parse().unwrap();
    let client = reqwest::Client::builder()
        .tls_certs_only([reqwest::Certificate::from_pem(trusted.as_bytes()).unwrap()])
        .resolve("localhost", address)
        .build()
        .unwrap();
    let url = format!("https://localhost:{}/console/login", address.port());
    let response = client.get(url).send().await.unwrap();
    let line = response.headers()["set-cookie"].to_str().unwrap();
    let name = line.split('=').next().unwrap();
    format!("{name}{}", if line.ends_with("; Secure") { "; Secure" } else { "" })
}

async fn until_trusted(server: &TestServer, trusted: &str) {
    let deadline = Instant::now() + TIMEOUT;
    while call(server, trusted).await.is_err() {
        assert!(Instant::now() < deadline, "the new certificate was not taken up");
        sleep(Duration::from_millis(100)).await;
    }
}

#[tokio::test]
async fn a_certificate_is_used_and_replaced() {
    let dir = tempfile::tempdir().unwrap();
    let files = TlsFiles { cert: dir.path().join("cert.pem"), key: dir.path().join("key.pem") };
    let first = issue(&files);
    let configured = files.clone();
    let server = server()
        .configure(move |config| {
            config.server.tls = configured.clone();
            config.server.head_timeout_seconds = 1;
        })
        .start()
        .await;
    assert_eq!(call(&server, &first).await.unwrap(), "200");
    assert_eq!(visit_cookie(&server, &first).await, "__Host-simgauge_visit; Secure");
    let stranger = rcgen::generate_simple_self_signed(vec!["localhost".to_owned()]).unwrap();
    assert!(call(&server, &stranger.cert.pem()).await.is_err());

    let second = issue(&files);
    until_trusted(&server, &second).await;
    assert!(call(&server, &first).await.is_err());

    // A key of another certificate: the one before stays. The next good one shows that the files were looked
    // at.
    std::fs::write(&files.key, stranger.signing_key.serialize_pem()).unwrap();
    let deadline = Instant::now() + Duration::from_secs(3);
    while Instant::now() < deadline {
        assert_eq!(call(&server, &second).await.unwrap(), "200");
        sleep(Duration::from_millis(200)).await;
    }
    let third = issue(&files);
    until_trusted(&server, &third).await;
}

#[tokio::test]
async fn plain_http_and_silence_get_no_answer() {
    let dir = tempfile::tempdir().unwrap();
    let files = TlsFiles { cert: dir.path().join("cert.pem"), key: dir.path().join("key.pem") };
    issue(&files);
    let server = server()
        .configure(move |config| {
            config.server.tls = files.clone();
            config.server.head_timeout_seconds = 1;
        })
        .start()
        .await;
    for sent in ["GET /healthz HTTP/1.1\r\nhost: x\r\n\r\n", ""] {
        let mut stream =
            tokio::net::TcpStream::connect(server.url.trim_start_matches("http://")).await.unwrap();
        stream.write_all(sent.as_bytes()).await.unwrap();
        let mut answer = Vec::new();
        let closed = tokio::time::timeout(TIMEOUT, stream.read_to_end(&mut answer)).await;
        assert!(closed.is_ok(), "it is closed");
        assert!(!String::from_utf8_lossy(&answer).contains("HTTP"));
    }
}
