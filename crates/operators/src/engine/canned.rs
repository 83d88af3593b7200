//! Reading from an answer that is there already: what becomes of an operator's bytes, without an operator.

use super::http::Answer;
use super::steps::concerns;
use super::{NoGate, Operator, ProfileRef, ReadError, login};
use crate::jq;
use reqwest::header::HeaderMap;
use simgauge_domain::reading::Reading;

impl Operator {
    /// As [`Operator::read`] where every call is answered with this status and these bytes; nobody is called. For tests that try
    /// many answers. A log-in that these bytes are none for does not keep the steps from being tried.
    ///
    /// # Errors
    /// As there.
    #[doc(hidden)]
    pub fn read_canned(
        &self,
        profile: &ProfileRef<'_>,
        status: u16,
        bytes: &[u8],
    ) -> Result<Reading, ReadError> {
        let answer = Answer::new(status, HeaderMap::new(), bytes);
        let mut run = self.start(profile, &NoGate, None);
        if let Some(plan) = &self.definition.auth.login {
            let _ = login::take(self, plan, &mut run, &answer);
        }
        let mut last = None;
        for step in self.definition.steps.iter().filter(|step| concerns(step, profile)) {
            match self.take(&mut run, step, &answer, self.definition.auth.login.is_some()) {
                Ok((status, found)) => {
                    run.answers.insert(jq::string(&step.name), found.clone());
                    last = Some((status, found));
                }
                Err(error) if step.may_fail_with.contains(&error.kind) => {}
                Err(error) => return Err(error),
            }
        }
        let (status, body) = last.ok_or_else(ReadError::no_step)?;
        self.believe(&run, status, &body)
    }
}
