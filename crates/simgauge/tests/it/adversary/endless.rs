//! Operators and receivers of notifications that answer without end.

use super::floods::{MIB, PATH, TIMEOUT, flooded, gzip, still_well};
use crate::support::{SECRET, TestServer, import, row, server};
use rstest::rstest;
use serde_json::json;
use simgauge_store::Store;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;
use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::Instant;

/// A server that answers as its path says, and counts what it could send.
struct Endless {
    address: std::net::SocketAddr,
    sent: Arc<AtomicU64>,
}

const WAYS: [&str; 10] = [
    "body",
    "announced",
    "chunks",
    "extension",
    "headers",
    "header",
    "interim",
    "status",
    "bomb",
    "redirect",
];

impl Endless {
    async fn start(bomb: Vec<u8>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let sent = Arc::new(AtomicU64::new(0));
        let (bomb, counter) = (Arc::new(bomb), Arc::clone(&sent));
        tokio::spawn(async move {
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                tokio::spawn(answer(stream, address, Arc::clone(&bomb), Arc::clone(&counter)));
            }
        });
        Self { address, sent }
    }
}

async fn answer(stream: TcpStream, own: std::net::SocketAddr, bomb: Arc<Vec<u8>>, sent: Arc<AtomicU64>) {
    let mut stream = BufReader::new(stream);
    let (mut asked, mut line) = (String::new(), String::new());
    while stream.read_line(&mut line).await.is_ok_and(|read| read > 2) {
        if asked.is_empty() {
            asked.clone_from(&line);
        }
        line.clear();
    }
    let way = WAYS
        .iter()
        .enumerate()
        .find(|(n, way)| asked.contains(&format!("/{way}")) || asked.contains(&card(*n)));
    let Some((_, way)) = way else { return };
    let ok = "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\n";
    let (first, again) = match *way {
        "body" => (format!("{ok}\r\n{{\"a\":\""), "a"),
        "announced" => (format!("{ok}content-length: 9999999999\r\n\r\n{{\"a\":\""), "a"),
        "chunks" => (format!("{ok}transfer-encoding: chunked\r\n\r\n"), "4\r\naaaa\r\n"),
        "extension" => (format!("{ok}transfer-encoding: chunked\r\n\r\n1;"), "a"),
        "headers" => (ok.to_owned(), "x-one-more: 1\r\n"),
        "header" => (format!("{ok}x-long: "), "a"),
        "interim" => (String::new(), "HTTP/1.1 103 Early Hints\r\nx: 1\r\n\r\n"),
        "status" => ("HTTP/1.1 200 ".to_owned(), "a"),
        "redirect" => {
            (format!("HTTP/1.1 302 Found\r\nlocation: http://{own}/body\r\ncontent-length: 0\r\n\r\n"), "")
        }
        _ => (
            format!(
                "{ok}content-encoding: gzip\r\ncontent-length: {}\r\nconnection: close\r\n\r\n",
                bomb.len()
            ),
            "",
        ),
    };
    let _ = stream.write_all(first.as_bytes()).await;
    if *way == "bomb" {
        let _ = stream.write_all(&bomb).await;
    }
    let piece = again.repeat(65_536 / again.len().max(1));
    while !again.is_empty() && stream.write_all(piece.as_bytes()).await.is_ok() {
        sent.fetch_add(65_536, Ordering::Relaxed);
    }
}

/// The card that is answered in this way.
fn card(way: usize) -> String {
    format!("89860000000006{way:05}")
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Who {
    Operator,
    Receiver,
}

#[rstest]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn others_that_answer_without_end(#[values(Who::Operator, Who::Receiver)] who: Who) {
    let endless = Endless::start(gzip(&vec![b' '; 64 * MIB])).await;
    let base = format!("http://{}", endless.address);
    let mut server = server()
        .configure(move |config| {
            config.notify.allow_private = true;
            config.notify.allow_http = true;
            config.operator_accounts[0].step_timeout_seconds = Some(2);
            if who == Who::Operator {
                config.operator_accounts[0].base_url = Some(base.clone());
            }
        })
        .start()
        .await;
    add_cards(&server, who, &endless).await;
    let environment = [
        ("SIMGAUGE__REFRESH__DEADLINE_SECONDS", "1"),
        ("SIMGAUGE__LANES__BREAKER_FAILURES", "1000"),
        ("SIMGAUGE__NOTIFY__TIMEOUT_SECONDS", "2"),
        ("SIMGAUGE__NOTIFY__POLL_SECONDS", "0.05"),
    ];
    let (process, _dir, before) = flooded(&mut server, &environment).await;
    let mut ids = Vec::new();
    for (n, way) in WAYS.iter().enumerate() {
        let appkey = if who == Who::Receiver { format!("to-{way}") } else { "k".to_owned() };
        let body = server.signed_as(&appkey, json!({ "iccid": card(n) })).to_string();
        ids.push(server.post(PATH, body).await.refresh_id());
    }
    match who {
        Who::Operator => refreshes_fail(&server, &ids).await,
        Who::Receiver => deliveries_are_tried(&server).await,
    }
    assert!(endless.sent.load(Ordering::Relaxed) > 0, "nothing was sent");
    still_well(&server, &process, before, &format!("{who:?}")).await;
}

/// Adds a card for each way to answer. For receivers, each has an account that is notified there.
async fn add_cards(server: &TestServer, who: Who, endless: &Endless) {
    let store = server.store();
    let mut rows = Vec::new();
    for (n, way) in WAYS.iter().enumerate() {
        let mut account = "acme".to_owned();
        if who == Who::Receiver {
            account = format!("to-{way}");
            store.create_account(&account, "en", server.clock.now()).await.unwrap();
            let sealed = server.config.sealer().unwrap().seal(SECRET, &account).unwrap();
            store.create_app(&account, &account, "", &sealed, server.clock.now()).await.unwrap();
            let mut settings = store.notification_prefs(&account).await.unwrap();
            settings.url = Some(format!("http://{}/{way}", endless.address));
            store.set_notification_prefs(&settings).await.unwrap();
        }
        rows.push(row(&card(n), &card(n), &account));
    }
    import(store, &rows).await;
}

async fn refreshes_fail(server: &TestServer, ids: &[String]) {
    for (id, way) in ids.iter().zip(WAYS) {
        let report = server.ended(id, TIMEOUT).await;
        assert_eq!(report["state"], "failed", "{way}: {report}");
        assert!(matches!(report["reason"].as_str(), Some("bad_answer" | "temporary")), "{way}: {report}");
    }
}

async fn deliveries_are_tried(server: &TestServer) {
    let store = Store::connect(&server.config.store.url, 2).await.unwrap();
    let deadline = Instant::now() + TIMEOUT;
    for way in WAYS {
        let account = format!("to-{way}");
        let tried = loop {
            let list = store.notifications(Some(&account), None, 1).await.unwrap();
            if let Some(one) = list.into_iter().find(|one| one.attempts > 0) {
                break one;
            }
            assert!(Instant::now() < deadline, "{way} was never tried");
            tokio::time::sleep(Duration::from_millis(20)).await;
        };
        // A 2xx was an answer, whatever came after it; what never became one is an error.
        let is_answer = matches!(way, "body" | "announced" | "chunks" | "extension" | "bomb");
        assert_eq!(tried.last_error.is_none(), is_answer, "{way}: {tried:?}");
    }
    store.close().await;
}
