//! A server with a lane for each misbehaviour, and one whose operator behaves.

use super::behaviours::{BEHAVIOURS, Behaviour, Ends};
use super::exchange::MARK;
use super::server::Operator;
use crate::audit::{Expected, audit};
use crate::world::{ACCOUNT, App, STORE, World};
use anyhow::{Context as _, ensure};
use serde_json::{Value, json};
use simgauge_process::{self as process, Server};
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// The lane whose operator always behaves, and the one where TLS is expected.
const GOOD: &str = "good";
const NO_TLS: &str = "tls-garbage";
/// Settings: little time, so that the trial is short. A lane whose operator fails is tried again soon.
const SETTINGS: &str = "[refresh]\ndeadline_seconds = 8\n\
    first_pause_seconds = 0.2\nlongest_pause_seconds = 1.0\n\
    begin_within_seconds = 20\nsteady_beat = \"off\"\n\
    [lanes]\nbreaker_pause_seconds = 0.5\nbreaker_longest_pause_seconds = 1.0\n\
    [log]\nfilter = \"info,simgauge=debug,simgauge_operators=debug\"";
/// All refreshes end within this: the time to begin, the time of the attempts, and much to spare for a
/// machine that has other work.
const END_TIMEOUT: Duration = Duration::from_secs(120);
/// How long the middle one of the readings of the lane that behaves may take while others misbehave: as many
/// times as long as before, and at least so long. Not the slowest: a disk with other work can stand still for
/// seconds.
const GOOD_FACTOR: u32 = 5;
const GOOD_MEDIAN: Duration = Duration::from_secs(1);
/// How many are read before.
const GOOD_BEFORE: usize = 5;
/// How many cards the lane that behaves has.
const GOOD_CARDS: usize = 400;
/// What all answers together may add to the server's memory.
const MOST_MEMORY: u64 = 128 << 20;
/// An operator with a log-in. Everything else is as at the others.
const LOGIN_DEFINITION: &str = include_str!("login.toml");

/// A lane with its two cards: one to be read while it misbehaves, one afterwards.
struct Lane {
    name: &'static str,
    why: &'static str,
    ends: Ends,
    cards: [String; 2],
}

/// Everything that runs.
struct Trial<'a> {
    dir: &'a Path,
    world: World,
    app: App,
    server: Server,
    operator: Operator,
    lanes: Vec<Lane>,
    found: Vec<String>,
}

/// Has a server read through every misbehaviour at once. Answers what is not as it has to be.
///
/// # Errors
/// The trial itself failed.
pub fn hostile_operator(dir: &Path) -> anyhow::Result<Vec<String>> {
    let mut trial = Trial::start(dir)?;
    let before = trial.server.resident()?;
    let good = Steady::start(&trial.app, &trial.world)?;
    let ends = trial.refresh_all(0, END_TIMEOUT)?;
    trial.judge_ends(&ends);
    trial.judge_memory(before)?;
    trial.operator.behave();
    trial.recover()?;
    trial.found.extend(good.stop()?);
    trial.judge_texts()?;
    println!("{} misbehaviours, {} calls to the operators", trial.lanes.len(), trial.operator.calls());
    let violations = audit(&trial.world.store(), &Expected::default())?;
    trial.found.extend(violations.iter().map(ToString::to_string));
    Ok(trial.found)
}

impl<'a> Trial<'a> {
    fn start(dir: &'a Path) -> anyhow::Result<Self> {
        let operator = Operator::start()?;
        let definitions = dir.join("definitions");
        std::fs::create_dir(&definitions)?;
        std::fs::write(definitions.join("hostile_login.toml"), LOGIN_DEFINITION)?;
        let settings = format!(
            "{SETTINGS}\n[operators]\ndefinitions_dir = \"{}\"\n{}",
            definitions.display(),
            operator_accounts(&operator)
        );
        let world = World::create(dir, false, process::free_address()?, &settings)?;
        let app = world.create_app()?;
        let nowhere = format!("http://{}/", process::free_address()?);
        world.run(&["account", "notify", ACCOUNT, "--url", &nowhere])?;
        let lane = |(n, name, why, ends)| {
            let card = |which: usize| format!("8986{:015}", 1_000 + n * 2 + which);
            Lane { name, why, ends, cards: [card(0), card(1)] }
        };
        let all = BEHAVIOURS.iter().map(|Behaviour { name, why, ends, .. }| (*name, *why, *ends));
        let no_tls =
            (NO_TLS, "answers TLS with something else", Ends::Failed(&["temporary", "operator_down"]));
        let lanes: Vec<Lane> = all
            .chain([no_tls])
            .enumerate()
            .map(|(n, (name, why, ends))| lane((n, name, why, ends)))
            .collect();
        world.import_on(
            lanes
                .iter()
                .flat_map(|lane| lane.cards.iter().map(|card| (card.clone(), lane.name)))
                .chain((0..GOOD_CARDS).map(|n| (good_card(n), GOOD))),
        )?;
        let server = world.serve(dir)?;
        Ok(Self { dir, world, app, server, operator, lanes, found: Vec::new() })
    }

