//! Request templates: which values they may use, and how a printed value is escaped for its place.

use crate::dates::{self, DateFormat};
use crate::filters;
use crate::iccid;
use jiff::tz::TimeZone;
use minijinja::value::{Kwargs, Value};
use minijinja::{AutoEscape, Environment, Error, ErrorKind, UndefinedBehavior, context, escape_formatter};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use simgauge_domain::time::UnixMs;
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};

/// Everything but RFC 3986's unreserved characters.
pub(crate) const RFC3986: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// Enough for any request. It stops a template that loops without end.
const FUEL: u64 = 100_000;

/// The beginning of errors about the arguments of `time`, `month_start` and `month_end`.
const UNKNOWN_TIME: &str = "unknown time";

/// Where a rendered text goes. It decides how values are escaped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Place {
    /// As they are. The whole text is encoded later where needed.
    Plain,
    /// Percent-encoded: part of a path.
    Path,
    /// As JSON values.
    Json,
}

/// The name under which a template is kept. Its ending says how values are escaped.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Template(String);

/// All templates of one definition, compiled.
#[derive(Debug)]
pub(crate) struct Templates {
    environment: Environment<'static>,
    count: usize,
}

impl Templates {
    pub(crate) fn new() -> Self {
        let mut environment = Environment::new();
        environment.set_undefined_behavior(UndefinedBehavior::Strict);
        environment.set_fuel(Some(FUEL));
        // Debug mode would copy the context with its secrets into errors.
        environment.set_debug(false);
        environment.set_auto_escape_callback(|name| match name.rsplit('.').next() {
            Some("json") => AutoEscape::Json,
            Some("path") => AutoEscape::Custom("path".into()),
            _ => AutoEscape::None,
        });
        environment.set_formatter(|out, state, value| match state.auto_escape() {
            AutoEscape::Custom(_) if !value.is_safe() => {
                if value.is_undefined() {
                    return Err(Error::from(ErrorKind::UndefinedError));
                }
                let text = value.to_string();
                if text.is_empty() || text.bytes().all(|byte| byte == b'.') {
                    // It would make the path name another resource.
                    return Err(Error::new(
                        ErrorKind::InvalidOperation,
                        "a path value is empty or only dots",
                    ));
                }
                write!(out, "{}", utf8_percent_encode(&text, RFC3986)).map_err(Error::from)
            }
            _ => escape_formatter(out, state, value),
        });
        environment.add_filter("b64", |text: String| {
            use base64::Engine as _;
            base64::engine::general_purpose::STANDARD.encode(text)
        });
        environment.add_filter("rfc3986", |text: String| utf8_percent_encode(&text, RFC3986).to_string());
        filters::add_to(&mut environment);
        environment.add_filter("iccid19", |iccid: String| iccid::nineteen(&iccid));
        environment.add_filter("iccid20", |iccid: String| iccid::twenty(&iccid));
        Self { environment, count: 0 }
    }

    pub(crate) fn add(&mut self, source: &str, place: Place) -> Result<Template, Error> {
        let ending = match place {
            Place::Plain => "txt",
            Place::Path => "path",
            Place::Json => "json",
        };
        let name = format!("{}.{ending}", self.count);
        self.environment.add_template_owned(name.clone(), source.to_owned())?;
        self.count += 1;
        Ok(Template(name))
    }

    /// The variables a template reads, such as `secret.username`.
    pub(crate) fn variables(&self, template: &Template) -> Vec<String> {
        match self.environment.get_template(&template.0) {
            Ok(found) => found.undeclared_variables(true).into_iter().collect(),
            Err(_) => Vec::new(),
        }
    }

