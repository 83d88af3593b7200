//! Reads many SIMs: in as few calls as the operator allows, each SIM with an outcome of its own.

use super::asked::{Asked, Meant};
use super::elements::Elements;
use super::outcome::{ManyOutcome, ManyReadings};
use super::pages;
use crate::definition::plan::ManyPlan;
use crate::definition::raw::Absent;
use crate::engine::connection::Connection;
use crate::engine::error::{ReadError, sentence};
use crate::engine::login::Logins;
use crate::engine::profile::ProfileRef;
use crate::engine::reading::Span;
use crate::engine::run::Run;
use crate::jq::text_of;
use simgauge_domain::failure::FailureKind;
use simgauge_domain::identity::canonical_iccid;
use simgauge_domain::reading::Reading;

/// Reads all of `profiles` by the definition's `[many]`.
pub(in crate::engine) async fn read(
    connection: &Connection,
    logins: &Logins,
    run: &mut Run<'_>,
    plan: &ManyPlan,
    profiles: &[ProfileRef<'_>],
) -> ManyReadings {
    let began = connection.now();
    let asked = Asked::new(profiles.iter().map(|profile| profile.iccid));
    let mut batch = BatchRead {
        connection,
        logins,
        plan,
        asked: &asked,
        elements: Elements::new(connection, plan, &asked),
        failures: vec![None; asked.len()],
    };
    let all: Vec<usize> = (0..asked.len()).collect();
    let mut stopped = None;
    for part in all.chunks(plan.ids.unwrap_or(all.len()).max(1)) {
        match &stopped {
            None => stopped = batch.read_part(run, part.to_vec()).await.err(),
            Some(error) => batch.fail(part, error),
        }
    }
    let instead = Span { began, ended: connection.now() };
    let outcomes = profiles.iter().zip(asked.sims()).map(|(profile, sim)| {
        let (span, outcome) = batch.outcome(*sim, instead);
        ManyOutcome { iccid: profile.iccid.to_owned(), began: span.began, ended: span.ended, outcome }
    });
    ManyReadings { outcomes: outcomes.collect(), ignored: batch.elements.ignored, calls: run.calls }
}

struct BatchRead<'a> {
    connection: &'a Connection,
    logins: &'a Logins,
    plan: &'a ManyPlan,
    asked: &'a Asked,
    elements: Elements<'a>,
    /// Why there is nothing about a SIM.
    failures: Vec<Option<ReadError>>,
}

impl BatchRead<'_> {
    /// Reads the SIMs of one call. Where one of them refuses the call, the others are asked about again, in
    /// no more calls than asking about each alone would take.
    ///
    /// # Errors
    /// Further calls would end alike.
    async fn read_part(&mut self, run: &mut Run<'_>, part: Vec<usize>) -> Result<(), ReadError> {
        let mut calls_left = part.len();
        let mut waiting = vec![part];
        while let Some(sims) = waiting.pop() {
            if calls_left == 0 {
                let detail = "The operator refuses calls about several SIMs at once.";
                self.fail(&sims, &ReadError::bad_answer(detail));
                continue;
            }
            calls_left -= 1;
            self.elements.nameless = 0;
            let iccids = sims.iter().map(|sim| self.asked.spelled(*sim).to_owned()).collect();
            let plan = self.plan;
            let read = pages::read(self.connection, self.logins, run, plan, iccids, &mut self.elements);
            match read.await {
                Ok(()) => self.note_missing(&sims),
                Err(error)
                    if error.kind == FailureKind::NotFound && (sims.len() > 1 || plan.ids.is_none()) =>
                {
                    waiting.extend(self.after_refusal(run, &sims, error));
                }
                Err(error) => {
                    self.fail(&sims, &error);
                    if ends_batch(error.kind) {
                        waiting.iter().for_each(|sims| self.fail(sims, &error));
                        return Err(error);
                    }
                }
            }
        }
        Ok(())
    }

    /// What is to be asked again after a call that was refused because one of its SIMs is not known.
    fn after_refusal(&mut self, run: &Run<'_>, sims: &[usize], error: ReadError) -> Vec<Vec<usize>> {
        let Some(refused) = &self.plan.refused else {
            // Which of them it is, or whether it is the address, nobody knows.
            let detail = "The operator does not know one of the SIMs asked about at once.".to_owned();
            self.fail(sims, &ReadError { kind: FailureKind::BadAnswer, detail, ..error });
            return Vec::new();
        };
        let body = run.last_body.clone().unwrap_or_default();
        let named = refused.outputs(&body, &run.globals()).unwrap_or_default();
        let unknown: Vec<usize> = named
            .iter()
            .filter_map(|name| match self.asked.meant_by(&canonical_iccid(&text_of(name))) {
                Meant::Sim(sim) => Some(sim),
                Meant::Nobody | Meant::Ambiguous(_) => None,
            })
            .filter(|sim| sims.contains(sim))
            .collect();
        if unknown.is_empty() {
            let (one, other) = sims.split_at(sims.len() / 2);
            return vec![other.to_vec(), one.to_vec()];
        }
        self.fail(&unknown, &error);
        let rest: Vec<usize> = sims.iter().copied().filter(|sim| !unknown.contains(sim)).collect();
        if rest.is_empty() { Vec::new() } else { vec![rest] }
    }

    /// Says why nothing was found about some SIMs of a good answer.
    fn note_missing(&mut self, sims: &[usize]) {
        let nameless = self.elements.nameless;
        for sim in sims {
            let number = self.asked.spelled(*sim);
            let error = match self.plan.absent {
                // The one that says nobody's number may be the one that is looked for.
                _ if nameless > 0 => ReadError::bad_answer(format!(
                    "The operator's answer has nothing about {number}, and an element without a number."
                )),
                Absent::NotFound => ReadError::of_kind(FailureKind::NotFound),
                Absent::BadAnswer => {
                    ReadError::bad_answer(format!("The operator's answer has nothing about {number}."))
                }
            };
            self.fail(&[*sim], &error);
        }
    }

    /// Notes why a SIM has no element. It counts only where it has none.
    fn fail(&mut self, sims: &[usize], error: &ReadError) {
        for sim in sims {
            self.failures[*sim] = Some(error.clone());
        }
    }

    fn outcome(&self, sim: usize, instead: Span) -> (Span, Result<Reading, ReadError>) {
        self.elements.outcome(sim).unwrap_or_else(|| {
            let unknown = || ReadError::new(FailureKind::BadAnswer, sentence(FailureKind::BadAnswer));
            (instead, Err(self.failures[sim].clone().unwrap_or_else(unknown)))
        })
    }
}

/// Whether the operator would not answer another call either.
const fn ends_batch(kind: FailureKind) -> bool {
    matches!(
        kind,
        FailureKind::Auth | FailureKind::TokenExpired | FailureKind::RateLimited | FailureKind::Temporary
    )
}
