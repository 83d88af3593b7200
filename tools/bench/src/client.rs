//! Load at a given rate, which wrk cannot make. The schedule does not wait for answers. Latency counts from
//! when a request should have been sent, so that a slow answer is not hidden by the requests that waited for
//! it. The client waits for all connections at once without a runtime, because it shares the machine with
//! what it measures.

use crate::cards::Requests;
use anyhow::{Context as _, ensure};
use mio::net::TcpStream;
use mio::{Events, Interest, Poll, Token};
use std::collections::{BTreeMap, VecDeque};
use std::io::{ErrorKind, Read as _, Write as _};
use std::net::SocketAddr;
use std::time::{Duration, Instant};

/// As many as wrk has by default.
pub(crate) const CONNECTIONS: usize = 256;

/// Counted as the code of a request whose connection broke.
pub(crate) const BROKEN: &str = "broken";

/// How requests are sent.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Schedule {
    /// Requests a second. `None`: each connection sends its next request as soon as the last one is answered.
    pub(crate) rate: Option<f64>,
    /// The most requests in progress at once.
    pub(crate) connections: usize,
    /// No request is sent later than this.
    pub(crate) most: Duration,
}

#[derive(Debug, Default)]
pub(crate) struct Answers {
    /// How many answers have each code.
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
    fn count(&mut self, code: &str) {
        match self.codes.get_mut(code) {
            Some(count) => *count += 1,
            None => drop(self.codes.insert(code.to_owned(), 1)),
        }
    }

    /// How many answers have this code.
    pub(crate) fn of(&self, code: &str) -> u64 {
        self.codes.get(code).copied().unwrap_or(0)
    }

    pub(crate) fn all(&self) -> u64 {
        self.codes.values().sum()
    }
}

/// Each latency, in microseconds.
#[derive(Debug, Default)]
pub(crate) struct Latencies(Vec<u32>);

impl Latencies {
    fn push(&mut self, latency: Duration) {
        self.0.push(u32::try_from(latency.as_micros()).unwrap_or(u32::MAX));
    }

    /// The latency in milliseconds that this share of the answers (0 to 1) does not exceed.
    pub(crate) fn percentile(&mut self, share: f64) -> f64 {
        self.0.sort_unstable();
        let rank = (self.0.len() as f64 * share).ceil() as usize;
        self.0.get(rank.max(1) - 1).map_or(f64::NAN, |micros| f64::from(*micros) / 1000.0)
    }
}

/// Sends each request once, until none is left or the time is over, on one thread. Where a connection breaks,
/// its request counts as [`BROKEN`], and the next request is sent on another connection.
///
/// # Errors
/// Nothing was answered, or the system has no more connections.
pub(crate) fn send(address: SocketAddr, requests: &Requests, schedule: Schedule) -> anyhow::Result<Answers> {
    let mut client = Client {
        poll: Poll::new()?,
        address,
        data: std::fs::read(&requests.path)?,
        bytes: requests.bytes,
        schedule,
        start: Instant::now(),
        next: 0,
        connections: (0..schedule.connections).map(|_| None).collect(),
        free: (0..schedule.connections).collect(),
        answers: Answers::default(),
    };
    client.run()?;
    client.answers.took = client.start.elapsed();
    ensure!(client.answers.all() > 0, "nothing was answered");
    Ok(client.answers)
}

struct Client {
    poll: Poll,
    address: SocketAddr,
    data: Vec<u8>,
    bytes: usize,
    schedule: Schedule,
    start: Instant,
    /// The number of the next request.
    next: usize,
    /// Connected on first use, because a server closes connections on which nothing is sent.
    connections: Vec<Option<Connection>>,
    /// Connections without a request in progress, the one that has been free for longest first.
    free: VecDeque<usize>,
    answers: Answers,
}

struct Connection {
    stream: TcpStream,
    call: Option<Call>,
    /// The part of the answer that has arrived, where it did not arrive at once.
    partly: Vec<u8>,
}

/// A request in progress.
#[derive(Clone, Copy)]
struct Call {
    number: usize,
    due: Instant,
    /// `None` while the connection is being made.
    sent: Option<Instant>,
}

impl Client {
    fn run(&mut self) -> anyhow::Result<()> {
        let mut events = Events::with_capacity(1024);
        let mut chunk = [0; 16384];
        loop {
            let next_due = self.send_due()?;
            if next_due.is_none() && self.free.len() == self.connections.len() {
                return Ok(());
            }
            let pause = next_due.filter(|_| !self.free.is_empty());
            let pause = pause.map(|due| due.saturating_duration_since(Instant::now()));
            match self.poll.poll(&mut events, pause) {
                Err(error) if error.kind() == ErrorKind::Interrupted => continue,
                result => result?,
            }
            for event in &events {
                let index = event.token().0;
                self.write(index);
                self.read(index, &mut chunk);
            }
        }
    }

