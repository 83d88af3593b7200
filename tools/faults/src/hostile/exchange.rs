//! One call of an operator that misbehaves: what was asked, and ways to answer.

use std::io::{Read as _, Result, Write as _};
use std::net::TcpStream;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

/// A text that stands in every answer that misbehaves, and must not come out at another end.
pub(super) const MARK: &str = "inner-text-of-the-operator-4711";
/// The longest that a call is kept, and the most that an endless body sends: callers give up much earlier.
const LONGEST: Duration = Duration::from_secs(30);
const MOST_BYTES: usize = 1 << 30;

/// A call that has been read.
pub(super) struct Exchange {
    pub(super) stream: TcpStream,
    pub(super) iccid: String,
    pub(super) is_login: bool,
    /// Set when the trial is over.
    pub(super) over: Arc<AtomicBool>,
}

impl Exchange {
    /// What a well-behaved operator says about the card.
    pub(super) fn reading(&self) -> String {
        format!(
            r#"{{"iccid": "{}", "status": "ACTIVATED", "ctdDataUsage": 5000, "note": "{MARK}"}}"#,
            self.iccid
        )
    }

    /// The same with another amount.
    pub(super) fn amount(&self, amount: &str) -> String {
        self.reading().replace("5000", amount)
    }

    pub(super) fn bytes(&mut self, bytes: &[u8]) -> Result<()> {
        self.stream.write_all(bytes)?;
        self.stream.flush()
    }

    /// A whole answer. `headers` is lines that end with a line break.
    pub(super) fn answer(&mut self, status: &str, headers: &str, body: &[u8]) -> Result<()> {
        let length = body.len();
        let head = format!(
            "HTTP/1.1 {status}\r\nContent-Type: application/json\r\nContent-Length: {length}\r\n\
             Connection: close\r\n{headers}\r\n"
        );
        self.bytes(&[head.as_bytes(), body].concat())
    }

    pub(super) fn json(&mut self, body: &str) -> Result<()> {
        self.answer("200 OK", "", body.as_bytes())
    }

    /// A good answer to a log-in; otherwise nothing is done. Answers whether it was one.
    pub(super) fn log_in(&mut self) -> Result<bool> {
        if self.is_login {
            self.json(r#"{"token": "t-1"}"#)?;
        }
        Ok(self.is_login)
    }

    /// An error with the mark in it.
    pub(super) fn error(&mut self, status: &str, headers: &str) -> Result<()> {
        let body = format!(r#"{{"errorCode": "9", "errorMessage": "{MARK}"}}"#);
        self.answer(status, headers, body.as_bytes())
    }

    /// Waits until the caller has gone, or so long.
    pub(super) fn keep(&mut self, length: Duration) -> Result<()> {
        let began = Instant::now();
        self.stream.set_read_timeout(Some(Duration::from_millis(100)))?;
        let mut byte = [0];
        while began.elapsed() < length.min(LONGEST) && !self.over.load(Ordering::Relaxed) {
            match self.stream.read(&mut byte) {
                Ok(0) => return Ok(()),
                Ok(_) => {}
                Err(error)
                    if matches!(
                        error.kind(),
                        std::io::ErrorKind::WouldBlock | std::io::ErrorKind::TimedOut
                    ) => {}
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    /// Sends a piece again and again.
    pub(super) fn forever(&mut self, piece: &[u8], pause: Duration) -> Result<()> {
        let began = Instant::now();
        let mut sent = 0;
        while sent < MOST_BYTES && began.elapsed() < LONGEST && !self.over.load(Ordering::Relaxed) {
            self.bytes(piece)?;
            sent += piece.len();
            std::thread::sleep(pause);
        }
        Ok(())
    }

    /// Breaks the connection off. The caller gets a reset, because `server` leaves the last byte of what it
    /// sent unread for behaviours that reset.
    pub(super) fn reset(&mut self) -> Result<()> {
        self.stream.flush()
    }
}
