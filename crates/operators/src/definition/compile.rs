//! Compiles the file's texts into templates, programs and formats. Notes every mistake with its place.

use super::error::{Problem, inside, position};
use super::plan::{AmountPlan, BasePlan, BodyPlan, BundlesPlan, CapturePlan, DatePlan, Named, RequestPlan};
use super::raw::{RawAmount, RawBase, RawBasic, RawBundles, RawCapture, RawDate, RawRequest, Text, Texts};
use crate::dates::{self, DateFormat};
use crate::jq::{Program, Purpose, named_answers};
use crate::nearest::did_you_mean;
use crate::template::{self, AccountValues, Place, Template, Templates};
use crate::units::{Base, Unit};
use jiff::tz::TimeZone;
use simgauge_domain::time::UnixMs;
use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;
use std::sync::Arc;
use toml::Spanned;

/// Used in place of a real ICCID when templates are tried out.
const TRIAL_ICCID: &str = "8900000000000000001";

/// The variables that every template may read.
const ALWAYS: [&str; 11] = [
    "iccid",
    "iccid19",
    "iccid20",
    "eid",
    "time",
    "month_start",
    "month_end",
    "seq",
    "uuid",
    "random",
    "range",
];

/// Those of them that a call about many SIMs does not have.
const OF_ONE_SIM: [&str; 4] = ["iccid", "iccid19", "iccid20", "eid"];

/// Compiles one definition's texts.
pub(crate) struct Compiler<'s> {
    source: &'s str,
    pub(crate) templates: Templates,
    pub(crate) problems: Vec<Problem>,
    /// `secret.x`, `setting.x`, `value.x`, `login.x`, `capture.x` that are defined at the current place of
    /// the file.
    pub(crate) known: BTreeSet<String>,
    /// The steps whose answers programs may read.
    pub(crate) steps: BTreeSet<String>,
    /// Those of them that are left out where the operator's id is known.
    pub(crate) look_ups: BTreeSet<String>,
    /// Whether the current program may read an answer that is left out in some readings.
    pub(crate) may_lack_look_up: bool,
    pub(crate) has_operator_id: bool,
    /// Whether the current template is of a call about one SIM.
    pub(crate) one_sim: bool,
}

impl<'s> Compiler<'s> {
    pub(crate) fn new(source: &'s str) -> Self {
        Self {
            source,
            templates: Templates::new(),
            problems: Vec::new(),
            known: BTreeSet::new(),
            steps: BTreeSet::new(),
            look_ups: BTreeSet::new(),
            may_lack_look_up: false,
            has_operator_id: false,
            one_sim: true,
        }
    }

    pub(crate) fn problem(&mut self, span: &Range<usize>, message: impl Into<String>) {
        self.problem_at(span.start, message);
    }

    fn problem_at(&mut self, offset: usize, message: impl Into<String>) {
        let (line, column) = position(self.source, offset);
        self.problems.push(Problem { line, column, message: message.into() });
    }

    pub(crate) fn template(&mut self, text: &Text, place: Place) -> Option<Template> {
        let (span, source) = (text.span(), text.get_ref());
        match self.templates.add(source, place) {
            Ok(template) => {
                let before = self.problems.len();
                self.check_variables(text, &template);
                if self.problems.len() == before {
                    self.try_out(text, &template);
                }
                Some(template)
            }
            Err(error) => {
                let within = error.range().map_or(0, |range| range.start);
                let detail = error.detail().map_or_else(|| error.kind().to_string(), str::to_owned);
                self.problem_at(
                    inside(self.source, &span, source, within),
                    format!("the template does not compile: {detail}"),
                );
                None
            }
        }
    }

    fn check_variables(&mut self, text: &Text, template: &Template) {
        for variable in self.templates.variables(template) {
            let mut parts = variable.split('.');
            let root = parts.next().unwrap_or_default();
            let message = match (root, parts.next()) {
                _ if !self.one_sim && OF_ONE_SIM.contains(&root) => {
                    "a call about many SIMs has `iccids` in place of these".to_owned()
                }
                _ if ALWAYS.contains(&root) || self.known.contains(root) => continue,
                ("secret" | "setting" | "login" | "capture" | "value", Some(name)) => {
                    if self.known.contains(&format!("{root}.{name}")) {
                        continue;
                    }
                    let message = match root {
                        "secret" => format!("`secret.{name}` is not declared under [secrets]"),
                        "setting" => format!("`setting.{name}` is not declared under [settings]"),
                        "login" => format!("the log-in captures no `{name}`"),
                        "value" => format!("`value.{name}` is not declared under [values]"),
                        _ => format!("no earlier step captures `{name}`"),
                    };
                    let prefix = format!("{root}.");
                    let names = self.known.iter().filter_map(|known| known.strip_prefix(&prefix));
                    message + &did_you_mean(name, names)
                }
                ("secret" | "setting" | "login" | "capture" | "value", None) => {
                    format!("write `{root}.name`")
                }
                _ => {
                    let roots = ["secret", "setting", "login", "capture", "value"];
                    format!(
                        "templates know no `{root}`{}",
                        did_you_mean(root, ALWAYS.into_iter().chain(roots))
                    )
                }
            };
            let within = text.get_ref().find(root).unwrap_or(0);
            self.problem_at(inside(self.source, &text.span(), text.get_ref(), within), message);
        }
    }

