//! The program as a process of its own, to be killed.

use super::TestServer;
use std::io::{BufRead as _, BufReader, Write as _};
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc;
use std::time::Duration;

pub struct Process {
    child: Child,
    pub url: String,
    /// Everything it logged.
    pub log: PathBuf,
}

impl Process {
    /// Starts `simgauge serve` on the store of `server` (which must be stopped, or be a PostgreSQL).
    pub fn serve(server: &TestServer, dir: &Path) -> Self {
        Self::serve_with(server, dir, &server.config.store.url)
    }

    /// The same over another way to the store.
    pub fn serve_with(server: &TestServer, dir: &Path, store_url: &str) -> Self {
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let config = write_config(server, dir, port, store_url);
        let log = dir.join(format!("{port}.log"));
        let mut child = Command::new(env!("CARGO_BIN_EXE_simgauge"))
            .args(["serve", "--config"])
            .arg(config)
            .env("TEST_OPERATOR_USER", "sim-user")
            .env("TEST_OPERATOR_KEY", "sim-secret")
            .env("SIMGAUGE__LOG__FILTER", "debug")
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let (ready, serving) = mpsc::channel();
        let lines = BufReader::new(child.stderr.take().unwrap()).lines();
        let mut file = std::fs::File::create(&log).unwrap();
        std::thread::spawn(move || {
            for line in lines.map_while(Result::ok) {
                let _ = writeln!(file, "{line}");
                if line.contains("serving") {
                    let _ = ready.send(());
                }
            }
        });
        let started = serving.recv_timeout(Duration::from_secs(20));
        assert!(started.is_ok(), "it did not serve: {}", std::fs::read_to_string(&log).unwrap());
        Self { child, url: format!("http://127.0.0.1:{port}"), log }
    }

    /// `kill -9`.
    pub fn kill(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    pub fn signal(&self, signal: &str) {
        // The shell's own: a bare Debian has no program `kill`.
        let status =
            Command::new("sh").args(["-c", "kill -$0 $1", signal, &self.child.id().to_string()]).status();
        assert!(status.unwrap().success());
    }

    /// The node's name begins with its process id.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// SIGTERM; answers whether it stopped well.
    pub fn terminate(mut self) -> bool {
        self.signal("TERM");
        for _ in 0..600 {
            if let Some(status) = self.child.try_wait().unwrap() {
                return status.success();
            }
            std::thread::sleep(Duration::from_millis(50));
        }
        self.child.kill().unwrap();
        false
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn write_config(server: &TestServer, dir: &Path, port: u16, store_url: &str) -> PathBuf {
    let config = &server.config;
    let account = &config.operator_accounts[0];
    let limits = account.limits.as_ref().unwrap();
    let text = format!(
        r#"
        [server]
        listen = "127.0.0.1:{port}"
        [metrics]
        listen = ""
        [log]
        slow_call_ms = {}
        slow_reading_ms = {}
        slow_commit_ms = {}
        [store]
        url = "{store_url}"
        [secrets]
        key_file = "{}"
        [refresh]
        max_wait_seconds = {}
        [lanes]
        lease_seconds = {}
        poll_seconds = {}
        [api]
        quota_per_second = 0
        [notify]
        allow_private = {}
        allow_http = {}
        [[operator_account]]
        name = "{}"
        definition = "{}"
        base_url = "{}"
        allow_http = true
        secrets = {{ username = {{ env = "TEST_OPERATOR_USER" }}, api_key = {{ env = "TEST_OPERATOR_KEY" }} }}
        limits = {{ max_concurrent = {}, buckets = [{{ scope = "credential", limit = {}, per_seconds = 1 }}] }}
        "#,
        config.log.slow_call_ms,
        config.log.slow_reading_ms,
        config.log.slow_commit_ms,
        config.secrets.key_file.display(),
        config.refresh.max_wait_seconds,
        config.lanes.lease_seconds,
        config.lanes.poll_seconds,
        config.notify.allow_private,
        config.notify.allow_http,
        account.name,
        account.definition,
        account.base_url.as_ref().unwrap(),
        limits.max_concurrent,
        limits.buckets[0].limit,
    );
    let path = dir.join(format!("{port}.toml"));
    std::fs::write(&path, text).unwrap();
    path
}