    /// Sends the requests that are due, as far as connections are free. Returns when the next one is due, if
    /// there is one.
    fn send_due(&mut self) -> anyhow::Result<Option<Instant>> {
        loop {
            let now = Instant::now();
            let due = match self.schedule.rate {
                Some(rate) => self.start + Duration::from_secs_f64(self.next as f64 / rate),
                None => now,
            };
            let late = due.max(now).duration_since(self.start) > self.schedule.most;
            if late || (self.next + 1) * self.bytes > self.data.len() {
                return Ok(None);
            }
            if due > now {
                return Ok(Some(due));
            }
            let Some(index) = self.free.pop_front() else { return Ok(Some(due)) };
            let call = Call { number: self.next, due, sent: None };
            self.next += 1;
            match &mut self.connections[index] {
                Some(connection) => {
                    connection.call = Some(call);
                    self.write(index);
                }
                unconnected => *unconnected = Some(connect(self.address, index, &self.poll, call)?),
            }
        }
    }

    /// Sends the request of a connection, once the connection is made.
    fn write(&mut self, index: usize) {
        let Some(Connection { stream, call: Some(call), .. }) = &mut self.connections[index] else { return };
        if call.sent.is_some() {
            return;
        }
        let at = call.number * self.bytes;
        match stream.write(&self.data[at..at + self.bytes]) {
            Ok(written) if written == self.bytes => call.sent = Some(Instant::now()),
            Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::NotConnected) => {}
            // A request is so small that it is always written at once.
            _ => self.broken(index),
        }
    }

    /// Reads what has arrived on a connection, all of it: there is no other event until more arrives.
    fn read(&mut self, index: usize, chunk: &mut [u8]) {
        loop {
            let Some(connection) = &mut self.connections[index] else { return };
            match connection.stream.read(chunk) {
                Ok(0) => return self.broken(index),
                Ok(length) => self.arrived(index, &chunk[..length]),
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::NotConnected) => {
                    return;
                }
                Err(_) => return self.broken(index),
            }
        }
    }

    /// Takes bytes of an answer. Counts it once it is whole.
    fn arrived(&mut self, index: usize, came: &[u8]) {
        let Some(connection) = &mut self.connections[index] else { return };
        let code = if connection.partly.is_empty() {
            whole_answer(came)
        } else {
            connection.partly.extend_from_slice(came);
            whole_answer(&connection.partly)
        };
        let Some(code) = code else {
            if connection.partly.is_empty() {
                connection.partly.extend_from_slice(came);
            }
            return;
        };
        if let Some(Call { due, sent: Some(sent), .. }) = connection.call.take() {
            let now = Instant::now();
            if code == "200" {
                self.answers.since_due.push(now - due);
                self.answers.since_sent.push(now - sent);
            } else {
                self.answers.others_since_sent.push(now - sent);
            }
            self.answers.count(code);
            self.free.push_back(index);
        }
        connection.partly.clear();
    }

    fn broken(&mut self, index: usize) {
        let under_way = self.connections[index].take().is_some_and(|connection| connection.call.is_some());
        if under_way {
            self.answers.count(BROKEN);
            self.free.push_back(index);
        }
    }
}

fn connect(address: SocketAddr, index: usize, poll: &Poll, call: Call) -> anyhow::Result<Connection> {
    let mut stream = TcpStream::connect(address).context("cannot connect")?;
    stream.set_nodelay(true)?;
    poll.registry().register(&mut stream, Token(index), Interest::READABLE | Interest::WRITABLE)?;
    Ok(Connection { stream, call: Some(call), partly: Vec::new() })
}

/// The code, once the whole answer has arrived.
fn whole_answer(buffer: &[u8]) -> Option<&str> {
    let head = buffer.windows(4).position(|four| four == b"\r\n\r\n")?;
    let length: usize = std::str::from_utf8(&buffer[..head]).ok()?.lines().find_map(|line| {
        let (name, value) = line.split_once(':')?;
        name.eq_ignore_ascii_case("content-length").then(|| value.trim().parse().ok())?
    })?;
    let body = buffer.get(head + 4..head + 4 + length)?;
    let code = body.strip_prefix(br#"{"code":""#)?.split(|byte| *byte == b'"').next()?;
    std::str::from_utf8(code).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_is_read_once_it_is_whole() {
        let answer =
            b"HTTP/1.1 200 OK\r\nContent-Length: 33\r\n\r\n{\"code\":\"429\",\"message\":\"cooling\"}";
        assert_eq!(whole_answer(&answer[..answer.len() - 2]), None);
        assert_eq!(whole_answer(answer), Some("429"));
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
