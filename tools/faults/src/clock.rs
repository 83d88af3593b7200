//! The wall clock is set a day ahead and back while a server runs.

use crate::audit::{Expected, audit};
use crate::world::{ACCOUNT, App, LANES, World, numbers, shim, simulator};
use anyhow::{Context as _, ensure};
use serde_json::{Value, json};
use simgauge_process::{self as process, Server};
use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpListener};
use std::os::unix::fs::FileExt as _;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

const DAY_MS: i64 = 86_400_000;
/// The documented cooldown, in seconds.
const COOLDOWN: i64 = 300;
/// What does not depend on the clock is done within this. Notifications are tried every two seconds.
const SOON: Duration = Duration::from_secs(20);
const TOLD_SOON: Duration = Duration::from_secs(8);
const SETTINGS: &str = "[refresh]\nfirst_pause_seconds = 0.5\nlongest_pause_seconds = 2.0\n\
    steady_beat = \"off\"\n\
    [lanes]\nbreaker_pause_seconds = 0.5\nbreaker_longest_pause_seconds = 1.0";

struct Trial {
    app: App,
    address: SocketAddr,
    clock: std::fs::File,
    clock_ms: i64,
    found: Vec<String>,
}

/// Answers what is not as it has to be.
///
/// # Errors
/// The trial itself failed.
pub fn jumps(dir: &Path) -> anyhow::Result<Vec<String>> {
    let mut found = Vec::new();
    for restart in [false, true] {
        let dir = dir.join(if restart { "restart" } else { "running" });
        std::fs::create_dir(&dir)?;
        let of = if restart { "with a restart in between" } else { "while it runs" };
        found.extend(jump(&dir, restart)?.into_iter().map(|what| format!("{of}: {what}")));
    }
    Ok(found)
}

/// The same once: while it runs, or with a restart in between.
///
/// # Errors
/// The trial itself failed.
pub fn jump(dir: &Path, restart: bool) -> anyhow::Result<Vec<String>> {
    let operators = process::free_address()?;
    let _simulator = simulator(dir, operators)?;
    let receiver = Receiver::start()?;
    let world = World::create(dir, false, operators, SETTINGS)?;
    let clock_file = dir.join("clock");
    std::fs::write(&clock_file, 0_i64.to_le_bytes())?;
    let mut environment = shim(&world.disk, None)?;
    environment.push(("SIMGAUGE_SHIM_CLOCK", clock_file.to_str().context("a path is not UTF-8")?.to_owned()));
    environment.push(("SIMGAUGE__NOTIFY__PAUSES_SECONDS", "[1, 2]".to_owned()));
    let world = world.with(environment);
    let app = world.create_app()?;
    world.run(&["account", "notify", ACCOUNT, "--url", &receiver.url])?;
    world.import(&numbers(0, 10), 0)?;
    let cards = numbers(0, 10);
    let server = world.serve(dir)?;
    let clock = std::fs::File::options().write(true).open(&clock_file)?;
    let mut trial = Trial { app, address: world.address, clock, clock_ms: 0, found: Vec::new() };

    // A day ahead: one card is read, and another one waits for an operator that fails.
    trial.set(DAY_MS)?;
    let read = trial.accept(&cards[0])?;
    trial.must_end("read a day ahead", &read)?;
    for lane in LANES {
        fault(operators, lane, true)?;
    }
    let failing = trial.accept(&cards[1])?;
    std::thread::sleep(Duration::from_secs(2));

    // And back.
    let server = if restart {
        server.stop()?;
        trial.set(0)?;
        world.serve(dir)?
    } else {
        trial.set(0)?;
        server
    };
    for lane in LANES {
        fault(operators, lane, false)?;
    }
    receiver.accept_all();
    trial.must_cool(&cards[0], COOLDOWN)?;
    let fresh = trial.accept(&cards[2])?;
    trial.must_end("accepted after the clock was set back", &fresh)?;
    trial.must_end("accepted a day ahead, with an operator that failed then", &failing)?;
    let began = Instant::now();
    while receiver.taken() < 3 && began.elapsed() < TOLD_SOON {
        std::thread::sleep(Duration::from_millis(50));
    }
    if receiver.taken() < 3 {
        trial
            .found
            .push(format!("{} of 3 notifications were delivered within {TOLD_SOON:?}", receiver.taken()));
    }
    trial.cool_down(&cards[0])?;
    trial.back_and_forth(&cards[3])?;
    trial.finish(&world, server)
}

impl Trial {
    /// Sets the clock of the server, and with it that of the caller.
    fn set(&mut self, clock_ms: i64) -> anyhow::Result<()> {
        self.clock.write_all_at(&clock_ms.to_le_bytes(), 0)?;
        self.clock_ms = clock_ms;
        Ok(())
    }

    fn call(&self, path: &str, fields: &Value) -> anyhow::Result<(String, Value)> {
        self.app.shifted(self.clock_ms).call(self.address, path, fields)
    }