    /// Refreshes a card of each lane. Answers how each refresh ended: its answer by the lane's name.
    fn refresh_all(
        &mut self,
        card: usize,
        timeout: Duration,
    ) -> anyhow::Result<BTreeMap<&'static str, Value>> {
        let began = Instant::now();
        let mut to_accept: Vec<&Lane> =
            self.lanes.iter().filter(|lane| card == 0 || lane.name != NO_TLS).collect();
        let (mut open, mut ended) = (BTreeMap::new(), BTreeMap::new());
        let mut refusals = BTreeMap::new();
        while began.elapsed() < timeout && !(to_accept.is_empty() && open.is_empty()) {
            let mut refused = Vec::new();
            for lane in to_accept {
                let fields = json!({ "iccid": lane.cards[card] });
                let (code, data) = self.app.call(self.world.address, "/api/v3/card/refreshUsage", &fields)?;
                match code.as_str() {
                    "200" => drop(open.insert(lane.name, data["refreshId"].clone())),
                    // A lane whose operator is down.
                    _ => {
                        refusals.insert(lane.name, format!("{code} {data}"));
                        refused.push(lane);
                    }
                }
            }
            to_accept = refused;
            let mut waiting = BTreeMap::new();
            for (name, id) in open {
                let (_, data) =
                    self.app.call(self.world.address, "/api/v3/refresh/get", &json!({ "refreshId": id }))?;
                match data["state"].as_str() {
                    Some("succeeded" | "failed") => drop(ended.insert(name, data)),
                    _ => drop(waiting.insert(name, id)),
                }
            }
            open = waiting;
            std::thread::sleep(Duration::from_millis(100));
        }
        for lane in to_accept {
            self.found.push(format!(
                "{}: no refresh was accepted within {timeout:?}: {}",
                lane.name, refusals[lane.name]
            ));
        }
        for (name, id) in open {
            self.found.push(format!("{name}: refresh {id} has not ended within {timeout:?}"));
        }
        Ok(ended)
    }

    fn judge_ends(&mut self, ends: &BTreeMap<&'static str, Value>) {
        for lane in &self.lanes {
            let Some(end) = ends.get(lane.name) else { continue };
            let reason = end["refresh"]["reason"].as_str();
            let is_right = match (lane.ends, reason) {
                (Ends::WellOr(_), None) => end["state"] == "succeeded",
                (Ends::WellOr(reasons) | Ends::Failed(reasons), Some(reason)) => reasons.contains(&reason),
                (Ends::Failed(_), None) => false,
            };
            if !is_right {
                let Lane { name, why, ends, .. } = lane;
                self.found.push(format!("{name} ({why}): {ends:?} is right, and it ended so: {end}"));
            }
            if end.to_string().contains(MARK) {
                self.found.push(format!("{}: the operator's text is in the answer: {end}", lane.name));
            }
        }
    }

    fn judge_memory(&mut self, before: u64) -> anyhow::Result<()> {
        let most = self.server.most_resident()?;
        println!("memory: {} MiB before, {} MiB at most", before >> 20, most >> 20);
        if most > before + MOST_MEMORY {
            self.found.push(format!("memory grew from {before} to {most} bytes"));
        }
        Ok(())
    }

    /// The operators behave now. Where they had asked for silence, a person clears it.
    fn recover(&mut self) -> anyhow::Result<()> {
        for lane in
            self.lanes.iter().filter(|lane| lane.name.starts_with("429") || lane.name.starts_with("503"))
        {
            self.world.run(&["operator", "retry", lane.name])?;
        }
        let ends = self.refresh_all(1, END_TIMEOUT / 2)?;
        for (name, end) in ends.iter().filter(|(_, end)| end["state"] != "succeeded") {
            self.found.push(format!("{name}: the operator behaves, and a refresh ended so: {end}"));
        }
        Ok(())
    }

    /// No text of the operators in the store, and no secret in the log.
    fn judge_texts(&mut self) -> anyhow::Result<()> {
        for file in [STORE.to_owned(), format!("{STORE}-wal")] {
            let path = self.world.beside(&file);
            let bytes = if path.is_file() { std::fs::read(path)? } else { Vec::new() };
            if bytes.windows(MARK.len()).any(|part| part == MARK.as_bytes()) {
                self.found.push(format!("the operator's text is in the store, in {file}"));
            }
        }
        let log = std::fs::read_to_string(self.dir.join("simgauge.log"))?;
        // The second one is user and secret in a header.
        for secret in ["sim-secret", "c2ltLXVzZXI6c2ltLXNlY3JldA"] {
            if log.contains(secret) {
                self.found.push(format!("the log holds {secret}"));
            }
        }
        Ok(())
    }
}

