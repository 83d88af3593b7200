//! What the driver would pass over, or report with a secret, in the URL of a PostgreSQL database.

use crate::error::StoreError;

/// The options that the driver knows. It ignores others, and writes them into the log with their values.
const OPTIONS: [&str; 18] = [
    "sslmode",
    "ssl-mode",
    "sslrootcert",
    "ssl-root-cert",
    "ssl-ca",
    "sslcert",
    "ssl-cert",
    "sslkey",
    "ssl-key",
    "statement-cache-capacity",
    "host",
    "hostaddr",
    "port",
    "dbname",
    "user",
    "password",
    "application_name",
    "options",
];

/// # Errors
/// It has an option that means nothing, names several hosts, or has a part that is cut off. The error names
/// no value, and no name that could be a part of a password.
pub(crate) fn check(url: &str) -> Result<(), StoreError> {
    if url.contains('#') {
        return Err(StoreError::Url("has a #, which has to be written as %23".into()));
    }
    let (place, options) = url.split_once('?').unwrap_or((url, ""));
    let authority = place.split_once("//").map_or("", |(_, rest)| rest);
    let authority = authority.split('/').next().unwrap_or_default();
    if authority.rsplit('@').next().is_some_and(|hosts| hosts.contains(',')) {
        let why = "names several hosts; name one that leads to the database that takes writes";
        return Err(StoreError::Url(why.into()));
    }
    options.split('&').filter(|option| !option.is_empty()).try_for_each(check_option)
}

fn check_option(option: &str) -> Result<(), StoreError> {
    let name = option.split('=').next().unwrap_or_default();
    if OPTIONS.contains(&name) || is_setting(name) {
        return Ok(());
    }
    let is_word = name.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-'));
    Err(StoreError::Url(match is_word {
        true => format!("has an option that is not known: {name}").into(),
        false => "has an option that is not known; a ? in a password has to be written as %3F".into(),
    }))
}

/// `options[NAME]`, also with its brackets escaped.
fn is_setting(name: &str) -> bool {
    let name = name.to_ascii_lowercase().replace("%5b", "[").replace("%5d", "]");
    name.starts_with("options[") && name.ends_with(']')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_option_that_means_nothing_is_refused_without_its_value() {
        let refused = |url: &str| check(url).expect_err(url).to_string();
        assert!(refused("postgres://u@h/d?sslmod=require").ends_with("not known: sslmod"));
        for secret in ["?passwd=hidden", "?a=1?hidden", "#hidden", "?hidden@h/d"] {
            let why = refused(&format!("postgres://u:pw@h/d{secret}"));
            assert!(!why.contains("hidden"), "{why}");
        }
        assert!(refused("postgres://u:p,w@h1:1,h2:2/d").contains("several hosts"));
    }

    #[test]
    fn what_the_driver_knows_is_let_through() {
        for url in [
            "postgres://u:p,w@h/d",
            "postgresql:///d?host=/run/postgresql&user=u&password=x",
            "postgres://u@[::1]:5432/d?sslmode=verify-full&sslrootcert=/ca.pem",
            "postgres://u@h/d?options=-c%20search_path%3Da&options[geqo]=off&options%5Bjit%5D=off",
        ] {
            check(url).expect(url);
        }
    }
}