    fn try_out(&mut self, text: &Text, template: &Template) {
        let named = |root: &str| -> BTreeMap<String, String> {
            let names = self.known.iter().filter_map(|known| known.strip_prefix(root)?.strip_prefix('.'));
            names.map(|name| (name.to_owned(), "1".to_owned())).collect()
        };
        let account = AccountValues {
            settings: named("setting"),
            secrets: template::map(&named("secret")),
            sequence: Arc::default(),
        };
        let (login, capture) = (named("login"), named("capture"));
        let made_up = template::values(&account, TRIAL_ICCID, Some(TRIAL_ICCID), UnixMs(0), &login, &capture);
        let made_up = minijinja::context! {
            params => "", body => "", value => named("value"),
            iccids => vec![TRIAL_ICCID], page => 1, cursor => "1",
            ..made_up
        };
        if let Some((detail, within)) = self.templates.trial(template, &made_up) {
            let at = inside(self.source, &text.span(), text.get_ref(), within);
            self.problem_at(at, format!("the template does not compile: {detail}"));
        }
    }

    pub(crate) fn optional_template(&mut self, text: Option<&Text>, place: Place) -> Option<Template> {
        text.and_then(|text| self.template(text, place))
    }

    pub(crate) fn named(&mut self, texts: &Texts, place: Place) -> Named {
        texts.iter().filter_map(|(name, text)| Some((name.clone(), self.template(text, place)?))).collect()
    }

    pub(crate) fn headers(&mut self, texts: &Texts) -> Named {
        for (name, text) in texts {
            if http::HeaderName::from_bytes(name.as_bytes()).is_err() {
                self.problem(&text.span(), format!("`{name}` is not a header's name"));
            }
        }
        self.named(texts, Place::Plain)
    }

    /// The name of an answer's header.
    pub(crate) fn header_name(&mut self, text: &Text) -> String {
        let name = text.get_ref();
        if http::HeaderName::from_bytes(name.as_bytes()).is_err() {
            self.problem(&text.span(), format!("`{name}` is not a header's name"));
        }
        name.to_ascii_lowercase()
    }

    pub(crate) fn program(&mut self, text: &Text) -> Option<Program> {
        self.program_for(text, Purpose::Other)
    }

    fn program_for(&mut self, text: &Text, purpose: Purpose) -> Option<Program> {
        match Program::compile(text.get_ref(), purpose) {
            Ok(program) => {
                self.check_answers(text);
                Some(program)
            }
            Err(error) => {
                self.problem_at(
                    inside(self.source, &text.span(), text.get_ref(), error.offset),
                    format!("the jq program does not compile: {}", error.message),
                );
                None
            }
        }
    }

    /// `$answers` of a step that does not exist would always be `null`.
    fn check_answers(&mut self, text: &Text) {
        for (offset, name) in named_answers(text.get_ref()) {
            if !self.steps.contains(name) {
                let near = did_you_mean(name, self.steps.iter().map(String::as_str));
                let at = inside(self.source, &text.span(), text.get_ref(), offset);
                self.problem_at(at, format!("there is no step `{name}`{near}"));
            } else if self.look_ups.contains(name) && !self.may_lack_look_up {
                let at = inside(self.source, &text.span(), text.get_ref(), offset);
                let message = format!(
                    "`{name}` is left out where the operator's id is known: only `status` may read its \
                     answer (the id itself is `$operator_id`)"
                );
                self.problem_at(at, message);
            }
        }
        if let Some(offset) = text.get_ref().find("$operator_id").filter(|_| !self.has_operator_id) {
            let at = inside(self.source, &text.span(), text.get_ref(), offset);
            self.problem_at(at, "`$operator_id` is always `null` without `[operator_id]`");
        }
    }

    pub(crate) fn optional_program(&mut self, text: Option<&Text>) -> Option<Program> {
        text.and_then(|text| self.program(text))
    }

    pub(crate) fn zone(&mut self, text: Option<&Text>) -> TimeZone {
        let Some(text) = text else { return TimeZone::UTC };
        dates::zone(text.get_ref()).unwrap_or_else(|| {
            self.problem(&text.span(), format!("`{}` is no time zone", text.get_ref()));
            TimeZone::UTC
        })
    }

    pub(crate) fn format(&mut self, text: &Text) -> DateFormat {
        DateFormat::parse(text.get_ref()).unwrap_or_else(|| {
            self.problem(
                &text.span(),
                "a date format is `rfc3339`, `unix_s`, `unix_ms` or a pattern such as `%Y-%m-%d`",
            );
            DateFormat::Rfc3339
        })
    }

