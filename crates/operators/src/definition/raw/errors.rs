use super::text::Text;
use serde::Deserialize;
use simgauge_domain::failure::FailureKind;

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct RawErrors {
    /// jq: the operator's error code. Messages quote it.
    pub(crate) code: Option<Text>,
    /// A header beside `Retry-After` that says when the limit ends.
    pub(crate) reset_header: Option<RawReset>,
    #[serde(default)]
    pub(crate) rules: Vec<RawRule>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct RawReset {
    pub(crate) name: Text,
    /// `rfc3339`, `unix_s`, `unix_ms` or `seconds` (from now).
    pub(crate) format: Text,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct RawRule {
    /// The HTTP statuses that it is for. Any status where not given.
    #[serde(default)]
    pub(crate) status: Vec<u16>,
    /// jq on the body (`null` where it is not JSON): true where the rule applies.
    pub(crate) when: Option<Text>,
    /// Only for the step of that name, or for `login`.
    pub(crate) step: Option<Text>,
    pub(crate) kind: FailureKind,
    /// For `token_expired`: the name of the log-in that has ended. The last one where not given.
    pub(crate) login: Option<Text>,
    /// A sentence for people in place of the kind's own.
    pub(crate) detail: Option<String>,
    /// jq: seconds to wait.
    pub(crate) retry_after: Option<Text>,
}
