//! Checks the results after the load.

use super::caller::Seen;
use super::receiver::Receiver;
use super::watch::{Level, Sample};
use super::world::World;
use serde::{Deserialize, Serialize};
use simgauge_domain::refresh::RefreshState;
use simgauge_process as process;
use simgauge_store::RefreshView;
use std::collections::{BTreeMap, HashMap, HashSet};
use std::fmt::Write as _;
use std::io::{BufRead as _, BufReader};

/// The greatest ratio of the memory in the last quarter to that in the second. In the first quarter, bounded
/// caches fill.
const MAX_GROWTH: f64 = 1.05;
/// How many handles there may be more than after warming up: connections to the database that were first
/// needed later.
const MORE_HANDLES: usize = 12;
/// The same for tasks: each of those connections has one or two, and reading the metrics has another.
const MORE_TASKS: f64 = 6.0;
/// The least time between two accepted refreshes of a card, in milliseconds.
const COOLDOWN_MS: i64 = 300_000;

#[derive(Debug, Serialize)]
struct Check {
    what: String,
    passed: bool,
    found: String,
}

/// The result of a soak.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Verdict {
    seconds: u64,
    calls: BTreeMap<String, u64>,
    left_out: u64,
    refreshes: usize,
    succeeded: usize,
    failed: BTreeMap<String, usize>,
    operator_calls: u64,
    notification_attempts: u64,
    before: Level,
    after: Level,
    /// Means over quarters, in megabytes.
    memory_quarters: [f64; 4],
    checks: Vec<Check>,
    samples: Vec<Sample>,
}

#[derive(Debug, Deserialize)]
struct Stats {
    operators: Vec<OperatorStats>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct OperatorStats {
    operator: String,
    requests: u64,
    violations: u64,
    violation_notes: serde_json::Value,
}

impl Verdict {
    pub(super) fn passed(&self) -> bool {
        self.checks.iter().all(|check| check.passed)
    }

    fn check(&mut self, what: &str, passed: bool, found: impl Into<String>) {
        self.checks.push(Check { what: what.to_owned(), passed, found: found.into() });
    }

    /// A check that passes where nothing was found.
    fn none(&mut self, what: &str, found: &[String]) {
        let some: Vec<&str> = found.iter().take(5).map(String::as_str).collect();
        self.check(
            what,
            found.is_empty(),
            format!("{}{}{}", found.len(), if some.is_empty() { "" } else { ": " }, some.join("; ")),
        );
    }

    pub(super) fn in_words(&self) -> String {
        let mut text = format!(
            "\n{} s of load: {} calls, {} refreshes ({} succeeded), {} calls of operators, \
             {} notifications sent\n",
            self.seconds,
            self.calls.values().sum::<u64>(),
            self.refreshes,
            self.succeeded,
            self.operator_calls,
            self.notification_attempts,
        );
        for check in &self.checks {
            let verdict = if check.passed { "ok     " } else { "NOT SO " };
            let _ = writeln!(text, "{verdict} {}: {}", check.what, check.found);
        }
        text
    }
}

/// Makes every check.
pub(super) async fn judge(
    world: &World,
    seen: &Seen,
    receiver: &Receiver,
    samples: &[Sample],
    [before, after]: [Level; 2],
    seconds: u64,
) -> anyhow::Result<Verdict> {
    let rows = world.refreshes().await?;
    let stats: Stats = serde_json::from_str(&process::get(world.simulator_address, "/_sim/stats")?)?;
    let memory_quarters = quarters(samples);
    let succeeded = rows.iter().filter(|row| row.state == RefreshState::Succeeded).count();
    let mut failed = BTreeMap::new();
    for failure in rows.iter().filter_map(|row| row.failure.as_ref()) {
        *failed.entry(format!("{failure:?}")).or_default() += 1;
    }
    let counts = seen.lock();
    let mut verdict = Verdict {
        seconds,
        calls: counts
            .codes
            .iter()
            .map(|((kind, code), count)| (format!("{kind:?} {code}"), *count))
            .collect(),
        left_out: counts.left_out,
        refreshes: rows.len(),
        succeeded,
        failed,
        operator_calls: stats.operators.iter().map(|operator| operator.requests).sum(),
        notification_attempts: receiver.look(|received| received.attempts),
        before,
        after,
        memory_quarters,
        checks: Vec::new(),
        samples: samples.to_vec(),
    };
    verdict.of_resources();
    verdict.none(
        "answers that are none of those a call may get",
        &if counts.surprise_count == 0 { Vec::new() } else { counts.surprises.clone() },
    );
    verdict.check("something was accepted", !counts.accepted.is_empty(), counts.accepted.len().to_string());
    verdict.of_refreshes(&rows, &counts.accepted);
    drop(counts);
    verdict.of_operators(&stats);
    verdict.of_notifications(world, receiver, &rows);
    verdict.of_log(world)?;
    verdict.of_command("simgauge audit verify", world.command()?.args(["audit", "verify"]));
    verdict.of_command("simgauge usage reconcile", world.command()?.args(["usage", "reconcile"]));
    Ok(verdict)
}

impl Verdict {
    fn of_resources(&mut self) {
        let [_, second, _, last] = self.memory_quarters;
        let ratio = last / second;
        let found = format!("{ratio:.3} ({second:.1} and {last:.1} MB)");
        self.check("memory: last quarter over second, at most 1.05", ratio <= MAX_GROWTH, found);
        let (before, after) = (self.before, self.after);
        let found = format!("{} and {}", before.handles, after.handles);
        let what = format!("handles after draining: at most {MORE_HANDLES} more than after warming up");
        self.check(&what, after.handles <= before.handles + MORE_HANDLES, found);
        let found = format!("{} and {}", before.tasks, after.tasks);
        let what = format!("tasks after draining: at most {MORE_TASKS} more than after warming up");
        self.check(&what, after.tasks <= before.tasks + MORE_TASKS, found);
    }