    /// Renders with made-up values, to find mistakes that only show then, such as an unknown filter or zone.
    /// Returns the mistake and its byte offset.
    pub(crate) fn trial(&mut self, template: &Template, values: &Value) -> Option<(String, usize)> {
        self.environment.set_debug(true);
        let outcome = self.environment.get_template(&template.0).and_then(|found| found.render(values));
        self.environment.set_debug(false);
        let error = outcome.err()?;
        let certain = match error.kind() {
            ErrorKind::UnknownFilter
            | ErrorKind::UnknownTest
            | ErrorKind::UnknownFunction
            | ErrorKind::UnknownMethod
            | ErrorKind::MissingArgument
            | ErrorKind::TooManyArguments => true,
            ErrorKind::InvalidOperation => {
                error.detail().is_some_and(|detail| detail.starts_with(filters::UNKNOWN))
            }
            // Anything else may be due to the values.
            _ => false,
        };
        let detail = error.detail().map_or_else(|| error.kind().to_string(), str::to_owned);
        certain.then(|| (detail, error.range().map_or(0, |range| range.start)))
    }

    /// The error says what is wrong with the template. It never quotes a value.
    pub(crate) fn render(&self, template: &Template, values: &Value) -> Result<String, RenderError> {
        self.environment.get_template(&template.0).and_then(|found| found.render(values)).map_err(|error| {
            RenderError {
                kind: error.kind(),
                is_length_of_key: error.detail() == Some(filters::KEY_OF_ANOTHER_LENGTH),
            }
        })
    }
}

/// A template that could not be rendered. minijinja's own text is dropped, because it may quote values.
#[derive(Debug)]
pub(crate) struct RenderError {
    kind: ErrorKind,
    is_length_of_key: bool,
}

impl std::fmt::Display for RenderError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "a request could not be made from the definition: ")?;
        match self.is_length_of_key {
            true => f.write_str(filters::KEY_OF_ANOTHER_LENGTH),
            false => write!(f, "{}", self.kind),
        }
    }
}

/// The values that stay the same between two readings of an operator account. It has secrets in it, so it has
/// no `Debug`.
pub(crate) struct AccountValues {
    pub(crate) settings: BTreeMap<String, String>,
    pub(crate) secrets: Value,
    pub(crate) sequence: Arc<AtomicU64>,
}

/// The values of one request. `now` is fixed, so that a signature agrees with the time that it covers.
pub(crate) fn values(
    account: &AccountValues,
    iccid: &str,
    eid: Option<&str>,
    now: UnixMs,
    login: &BTreeMap<String, String>,
    capture: &BTreeMap<String, String>,
) -> Value {
    let sequence = Arc::clone(&account.sequence);
    let one_uuid = OnceLock::new();
    context! {
        iccid => iccid,
        iccid19 => iccid::nineteen(iccid),
        iccid20 => iccid::twenty(iccid),
        eid => eid,
        setting => map(&account.settings),
        secret => account.secrets.clone(),
        login => map(login),
        capture => map(capture),
        time => Value::from_function(move |format: &str, options: Kwargs| written(now, format, &options)),
        month_start => Value::from_function(move |format: &str, options: Kwargs| {
            written(month(now, &options)?.start, format, &options)
        }),
        month_end => Value::from_function(move |format: &str, options: Kwargs| {
            // The last second of the month is what operators mean by "to".
            written(UnixMs(month(now, &options)?.end.0 - 1000), format, &options)
        }),
        seq => Value::from_function(move |digits: u32| {
            let ceiling = 10_u64.checked_pow(digits.min(18)).unwrap_or(u64::MAX).max(2);
            let number = sequence.fetch_add(1, Ordering::Relaxed) % (ceiling - 1) + 1;
            format!("{number:0width$}", width = digits as usize)
        }),
        // One and the same in a request, since a signature covers what is sent beside it.
        uuid => Value::from_function(move || one_uuid.get_or_init(uuid).clone()),
        random => Value::from_function(|least: i64, most: i64| rand::random_range(least..=most.max(least))),
    }
}

/// A random UUID, version 4.
fn uuid() -> String {
    let random = rand::random::<u128>() & !(0xf << 76) & !(0x3 << 62) | (0x4 << 76) | (0x2 << 62);
    let hex = format!("{random:032x}");
    format!("{}-{}-{}-{}-{}", &hex[..8], &hex[8..12], &hex[12..16], &hex[16..20], &hex[20..])
}

pub(crate) fn map(pairs: &BTreeMap<String, String>) -> Value {
    Value::from_pairs(pairs.iter().map(|(name, value)| (name.clone(), value.clone())))
}

