//! What an attacker tries: other accounts' ids, pages without permission, texts that something might run,
//! private addresses, floods, and looking for secrets wherever they could have got to.

mod answers;
mod commands;
mod endless;
mod floods;
mod injection;
mod marks;
mod pages;
mod pages_input;
mod raw;
mod rows;
mod search;
mod secret_uses;
mod secrets;
mod ssrf;
mod target;
mod tenants;
