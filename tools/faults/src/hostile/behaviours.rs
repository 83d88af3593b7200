//! The misbehaviours.

use super::exchange::{Exchange, MARK};
use std::io::Result;
use std::time::Duration;

/// How the refreshes may end.
#[derive(Clone, Copy, Debug)]
pub(super) enum Ends {
    /// With one of these reasons.
    Failed(&'static [&'static str]),
    /// Well, or with one of these reasons: nothing is wrong that matters.
    WellOr(&'static [&'static str]),
}

use Ends::{Failed, WellOr};

/// A way in which an operator misbehaves.
pub(super) struct Behaviour {
    pub(super) name: &'static str,
    pub(super) why: &'static str,
    /// Whether the operator has a log-in.
    pub(super) logs_in: bool,
    pub(super) ends: Ends,
    pub(super) act: fn(&mut Exchange) -> Result<()>,
}

const fn on(
    name: &'static str,
    why: &'static str,
    ends: Ends,
    act: fn(&mut Exchange) -> Result<()>,
) -> Behaviour {
    Behaviour { name, why, logs_in: false, ends, act }
}

const fn login(
    name: &'static str,
    why: &'static str,
    ends: Ends,
    act: fn(&mut Exchange) -> Result<()>,
) -> Behaviour {
    Behaviour { name, why, logs_in: true, ends, act }
}

const TEMPORARY: Ends = Failed(&["temporary"]);
const BAD: Ends = Failed(&["bad_answer"]);
const LIMITED: Ends = Failed(&["rate_limited", "operator_down", "queue_timeout"]);
const DOWN: Ends = Failed(&["temporary", "operator_down", "queue_timeout"]);
const SECOND: Duration = Duration::from_secs(1);
const LONG: Duration = Duration::from_secs(30);

