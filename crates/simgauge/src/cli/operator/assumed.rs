//! What a trial assumes where an operator's documents leave a number open.

use serde_json::Value;
use simgauge_operators::Definition;
use std::collections::BTreeMap;
use std::fmt::Write as _;

/// Settings that change numbers and that nobody gave.
pub(super) struct Assumed(Vec<Assumption>);

struct Assumption {
    name: String,
    value: String,
    /// The other values that there are.
    others: Vec<String>,
}

impl Assumed {
    pub(super) fn of(definition: &Definition, given: &BTreeMap<String, String>) -> Self {
        let settings = definition.settings().iter().filter(|(name, _)| !given.contains_key(*name));
        let assumptions = settings.filter_map(|(name, setting)| {
            let one_of = &setting.one_of;
            // A setting without a default is made up of the values that there are.
            let value = match &setting.default {
                Some(default) => setting.is_open.then(|| default.clone())?,
                None => one_of.first()?.clone(),
            };
            let others = one_of.iter().filter(|other| **other != value).cloned().collect();
            Some(Assumption { name: name.clone(), value, others })
        });
        Self(assumptions.collect())
    }

    /// Adds `assumed`, an object of the values, where there are any.
    pub(super) fn beside(&self, mut json: Value) -> Value {
        for Assumption { name, value, .. } in &self.0 {
            json["assumed"][name] = value.as_str().into();
        }
        json
    }

    /// Adds a line for each.
    pub(super) fn after(&self, mut text: String) -> String {
        if !self.0.is_empty() && !text.ends_with('\n') {
            text.push('\n');
        }
        for Assumption { name, value, others } in &self.0 {
            let which = if others.len() == 1 { "the other" } else { "another" };
            let other = others.first().map_or("VALUE", String::as_str);
            // Writing into a String cannot fail.
            let _ = writeln!(text, "assumed {name} = {value}; `--setting {name}={other}` shows {which}");
        }
        text
    }
}
