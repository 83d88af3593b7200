//! Too much, too deep, too slow, and what is no HTTP, from callers. Each gets a clear
//! answer or a closed connection, memory stays in bounds, and the next honest call works.

use super::raw::{RawResponse, send, send_all};
use crate::console::browser::{Browser, admins};
use crate::support::process::Process;
use crate::support::{ICCID, TestServer, server};
use serde_json::json;
use simgauge_store::AdminRole;
use std::io::Write as _;
use std::process::{Command, Stdio};
use std::time::Duration;
use tokio::io::AsyncWriteExt as _;
use tokio::net::TcpStream;
use tokio::time::Instant;

pub const MIB: usize = 1024 * 1024;
/// What a server may grow by while it is flooded. What it is sent, or what that would become, is several
/// times as much.
const MOST_GROWTH_KIB: u64 = 48 * 1024;
pub const TIMEOUT: Duration = Duration::from_secs(20);
pub const PATH: &str = "/api/v3/card/refreshUsage";

const QUICK: [(&str, &str); 3] = [
    ("SIMGAUGE__SERVER__HEAD_TIMEOUT_SECONDS", "1"),
    ("SIMGAUGE__SERVER__BODY_TIMEOUT_SECONDS", "1"),
    ("SIMGAUGE__SERVER__IDLE_TIMEOUT_SECONDS", "1"),
];

/// A server as a process of its own, warm: its memory is measured, and nobody else's.
pub async fn flooded(
    server: &mut TestServer,
    environment: &[(&str, &str)],
) -> (Process, tempfile::TempDir, u64) {
    server.stop().await;
    let dir = tempfile::tempdir().unwrap();
    let process = Process::serve_in(server, dir.path(), &server.config.store.url, environment);
    server.url = process.url.clone();
    for _ in 0..20 {
        server.card(ICCID).await.expect("200");
    }
    let before = process.most_memory_kib();
    (process, dir, before)
}

fn address(server: &TestServer) -> &str {
    server.url.trim_start_matches("http://")
}

pub async fn still_well(server: &TestServer, process: &Process, before: u64, what: &str) {
    server.card(ICCID).await.expect("200");
    let grown = process.most_memory_kib().saturating_sub(before);
    println!("{what}: {grown} KiB more");
    assert!(grown < MOST_GROWTH_KIB, "{what}: {grown} KiB more");
    assert!(!process.logged().contains("panicked"), "{what}");
}

pub fn gzip(bytes: &[u8]) -> Vec<u8> {
    let script = "import gzip,sys; sys.stdout.buffer.write(gzip.compress(sys.stdin.buffer.read(), 9))";
    let mut child = Command::new("python3")
        .args(["-c", script])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("python3");
    let mut input = child.stdin.take().unwrap();
    let bytes = bytes.to_vec();
    let writing = std::thread::spawn(move || input.write_all(&bytes).unwrap());
    let output = child.wait_with_output().unwrap();
    writing.join().unwrap();
    output.stdout
}

fn head(more: &str) -> String {
    format!("POST {PATH} HTTP/1.1\r\nhost: x\r\n{more}\r\n")
}

/// One piece of 64 KiB again and again, up to so many MiB.
fn pieces(first: String, piece: &str, mib: usize) -> impl Iterator<Item = Vec<u8>> + use<> {
    let piece = piece.repeat(65_536 / piece.len()).into_bytes();
    std::iter::once(first.into_bytes()).chain(std::iter::repeat_n(piece, mib * 16))
}

