//! Servers as processes of their own: started, awaited, measured, and stopped by their own pid.

use anyhow::{Context as _, bail};
use std::fs::File;
use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// The longest wait for a server to be ready, or to stop.
const TIMEOUT: Duration = Duration::from_secs(60);
/// The longest wait for more of an answer.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(30);

/// A running server. It is stopped when it is dropped.
pub struct Server {
    name: &'static str,
    child: Child,
    log: PathBuf,
}

impl Server {
    /// Starts a server. What it prints goes into a file in `dir`.
    ///
    /// # Errors
    /// The program cannot be started, or its log cannot be created.
    pub fn start(name: &'static str, command: &mut Command, dir: &Path) -> anyhow::Result<Self> {
        let log = dir.join(format!("{name}.log"));
        let output = File::create(&log).with_context(|| format!("cannot create {}", log.display()))?;
        let child = command
            .stdin(Stdio::null())
            .stdout(output.try_clone()?)
            .stderr(output)
            .spawn()
            .with_context(|| format!("{name} cannot be started"))?;
        Ok(Self { name, child, log })
    }

    /// Waits until `is_ready`. Returns how long it took.
    ///
    /// # Errors
    /// The server ended, or is not ready in time.
    pub fn wait_until(&mut self, mut is_ready: impl FnMut() -> bool) -> anyhow::Result<Duration> {
        let began = Instant::now();
        while !is_ready() {
            if let Some(status) = self.child.try_wait()? {
                bail!("{} ended ({status}):\n{}", self.name, self.log());
            }
            if began.elapsed() > TIMEOUT {
                bail!("{} is not ready after {TIMEOUT:?}:\n{}", self.name, self.log());
            }
            std::thread::sleep(Duration::from_millis(2));
        }
        Ok(began.elapsed())
    }

    #[must_use]
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// Everything that it has printed.
    #[must_use]
    pub fn log(&self) -> String {
        std::fs::read_to_string(&self.log).unwrap_or_default()
    }

    /// Resident memory, in bytes.
    ///
    /// # Errors
    /// `/proc` cannot be read.
    pub fn resident(&self) -> anyhow::Result<u64> {
        self.memory("VmRSS:")
    }

    /// The processor time that it has used so far.
    ///
    /// # Errors
    /// `/proc` cannot be read.
    pub fn worked(&self) -> anyhow::Result<Duration> {
        let stat = std::fs::read_to_string(format!("/proc/{}/stat", self.child.id()))?;
        // Fields are counted after the name, which may contain anything. The kernel counts hundredths of a
        // second.
        let (_, fields) = stat.rsplit_once(')').context("/proc/PID/stat is not as expected")?;
        let ticks =
            fields.split_whitespace().skip(11).take(2).map(str::parse::<u64>).sum::<Result<u64, _>>()?;
        Ok(Duration::from_millis(ticks * 10))
    }

    /// The most resident memory that it ever had, in bytes.
    ///
    /// # Errors
    /// `/proc` cannot be read.
    pub fn most_resident(&self) -> anyhow::Result<u64> {
        self.memory("VmHWM:")
    }

    fn memory(&self, field: &str) -> anyhow::Result<u64> {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id()))?;
        let kib = status.lines().find_map(|line| line.strip_prefix(field)?.split_whitespace().next());
        Ok(kib.context("no such field in /proc/PID/status")?.parse::<u64>()? * 1024)
    }

    /// Asks it to end, and waits until it has.
    ///
    /// # Errors
    /// It does not end in time.
    pub fn stop(mut self) -> anyhow::Result<()> {
        if !self.end_within(TIMEOUT)? {
            bail!("{} did not stop within {TIMEOUT:?}:\n{}", self.name, self.log());
        }
        Ok(())
    }

    /// Ends it at once, as a crash does.
    ///
    /// # Errors
    /// The system refuses.
    pub fn kill(mut self) -> anyhow::Result<()> {
        self.child.kill()?;
        self.child.wait()?;
        Ok(())
    }

    /// Asks it to end. Returns whether it ended in time.
    fn end_within(&mut self, timeout: Duration) -> anyhow::Result<bool> {
        // The standard library can only kill, and a bare Debian has no program `kill`; the shell does.
        Command::new("sh").args(["-c", "kill -TERM $0", &self.child.id().to_string()]).status()?;
        let began = Instant::now();
        while self.child.try_wait()?.is_none() {
            if began.elapsed() > timeout {
                return Ok(false);
            }
            std::thread::sleep(Duration::from_millis(5));
        }
        Ok(true)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        if matches!(self.child.try_wait(), Ok(Some(_))) {
            return;
        }
        // It is asked first, because a killed nginx would leave its workers running.
        if !self.end_within(Duration::from_secs(2)).unwrap_or(false) {
            let _ = self.child.kill();
            let _ = self.child.wait();
        }
    }
}

