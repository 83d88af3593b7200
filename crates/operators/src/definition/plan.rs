//! A compiled definition, as the engine runs it.

use super::raw::{Absent, Method, Only, ParameterPlace, SignPlace};
use crate::dates::DateFormat;
use crate::hash::{Algorithm, Output};
use crate::jq::Program;
use crate::template::Template;
use crate::units::{Base, Unit};
use jiff::tz::TimeZone;
use simgauge_domain::failure::FailureKind;
use simgauge_domain::reading::{PeriodKind, ProfileStatus};
use std::collections::BTreeMap;
use std::time::Duration;

/// Named templates, in the order they are sent.
pub(crate) type Named = Vec<(String, Template)>;

#[derive(Debug, Default)]
pub(crate) struct AuthPlan {
    pub(crate) basic: Option<(Template, Template)>,
    pub(crate) headers: Named,
    pub(crate) query: Named,
    /// In the order in which they are made.
    pub(crate) logins: Vec<LoginPlan>,
    pub(crate) sign: Option<SignPlan>,
}

#[derive(Debug)]
pub(crate) struct RequestPlan {
    pub(crate) method: Method,
    pub(crate) base: Option<Template>,
    pub(crate) path: Template,
    /// The path's template as written. It may be logged in place of the rendered URL.
    pub(crate) path_source: String,
    pub(crate) headers: Named,
    pub(crate) query: Named,
    pub(crate) body: BodyPlan,
    pub(crate) basic: Option<(Template, Template)>,
}

#[derive(Debug)]
pub(crate) enum BodyPlan {
    None,
    Form(Named),
    Json(Template),
    /// A JSON object of texts.
    JsonTexts(Named),
}

#[derive(Debug)]
pub(crate) enum CapturePlan {
    Body(Program),
    Header(String),
}

#[derive(Debug)]
pub(crate) struct LoginPlan {
    pub(crate) name: String,
    pub(crate) request: RequestPlan,
    pub(crate) success: Option<Program>,
    pub(crate) capture: Vec<(String, CapturePlan)>,
    pub(crate) ttl_seconds: u64,
    pub(crate) ttl_from: Option<Program>,
    pub(crate) ttl_jwt: Option<String>,
    pub(crate) send_headers: Named,
    pub(crate) send_query: Named,
    pub(crate) pause_after_refusal_seconds: u64,
    pub(crate) lock_out: Option<LockOutPlan>,
}

/// The operator locks a user after too many refused log-ins.
#[derive(Clone, Copy, Debug)]
pub(crate) struct LockOutPlan {
    pub(crate) stop_after: u32,
    pub(crate) pause: Duration,
}

#[derive(Debug)]
pub(crate) struct SignPlan {
    pub(crate) parameters: ParameterPlace,
    pub(crate) add: Named,
    pub(crate) listed: Option<Vec<String>>,
    pub(crate) skip_empty: bool,
    pub(crate) encode: bool,
    pub(crate) joiner: String,
    pub(crate) string: Option<Template>,
    pub(crate) algorithm: Algorithm,
    pub(crate) key: Option<Template>,
    pub(crate) output: Output,
    pub(crate) place: SignPlace,
    pub(crate) name: String,
}

#[derive(Debug)]
pub(crate) struct StepPlan {
    pub(crate) name: String,
    pub(crate) request: RequestPlan,
    pub(crate) only: Option<Only>,
    pub(crate) success: Option<Program>,
    pub(crate) find: Option<FindPlan>,
    pub(crate) capture: Vec<(String, CapturePlan)>,
    pub(crate) may_fail_with: Vec<FailureKind>,
}

#[derive(Debug)]
pub(crate) struct FindPlan {
    pub(crate) within: Program,
    pub(crate) key: Program,
    pub(crate) equals: Template,
}

#[derive(Debug)]
pub(crate) struct AnswerPlan {
    pub(crate) identity: Option<Program>,
    pub(crate) used: AmountPlan,
    pub(crate) total: Option<AmountPlan>,
    pub(crate) unlimited: Option<Program>,
    pub(crate) period: PeriodPlan,
    pub(crate) as_of: Option<DatePlan>,
    pub(crate) status: Option<StatusPlan>,
    pub(crate) bundles: Option<BundlesPlan>,
}

impl AnswerPlan {
    /// The settings that say what a unit is.
    pub(crate) fn bases(&self) -> impl Iterator<Item = &str> {
        let amounts = std::iter::once(&self.used.base).chain(self.total.iter().map(|total| &total.base));
        let bases = amounts.chain(self.bundles.iter().map(|bundles| &bundles.base));
        bases.filter_map(|base| match base {
            BasePlan::Fixed(_) => None,
            BasePlan::Setting(name) => Some(name.as_str()),
        })
    }
}

#[derive(Clone, Debug)]
pub(crate) enum BasePlan {
    Fixed(Base),
    /// The account's setting of this name says it.
    Setting(String),
}

