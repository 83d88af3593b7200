//! What a connection may take: callers that are slow, silent or too many, over raw sockets.

use crate::support::{ICCID, OPERATOR, TestServer, server};
use rstest::rstest;
use serde_json::json;
use simgauge_simulator::{Fault, FaultSpan};
use std::time::Duration;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::time::{Instant, sleep, timeout};

const LIMIT: Duration = Duration::from_secs(1);
/// A deadline may be noticed one limit late; the rest is for a busy machine.
const TIMEOUT: Duration = Duration::from_secs(5);

async fn strict() -> TestServer {
    server()
        .configure(|config| {
            config.server.head_timeout_seconds = 1;
            config.server.body_timeout_seconds = 1;
            config.server.idle_timeout_seconds = 1;
        })
        .start()
        .await
}

async fn connect(server: &TestServer) -> TcpStream {
    TcpStream::connect(server.url.trim_start_matches("http://")).await.unwrap()
}

fn request(server: &TestServer, fields: serde_json::Value) -> String {
    let body = server.signed(fields).to_string();
    format!(
        "POST /api/v3/card/refreshUsage HTTP/1.1\r\nhost: x\r\ncontent-length: {}\r\n\r\n{body}",
        body.len()
    )
}

/// What comes until the other end closes.
async fn rest(stream: &mut TcpStream) -> String {
    let mut text = Vec::new();
    let read = timeout(TIMEOUT, stream.read_to_end(&mut text)).await.expect("it is closed");
    // Closed with bytes of ours unread is closed, too.
    drop(read);
    String::from_utf8_lossy(&text).into_owned()
}

/// Sends what is left of a request, a byte at a time, until the other end has had enough.
#[rstest]
#[case::head("POST /api/v3/card/refreshUsage HTTP/1.1\r\nhost: x\r\n", "x-slow: 1\r\n")]
#[case::body("POST /api/v3/card/refreshUsage HTTP/1.1\r\nhost: x\r\ncontent-length: 9000\r\n\r\n", "{ \r\n")]
#[tokio::test]
async fn who_sends_drop_by_drop_is_cut_off(#[case] begin: &str, #[case] drops: &str) {
    let server = strict().await;
    let mut slow = connect(&server).await;
    slow.write_all(begin.as_bytes()).await.unwrap();
    let began = Instant::now();
    let (mut reading, mut writing) = slow.split();
    let mut answer = Vec::new();
    let dripping = async {
        for drop in drops.bytes().cycle() {
            if writing.write_all(&[drop]).await.is_err() {
                break;
            }
            sleep(Duration::from_millis(100)).await;
        }
        std::future::pending::<()>().await;
    };
    let closed = async {
        tokio::select! {
            _ = reading.read_to_end(&mut answer) => {}
            () = dripping => {}
        }
    };
    timeout(TIMEOUT, closed).await.expect("it is cut off");
    assert!(began.elapsed() >= LIMIT - Duration::from_millis(100), "after its time, not before");
    server.refresh_sim(ICCID).await.expect("200");
}

#[tokio::test]
async fn who_says_nothing_is_cut_off() {
    let server = strict().await;
    assert_eq!(rest(&mut connect(&server).await).await, "");
}

#[tokio::test]
async fn a_connection_is_kept_for_a_while() {
    let server = strict().await;
    let mut stream = connect(&server).await;
    let mut answers = 0;
    for _ in 0..3 {
        stream.write_all(request(&server, json!({ "iccid": ICCID })).as_bytes()).await.unwrap();
        let mut buffer = [0; 4096];
        let read = timeout(TIMEOUT, stream.read(&mut buffer)).await.expect("an answer").unwrap();
        answers += usize::from(buffer[..read].starts_with(b"HTTP/1.1 200 OK"));
        sleep(LIMIT / 2).await;
    }
    assert_eq!(answers, 3);
    assert_eq!(rest(&mut stream).await, "", "and then it is closed");
}

