//! What is logged, down to the last detail, has no secret in it.

use crate::support::{ICCID, Stub, built_in, operator, profile, status};
use simgauge_operators::NoGate;
use std::io::Write;
use std::sync::{Arc, Mutex};
use tracing_subscriber::fmt::MakeWriter;

#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl Write for Log {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

impl<'a> MakeWriter<'a> for Log {
    type Writer = Self;
    fn make_writer(&'a self) -> Self {
        self.clone()
    }
}

#[tokio::test]
async fn secrets_in_urls_headers_and_bodies_are_never_logged() {
    let log = Log::default();
    let subscriber =
        tracing_subscriber::fmt().with_max_level(tracing::Level::TRACE).with_writer(log.clone()).finish();
    let _guard = tracing::subscriber::set_default(subscriber);
    let closed = {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        format!("http://{}", listener.local_addr().unwrap())
    };
    let stub = Stub::new(|_| status(500, "sim-secret")).await;
    // In the query, in a header, in a JSON body, in a signed form.
    for name in ["onelink_v5", "esim_go", "emnify", "simboss", "cisco_control_center"] {
        for url in [&closed, &stub.url] {
            let operator = operator(&built_in(name), url);
            let error = operator.read(&profile(ICCID), &NoGate).await.unwrap_err();
            tracing::warn!(?error, %error, ?operator, "what a lane would log");
        }
    }
    let logged = String::from_utf8(log.0.lock().unwrap().clone()).unwrap();
    assert!(logged.contains("operator call failed") && logged.contains("what a lane would log"), "{logged}");
    for secret in ["sim-secret", "c2ltLXNlY3JldA", "c2ltLXVzZXI6c2ltLXNlY3JldA"] {
        assert!(!logged.contains(secret), "{logged}");
    }
}
