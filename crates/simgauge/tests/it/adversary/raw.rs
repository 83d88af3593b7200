//! Bytes over sockets, as no decent client sends them.

use std::time::Duration;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::time::timeout;

/// Longer must no connection stay open that got its answer, or sent nonsense.
const TIMEOUT: Duration = Duration::from_secs(15);

/// What came back until the other end closed.
pub struct RawResponse(pub String);

impl RawResponse {
    /// The statuses, in their order.
    pub fn statuses(&self) -> Vec<u16> {
        let heads = self.0.match_indices("HTTP/1.1 ").map(|(at, _)| &self.0[at + 9..]);
        heads.filter_map(|head| head.get(..3)?.parse().ok()).collect()
    }
}

/// Sends this, in pieces that the other end may refuse to take, and reads until it closes.
pub async fn send(address: &str, pieces: impl Iterator<Item = Vec<u8>> + Send) -> RawResponse {
    let stream = TcpStream::connect(address).await.unwrap();
    let (mut reading, mut writing) = stream.into_split();
    let mut answer = Vec::new();
    let sending = async {
        for piece in pieces {
            if writing.write_all(&piece).await.is_err() {
                break;
            }
        }
        // Our end stays open: it is for the other one to end this.
        std::future::pending::<()>().await;
    };
    let reading = async {
        tokio::select! {
            _ = reading.read_to_end(&mut answer) => {}
            () = sending => {}
        }
    };
    let ended = timeout(TIMEOUT, reading).await;
    let text = String::from_utf8_lossy(&answer).into_owned();
    assert!(ended.is_ok(), "it was not closed: {text}");
    RawResponse(text)
}

pub async fn send_all(address: &str, bytes: impl Into<Vec<u8>>) -> RawResponse {
    send(address, std::iter::once(bytes.into())).await
}