/// The deadlines are the callers': our own work may take longer.
#[tokio::test]
async fn who_waits_for_us_is_not_cut_off() {
    let server = strict().await;
    server.simulator.set_fault(OPERATOR, None, Fault::Delay(Duration::from_secs(3)), FaultSpan::Forever);
    let mut stream = connect(&server).await;
    let began = Instant::now();
    stream.write_all(request(&server, json!({ "iccid": ICCID, "wait": 8 })).as_bytes()).await.unwrap();
    let mut buffer = [0; 4096];
    let read = timeout(2 * TIMEOUT, stream.read(&mut buffer)).await.expect("an answer").unwrap();
    let text = String::from_utf8_lossy(&buffer[..read]);
    assert!(text.contains("usedBytes") && began.elapsed() >= Duration::from_secs(3), "{text}");
}

/// Two requests in one packet, and the beginning of a third while the second is worked on.
#[tokio::test]
async fn who_sends_ahead_is_not_cut_off_in_our_own_time() {
    let server = strict().await;
    server.simulator.set_fault(OPERATOR, None, Fault::Delay(Duration::from_secs(3)), FaultSpan::Forever);
    let mut stream = connect(&server).await;
    let held = request(&server, json!({ "iccid": ICCID, "wait": 8 }));
    let both = format!("GET /healthz HTTP/1.1\r\nhost: x\r\n\r\n{held}");
    stream.write_all(both.as_bytes()).await.unwrap();
    let mut buffer = [0; 4096];
    let read = timeout(TIMEOUT, stream.read(&mut buffer)).await.expect("an answer").unwrap();
    assert!(buffer[..read].starts_with(b"HTTP/1.1 200 OK"));
    stream.write_all(b"POST /api").await.unwrap();
    let read = timeout(2 * TIMEOUT, stream.read(&mut buffer)).await.expect("an answer").unwrap();
    let text = String::from_utf8_lossy(&buffer[..read]);
    assert!(text.contains("usedBytes"), "{text}");
    // Who does not go on with the third is cut off.
    rest(&mut stream).await;
}

#[tokio::test]
async fn more_connections_than_allowed_wait() {
    let server = server().configure(|config| config.server.max_connections = 2).start().await;
    let held = [connect(&server).await, connect(&server).await];
    let mut third = connect(&server).await;
    third.write_all(request(&server, json!({ "iccid": ICCID })).as_bytes()).await.unwrap();
    let mut buffer = [0; 4096];
    let early = timeout(Duration::from_millis(500), third.read(&mut buffer)).await;
    assert!(early.is_err(), "it waits for its turn");
    drop(held);
    let read = timeout(TIMEOUT, third.read(&mut buffer)).await.expect("its turn").unwrap();
    assert!(buffer[..read].starts_with(b"HTTP/1.1 200 OK"));
}

#[tokio::test]
async fn a_huge_head_is_refused() {
    let server = server().start().await;
    let mut stream = connect(&server).await;
    let head = format!(
        "POST /api/v3/card/refreshUsage HTTP/1.1\r\nhost: x\r\nx-huge: {}\r\n\r\n",
        "a".repeat(200_000)
    );
    // It may be closed before all of it is sent.
    let _ = stream.write_all(head.as_bytes()).await;
    let answer = rest(&mut stream).await;
    assert!(answer.is_empty() || answer.starts_with("HTTP/1.1 431"), "{answer}");
    let many: String = (0..500).map(|n| format!("x-{n}: 1\r\n")).collect();
    let mut stream = connect(&server).await;
    let _ = stream.write_all(format!("GET /healthz HTTP/1.1\r\n{many}\r\n").as_bytes()).await;
    let answer = rest(&mut stream).await;
    assert!(answer.is_empty() || answer.starts_with("HTTP/1.1 431"), "{answer}");
    server.refresh_sim(ICCID).await.expect("200");
}
