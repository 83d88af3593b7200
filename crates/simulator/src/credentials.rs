//! The credentials that every operator accepts, and how calls show them.

use crate::operation::Problem;
use crate::wire::Call;

/// The user, app id or client id.
pub(crate) const USER: &str = "sim-user";
/// The password, secret or key.
pub(crate) const SECRET: &str = "sim-secret";
/// China Telecom's interface key has nine characters: those with which the secret begins.
pub(crate) const INTERFACE_KEY: &str = "sim-secre";

/// What an operator accepts as its secret of that name.
pub(crate) fn accepted(operator: &str, secret: &str, identifies: bool) -> &'static str {
    match (operator, secret) {
        ("china_telecom_m2m", "key") => INTERFACE_KEY,
        _ if identifies => USER,
        _ => SECRET,
    }
}

/// A key that is the secret itself.
pub(crate) fn require_secret(shown: Option<&str>) -> Result<(), Problem> {
    match shown {
        None => Err(Problem::NoCredentials),
        Some(SECRET) => Ok(()),
        Some(_) => Err(Problem::BadCredentials),
    }
}

/// User and password of `Authorization: Basic`.
pub(crate) fn require_basic(call: &Call<'_>) -> Result<(), Problem> {
    match call.basic() {
        None => Err(Problem::NoCredentials),
        Some((user, password)) if user == USER && password == SECRET => Ok(()),
        Some(_) => Err(Problem::BadCredentials),
    }
}

/// OAuth2 client credentials that are fields of the body. `wrong_grant` is what the operator says of another
/// grant.
pub(crate) fn require_client(
    field: impl Fn(&str) -> Option<String>,
    wrong_grant: &'static str,
) -> Result<(), Problem> {
    if field("grant_type").as_deref() != Some("client_credentials") {
        return Err(Problem::BadRequest(wrong_grant));
    }
    if field("client_id").as_deref() != Some(USER) || field("client_secret").as_deref() != Some(SECRET) {
        return Err(Problem::BadCredentials);
    }
    Ok(())
}
