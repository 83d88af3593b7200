//! The demo as a process of its own, known by what it prints.

use super::call::{Answer, read, sign_body};
use serde_json::{Value, json};
use std::io::{BufRead as _, BufReader};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

pub struct Demo {
    child: Child,
    pub url: String,
    /// What it printed, `ready` included.
    pub lines: Vec<String>,
    http: reqwest::Client,
}

impl Demo {
    /// Starts `simgauge demo` on a free port, with a past of one day unless the arguments say otherwise;
    /// `environment` goes over the demo's defaults.
    pub fn start(arguments: &[&str], environment: &[(&str, &str)]) -> Self {
        let _ = rustls::crypto::ring::default_provider().install_default();
        let mut child = Command::new(env!("CARGO_BIN_EXE_simgauge"))
            .args(["demo", "--listen", "127.0.0.1:0"])
            .args(if arguments.contains(&"--past") { &[][..] } else { &["--past", "1"] })
            .args(arguments)
            .env("SIMGAUGE__LOG__FILTER", "error")
            .envs(environment.iter().copied())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let printed = BufReader::new(child.stdout.take().unwrap()).lines();
        let (sender, lines) = mpsc::channel();
        std::thread::spawn(move || printed.map_while(Result::ok).try_for_each(|line| sender.send(line)));
        let mut demo = Self { child, url: String::new(), lines: Vec::new(), http: reqwest::Client::new() };
        while demo.url.is_empty() {
            let line = lines.recv_timeout(Duration::from_secs(120));
            let line = line.unwrap_or_else(|_| panic!("not ready: {:#?}", demo.lines));
            if let Some(url) = line.strip_prefix("ready ") {
                demo.url = url.to_owned();
            }
            demo.lines.push(line);
        }
        demo
    }

    pub async fn call(&self, path: &str, fields: Value) -> Answer {
        static NONCES: std::sync::atomic::AtomicU32 = std::sync::atomic::AtomicU32::new(0);
        let nonce = NONCES.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        // As any program would: by the machine's own time, wherever the demo's clock stands.
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs();
        let mut body = json!({"appkey": "demo", "timestamp": now, "nonce": 10_000 + nonce});
        body.as_object_mut().unwrap().extend(fields.as_object().unwrap().clone());
        self.post(&format!("/api/v3/{path}"), &sign_body(body, "demo-secret")).await
    }

    pub async fn post(&self, path: &str, body: &Value) -> Answer {
        let request = self.http.post(format!("{}{path}", self.url));
        read(request.header("content-type", "application/json").body(body.to_string()).send().await.unwrap())
            .await
    }

    pub async fn get(&self, path: &str) -> reqwest::Response {
        self.http.get(format!("{}{path}", self.url)).send().await.unwrap()
    }

    pub async fn refresh(&self, iccid: &str) -> Answer {
        self.call("card/refreshUsage", json!({ "iccid": iccid })).await
    }

    /// The report of a refresh once it has ended.
    pub async fn ended(&self, id: &str) -> Value {
        let deadline = tokio::time::Instant::now() + Duration::from_secs(60);
        loop {
            let report = self.call("refresh/get", json!({ "refreshId": id })).await.expect("200").clone();
            if report["state"] == "succeeded" || report["state"] == "failed" {
                return report["refresh"].clone();
            }
            assert!(tokio::time::Instant::now() < deadline, "still not ended: {report}");
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }
}

impl Drop for Demo {
    fn drop(&mut self) {
        // The temporary folder goes when the demo ends by itself.
        let terminated =
            Command::new("sh").args(["-c", "kill -TERM $0", &self.child.id().to_string()]).status();
        if !terminated.is_ok_and(|status| status.success()) {
            let _ = self.child.kill();
        }
        let _ = self.child.wait();
    }
}
