//! Load at a given rate, by a client of our own: wrk cannot keep to one. The schedule does not wait for answers, and latency
//! counts from when a request should have been sent, so that a slow answer is not hidden by the requests that waited for it.

use crate::cards::Requests;
use anyhow::{Context as _, ensure};
use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::rc::Rc;
use std::time::{Duration, Instant};
use std::{cell::RefCell, io};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::task::{JoinSet, LocalSet};

/// As many as wrk has unless told otherwise.
pub(crate) const CONNECTIONS: usize = 256;

/// What stands for the code of a request whose connection broke.
pub(crate) const BROKEN: &str = "broken";

/// How requests are sent.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Schedule {
    /// Requests a second; nothing: each connection sends its next as soon as the last is answered.
    pub(crate) rate: Option<f64>,
    /// Requests under way at once, at most.
    pub(crate) connections: usize,
    /// No request is sent later than this.
    pub(crate) most: Duration,
}

/// What came back.
#[derive(Debug, Default)]
pub(crate) struct Answers {
    /// How many of each code in the envelope.
    pub(crate) codes: BTreeMap<String, u64>,
    /// Of answers with code 200, in microseconds: from when the request was due.
    pub(crate) since_due: Latencies,
    /// The same from when it was sent.
    pub(crate) since_sent: Latencies,
    /// Of all other answers.
    pub(crate) others_since_sent: Latencies,
    /// From the first request to the last answer.
    pub(crate) took: Duration,
}

impl Answers {
    /// How many answers carry this code.
    pub(crate) fn of(&self, code: &str) -> u64 {
        self.codes.get(code).copied().unwrap_or(0)
    }

    /// Answers of any kind.
    pub(crate) fn all(&self) -> u64 {
        self.codes.values().sum()
    }
}

/// Latencies, each of them.
#[derive(Debug, Default)]
pub(crate) struct Latencies(Vec<u32>);

impl Latencies {
    fn push(&mut self, latency: Duration) {
        self.0.push(u32::try_from(latency.as_micros()).unwrap_or(u32::MAX));
    }

    /// The latency that this share of them (0 to 1) is not above, in milliseconds.
    pub(crate) fn percentile(&mut self, share: f64) -> f64 {
        self.0.sort_unstable();
        let rank = (self.0.len() as f64 * share).ceil() as usize;
        self.0.get(rank.max(1) - 1).map_or(f64::NAN, |micros| f64::from(*micros) / 1000.0)
    }
}

struct Shared {
    address: SocketAddr,
    data: Vec<u8>,
    bytes: usize,
    schedule: Schedule,
    start: Instant,
    next: RefCell<usize>,
    answers: RefCell<Answers>,
}

/// Sends requests, each once, until there are none left or the time is up. One thread does it all. Where a connection breaks,
/// its request counts as [`BROKEN`] and the next goes out on another one.
///
/// # Errors
/// Nobody listens.
pub(crate) fn send(address: SocketAddr, requests: &Requests, schedule: Schedule) -> anyhow::Result<Answers> {
    let data = std::fs::read(&requests.path)?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    LocalSet::new().block_on(&runtime, async {
        let shared = Rc::new(Shared {
            address,
            data,
            bytes: requests.bytes,
            schedule,
            start: Instant::now(),
            next: RefCell::new(0),
            answers: RefCell::default(),
        });
        let mut work = JoinSet::new();
        for _ in 0..schedule.connections {
            work.spawn_local(send_on(Rc::clone(&shared)));
        }
        while let Some(ended) = work.join_next().await {
            ended?.context("cannot connect")?;
        }
        let mut answers = shared.answers.take();
        answers.took = shared.start.elapsed();
        ensure!(answers.all() > 0, "nothing was answered");
        Ok(answers)
    })
}

/// Takes the next request that is due, as long as there is one. Which connection sends it is whichever is free. Connected when it is
/// its turn: a server closes connections on which nothing is sent.
async fn send_on(shared: Rc<Shared>) -> io::Result<()> {
    let mut stream = connect(shared.address).await?;
    let mut buffer = Vec::with_capacity(1024);
    loop {
        let number = shared.next.replace_with(|next| *next + 1);
        let Some(request) = shared.data.get(number * shared.bytes..(number + 1) * shared.bytes) else {
            return Ok(());
        };
        let due = shared
            .schedule
            .rate
            .map_or_else(Instant::now, |rate| shared.start + Duration::from_secs_f64(number as f64 / rate));
        if due.max(Instant::now()).duration_since(shared.start) > shared.schedule.most {
            return Ok(());
        }
        tokio::time::sleep_until(due.into()).await;
        let sent = Instant::now();
        let code = match call(&mut stream, request, &mut buffer).await {
            Ok(code) => code,
            Err(_) => {
                stream = connect(shared.address).await?;
                BROKEN.to_owned()
            }
        };
        let mut answers = shared.answers.borrow_mut();
        if code == "200" {
            answers.since_due.push(due.elapsed());
            answers.since_sent.push(sent.elapsed());
        } else {
            answers.others_since_sent.push(sent.elapsed());
        }
        *answers.codes.entry(code).or_default() += 1;
    }
}

async fn connect(address: SocketAddr) -> io::Result<TcpStream> {
    let stream = TcpStream::connect(address).await?;
    stream.set_nodelay(true)?;
    Ok(stream)
}

/// Sends a request; answers with the code in the envelope.
async fn call(stream: &mut TcpStream, request: &[u8], buffer: &mut Vec<u8>) -> io::Result<String> {
    buffer.clear();
    stream.write_all(request).await?;
    loop {
        if stream.read_buf(buffer).await? == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        if let Some(code) = whole_answer(buffer) {
            return Ok(code);
        }
    }
}

/// The code, once the answer is there as a whole.
fn whole_answer(buffer: &[u8]) -> Option<String> {
    let head = buffer.windows(4).position(|four| four == b"\r\n\r\n")?;
    let length: usize = std::str::from_utf8(&buffer[..head]).ok()?.lines().find_map(|line| {
        let (name, value) = line.split_once(':')?;
        name.eq_ignore_ascii_case("content-length").then(|| value.trim().parse().ok())?
    })?;
    let body = buffer.get(head + 4..head + 4 + length)?;
    let code = body.strip_prefix(br#"{"code":""#)?.split(|byte| *byte == b'"').next()?;
    Some(String::from_utf8_lossy(code).into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_is_read_once_it_is_whole() {
        let answer =
            b"HTTP/1.1 200 OK\r\nContent-Length: 33\r\n\r\n{\"code\":\"429\",\"message\":\"cooling\"}";
        assert_eq!(whole_answer(&answer[..answer.len() - 2]), None);
        assert_eq!(whole_answer(answer), Some("429".to_owned()));
    }

    #[test]
    fn percentiles_are_latencies_that_were_seen() {
        let mut latencies = Latencies((1..=1000).rev().map(|n| n * 1000).collect());
        assert_eq!(latencies.percentile(0.5), 500.0);
        assert_eq!(latencies.percentile(0.99), 990.0);
        assert_eq!(latencies.percentile(1.0), 1000.0);
        assert!(Latencies::default().percentile(0.5).is_nan());
    }
}