    fn accept(&self, number: &str) -> anyhow::Result<String> {
        let (code, data) = self.call("/api/v3/card/refreshUsage", &json!({ "iccid": number }))?;
        ensure!(code == "200", "{number} was not accepted: {code} {data}");
        data["refreshId"].as_str().map(str::to_owned).context("200 without a refreshId")
    }

    fn must_end(&mut self, what: &str, id: &str) -> anyhow::Result<()> {
        let began = Instant::now();
        loop {
            let (_, data) = self.call("/api/v3/refresh/get", &json!({ "refreshId": id }))?;
            if data["state"] == "succeeded" {
                return Ok(());
            }
            if data["state"] == "failed" || began.elapsed() > SOON {
                self.found.push(format!("{what}: after {:?} it is {data}", began.elapsed()));
                return Ok(());
            }
            std::thread::sleep(Duration::from_millis(100));
        }
    }

    /// The card is refused, for at most so many seconds.
    fn must_cool(&mut self, number: &str, most: i64) -> anyhow::Result<()> {
        let (code, data) = self.call("/api/v3/card/refreshUsage", &json!({ "iccid": number }))?;
        let seconds = data["retryAfterSeconds"].as_i64();
        if code != "429" || !seconds.is_some_and(|seconds| (1..=most).contains(&seconds)) {
            self.found
                .push(format!("{number} must cool for at most {most} s, and is answered {code} {data}"));
        }
        Ok(())
    }

    /// The cooldown passes with the clock, and then the card is accepted.
    fn cool_down(&mut self, number: &str) -> anyhow::Result<()> {
        self.set(200_000)?;
        self.must_cool(number, COOLDOWN - 200)?;
        self.set((COOLDOWN + 1) * 1000)?;
        match self.accept(number) {
            Ok(id) => self.must_end("accepted after the cooldown", &id),
            Err(error) => {
                self.found.push(format!("a cooldown after the clock was set back: {error:#}"));
                Ok(())
            }
        }
    }

    /// A day back, and then as it was: a card that was accepted yesterday is free.
    fn back_and_forth(&mut self, number: &str) -> anyhow::Result<()> {
        self.set(-DAY_MS)?;
        let id = self.accept(number)?;
        self.must_end("accepted a day back", &id)?;
        self.must_cool(number, COOLDOWN)?;
        self.set((COOLDOWN + 1) * 1000)?;
        let id = self.accept(number)?;
        self.must_end("accepted when the clock was right again", &id)
    }

    fn finish(mut self, world: &World, server: Server) -> anyhow::Result<Vec<String>> {
        server.stop()?;
        // Of the clock that was set no cooldown can be told; `must_cool` has looked at them.
        let expected = Expected { cooldown_ms: [i64::MIN; 2], ..Expected::default() };
        self.found.extend(audit(&world.store(), &expected)?.iter().map(ToString::to_string));
        Ok(self.found)
    }
}

/// Makes an operator fail, or work again.
fn fault(operators: SocketAddr, lane: &str, fails: bool) -> anyhow::Result<()> {
    let operator = format!("cisco_control_center@{lane}");
    if fails {
        let order = json!({ "operator": operator, "fault": "status", "status": 500 });
        process::send(operators, "POST", "/_sim/faults", &order.to_string()).map(drop)
    } else {
        process::send(operators, "DELETE", &format!("/_sim/faults?operator={operator}"), "").map(drop)
    }
}

/// Somebody who is notified, and at first refuses.
struct Receiver {
    url: String,
    accepts: Arc<AtomicBool>,
    taken: Arc<AtomicU64>,
}

impl Receiver {
    /// Its thread ends with the program.
    fn start() -> anyhow::Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0")?;
        let url = format!("http://{}/", listener.local_addr()?);
        let (accepts, taken) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicU64::new(0)));
        let (is_accepting, count) = (Arc::clone(&accepts), Arc::clone(&taken));
        std::thread::spawn(move || {
            for mut stream in listener.incoming().flatten() {
                let _ = stream.set_read_timeout(Some(Duration::from_secs(5)));
                // A notification is small: head and body come at once, or in two pieces.
                let mut body = Vec::new();
                let mut piece = [0; 8_192];
                while !body.ends_with(b"}") {
                    match stream.read(&mut piece) {
                        Ok(read @ 1..) => body.extend_from_slice(&piece[..read]),
                        _ => break,
                    }
                }
                let accepts = is_accepting.load(Ordering::Relaxed);
                let status = if accepts { "200 OK" } else { "503 Not Now" };
                let answer = format!("HTTP/1.1 {status}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
                if stream.write_all(answer.as_bytes()).is_ok() && accepts {
                    count.fetch_add(1, Ordering::Relaxed);
                }
            }
        });
        Ok(Self { url, accepts, taken })
    }

    fn accept_all(&self) {
        self.accepts.store(true, Ordering::Relaxed);
    }

    fn taken(&self) -> u64 {
        self.taken.load(Ordering::Relaxed)
    }
}