fn is_refused(response: &RawResponse) -> bool {
    let statuses = response.statuses();
    statuses.len() <= 1 && statuses.iter().all(|status| matches!(status, 400 | 405 | 413 | 414 | 431 | 505))
        || response.0.contains("\"code\":\"400\"") && statuses == [200]
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn callers_that_send_too_much() {
    let mut server = server().start().await;
    let (process, _dir, before) = flooded(&mut server, &QUICK).await;
    let to = address(&server).to_owned();
    for (what, first, piece) in [
        ("a header of 64 MiB", head("")[..head("").len() - 2].to_owned() + "x-long: ", "a"),
        ("headers without end", head("")[..head("").len() - 2].to_owned(), "x-one-more: 1\r\n"),
        ("a path of 64 MiB", "POST /".to_owned(), "a"),
        ("a method of 64 MiB", "POST".to_owned(), "A"),
        ("empty lines", String::new(), "\r\n"),
        ("a body of 64 MiB", head("content-length: 67108864\r\n"), " "),
        ("a body of 10 GiB, announced", head("content-length: 10737418240\r\n"), " "),
        ("chunks without end", head("transfer-encoding: chunked\r\n"), "10\r\n                \r\n"),
        ("one chunk without end", head("transfer-encoding: chunked\r\n") + "7fffffffffffffff\r\n", " "),
        ("a chunk's extension", head("transfer-encoding: chunked\r\n") + "1;x=", "a"),
        ("trailers", head("transfer-encoding: chunked\r\n") + "1\r\n{\r\n0\r\n", "x-one-more: 1\r\n"),
        ("cookies", head("")[..head("").len() - 2].to_owned(), "cookie: a=b; c=d\r\n"),
    ] {
        let response = send(&to, pieces(first, piece, 64)).await;
        assert!(is_refused(&response), "{what}: {:?} {}", response.statuses(), response.0);
        still_well(&server, &process, before, what).await;
    }
    let many: String = (0..10_000).map(|n| format!("x-{n}: 1\r\n")).collect();
    assert!(is_refused(&send_all(&to, head(&many)).await), "10,000 headers");
    still_well(&server, &process, before, "10,000 headers").await;
}

/// A body that is packed with gzip is unpacked up to the limit of a body; any other one is refused.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn bodies_that_would_inflate() {
    let mut server = server().start().await;
    let (process, _dir, before) = flooded(&mut server, &QUICK).await;
    let mut body = server.signed(json!({ "iccid": ICCID })).to_string().into_bytes();
    body.extend(std::iter::repeat_n(b' ', 12 * MIB));
    let bomb = gzip(&body);
    assert!(bomb.len() < 16 * 1024, "{}", bomb.len());
    for encoding in ["gzip", "x-gzip", "deflate", "br", "zstd", "gzip, gzip"] {
        let request = server.request(reqwest::Method::POST, PATH).header("content-encoding", encoding);
        let code = if encoding.contains("gzip") && !encoding.contains(',') { "413" } else { "400" };
        server.send(request.body(bomb.clone())).await.expect(code);
    }
    for deep in ["[".repeat(16_000), "{\"a\":".repeat(3_200), "[{\"a\":".repeat(2_700)] {
        server.post(PATH, deep).await.expect("400");
    }
    let mut deep = server.signed(json!({ "iccid": ICCID })).to_string();
    deep.insert_str(1, &format!("\"a\":{}{},", "[".repeat(7_900), "]".repeat(7_900)));
    server.post(PATH, deep).await.expect("400");
    let wide: String = (0..1_500).map(|n| format!("\"{n}\":0,")).collect();
    server.post(PATH, format!("{{{wide}\"iccid\":\"1\"}}")).await.expect("400");
    server.post(PATH, format!("{{\"timestamp\":1{}}}", "0".repeat(16_000))).await.expect("400");
    still_well(&server, &process, before, "bodies that would inflate").await;
}

