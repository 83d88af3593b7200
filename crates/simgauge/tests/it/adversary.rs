//! What somebody tries who means harm: other accounts' ids, pages without leave, texts that something might
//! run, addresses inside the house, floods, and looking for secrets wherever they could have got to.

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
