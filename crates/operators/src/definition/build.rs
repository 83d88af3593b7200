//! Compiles a file's parts into a definition's plans.

use super::answer::{self, Parts};
use super::compile::Compiler;
use super::plan::{
    AnswerPlan, AuthPlan, ErrorsPlan, FindPlan, ManyPlan, Named, OperatorIdPlan, RemainingPlan, ResetFormat,
    RulePlan, StepPlan,
};
use super::raw::{Only, RawDefinition, RawErrors, RawLimits, RawRemaining, RawReset, RawStep, Text};
use super::{auth, many, operator_id};
use crate::nearest::did_you_mean;
use crate::template::{Place, Template};
use simgauge_domain::failure::FailureKind;
use std::collections::BTreeSet;
use std::time::Duration;

/// More steps than any operator needs.
const MAX_STEPS: usize = 4;

pub(super) struct Compiled {
    pub(super) base_url: Option<Template>,
    pub(super) values: Named,
    pub(super) remaining: Vec<RemainingPlan>,
    pub(super) auth: AuthPlan,
    pub(super) steps: Vec<StepPlan>,
    pub(super) operator_id: Option<OperatorIdPlan>,
    pub(super) many: Option<ManyPlan>,
    pub(super) answer: AnswerPlan,
    pub(super) errors: ErrorsPlan,
}

pub(super) fn compile_all(compiler: &mut Compiler<'_>, raw: &RawDefinition) -> Option<Compiled> {
    let sound = |name: &str| {
        !name.is_empty() && name.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_')
    };
    if !sound(raw.name.get_ref()) {
        compiler.problem(&raw.name.span(), "a name has lower-case letters, digits and `_` only");
    }
    compiler.known.extend(raw.settings.keys().map(|name| format!("setting.{name}")));
    check_settings(compiler, raw);
    let base_url = compiler.optional_template(raw.base_url.as_ref(), Place::Plain);
    compiler.known.extend(raw.secrets.keys().map(|name| format!("secret.{name}")));
    let values = compiler.named(&raw.values, Place::Plain);
    compiler.known.extend(raw.values.keys().map(|name| format!("value.{name}")));
    compiler.steps.extend(raw.steps.iter().map(|step| step.name.get_ref().clone()));
    compiler.look_ups.extend(operator_id::look_ups(raw).map(|step| step.name.get_ref().clone()));
    compiler.has_operator_id = raw.operator_id.is_some();
    let auth = auth::compile(compiler, &raw.auth, &raw.name);
    if raw.steps.is_empty() || raw.steps.len() > MAX_STEPS {
        compiler.problem(&raw.name.span(), format!("a definition has 1 to {MAX_STEPS} steps"));
    }
    let remaining = limits(compiler, raw);
    check_kinds(compiler, raw);
    let logins = auth::login_names(&raw.auth);
    let mut names: BTreeSet<&str> = logins.iter().map(|name| name.get_ref().as_str()).collect();
    names.extend([auth::LOGIN, many::STEP]);
    for step in &raw.steps {
        if !names.insert(step.name.get_ref().as_str()) {
            let message = "steps have names of their own, and none is called `login`, `many` or as a log-in";
            compiler.problem(&step.name.span(), message);
        }
    }
    // Before the steps, whose captures it does not have.
    let many = raw.many.as_ref().and_then(|many| many::compile(compiler, many, &raw.answer));
    let steps = raw.steps.iter().filter_map(|raw| step(compiler, raw)).collect();
    if !raw.accepts_eid
        && let Some(step) = raw.steps.iter().find(|step| step.only == Some(Only::Eid))
    {
        compiler.problem(&step.name.span(), "a step is only for EIDs, but `accepts_eid` is not set");
    }
    let finds = raw.steps.iter().any(|step| step.find.is_some());
    answer::check_identity(compiler, &raw.answer, finds);
    answer::check_zero(compiler, &raw.answer, raw.steps.last());
    let answer = answer::compile(compiler, &Parts::of(&raw.answer));
    let errors = errors(compiler, raw, &logins);
    let operator_id = operator_id::compile(compiler, raw);
    Some(Compiled { base_url, values, remaining, auth, steps, operator_id, many, answer: answer?, errors })
}

/// A default has to be one of the values that there are, and is either known or a guess.
fn check_settings(compiler: &mut Compiler<'_>, raw: &RawDefinition) {
    for (name, setting) in &raw.settings {
        let place = raw.name.span();
        if setting.default.is_some() && setting.assumed.is_some() {
            compiler.problem(&place, format!("the setting `{name}` has both `default` and `assumed`"));
        }
        let default = setting.default.as_ref().or(setting.assumed.as_ref());
        if !setting.one_of.is_empty() && default.is_some_and(|default| !setting.one_of.contains(default)) {
            compiler.problem(&place, format!("the default of the setting `{name}` is not in its `one_of`"));
        }
    }
}

