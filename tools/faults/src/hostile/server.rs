//! The operator: each misbehaviour below a path of its own, and one that always behaves.

use super::behaviours::{BEHAVIOURS, Behaviour};
use super::exchange::Exchange;
use std::io::{Read as _, Result, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

/// The longest wait for the rest of a request.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(5);

#[derive(Clone, Default)]
struct State {
    behaves: Arc<AtomicBool>,
    over: Arc<AtomicBool>,
    calls: Arc<AtomicU64>,
}

/// The operator's server. It ends when it is dropped.
pub(super) struct Operator {
    pub(super) address: SocketAddr,
    /// Where TLS is expected and something else is said.
    pub(super) no_tls: SocketAddr,
    state: State,
    listeners: Vec<JoinHandle<()>>,
}

impl Operator {
    pub(super) fn start() -> Result<Self> {
        let state = State::default();
        let (plain, no_tls) = (TcpListener::bind("127.0.0.1:0")?, TcpListener::bind("127.0.0.1:0")?);
        let (address, no_tls_address) = (plain.local_addr()?, no_tls.local_addr()?);
        let (of_plain, of_no_tls) = (state.clone(), state.clone());
        let listeners = vec![
            std::thread::spawn(move || accept(&plain, &of_plain, serve)),
            std::thread::spawn(move || accept(&no_tls, &of_no_tls, |stream, _| garbage(stream))),
        ];
        Ok(Self { address, no_tls: no_tls_address, state, listeners })
    }

    /// From now on all calls are answered well.
    pub(super) fn behave(&self) {
        self.state.behaves.store(true, Ordering::Relaxed);
    }

    /// Calls so far.
    pub(super) fn calls(&self) -> u64 {
        self.state.calls.load(Ordering::Relaxed)
    }
}

impl Drop for Operator {
    fn drop(&mut self) {
        self.state.over.store(true, Ordering::Relaxed);
        for (listener, address) in self.listeners.drain(..).zip([self.address, self.no_tls]) {
            // Wakes it up.
            let _ = TcpStream::connect(address);
            let _ = listener.join();
        }
    }
}

fn accept(listener: &TcpListener, state: &State, serve: fn(TcpStream, &State) -> Result<()>) {
    for stream in listener.incoming().flatten() {
        if state.over.load(Ordering::Relaxed) {
            return;
        }
        let state = state.clone();
        // Callers that give up are what this server is for, so how a call ended is of no interest.
        std::thread::spawn(move || drop(serve(stream, &state)));
    }
}

fn serve(mut stream: TcpStream, state: &State) -> Result<()> {
    stream.set_read_timeout(Some(REQUEST_TIMEOUT))?;
    let Some(mut head) = read_head(&mut stream)? else { return Ok(()) };
    state.calls.fetch_add(1, Ordering::Relaxed);
    let path = head.split(' ').nth(1).unwrap_or_default().to_owned();
    // Below the name there is a log-in, or what is known of a card.
    let parts: Vec<&str> = path.split('/').collect();
    let name = parts.get(1).copied().unwrap_or_default();
    let behaviour = BEHAVIOURS.iter().find(|behaviour| behaviour.name == name);
    if !behaviour.is_some_and(|behaviour| behaviour.name.starts_with("reset"))
        || state.behaves.load(Ordering::Relaxed)
    {
        read_rest(&mut stream, &mut head)?;
    }
    let is_login = path.ends_with("/login");
    let iccid = parts.iter().nth_back(1).copied().unwrap_or_default().to_owned();
    let mut exchange = Exchange { stream, iccid, is_login, over: Arc::clone(&state.over) };
    match behaviour {
        Some(Behaviour { act, .. }) if !state.behaves.load(Ordering::Relaxed) => act(&mut exchange),
        _ => {
            if exchange.log_in()? {
                return Ok(());
            }
            let body = exchange.reading();
            exchange.json(&body)
        }
    }
}

/// The head of a request, of which the last byte is left unread.
fn read_head(stream: &mut TcpStream) -> Result<Option<String>> {
    let mut head = Vec::new();
    let mut byte = [0];
    while !head.ends_with(b"\r\n\r") {
        if stream.read(&mut byte)? == 0 {
            return Ok(None);
        }
        head.push(byte[0]);
    }
    Ok(Some(String::from_utf8_lossy(&head).into_owned()))
}

fn read_rest(stream: &mut TcpStream, head: &mut str) -> Result<()> {
    head.make_ascii_lowercase();
    let length = head.lines().find_map(|line| line.strip_prefix("content-length: ")?.trim().parse().ok());
    let mut rest = vec![0; 1 + length.unwrap_or(0)];
    stream.read_exact(&mut rest)
}

/// Answers the beginning of TLS with what is none.
fn garbage(mut stream: TcpStream) -> Result<()> {
    stream.set_read_timeout(Some(REQUEST_TIMEOUT))?;
    let _ = stream.read(&mut [0; 4_096])?;
    stream.write_all(&[0x16, 3, 3, 255, 255, 7, 7, 7].repeat(1_000))
}
