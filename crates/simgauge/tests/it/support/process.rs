//! The program as a process of its own, to be killed.

use super::TestServer;
use std::io::{BufRead as _, BufReader};
use std::net::TcpListener;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

pub struct Process {
    child: Child,
    pub url: String,
}

impl Process {
    /// Starts `simgauge serve` on the store of `server` (which must be stopped).
    pub fn serve(server: &TestServer, dir: &std::path::Path) -> Self {
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let config = write_config(server, dir, port);
        let mut child = Command::new(env!("CARGO_BIN_EXE_simgauge"))
            .args(["serve", "--config"])
            .arg(config)
            .env("TEST_OPERATOR_USER", "sim-user")
            .env("TEST_OPERATOR_KEY", "sim-secret")
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(child.stderr.take().unwrap()).lines();
        let ready = lines.by_ref().map_while(Result::ok).any(|line| line.contains("serving"));
        assert!(ready, "it ended before it served");
        // Keeps the pipe empty.
        std::thread::spawn(move || lines.for_each(drop));
        Self { child, url: format!("http://127.0.0.1:{port}") }
    }

    /// `kill -9`.
    pub fn kill(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// SIGTERM; answers whether it stopped well.
    pub fn terminate(mut self) -> bool {
        Command::new("kill").arg(self.child.id().to_string()).status().unwrap();
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

fn write_config(server: &TestServer, dir: &std::path::Path, port: u16) -> PathBuf {
    let config = &server.config;
    let account = &config.operator_accounts[0];
    let limits = account.limits.as_ref().unwrap();
    let text = format!(
        r#"
        [server]
        listen = "127.0.0.1:{port}"
        [store]
        url = "{}"
        [secrets]
        key_file = "{}"
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
        config.store.url,
        config.secrets.key_file.display(),
        config.notify.allow_private,
        config.notify.allow_http,
        account.name,
        account.definition,
        account.base_url.as_ref().unwrap(),
        limits.max_concurrent,
        limits.buckets[0].limit,
    );
    let path = dir.join("simgauge.toml");
    std::fs::write(&path, text).unwrap();
    path
}
