//! A server that plays back scripted answers, one a connection, and keeps what it was asked.

use serde_json::Value;
use simgauge_client::{Client, ClientBuilder, SecretString};
use simgauge_protocol::body::Body;
use simgauge_protocol::sign;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

pub const APPKEY: &str = "000001";
pub const SECRET: &str = "a1b1c1d1";

/// What the server does with one connection.
#[derive(Clone)]
pub enum Act {
    /// Answers.
    Answer { status: u16, headers: &'static str, body: String },
    /// Hangs up without an answer.
    HangUp,
    /// Says nothing for as long as anybody waits.
    Silence,
}

pub fn answer(status: u16, body: impl Into<String>) -> Act {
    Act::Answer { status, headers: "Content-Type: application/json\r\n", body: body.into() }
}

pub fn answer_with(status: u16, headers: &'static str, body: impl Into<String>) -> Act {
    Act::Answer { status, headers, body: body.into() }
}

/// One request as it was received.
#[derive(Clone)]
pub struct Seen {
    pub path: String,
    pub head: String,
    pub body: Vec<u8>,
}

impl Seen {
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap()
    }

    pub fn sign(&self) -> String {
        self.json()["sign"].as_str().unwrap().to_owned()
    }

    pub fn is_rightly_signed(&self) -> bool {
        sign::verify(&Body::parse(&self.body).unwrap(), sign::Scope::Request, SECRET, &self.sign())
    }
}

pub struct Server {
    pub url: String,
    seen: Arc<Mutex<Vec<Seen>>>,
}

impl Server {
    /// Plays the acts in order, the last one for ever.
    pub async fn play(acts: impl Into<Vec<Act>>) -> Self {
        let acts: Vec<Act> = acts.into();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let seen = Arc::new(Mutex::new(Vec::new()));
        let log = Arc::clone(&seen);
        tokio::spawn(async move {
            let mut turn = 0;
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                let act = acts[turn.min(acts.len() - 1)].clone();
                turn += 1;
                tokio::spawn(serve(stream, act, Arc::clone(&log)));
            }
        });
        Self { url, seen }
    }

    pub fn seen(&self) -> Vec<Seen> {
        self.seen.lock().unwrap().clone()
    }

    pub fn builder(&self) -> ClientBuilder {
        Client::builder(&self.url, APPKEY, SecretString::from(SECRET))
    }

    pub fn client(&self) -> Client {
        self.builder().build().unwrap()
    }

    /// A client that tries once, with this time-out.
    pub fn one_shot_within(&self, timeout: Duration) -> Client {
        self.builder().timeout(timeout).retry_budget(Duration::ZERO).build().unwrap()
    }

    /// A client that tries once.
    pub fn one_shot(&self) -> Client {
        self.builder().retry_budget(Duration::ZERO).build().unwrap()
    }
}

async fn serve(mut stream: TcpStream, act: Act, log: Arc<Mutex<Vec<Seen>>>) {
    let mut received = Vec::new();
    let head_end = loop {
        if let Some(at) = received.windows(4).position(|window| window == b"\r\n\r\n") {
            break at + 4;
        }
        if stream.read_buf(&mut received).await.unwrap_or(0) == 0 {
            return;
        }
    };
    let head = String::from_utf8(received[..head_end].to_vec()).unwrap();
    let length: usize = head
        .lines()
        .find_map(|line| line.to_ascii_lowercase().strip_prefix("content-length:")?.trim().parse().ok())
        .unwrap_or(0);
    while received.len() < head_end + length {
        stream.read_buf(&mut received).await.unwrap();
    }
    let path = head.split(' ').nth(1).unwrap().to_owned();
    log.lock().unwrap().push(Seen { path, head, body: received.split_off(head_end) });
    match act {
        Act::HangUp => {}
        Act::Silence => std::future::pending().await,
        Act::Answer { status, headers, body } => {
            let length = body.len();
            let head = format!(
                "HTTP/1.1 {status} Status\r\n{headers}Content-Length: {length}\r\nConnection: close\r\n\r\n"
            );
            // The client may have gone.
            let _ = stream.write_all(head.as_bytes()).await;
            let _ = stream.write_all(body.as_bytes()).await;
        }
    }
}
