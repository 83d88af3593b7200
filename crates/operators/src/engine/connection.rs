use super::account::{OperatorAccount, SetupError, Timeouts};
use super::allowance;
use super::answer::Answer;
use super::derived;
use super::error::ReadError;
use super::gate::CallKind;
use super::http::{self, Outgoing};
use super::run::{Batch, Run};
use super::setup::{self, Checked};
use super::{id_mark, render, request};
use crate::definition::Definition;
use crate::definition::plan::RequestPlan;
use crate::template::{self, AccountValues};
use minijinja::{Value, context};
use simgauge_domain::failure::FailureKind;
use simgauge_domain::time::UnixMs;
use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

/// The time of day, passed in.
pub type Clock = Arc<dyn Fn() -> UnixMs + Send + Sync>;

/// An operator account that can make calls.
pub(super) struct Connection {
    pub(super) definition: Arc<Definition>,
    pub(super) account: OperatorAccount,
    pub(super) host: String,
    values: AccountValues,
    pub(super) base_url: String,
    /// Of ids that the operator gives SIMs.
    pub(super) id_mark: String,
    client: reqwest::Client,
    clock: Clock,
    /// Answers in place of calls, in this order. `None`: calls are made.
    saved: Option<Mutex<VecDeque<Answer>>>,
}

impl Connection {
    pub(super) fn new(
        definition: Arc<Definition>,
        account: OperatorAccount,
        clock: Clock,
    ) -> Result<Self, SetupError> {
        let Checked { values, base_url, host } = setup::check(&definition, &account)?;
        let client = http::client(&account.timeouts)
            .map_err(|_| SetupError::Client { account: account.name.clone() })?;
        let id_mark = id_mark::of(&definition, &account, &base_url);
        Ok(Self { definition, account, host, values, base_url, id_mark, client, clock, saved: None })
    }

    /// Answers every step's call with the next of these, and makes none.
    pub(super) fn answer_with(&mut self, saved: impl Iterator<Item = Answer>) {
        self.saved = Some(Mutex::new(saved.collect()));
    }

    /// Whether what it reads is what somebody saved, and may be quoted.
    pub(super) const fn is_saved(&self) -> bool {
        self.saved.is_some()
    }

    pub(super) const fn settings(&self) -> &BTreeMap<String, String> {
        &self.values.settings
    }

    pub(super) fn now(&self) -> UnixMs {
        (self.clock)()
    }

    /// The values of one request, with the definition's named ones.
    pub(super) fn template_values(
        &self,
        run: &Run<'_>,
        login: &BTreeMap<String, String>,
    ) -> Result<Value, ReadError> {
        let (now, profile) = (self.now(), run.profile);
        let values = template::values(&self.values, profile.iccid, profile.eid, now, login, &run.captures);
        let values = match &run.batch {
            Some(Batch { iccids, page, cursor, .. }) => {
                context! { iccids => iccids.clone(), page => *page, cursor => cursor.clone(), ..values }
            }
            None => values,
        };
        let named = render::named(&self.definition.templates, &self.definition.values, &values)?;
        Ok(context! { value => named.into_iter().collect::<BTreeMap<_, _>>(), ..values })
    }

    /// Renders a request. A step's request also gets everything that `[auth]` adds.
    pub(super) fn outgoing(
        &self,
        run: &Run<'_>,
        plan: &RequestPlan,
        login: &BTreeMap<String, String>,
        is_step: bool,
    ) -> Result<Outgoing, ReadError> {
        let values = self.template_values(run, login)?;
        let batch = run.batch.as_ref().filter(|_| is_step);
        request::render(&self.definition, plan, &self.base_url, &values, is_step, batch)
    }

    /// Renders the log-in with this index. It goes with what those before it send.
    pub(super) fn outgoing_login(
        &self,
        run: &Run<'_>,
        index: usize,
        earlier: &BTreeMap<String, String>,
    ) -> Result<Outgoing, ReadError> {
        let values = self.template_values(run, earlier)?;
        let plan = &self.definition.auth.logins[index].request;
        let mut outgoing = request::render(&self.definition, plan, &self.base_url, &values, false, None)?;
        request::add_logins(&self.definition, index, &values, &mut outgoing)?;
        Ok(outgoing)
    }

    /// Makes one HTTP call, once the gate permits it.
    pub(super) async fn call(
        &self,
        run: &mut Run<'_>,
        kind: CallKind,
        step: &str,
        plan: &RequestPlan,
        outgoing: &Outgoing,
    ) -> Result<Answer, ReadError> {
        if let Some(saved) = &self.saved {
            // A log-in is asked for only after an answer that says that the one there was is gone.
            let gone = || ReadError::of_kind(FailureKind::TokenExpired);
            let left = || ReadError::bad_request("No saved answer is left for this call.");
            let next = || saved.lock().unwrap_or_else(PoisonError::into_inner).pop_front();
            run.calls += 1;
            return if kind == CallKind::Login { Err(gone()) } else { next().ok_or_else(left) };
        }
        let Timeouts { step: step_limit, total, answer_cap } = self.account.timeouts;
        let left = total.saturating_sub(run.spent);
        if left.is_zero() {
            return Err(ReadError::new(FailureKind::Temporary, "The operator did not answer in time."));
        }
        let permit = match &run.batch {
            Some(batch) => run.gate.admit_many(kind, &batch.iccids).await,
            None => run.gate.admit(kind, run.profile.iccid).await,
        };
        let (began, format) = (Instant::now(), self.definition.answer_format);
        let outcome = http::send(&self.client, outgoing, step_limit.min(left), answer_cap, format).await;
        if let Some(wait) = outcome
            .as_ref()
            .ok()
            .and_then(|answer| allowance::pause(&self.definition.remaining, answer, self.now()))
        {
            run.gate.pause(wait);
        }
        drop(permit);
        let took = began.elapsed();
        run.spent += took;
        run.calls += 1;
        if let Some(tracer) = &mut run.tracer {
            tracer.hide(&derived::secrets(&self.definition, plan, outgoing));
            tracer.note(step, plan, outgoing, took, &outcome);
        }
        outcome
    }
}