/// Reads a card of the lane that behaves. Answers how long it took, and what was wrong.
fn read_good(app: &App, address: SocketAddr, number: &str) -> anyhow::Result<(Duration, Option<String>)> {
    let began = Instant::now();
    let fields = json!({ "iccid": number, "wait": 8 });
    let (code, data) = app.call(address, "/api/v3/card/refreshUsage", &fields)?;
    let took = began.elapsed();
    // Where it has not ended by then, it counts by its time.
    let is_right = code == "200" && data["state"] != "failed";
    Ok((took, (!is_right).then(|| format!("{GOOD}: {number} is answered {code} after {took:?}: {data}"))))
}

fn median(mut times: Vec<Duration>) -> Duration {
    times.sort_unstable();
    times.get(times.len() / 2).copied().unwrap_or_default()
}

fn good_card(n: usize) -> String {
    format!("8987{n:015}")
}

fn operator_accounts(operator: &Operator) -> String {
    let mut config = String::new();
    let all = BEHAVIOURS.iter().map(|Behaviour { name, logs_in, .. }| (*name, *logs_in));
    for (name, logs_in) in all.chain([(GOOD, false), (NO_TLS, false)]) {
        let (definition, secrets) = match logs_in {
            false => ("cisco_control_center", "username = { env = \"FAULTS_USER\" }, "),
            true => ("hostile_login", ""),
        };
        let url = match name {
            NO_TLS => format!("https://{}/{name}", operator.no_tls),
            name => format!("http://{}/{name}", operator.address),
        };
        // Writing into a String cannot fail.
        let _ = write!(
            config,
            "[[operator_account]]\nname = \"{name}\"\ndefinition = \"{definition}\"\nbase_url = \"{url}\"\n\
             allow_http = true\nsecrets = {{ {secrets}api_key = {{ env = \"FAULTS_SECRET\" }} }}\n\
             step_timeout_seconds = 10\ntotal_timeout_seconds = 12\n\
             [operator_account.limits]\nmax_concurrent = 1\n\
             buckets = [{{ scope = \"credential\", limit = 20, per_seconds = 1 }}]\n"
        );
    }
    config
}

/// Somebody who reads cards of the lane that behaves, one after the other.
struct Steady {
    stopping: Arc<AtomicBool>,
    reader: JoinHandle<anyhow::Result<Vec<String>>>,
}

impl Steady {
    fn start(app: &App, world: &World) -> anyhow::Result<Self> {
        let before = (0..GOOD_BEFORE).map(|n| read_good(app, world.address, &good_card(n)));
        let before = before.collect::<anyhow::Result<Vec<_>>>()?;
        let most = GOOD_MEDIAN.max(median(before.into_iter().map(|(took, _)| took).collect()) * GOOD_FACTOR);
        let stopping = Arc::new(AtomicBool::new(false));
        let (app, address, until) = (app.clone(), world.address, Arc::clone(&stopping));
        let reader = std::thread::spawn(move || {
            let (mut found, mut times) = (Vec::new(), Vec::new());
            for number in (GOOD_BEFORE..GOOD_CARDS).map(good_card) {
                if until.load(Ordering::Relaxed) {
                    break;
                }
                let (took, wrong) = read_good(&app, address, &number)?;
                found.extend(wrong);
                times.push(took);
                std::thread::sleep(Duration::from_millis(100));
            }
            ensure!(!times.is_empty(), "the lane that behaves was not read");
            let (count, median) = (times.len(), median(times));
            println!("{GOOD}: {count} refreshes, the middle one took {median:?}, and {most:?} is right");
            if median > most {
                found.push(format!("{GOOD}: a reading takes {median:?}, and at most {most:?} is right"));
            }
            Ok(found)
        });
        Ok(Self { stopping, reader })
    }

    fn stop(self) -> anyhow::Result<Vec<String>> {
        self.stopping.store(true, Ordering::Relaxed);
        self.reader.join().ok().context("the reader of the lane that behaves panicked")?
    }
}
