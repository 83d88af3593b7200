//! The program as a process of its own, to be killed.

use super::TestServer;
use secrecy::ExposeSecret as _;
use simgauge::config::Config;
use std::io::{BufRead as _, BufReader, Write as _};
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::mpsc;
use std::time::Duration;

pub struct Process {
    child: Child,
    pub url: String,
    /// Everything it logged.
    pub log: PathBuf,
    config: PathBuf,
    /// The secrets of operators, as its configuration names them.
    secrets: Vec<(String, String)>,
}

impl Process {
    /// Starts `simgauge serve` on the store of `server` (which must be stopped, or be a PostgreSQL).
    pub fn serve(server: &TestServer, dir: &Path) -> Self {
        Self::serve_with(server, dir, &server.config.store.url)
    }

    /// The same over another way to the store.
    pub fn serve_with(server: &TestServer, dir: &Path, store_url: &str) -> Self {
        Self::serve_in(server, dir, store_url, &[])
    }

    /// The same in an environment: settings that count more than the file.
    pub fn serve_in(server: &TestServer, dir: &Path, store_url: &str, environment: &[(&str, &str)]) -> Self {
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let (accounts, secrets) = operator_accounts(&server.config);
        let config = write_config(server, dir, port, store_url, &accounts);
        let log = dir.join(format!("{port}.log"));
        let mut child = Command::new(env!("CARGO_BIN_EXE_simgauge"))
            .args(["serve", "--config"])
            .arg(&config)
            .envs(secrets.clone())
            .env("SIMGAUGE__LOG__FILTER", "debug")
            .envs(environment.iter().copied())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let (ready, serving) = mpsc::channel();
        // Split at line feeds alone: what else stands in a line is for the tests to see.
        let lines = BufReader::new(child.stderr.take().unwrap()).split(b'\n');
        let mut file = std::fs::File::create(&log).unwrap();
        std::thread::spawn(move || {
            for mut line in lines.map_while(Result::ok) {
                let is_serving = line.windows(7).any(|word| word == b"serving");
                line.push(b'\n');
                let _ = file.write_all(&line);
                if is_serving {
                    let _ = ready.send(());
                }
            }
        });
        let started = serving.recv_timeout(Duration::from_secs(20));
        assert!(started.is_ok(), "it did not serve: {}", std::fs::read_to_string(&log).unwrap());
        Self { child, url: format!("http://127.0.0.1:{port}"), log, config, secrets }
    }

    /// Runs another command with its configuration, and with this in the environment.
    pub fn simgauge(&self, line: &str, environment: &[(&str, &str)]) -> Output {
        Command::new(env!("CARGO_BIN_EXE_simgauge"))
            .arg("--config")
            .arg(&self.config)
            .args(line.split_whitespace())
            .envs(self.secrets.clone())
            .envs(environment.iter().copied())
            .output()
            .unwrap()
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

    /// The most memory that it ever had, in KiB.
    pub fn most_memory_kib(&self) -> u64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.id())).unwrap();
        let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
        line.trim().trim_end_matches(" kB").parse().unwrap()
    }

    /// Every line that it has logged by now.
    pub fn logged(&self) -> String {
        String::from_utf8(std::fs::read(&self.log).unwrap()).unwrap()
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

/// The operator accounts as the configuration file has them; their secrets stand in the environment.
fn operator_accounts(config: &Config) -> (String, Vec<(String, String)>) {
    let (mut text, mut environment) = (String::new(), Vec::new());
    for (n, account) in config.operator_accounts.iter().enumerate() {
        let secrets = account.secrets.iter().enumerate().map(|(m, (name, source))| {
            let variable = format!("TEST_OPERATOR_{n}_{m}");
            environment.push((variable.clone(), source.read().unwrap().expose_secret().to_owned()));
            format!("{name} = {{ env = \"{variable}\" }}")
        });
        let secrets = secrets.collect::<Vec<_>>().join(", ");
        let settings = account.settings.iter().map(|(name, value)| format!("{name} = {value:?}"));
        let settings = settings.collect::<Vec<_>>().join(", ");
        text += &format!(
            r#"
        [[operator_account]]
        name = "{}"
        definition = "{}"
        base_url = "{}"
        allow_http = {}
        settings = {{ {settings} }}
        secrets = {{ {secrets} }}
        "#,
            account.name,
            account.definition,
            account.base_url.as_ref().unwrap(),
            account.allow_http,
        );
        if let Some(day) = account.billing_day {
            text += &format!("billing_day = {}\n", day.get());
        }
        if let Some(seconds) = account.step_timeout_seconds {
            text += &format!("step_timeout_seconds = {seconds}\n");
        }
        if let Some(limits) = &account.limits {
            text += &format!(
                "limits = {{ max_concurrent = {}, buckets = [{{ scope = \"credential\", limit = {}, per_seconds = 1 }}] }}\n",
                limits.max_concurrent, limits.buckets[0].limit,
            );
        }
    }
    (text, environment)
}

fn write_config(server: &TestServer, dir: &Path, port: u16, store_url: &str, accounts: &str) -> PathBuf {
    let config = &server.config;
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
        {accounts}
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
    );
    let path = dir.join(format!("{port}.toml"));
    std::fs::write(&path, text).unwrap();
    path
}