impl BasePlan {
    /// `None` where the setting has neither of the two values. An account with such a one is refused.
    pub(crate) fn of(&self, settings: &BTreeMap<String, String>) -> Option<Base> {
        match self {
            Self::Fixed(base) => Some(*base),
            Self::Setting(name) => settings.get(name)?.parse::<u32>().ok()?.try_into().ok(),
        }
    }
}

#[derive(Debug)]
pub(crate) struct AmountPlan {
    pub(crate) add: Program,
    pub(crate) subtract: Option<Program>,
    pub(crate) unit: Option<Unit>,
    pub(crate) unit_from: Option<Program>,
    pub(crate) unit_suffix: bool,
    pub(crate) base: BasePlan,
    pub(crate) blank_is_zero: bool,
    pub(crate) none_is_zero: bool,
}

#[derive(Debug)]
pub(crate) struct PeriodPlan {
    pub(crate) kind: PeriodKind,
    pub(crate) kind_from: Option<Program>,
    pub(crate) key: Option<Program>,
    pub(crate) start: Option<DatePlan>,
    pub(crate) end: Option<DatePlan>,
    pub(crate) zone: TimeZone,
}

#[derive(Debug)]
pub(crate) struct DatePlan {
    pub(crate) from: Program,
    pub(crate) format: DateFormat,
    pub(crate) zone: TimeZone,
}

#[derive(Debug)]
pub(crate) struct StatusPlan {
    pub(crate) from: Program,
    /// By the name in lower case: letter case does not count.
    pub(crate) map: BTreeMap<String, ProfileStatus>,
}

#[derive(Debug)]
pub(crate) struct BundlesPlan {
    pub(crate) each: Program,
    pub(crate) unit: Unit,
    pub(crate) base: BasePlan,
    pub(crate) date_format: DateFormat,
    pub(crate) zone: TimeZone,
}

#[derive(Debug, Default)]
pub(crate) struct ErrorsPlan {
    pub(crate) code: Option<Program>,
    pub(crate) reset_header: Option<(String, ResetFormat)>,
    pub(crate) rules: Vec<RulePlan>,
}

/// Headers by which an answer says that no calls are left.
#[derive(Debug)]
pub(crate) struct RemainingPlan {
    pub(crate) header: String,
    pub(crate) reset: Option<(String, ResetFormat)>,
    pub(crate) window: Option<Duration>,
}

#[derive(Debug)]
pub(crate) enum ResetFormat {
    Date(DateFormat),
    SecondsFromNow,
}

#[derive(Debug)]
pub(crate) struct RulePlan {
    pub(crate) status: Vec<u16>,
    pub(crate) when: Option<Program>,
    /// Steps and log-ins. Any where it is empty.
    pub(crate) steps: Vec<String>,
    pub(crate) kind: FailureKind,
    /// The log-in that has ended.
    pub(crate) login: Option<usize>,
    pub(crate) detail: Option<String>,
    pub(crate) retry_after: Option<Program>,
}

/// An id of the operator's own that is kept with a profile.
#[derive(Debug)]
pub(crate) struct OperatorIdPlan {
    /// The steps that capture this look the id up.
    pub(crate) capture: String,
    /// With the first reading of each such span of time it is looked up again.
    pub(crate) renew: Duration,
    /// True on an answer that does not know the id.
    pub(crate) refused: Option<Program>,
}

impl OperatorIdPlan {
    pub(crate) fn is_looked_up_by(&self, step: &StepPlan) -> bool {
        step.capture.iter().any(|(name, _)| *name == self.capture)
    }
}

/// How many SIMs are read in one call.
#[derive(Debug)]
pub(crate) struct ManyPlan {
    /// The most ICCIDs of one call. `None`: a call lists all SIMs there are.
    pub(crate) ids: Option<usize>,
    pub(crate) pages: Option<PagesPlan>,
    pub(crate) step: StepPlan,
    pub(crate) each: Program,
    pub(crate) key: Program,
    pub(crate) several_by: Option<Program>,
    pub(crate) shaped: Option<Program>,
    pub(crate) absent: Absent,
    pub(crate) refused: Option<Program>,
    pub(crate) declared_lag_seconds: Option<u64>,
    /// The definition's own where nothing of it is replaced.
    pub(crate) answer: Option<AnswerPlan>,
}

#[derive(Debug)]
pub(crate) struct PagesPlan {
    pub(crate) next: NextPage,
    pub(crate) last: Option<Program>,
    /// Parameters of every call but the first.
    pub(crate) query: Named,
    /// A listing with more pages is cut.
    pub(crate) most: usize,
}

#[derive(Debug)]
pub(crate) enum NextPage {
    /// The next number. The first one is given.
    Number(u64),
    /// What the answer says is sent with the next call.
    Cursor(Program),
    /// The answer says the next call's address.
    Link(Program),
}