/// Lengths that lie, two ways to tell the length, and what is no HTTP at all: never two answers where one
/// call was made, and never is what stands behind a lie taken for a call.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn lengths_that_lie_and_what_is_no_http() {
    let mut server = server().start().await;
    let (process, _dir, before) = flooded(&mut server, &QUICK).await;
    let to = address(&server).to_owned();
    // What somebody wants to slip in behind: it would be answered with 200.
    let hidden = "GET /healthz HTTP/1.1\r\nhost: x\r\n\r\n";
    let chunk = format!("{:x}\r\n{hidden}\r\n0\r\n\r\n", hidden.len());
    for lie in [
        head("content-length: 100\r\n") + "{}",
        head("content-length: -1\r\n") + hidden,
        head("content-length: +2\r\n") + "{}" + hidden,
        head("content-length: 0x2\r\n") + "{}" + hidden,
        head("content-length: 2,2\r\n") + "{}" + hidden,
        head("content-length: 99999999999999999999\r\n") + hidden,
        head("content-length: 2\r\ncontent-length: 90\r\n") + "{}" + hidden,
        head("content-length: 90\r\ncontent-length: 2\r\n") + "{}" + hidden,
        head("content-length: 2\r\ntransfer-encoding: chunked\r\n") + "0\r\n\r\n" + hidden,
        head("transfer-encoding: chunked\r\ncontent-length: 2\r\n") + "0\r\n\r\n" + hidden,
        head("transfer-encoding: chunked\r\ncontent-length: 5\r\n") + &chunk + hidden,
        head("transfer-encoding: chunked, identity\r\n") + "0\r\n\r\n" + hidden,
        head("transfer-encoding: xchunked\r\n") + "0\r\n\r\n" + hidden,
        head("transfer-encoding: identity\r\ncontent-length: 2\r\n") + "{}" + hidden,
        head("transfer-encoding: \x0bchunked\r\n") + "0\r\n\r\n" + hidden,
        head("transfer-encoding : chunked\r\n") + "0\r\n\r\n" + hidden,
        head("content-length : 2\r\n") + "{}" + hidden,
        head("x: 1\r\n content-length: 2\r\n") + "{}",
        head("x: a\0b\r\n") + hidden,
        head("x\r\n") + hidden,
        head("transfer-encoding: chunked\r\n") + "-1\r\n" + hidden,
        head("transfer-encoding: chunked\r\n") + "0x2\r\n{}\r\n0\r\n\r\n" + hidden,
        head("transfer-encoding: chunked\r\n") + "fffffffffffffffff\r\n" + hidden,
        head("transfer-encoding: chunked\r\n") + "2\r\n{}x\r\n0\r\n\r\n" + hidden,
        format!("POST {PATH} HTTP/1.0\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n{hidden}"),
        format!("POST {PATH} HTTP/9.9\r\nhost: x\r\n\r\n{hidden}"),
        format!("POST {PATH}\r\n\r\n{hidden}"),
        "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".to_owned() + hidden,
        "\x16\x03\x01\x02\x00\x01\x00\x01\x7c\x03\x03".to_owned() + hidden,
        "\0".repeat(4096) + hidden,
        "{\"appkey\":\"k\"}\r\n\r\n".to_owned() + hidden,
    ] {
        let response = send_all(&to, lie.clone()).await;
        let statuses = response.statuses();
        assert!(statuses.len() <= 1, "{lie:?}: {statuses:?}");
        assert!(!response.0.contains("\r\n\r\nok\n"), "{lie:?}: {}", response.0);
        assert!(statuses.iter().all(|status| *status < 500 || *status == 505), "{lie:?}: {statuses:?}");
    }
    // Too short a length: what is left over is no request, and is answered as such.
    let short = send_all(&to, head("content-length: 2\r\n") + "{} and more of it\r\n\r\n" + hidden).await;
    assert_eq!(short.statuses(), [200, 400], "{}", short.0);
    assert!(short.0.contains("\"code\":\"400\""));
    // Rightly framed calls one behind the other are answered each, until nonsense comes.
    let calls = head("content-length: 2\r\n") + "{}";
    let response = send_all(&to, calls.repeat(50) + "nonsense\r\n\r\n" + hidden).await;
    let statuses = response.statuses();
    assert_eq!((statuses.len(), statuses.iter().filter(|status| **status == 200).count()), (51, 50));
    still_well(&server, &process, before, "lies").await;
}

