//! Callers that go on whatever happens, and remember what they were answered.

use crate::support::call::sign_body;
use crate::support::{SECRET, TestServer};
use serde_json::{Value, json};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// One answered 200.
#[derive(Clone, Debug)]
pub struct Accepted {
    pub card: String,
    pub id: String,
}

/// What callers saw.
#[derive(Default)]
pub struct Seen {
    pub accepted: Mutex<Vec<Accepted>>,
    pub calls: AtomicUsize,
    /// Answers other than 200 and 429, by code.
    pub others: Mutex<Vec<String>>,
}

/// Callers at work.
pub struct Load {
    pub seen: Arc<Seen>,
    stop: Arc<AtomicBool>,
    tasks: Vec<tokio::task::JoinHandle<()>>,
    pub urls: Arc<Mutex<Vec<String>>>,
}

impl Load {
    /// Starts `callers` callers that refresh `cards` in turn at the nodes of these URLs; `passes` times each
    /// card at most.
    pub fn start(
        server: &TestServer,
        urls: Vec<String>,
        cards: &[String],
        callers: usize,
        passes: usize,
    ) -> Self {
        let seen = Arc::new(Seen::default());
        let stop = Arc::new(AtomicBool::new(false));
        let urls = Arc::new(Mutex::new(urls));
        let next = Arc::new(AtomicUsize::new(0));
        let cards: Arc<Vec<String>> = Arc::new(cards.to_vec());
        let http = reqwest::Client::builder().timeout(Duration::from_secs(10)).build().unwrap();
        let tasks = (0..callers)
            .map(|_| {
                let (seen, stop, urls, next, cards, http, clock) = (
                    Arc::clone(&seen),
                    Arc::clone(&stop),
                    Arc::clone(&urls),
                    Arc::clone(&next),
                    Arc::clone(&cards),
                    http.clone(),
                    server.clock.clone(),
                );
                tokio::spawn(async move {
                    while !stop.load(Ordering::Relaxed) {
                        let turn = next.fetch_add(1, Ordering::Relaxed);
                        if turn >= cards.len() * passes {
                            break;
                        }
                        let url = {
                            let urls = urls.lock().unwrap();
                            urls[turn % urls.len()].clone()
                        };
                        let card = &cards[turn % cards.len()];
                        let body = sign_body(
                            json!({
                                "appkey": "k",
                                "timestamp": clock.now().seconds(),
                                "nonce": rand::random_range(10_000..=99_999),
                                "iccid": card,
                            }),
                            SECRET,
                        );
                        call(&http, &url, card, body, &seen).await;
                    }
                })
            })
            .collect();
        Self { seen, stop, tasks, urls }
    }

    /// Waits until so many calls were answered 200.
    pub async fn until_accepted(&self, count: usize) {
        let deadline = tokio::time::Instant::now() + Duration::from_secs(60);
        while self.seen.accepted.lock().unwrap().len() < count {
            assert!(
                tokio::time::Instant::now() < deadline,
                "only {} accepted",
                self.seen.accepted.lock().unwrap().len()
            );
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }

    /// Waits until every caller is through with its cards.
    pub async fn finish(self) -> Arc<Seen> {
        for task in self.tasks {
            task.await.unwrap();
        }
        self.seen
    }

    /// Tells callers to stop and waits for their last answers.
    pub async fn stop(self) -> Arc<Seen> {
        self.stop.store(true, Ordering::Relaxed);
        self.finish().await
    }
}

async fn call(http: &reqwest::Client, url: &str, card: &str, body: Value, seen: &Seen) {
    let sent = http.post(format!("{url}/api/v3/card/refreshUsage")).body(body.to_string()).send().await;
    seen.calls.fetch_add(1, Ordering::Relaxed);
    let answer: Value = match sent {
        Ok(response) => match response.json_like().await {
            Some(answer) => answer,
            None => return,
        },
        Err(_) => {
            // The node is down: a caller waits a moment and goes on.
            tokio::time::sleep(Duration::from_millis(20)).await;
            return;
        }
    };
    match answer["code"].as_str() {
        Some("200") => seen
            .accepted
            .lock()
            .unwrap()
            .push(Accepted { card: card.into(), id: answer["data"]["refreshId"].as_str().unwrap().into() }),
        Some("429") => {}
        other => {
            seen.others.lock().unwrap().push(other.unwrap_or("none").to_owned());
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }
}

trait JsonLike {
    async fn json_like(self) -> Option<Value>;
}

impl JsonLike for reqwest::Response {
    async fn json_like(self) -> Option<Value> {
        serde_json::from_str(&self.text().await.ok()?).ok()
    }
}
