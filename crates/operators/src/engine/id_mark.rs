//! What tells the ids that one operator account looked up from those of another.

use super::account::OperatorAccount;
use crate::definition::Definition;
use crate::hash::{Algorithm, Output};
use secrecy::ExposeSecret as _;

/// In hexadecimal digits.
const LENGTH: usize = 8;

/// The same id can be another SIM's at another host, or for another user.
pub(super) fn of(definition: &Definition, account: &OperatorAccount, base_url: &str) -> String {
    let identifying = definition.secret_names().filter(|name| definition.secret_identifies(name));
    let identifying = identifying.filter_map(|name| account.secrets.get(name));
    let who: Vec<&str> = [account.name.as_str(), definition.name(), base_url]
        .into_iter()
        .chain(identifying.map(|secret| secret.expose_secret()))
        .collect();
    let hash = Algorithm::Sha256.hash("", &who.join("\n")).unwrap_or_default();
    let mut mark = Output::HexLower.write(hash);
    mark.truncate(LENGTH);
    mark
}