/// Hundreds that send a drop now and then keep nobody out, and are cut off.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn slow_senders_keep_nobody_out() {
    let mut server = server().start().await;
    let (process, _dir, before) = flooded(&mut server, &QUICK).await;
    let mut slow = Vec::new();
    for n in 0..300 {
        let begin = if n % 2 == 0 { head("")[..20].to_owned() } else { head("content-length: 9000\r\n") };
        let mut stream = TcpStream::connect(address(&server)).await.unwrap();
        stream.write_all(begin.as_bytes()).await.unwrap();
        slow.push(tokio::spawn(async move {
            let began = Instant::now();
            while stream.write_all(b"x").await.is_ok() {
                assert!(began.elapsed() < TIMEOUT, "never cut off");
                tokio::time::sleep(Duration::from_millis(200)).await;
            }
        }));
    }
    for _ in 0..10 {
        let began = Instant::now();
        server.card(ICCID).await.expect("200");
        assert!(began.elapsed() < Duration::from_secs(5), "{:?}", began.elapsed());
    }
    for one in slow {
        one.await.unwrap();
    }
    still_well(&server, &process, before, "slow senders").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn uploads_beyond_their_limit_leave_nothing_behind() {
    let mut server = server().start().await;
    admins(&server, &[("ann", AdminRole::Full)]).await;
    let files = tempfile::tempdir().unwrap();
    let environment = [
        ("SIMGAUGE__CONSOLE__IMPORT_MAX_MIB", "1"),
        ("TMPDIR", files.path().to_str().unwrap()),
        ("SIMGAUGE__SERVER__BODY_TIMEOUT_SECONDS", "2"),
    ];
    let (process, _dir, before) = flooded(&mut server, &environment).await;
    let mut ann = Browser::of(&server, "ann").await;
    let csrf = ann.get("/console").await.csrf();
    let cookie = format!("simgauge_session={}", ann.cookies["simgauge_session"]);
    let begin = |token: &str, length: &str| {
        format!(
            "POST /console/import HTTP/1.1\r\nhost: x\r\ncookie: {cookie}\r\n{length}\r\n\
             content-type: multipart/form-data; boundary=edge\r\n\r\n"
        ) + &if length.starts_with("content") {
            format!(
                "--edge\r\ncontent-disposition: form-data; name=\"csrf\"\r\n\r\n{token}\r\n--edge\r\n\
                 content-disposition: form-data; name=\"file\"; filename=\"x.csv\"\r\n\r\n"
            )
        } else {
            String::new()
        }
    };
    let to = address(&server).to_owned();
    for (what, token, expected) in
        [("too long a file", csrf.as_str(), 413), ("too long a forged file", "0", 403)]
    {
        let begin = begin(token, "content-length: 67108864");
        let response = send(&to, pieces(begin, "8986000000000000001,acme,main\n", 63)).await;
        // Closed while we are still sending is as clear where the answer was lost on the way.
        assert!(
            response.statuses().is_empty() || response.statuses() == [expected],
            "{what}: {}",
            response.0
        );
    }
    let stuck = begin(&csrf, "content-length: 100000") + "iccid,account\n";
    let response = send_all(&to, stuck).await;
    assert!(response.statuses().iter().all(|status| *status == 400), "{}", response.0);
    // A token or a name without end is no token and no name.
    for part in ["name=\"csrf\"\r\n\r\n", "name=\""] {
        let first = begin("", "transfer-encoding: chunked")
            + &format!("7fffffff\r\n--edge\r\ncontent-disposition: form-data; {part}");
        let response = send(&to, pieces(first, "a", 64)).await;
        assert!(response.statuses().iter().all(|status| matches!(status, 400 | 403)), "{}", response.0);
    }
    // One line of a file may be long, and is refused as a line.
    let long = "a".repeat(900 * 1024);
    let page = ann.upload(&csrf, "long.csv", &format!("iccid,account,operator_account\n{long}")).await;
    let job = page.expect(303).location().to_owned();
    let deadline = Instant::now() + TIMEOUT;
    while !ann.get(&job).await.expect(200).text.contains("errors.csv") {
        assert!(Instant::now() < deadline);
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    still_well(&server, &process, before, "uploads").await;
    // Of that last one the file and its errors are kept; of the others nothing.
    let left = std::fs::read_dir(files.path()).unwrap().count();
    assert!(left <= 2, "{left} files are left");
}