fn zone_of(options: &Kwargs) -> Result<TimeZone, Error> {
    let name: Option<String> = options.get("zone")?;
    match name {
        None => Ok(TimeZone::UTC),
        Some(name) => dates::zone(&name)
            .ok_or_else(|| Error::new(ErrorKind::InvalidOperation, format!("{UNKNOWN_TIME} zone"))),
    }
}

fn month(now: UnixMs, options: &Kwargs) -> Result<dates::Month, Error> {
    dates::month_of(now, &zone_of(options)?)
        .ok_or_else(|| Error::new(ErrorKind::InvalidOperation, "time out of range"))
}

fn written(at: UnixMs, format: &str, options: &Kwargs) -> Result<Value, Error> {
    let zone = zone_of(options)?;
    options.assert_all_used()?;
    let wrong = || Error::new(ErrorKind::InvalidOperation, format!("{UNKNOWN_TIME} format"));
    let format = DateFormat::parse(format).ok_or_else(wrong)?;
    // Numbers stay numbers, so that they have no quotes in JSON.
    Ok(match format {
        DateFormat::UnixSeconds => Value::from(at.seconds()),
        DateFormat::UnixMillis => Value::from(at.0),
        _ => Value::from(format.write(at, &zone).ok_or_else(wrong)?),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn render(source: &str, place: Place) -> Result<String, RenderError> {
        let account = AccountValues {
            settings: BTreeMap::from([("region".into(), "eu".into())]),
            secrets: map(&BTreeMap::from([("key".into(), "s\"3/cret".into())])),
            sequence: Arc::new(AtomicU64::new(0)),
        };
        let mut templates = Templates::new();
        let template = templates.add(source, place).expect("compiles");
        let now = UnixMs::from_seconds(1_780_268_400);
        let nothing = BTreeMap::new();
        templates.render(&template, &values(&account, "898600D6991330004146", None, now, &nothing, &nothing))
    }

    #[test]
    fn values_are_written_for_their_place() {
        assert_eq!(render("/x/{{ secret.key }}", Place::Path).expect("renders"), "/x/s%223%2Fcret");
        assert_eq!(
            render(r#"{"k":{{ secret.key }},"t":{{ time("unix_s") }}}"#, Place::Json).expect("renders"),
            r#"{"k":"s\"3/cret","t":1780268400}"#
        );
        assert_eq!(render("{{ secret.key }}", Place::Plain).expect("renders"), "s\"3/cret");
    }

    #[test]
    fn times_and_counters() {
        let plain = |source| render(source, Place::Plain).expect("renders");
        assert_eq!(plain("{{ time('%Y%m%d%H%M%S', zone='Asia/Shanghai') }}"), "20260601070000");
        assert_eq!(plain("{{ time('%Y-%m-%d', zone='-05:00') }}"), "2026-05-31");
        assert_eq!(
            plain("{{ month_start('unix_s') }} {{ month_end('rfc3339') }}"),
            "1777593600 2026-05-31T23:59:59Z"
        );
        assert_eq!(plain("{{ seq(8) }}{{ seq(8) }}"), "0000000100000002");
        assert_eq!(plain("{{ uuid() | length }}"), "36");
        assert_eq!(plain("{{ random(5, 5) }} {{ iccid19 }}"), "5 898600D699133000414");
    }

    #[test]
    fn what_is_missing_or_dangerous_is_an_error() {
        assert!(render("{{ secret.other }}", Place::Plain).is_err());
        assert!(render("/{{ capture.id }}", Place::Path).is_err());
        assert!(render("/{{ '..' }}/x", Place::Path).is_err());
        assert!(render("{{ time('%Y', zone='Nowhere') }}", Place::Plain).is_err());
        assert!(render("{% for i in range(1000000) %}{{ i }}{% endfor %}", Place::Plain).is_err());
        let message = render("{{ secret.key | int }}", Place::Plain).map_err(|error| error.to_string());
        assert!(message.is_err_and(|message| !message.contains("cret")));
    }
}