    /// Every 200 has one refresh of the card, and the refresh ended. No card was accepted twice within its
    /// cooldown.
    fn of_refreshes(&mut self, rows: &[RefreshView], accepted: &HashMap<String, String>) {
        let by_id: HashMap<&str, &RefreshView> = rows.iter().map(|row| (row.id.as_str(), row)).collect();
        let lost: Vec<String> = accepted
            .iter()
            .filter(|(id, card)| by_id.get(id.as_str()).is_none_or(|row| row.number != **card))
            .map(|(id, card)| format!("{id} of {card}"))
            .collect();
        self.none("refreshes answered 200 that are not there", &lost);
        let open: Vec<String> =
            rows.iter().filter(|row| !row.state.is_ended()).map(|row| row.id.to_string()).collect();
        self.none("refreshes that have not ended", &open);
        let mut by_card: BTreeMap<&str, Vec<i64>> = BTreeMap::new();
        for row in rows {
            by_card.entry(&row.number).or_default().push(row.accepted_at.0);
        }
        let mut early = Vec::new();
        for (card, times) in &mut by_card {
            times.sort_unstable();
            let pairs = times.windows(2).map(|pair| pair[1] - pair[0]);
            early.extend(pairs.filter(|gap| *gap < COOLDOWN_MS).map(|gap| format!("{card} after {gap} ms")));
        }
        self.none("cards accepted twice within five minutes", &early);
    }

    fn of_operators(&mut self, stats: &Stats) {
        let violations: Vec<String> = stats
            .operators
            .iter()
            .filter(|operator| operator.violations > 0)
            .map(|operator| {
                format!("{}: {} {}", operator.operator, operator.violations, operator.violation_notes)
            })
            .collect();
        self.none("operators whose limits were broken", &violations);
    }

    fn of_notifications(&mut self, world: &World, receiver: &Receiver, rows: &[RefreshView]) {
        receiver.look(|received| {
            self.check(
                "notifications without a right sign",
                received.unsigned == 0,
                received.unsigned.to_string(),
            );
            let account = world.notified_account();
            let of_account: HashSet<&str> =
                rows.iter().filter(|row| row.account == account).map(|row| row.id.as_str()).collect();
            let untold: Vec<String> = of_account
                .iter()
                .filter(|id| !received.refreshes.contains(**id))
                .map(|id| (*id).to_owned())
                .collect();
            self.none("ends of refreshes without a notification", &untold);
        });
    }

    fn of_log(&mut self, world: &World) -> anyhow::Result<()> {
        let secrets = world.secrets();
        let (mut panics, mut leaks, mut lines) = (Vec::new(), Vec::new(), 0_u64);
        for line in BufReader::new(std::fs::File::open(world.log())?).split(b'\n') {
            let line = line?;
            let line = String::from_utf8_lossy(&line);
            lines += 1;
            if line.contains("panicked") {
                panics.push(line.into_owned());
            } else if secrets.iter().any(|secret| line.contains(secret.as_str())) {
                // The secret must not appear in the report either.
                leaks.push(format!("line {lines}"));
            }
        }
        self.check("the server has logged", lines > 0, format!("{lines} lines"));
        self.none("panics in the log", &panics);
        self.none("secrets in the log", &leaks);
        Ok(())
    }

    fn of_command(&mut self, what: &str, command: &mut std::process::Command) {
        match process::run(command) {
            Ok(output) => self.check(what, true, output.trim().lines().last().unwrap_or_default()),
            Err(error) => self.check(what, false, format!("{error:#}")),
        }
    }
}

/// The mean memory of each quarter of the time.
fn quarters(samples: &[Sample]) -> [f64; 4] {
    let mut sums = [(0.0, 0.0); 4];
    let end = samples.last().map_or(1.0, |sample| sample.at);
    for Sample { at, level } in samples {
        // Between 0 and 4.
        #[allow(clippy::cast_sign_loss, clippy::cast_possible_truncation)]
        let quarter = ((at / end * 4.0) as usize).min(3);
        sums[quarter].0 += level.resident_mb;
        sums[quarter].1 += 1.0;
    }
    sums.map(|(sum, count)| sum / count)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memory_is_judged_by_the_means_of_quarters() {
        let level = |resident_mb| Level { resident_mb, handles: 0, threads: 0.0, tasks: 0.0 };
        let samples: Vec<Sample> =
            (1..=8).map(|n| Sample { at: f64::from(n) * 10.0 - 0.1, level: level(f64::from(n)) }).collect();
        assert_eq!(quarters(&samples), [1.5, 3.5, 5.5, 7.5].map(|mean: f64| mean));
    }
}