    pub(crate) fn date(&mut self, raw: &RawDate) -> Option<DatePlan> {
        let (format, zone) = (self.format(&raw.format), self.zone(raw.zone.as_ref()));
        Some(DatePlan { from: self.program(&raw.from)?, format, zone })
    }

    pub(crate) fn basic(&mut self, raw: Option<&RawBasic>) -> Option<(Template, Template)> {
        let raw = raw?;
        let user = self.template(&raw.user, Place::Plain);
        let password = self.template(&raw.password, Place::Plain);
        user.zip(password)
    }

    /// It is appended to the base URL, where anything but a `/` would change the host's name.
    pub(crate) fn path(&mut self, text: &Text) -> Option<Template> {
        let path = text.get_ref();
        if !path.is_empty() && !path.starts_with('/') && !path.starts_with("{%") {
            self.problem(&text.span(), "a path begins with `/`");
        }
        self.template(text, Place::Path)
    }

    pub(crate) fn request(&mut self, raw: &RawRequest) -> Option<RequestPlan> {
        let base = self.optional_template(raw.base.as_ref(), Place::Plain);
        let path = self.path(&raw.path);
        let body = match (&raw.form, &raw.json) {
            (None, None) => Some(BodyPlan::None),
            (Some(form), None) => Some(BodyPlan::Form(self.named(form, Place::Plain))),
            (None, Some(json)) => self.template(json, Place::Json).map(BodyPlan::Json),
            (Some(_), Some(json)) => {
                self.problem(&json.span(), "a request has a form or a JSON body, not both");
                None
            }
        };
        Some(RequestPlan {
            method: raw.method,
            base,
            path: path?,
            path_source: raw.path.get_ref().clone(),
            headers: self.headers(&raw.headers),
            query: self.named(&raw.query, Place::Plain),
            body: body?,
            basic: self.basic(raw.basic.as_ref()),
        })
    }

    pub(crate) fn captures(
        &mut self,
        raw: &BTreeMap<String, RawCapture>,
        owner: &Text,
    ) -> Vec<(String, CapturePlan)> {
        raw.iter()
            .filter_map(|(name, capture)| {
                let plan = match (&capture.body, &capture.header) {
                    (Some(body), None) => CapturePlan::Body(self.program(body)?),
                    (None, Some(header)) => CapturePlan::Header(self.header_name(header)),
                    _ => {
                        self.problem(
                            &owner.span(),
                            format!("capture `{name}` needs either `body` or `header`"),
                        );
                        return None;
                    }
                };
                Some((name.clone(), plan))
            })
            .collect()
    }

    pub(crate) fn amount(&mut self, raw: &RawAmount) -> Option<AmountPlan> {
        let unit = raw.unit.as_ref().map(|unit| *unit.get_ref());
        let only_bytes = unit == Some(Unit::B) && raw.unit_from.is_none() && !raw.unit_suffix;
        if unit.is_none() && raw.unit_from.is_none() && !raw.unit_suffix {
            self.problem(
                &raw.add.span(),
                "say in which `unit` the operator counts, or where the answer says it",
            );
        }
        if raw.base.is_none() && !only_bytes {
            self.problem(&raw.add.span(), "say the `base` of the unit: 1000 or 1024");
        }
        Some(AmountPlan {
            add: self.program_for(&raw.add, Purpose::Amount)?,
            subtract: raw.subtract.as_ref().and_then(|text| self.program_for(text, Purpose::Amount)),
            unit,
            unit_from: self.optional_program(raw.unit_from.as_ref()),
            unit_suffix: raw.unit_suffix,
            base: self.base(raw.base.as_ref()),
            blank_is_zero: raw.blank_is_zero,
            none_is_zero: raw.none_is_zero,
        })
    }

    /// 1000 where none is given, which a unit of bytes alone may do.
    fn base(&mut self, raw: Option<&Spanned<RawBase>>) -> BasePlan {
        let Some(raw) = raw else { return BasePlan::Fixed(Base::Decimal) };
        match raw.get_ref() {
            RawBase::Fixed(base) => BasePlan::Fixed(*base),
            RawBase::Setting(text) => {
                let name = text.strip_prefix("setting.").filter(|_| self.known.contains(text.as_str()));
                if name.is_none() {
                    self.problem(&raw.span(), "a base is 1000, 1024 or a declared setting: `setting.NAME`");
                }
                BasePlan::Setting(name.unwrap_or_default().to_owned())
            }
        }
    }

    pub(crate) fn bundles(&mut self, raw: &RawBundles) -> Option<BundlesPlan> {
        let unit = *raw.unit.get_ref();
        if raw.base.is_none() && unit != Unit::B {
            self.problem(&raw.unit.span(), "say the `base` of the unit: 1000 or 1024");
        }
        let date_format = raw.date_format.as_ref().map_or(DateFormat::Rfc3339, |format| self.format(format));
        let zone = self.zone(raw.zone.as_ref());
        let base = self.base(raw.base.as_ref());
        Some(BundlesPlan {
            each: self.program_for(&raw.each, Purpose::Bundles)?,
            unit,
            base,
            date_format,
            zone,
        })
    }
}