pub(super) const BEHAVIOURS: &[Behaviour] = &[
    // The connection.
    on("no-answer", "takes the call and says nothing", TEMPORARY, |x| x.keep(LONG)),
    on("closes", "closes at once", TEMPORARY, |_| Ok(())),
    on("resets", "resets before it answers", TEMPORARY, Exchange::reset),
    on("half-head", "stops in the middle of the head", TEMPORARY, |x| {
        x.bytes(b"HTTP/1.1 200 OK\r\nContent-Ty")?;
        x.keep(LONG)
    }),
    on("half-head-closed", "closes in the middle of the head", TEMPORARY, |x| x.bytes(b"HTTP/1.1 200 O")),
    on("half-body", "stops in the middle of the body", TEMPORARY, |x| {
        x.bytes(b"HTTP/1.1 200 OK\r\nContent-Length: 500\r\n\r\n{\"iccid\": ")?;
        x.keep(LONG)
    }),
    on("reset-in-body", "resets in the middle of the body", TEMPORARY, |x| {
        x.bytes(b"HTTP/1.1 200 OK\r\nContent-Length: 500\r\n\r\n{\"iccid\": ")?;
        x.reset()
    }),
    on("length-too-large", "promises more than it sends", TEMPORARY, |x| {
        let body = x.reading();
        let head = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n", body.len() + 100);
        x.bytes((head + &body).as_bytes())
    }),
    on("length-too-small", "sends more than it promises", BAD, |x| {
        let body = x.reading();
        x.bytes(format!("HTTP/1.1 200 OK\r\nContent-Length: 20\r\n\r\n{body}").as_bytes())
    }),
    on("length-negative", "a length that is none", TEMPORARY, |x| {
        let body = x.reading();
        x.bytes(format!("HTTP/1.1 200 OK\r\nContent-Length: -5\r\n\r\n{body}").as_bytes())
    }),
    on("length-huge", "promises 2^63 bytes", TEMPORARY, |x| {
        x.bytes(b"HTTP/1.1 200 OK\r\nContent-Length: 9223372036854775807\r\n\r\n{")?;
        x.keep(LONG)
    }),
    on("two-lengths", "two lengths that differ", TEMPORARY, |x| {
        let body = x.reading();
        let length = body.len();
        let head = format!("HTTP/1.1 200 OK\r\nContent-Length: {length}\r\nContent-Length: 7\r\n\r\n");
        x.bytes((head + &body).as_bytes())
    }),
    on("bad-chunks", "chunks whose lengths are not numbers", TEMPORARY, |x| {
        x.bytes(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n{}\r\n0\r\n\r\n")
    }),
    on("not-http", "answers in another protocol", TEMPORARY, |x| {
        x.bytes(format!("220 mail.example ESMTP {MARK}\r\n").as_bytes())
    }),
    on("endless-body", "never ends its body", Failed(&["bad_answer", "temporary"]), |x| {
        x.bytes(b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n")?;
        x.forever(&[b' '; 65_536], Duration::ZERO)
    }),
    on("endless-head", "never ends its head", TEMPORARY, |x| {
        x.bytes(b"HTTP/1.1 200 OK\r\n")?;
        x.forever(format!("X-A: {}\r\n", "a".repeat(4_000)).as_bytes(), Duration::ZERO)
    }),
    on("endless-100", "says 'continue' for ever", TEMPORARY, |x| {
        x.forever(&b"HTTP/1.1 100 Continue\r\n\r\n".repeat(400), Duration::from_millis(1))
    }),
    on("drip", "a byte a second", TEMPORARY, |x| {
        let body = x.reading();
        let answer = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{body}", body.len());
        for byte in answer.bytes() {
            x.bytes(&[byte])?;
            x.keep(SECOND)?;
        }
        Ok(())
    }),
    on("too-late", "answers well after the time limit", TEMPORARY, |x| {
        x.keep(15 * SECOND)?;
        let body = x.reading();
        x.json(&body)
    }),
    on("http-1.0", "an old protocol, and no length", WellOr(&[]), |x| {
        let body = x.reading();
        x.bytes(format!("HTTP/1.0 200 OK\r\n\r\n{body}").as_bytes())
    }),
    on("answers-twice", "two answers to one call", WellOr(&["temporary"]), |x| {
        let body = x.reading();
        let answer = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{body}", body.len());
        x.bytes(answer.repeat(2).as_bytes())
    }),
    // The status.
    on("redirect-elsewhere", "sends the caller to another host, with its password", BAD, |x| {
        x.error("302 Found", "Location: http://127.0.0.1:9/steal\r\n")
    }),
    on("redirect-to-itself", "sends the caller round in a circle", BAD, |x| {
        x.error("307 Temporary Redirect", "Location: /\r\n")
    }),
    on("429-huge", "asks for thirty years of silence", LIMITED, |x| {
        x.error("429 Too Many Requests", "Retry-After: 999999999\r\n")
    }),
    on("429-overflow", "asks for more silence than there are numbers", LIMITED, |x| {
        x.error("429 Too Many Requests", "Retry-After: 99999999999999999999999\r\n")
    }),
    on("429-negative", "asks for silence in the past", LIMITED, |x| {
        x.error("429 Too Many Requests", "Retry-After: -60\r\n")
    }),
    on("429-date", "names a day instead of seconds", LIMITED, |x| {
        x.error("429 Too Many Requests", "Retry-After: Fri, 31 Dec 2199 23:59:59 GMT\r\n")
    }),
    on("429-words", "asks for silence in words", LIMITED, |x| {
        x.error("429 Too Many Requests", "Retry-After: soon\r\n")
    }),
    on("503-20-minutes", "is down and says for how long", DOWN, |x| {
        x.error("503 Service Unavailable", "Retry-After: 1200\r\n")
    }),
    on("500", "fails", DOWN, |x| x.error("500 Internal Server Error", "")),
    on("403", "refuses the password", Failed(&["auth"]), |x| x.error("403 Forbidden", "")),
    on("418", "a status that it does not document", Failed(&["bad_request"]), |x| {
        x.error("418 I'm a teapot", "")
    }),
    on("299-empty", "succeeds and says nothing", BAD, |x| x.answer("299 Fine", "", b"")),
    on("204", "succeeds without a body", BAD, |x| x.bytes(b"HTTP/1.1 204 No Content\r\n\r\n")),
    on("999", "a status beyond all", Failed(&["bad_answer", "temporary"]), |x| x.error("999 Beyond", "")),
    on("200-error", "reports an error with 200", BAD, |x| x.error("200 OK", "")),
    // The body.
    on("html", "a web page with 200", BAD, |x| x.json(&format!("<html><body>{MARK}</body></html>"))),
    on("gzip-bomb", "a body that grows a thousandfold when it is unpacked", BAD, |x| {
        x.answer("200 OK", "Content-Encoding: gzip\r\n", &bomb())
    }),
    on("other-sim", "answers for another SIM", BAD, |x| {
        let body = x.reading().replace(&x.iccid, "8986999999999999999");
        x.json(&body)
    }),
    on("no-sim", "does not say which SIM", BAD, |x| x.json(r#"{"ctdDataUsage": 5000}"#)),
    on("no-amount", "leaves the amount out", BAD, |x| {
        let body = x.reading().replace("ctdDataUsage", "usage");
        x.json(&body)
    }),
    on("null", "an amount that is null", BAD, |x| x.json(&x.amount("null"))),
    on("text", "an amount in words", BAD, |x| x.json(&x.amount(&format!("\"{MARK}\"")))),
    on("nan", "an amount that is not a number", BAD, |x| x.json(&x.amount("NaN"))),
    on("infinite", "an amount beyond all numbers", BAD, |x| x.json(&x.amount("1e400"))),
    on("negative", "an amount below zero", BAD, |x| x.json(&x.amount("-5000"))),
    on("2-to-the-64", "an amount that no counter holds", BAD, |x| x.json(&x.amount("18446744073709551616"))),
    on("object", "an amount with parts", BAD, |x| x.json(&x.amount("{\"bytes\": [1]}"))),
    on("key-twice", "two amounts for one card", WellOr(&["bad_answer"]), |x| {
        let body = x.amount("5000, \"ctdDataUsage\": 6000");
        x.json(&body)
    }),
    on("deep", "a hundred thousand brackets", BAD, |x| x.json(&"[".repeat(100_000))),
    on("deep-value", "an amount within ten thousand lists", BAD, |x| {
        let body = x.amount(&format!("{}5{}", "[".repeat(10_000), "]".repeat(10_000)));
        x.json(&body)
    }),
    on("cut-json", "a body that stops, with a length that is right", BAD, |x| x.json(r#"{"iccid": "89"#)),
    on("bom", "a byte order mark before the body", WellOr(&["bad_answer"]), |x| {
        let body = format!("\u{feff}{}", x.reading());
        x.json(&body)
    }),
    on("gbk", "Chinese in another encoding than it says", WellOr(&["bad_answer"]), |x| {
        let body = x.reading();
        let (before, after) = body.split_once(MARK).unwrap_or_default();
        // 你好 in GBK.
        let body = [before.as_bytes(), b"\xc4\xe3\xba\xc3", after.as_bytes()].concat();
        x.answer("200 OK", "", &body)
    }),
    on("zeros", "a body of zeros", BAD, |x| x.answer("200 OK", "", &[0; 5_000])),
    // The log-in.
    login("token-refused", "refuses its own token at once", Failed(&["token_expired", "auth"]), |x| {
        if x.log_in()? { Ok(()) } else { x.error("401 Unauthorized", "") }
    }),
    login("login-html", "a web page as log-in", Failed(&["auth", "bad_answer"]), |x| {
        x.json(&format!("<html>{MARK}</html>"))
    }),
    login("login-silent", "says nothing to a log-in", DOWN, |x| x.keep(LONG)),
    login(
        "token-huge",
        "a token of a megabyte",
        Failed(&["bad_answer", "bad_request", "temporary", "auth"]),
        |x| x.json(&format!(r#"{{"token": "{}"}}"#, "t".repeat(1_000_000))),
    ),
    login(
        "token-lines",
        "a token with a line break and a header",
        Failed(&["bad_answer", "bad_request", "auth"]),
        |x| x.json(r#"{"token": "t\r\nX-Admin: 1"}"#),
    ),
];

/// A gzip file of 420 KB that unpacks to 67 MB of zeros.
fn bomb() -> Vec<u8> {
    // One deflate block with fixed codes: a zero byte, then copies of it, 258 at a time. Each copy takes 13
    // bits: 11000101 for the length 258, 00000 for the distance 1.
    let mut bytes = vec![0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 255];
    let (mut bits, mut count) = (0_u32, 0);
    let mut put = |code: u32, length: u32| {
        // Codes are stored from their highest bit on.
        for bit in (0..length).rev() {
            bits |= (code >> bit & 1) << count;
            count += 1;
            if count == 8 {
                bytes.push(bits as u8);
                (bits, count) = (0, 0);
            }
        }
    };
    put(0b110, 3);
    put(0b0011_0000, 8);
    for _ in 0..260_000 {
        put(0b1100_0101, 8);
        put(0, 5);
    }
    put(0, 7);
    put(0, 8);
    bytes
}