/// A limit of zero would make a lane wait for ever.
fn limits(compiler: &mut Compiler<'_>, raw: &RawDefinition) -> Vec<RemainingPlan> {
    let Some(limits) = &raw.limits else { return Vec::new() };
    let RawLimits { buckets, max_concurrent, remaining, .. } = limits.get_ref();
    if *max_concurrent == 0 || buckets.iter().any(|bucket| bucket.limit == 0 || bucket.per_seconds == 0) {
        let message = "`max_concurrent`, and `limit` and `per_seconds` of a bucket, are at least 1";
        compiler.problem(&limits.span(), message);
    }
    remaining.iter().map(|raw| self::remaining(compiler, raw)).collect()
}

fn remaining(compiler: &mut Compiler<'_>, raw: &RawRemaining) -> RemainingPlan {
    if raw.reset.is_none() && raw.window_seconds.is_none() {
        let message = "say when there are new calls: by a `reset` header or `window_seconds`";
        compiler.problem(&raw.header.span(), message);
    }
    RemainingPlan {
        header: compiler.header_name(&raw.header),
        reset: raw.reset.as_ref().map(|reset| self::reset(compiler, reset)),
        window: raw.window_seconds.map(|seconds| Duration::from_secs(seconds.get().into())),
    }
}

/// A header with a time.
fn reset(compiler: &mut Compiler<'_>, raw: &RawReset) -> (String, ResetFormat) {
    let format = match raw.format.get_ref().as_str() {
        "seconds" => ResetFormat::SecondsFromNow,
        _ => ResetFormat::Date(compiler.format(&raw.format)),
    };
    (compiler.header_name(&raw.name), format)
}

/// The other kinds are ends of refreshes without an attempt.
fn check_kinds(compiler: &mut Compiler<'_>, raw: &RawDefinition) {
    let of_rules = raw.errors.rules.iter().map(|rule| rule.kind);
    let of_steps = raw.steps.iter().flat_map(|step| step.may_fail_with.iter().copied());
    for kind in of_rules.chain(of_steps).filter(|kind| !kind.is_of_attempt()) {
        compiler.problem(&raw.name.span(), format!("an operator's answer is never `{kind}`"));
    }
}

fn step(compiler: &mut Compiler<'_>, raw: &RawStep) -> Option<StepPlan> {
    let request = compiler.request(&raw.request);
    let success = compiler.optional_program(raw.success.as_ref());
    let find = raw.find.as_ref().and_then(|find| {
        Some(FindPlan {
            within: compiler.program(&find.within)?,
            key: compiler.program(&find.key)?,
            equals: compiler.template(&find.equals, Place::Plain)?,
        })
    });
    let capture = compiler.captures(&raw.capture, &raw.name);
    compiler.known.extend(raw.capture.keys().map(|name| format!("capture.{name}")));
    Some(StepPlan {
        name: raw.name.get_ref().clone(),
        request: request?,
        only: raw.only,
        success,
        find,
        capture,
        may_fail_with: raw.may_fail_with.clone(),
    })
}

fn errors(compiler: &mut Compiler<'_>, of: &RawDefinition, logins: &[Text]) -> ErrorsPlan {
    let raw: &RawErrors = &of.errors;
    let reset_header = raw.reset_header.as_ref().map(|raw| reset(compiler, raw));
    let rules = raw.rules.iter().map(|rule| {
        let steps = rule.step.as_ref().map(|step| concerned(compiler, step, of, logins));
        RulePlan {
            status: rule.status.clone(),
            when: compiler.optional_program(rule.when.as_ref()),
            steps: steps.unwrap_or_default(),
            kind: rule.kind,
            login: rule.login.as_ref().and_then(|login| ended_login(compiler, login, rule.kind, logins)),
            detail: rule.detail.clone(),
            retry_after: compiler.optional_program(rule.retry_after.as_ref()),
        }
    });
    let rules = rules.collect();
    ErrorsPlan { code: compiler.optional_program(raw.code.as_ref()), reset_header, rules }
}

/// The names that a rule for `step` is for.
fn concerned(compiler: &mut Compiler<'_>, step: &Text, of: &RawDefinition, logins: &[Text]) -> Vec<String> {
    let name = step.get_ref();
    if name == auth::LOGIN && !logins.is_empty() {
        return logins.iter().map(|login| login.get_ref().clone()).collect();
    }
    let named = of.steps.iter().map(|step| &step.name).chain(logins).map(|name| name.get_ref().as_str());
    let many = of.many.as_ref().map(|_| many::STEP);
    let names: Vec<&str> = named.chain([auth::LOGIN]).chain(many).collect();
    if !names.contains(&name.as_str()) {
        let near = did_you_mean(name, names);
        compiler.problem(&step.span(), format!("there is no step `{name}`{near}"));
    }
    vec![name.clone()]
}

/// Which log-in has ended, by a rule that names it.
fn ended_login(
    compiler: &mut Compiler<'_>,
    login: &Text,
    kind: FailureKind,
    logins: &[Text],
) -> Option<usize> {
    if kind != FailureKind::TokenExpired {
        compiler.problem(&login.span(), "`login` says which log-in has ended: only for `token_expired`");
    }
    let index = logins.iter().position(|name| name.get_ref() == login.get_ref());
    if index.is_none() {
        let near = did_you_mean(login.get_ref(), logins.iter().map(|name| name.get_ref().as_str()));
        compiler.problem(&login.span(), format!("there is no log-in `{}`{near}", login.get_ref()));
    }
    index
}