/// The program under test, which is built beside this one.
///
/// # Errors
/// It is not built.
pub fn program() -> anyhow::Result<PathBuf> {
    built("simgauge")
}

/// A file that was built beside this program. Tests run in the folder `deps` of the others.
///
/// # Errors
/// It is not built.
pub fn built(name: &str) -> anyhow::Result<PathBuf> {
    let this = std::env::current_exe()?;
    let folders =
        this.ancestors().skip(1).take(2).flat_map(|folder| [folder.to_owned(), folder.join("deps")]);
    let mut files = folders.map(|folder| folder.join(name));
    files
        .find(|file| file.is_file())
        .with_context(|| format!("{name} is not built beside {}", this.display()))
}

/// A loopback address that was free just now.
///
/// # Errors
/// The system has none.
pub fn free_address() -> anyhow::Result<SocketAddr> {
    Ok(TcpListener::bind("127.0.0.1:0")?.local_addr()?)
}

/// The body of a page.
///
/// # Errors
/// The server cannot be reached, or the status is not 200.
pub fn get(address: SocketAddr, path: &str) -> anyhow::Result<String> {
    send(address, "GET", path, "")
}

/// The body of the answer to a request.
///
/// # Errors
/// The server cannot be reached, or the status is not 200.
pub fn send(address: SocketAddr, method: &str, path: &str, body: &str) -> anyhow::Result<String> {
    let (status, body) = call(address, method, path, body)?;
    anyhow::ensure!(status == 200, "{path} answers {status}: {body}");
    Ok(body)
}

/// The status and the body of the answer to a request.
///
/// # Errors
/// The server cannot be reached, or does not answer in HTTP.
pub fn call(address: SocketAddr, method: &str, path: &str, body: &str) -> anyhow::Result<(u16, String)> {
    let mut stream = TcpStream::connect_timeout(&address, Duration::from_secs(1))?;
    stream.set_read_timeout(Some(ANSWER_TIMEOUT))?;
    let length = body.len();
    write!(
        stream,
        "{method} {path} HTTP/1.1\r\nHost: bench\r\nConnection: close\r\n\
         Content-Length: {length}\r\n\r\n{body}"
    )?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).with_context(|| format!("{path}: no whole answer"))?;
    let (head, body) = answer.split_once("\r\n\r\n").context("no HTTP answer")?;
    let status = head.strip_prefix("HTTP/1.1 ").and_then(|rest| rest.get(..3)).unwrap_or_default();
    Ok((status.parse().with_context(|| format!("{path} answers {head}"))?, body.to_owned()))
}

/// Runs a command to its end. Returns what it printed.
///
/// # Errors
/// It cannot be started, or it fails.
pub fn run(command: &mut Command) -> anyhow::Result<String> {
    let output = command.output().with_context(|| format!("{command:?} cannot be started"))?;
    if !output.status.success() {
        bail!("{command:?} failed:\n{}", String::from_utf8_lossy(&output.stderr));
    }
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}

/// Writes everything that is not written yet to the disk, so that it does not disturb the next measurement.
///
/// # Errors
/// `sync` cannot be run.
pub fn settle() -> anyhow::Result<()> {
    run(&mut Command::new("sync")).map(drop)
}

/// Bytes as megabytes of 10^6.
#[must_use]
pub fn mb(bytes: u64) -> f64 {
    bytes as f64 / 1e6
}
