//! Operators made for tests.

use secrecy::SecretString;
use simgauge_domain::time::UnixMs;
use simgauge_operators::{Catalog, Clock, Definition, Operator, OperatorAccount, ProfileRef};
use std::collections::BTreeMap;
use std::sync::Arc;

/// 2026-05-08T10:11:12Z.
pub(crate) const NOW: i64 = 1_778_235_072_000;
pub(crate) const ICCID: &str = "8988308650100524999";

pub(crate) fn clock() -> Clock {
    Arc::new(|| UnixMs(NOW))
}

pub(crate) fn profile(iccid: &str) -> ProfileRef<'_> {
    ProfileRef { iccid, eid: None }
}

/// An account with what the simulator accepts: `sim-user` for whatever names somebody, `sim-secret` for the rest.
pub(crate) fn account(definition: &Definition, base_url: &str) -> OperatorAccount {
    let names = ["username", "user", "client_id", "app_id", "auth_key_id", "appkey"];
    let secrets = definition.secret_names().map(|name| {
        let value = if names.contains(&name) { "sim-user" } else { "sim-secret" };
        (name.to_owned(), SecretString::from(value))
    });
    OperatorAccount {
        name: "test".into(),
        base_url: Some(base_url.into()),
        allow_http: true,
        secrets: secrets.collect::<BTreeMap<_, _>>(),
        ..OperatorAccount::default()
    }
}

pub(crate) fn built_in(name: &str) -> Arc<Definition> {
    Arc::clone(Catalog::builtin().unwrap().get(name).unwrap())
}

pub(crate) fn operator(definition: &Arc<Definition>, base_url: &str) -> Operator {
    Operator::new(Arc::clone(definition), account(definition, base_url), clock()).unwrap()
}
