use super::account::{OperatorAccount, SetupError, Timeouts};
use super::allowance;
use super::answer::Answer;
use super::derived;
use super::error::ReadError;
use super::gate::CallKind;
use super::http::{self, Outgoing};
use super::run::Run;
use super::setup::{self, Checked};
use super::{render, request};
use crate::definition::Definition;
use crate::definition::plan::RequestPlan;
use crate::template::{self, AccountValues};
use minijinja::{Value, context};
use simgauge_domain::failure::FailureKind;
use simgauge_domain::time::UnixMs;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Instant;

/// The time of day, passed in.
pub type Clock = Arc<dyn Fn() -> UnixMs + Send + Sync>;

/// An operator account that can make calls.
pub(super) struct Connection {
    pub(super) definition: Arc<Definition>,
    pub(super) account: OperatorAccount,
    pub(super) host: String,
    values: AccountValues,
    base_url: String,
    client: reqwest::Client,
    clock: Clock,
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
        Ok(Self { definition, account, host, values, base_url, client, clock })
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
        request::render(&self.definition, plan, &self.base_url, &values, is_step)
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
        let mut outgoing = request::render(&self.definition, plan, &self.base_url, &values, false)?;
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
        let Timeouts { step: step_limit, total, answer_cap } = self.account.timeouts;
        let left = total.saturating_sub(run.spent);
        if left.is_zero() {
            return Err(ReadError::new(FailureKind::Temporary, "The operator did not answer in time."));
        }
        let permit = run.gate.admit(kind, run.profile.iccid).await;
        let (began, format) = (Instant::now(), self.definition.answer_format);
        let outcome = http::send(&self.client, outgoing, step_limit.min(left), answer_cap, format).await;
        if let Some(wait) = outcome
            .as_ref()
            .ok()
            .and_then(|answer| allowance::rest(&self.definition.remaining, answer, self.now()))
        {
            run.gate.rest(wait);
        }
        drop(permit);
        let took = began.elapsed();
        run.spent += took;
        if let Some(tracer) = &mut run.tracer {
            tracer.hide(&derived::secrets(&self.definition, plan, outgoing));
            tracer.note(step, plan, outgoing, took, &outcome);
        }
        outcome
    }
}
