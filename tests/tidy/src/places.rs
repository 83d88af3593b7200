//! What may stand in some crates only: SQL, clocks, I/O.

use crate::names::{Form, names};
use crate::scan::Kind;
use crate::source::{Source, finding};

const SQL: &str = "SELECT|INSERT|UPDATE|DELETE FROM|CREATE TABLE|ALTER TABLE|PRAGMA|WITH RECURSIVE";
/// Names and parts of paths.
const IMPURE: &str = "SystemTime|Instant|TimeZone::system|Timestamp::now|Zoned::now|\
                      std::fs|std::env|TcpListener|TcpStream|UdpSocket|UnixStream|tokio|rand";

/// String literals that begin as SQL does. Tests and tools may look at a database.
pub(crate) fn sql(sources: &[Source<'_>]) -> Vec<String> {
    let mut findings = Vec::new();
    for source in sources.iter().filter(|source| !is_in(source, &["crates/store/", "tools/"])) {
        for token in source.product.iter().filter(|token| token.kind == Kind::Text) {
            let begins = |start: &&str| {
                let after = token.text.trim_start().strip_prefix(*start);
                after.is_some_and(|after| after.starts_with([' ', '\n']))
            };
            if let Some(start) = SQL.split('|').find(begins) {
                let what = format!("SQL (`{start}`) outside crates/store; make it a function of the store");
                findings.push(finding(source.path, token.line, &what));
            }
        }
    }
    findings
}

/// Clocks, files, sockets and chance in the crates of pure rules.
pub(crate) fn impure(sources: &[Source<'_>]) -> Vec<String> {
    let mut findings = Vec::new();
    for source in sources.iter().filter(|source| is_in(source, &["crates/domain/", "crates/protocol/"])) {
        for name in names(&source.product).iter().filter(|name| name.form != Form::Defined) {
            let path = format!("::{}::", name.segments.join("::"));
            if let Some(impure) = IMPURE.split('|').find(|impure| path.contains(&format!("::{impure}::"))) {
                let what = format!("`{impure}` in a crate of pure rules; let the caller pass the value");
                findings.push(finding(source.path, name.line, &what));
            }
        }
    }
    findings
}

fn is_in(source: &Source<'_>, folders: &[&str]) -> bool {
    folders.iter().any(|folder| source.path.starts_with(folder))
}

#[cfg(test)]
mod tests {
    use super::{impure, sql};
    use crate::source::sources;

    #[test]
    fn sql_stands_in_the_store() {
        let query = "fn f() { q(r\"\n  SELECT 1\"); }";
        let count = |path, text| sql(&sources(&[(path, text)])).len();
        assert_eq!(count("crates/admin/src/a.rs", query), 1);
        assert_eq!(
            count("crates/admin/src/a.rs", "// \"SELECT 1\"\nfn f() { q(\"SELECTED one\", \"Select 1\"); }"),
            0
        );
        for path in ["crates/store/src/a.rs", "tools/bench/src/a.rs", "crates/admin/tests/it/a.rs"] {
            assert_eq!(count(path, query), 0, "{path}");
        }
    }

    #[test]
    fn pure_rules_see_no_clock() {
        let count = |path, text| impure(&sources(&[(path, text)])).len();
        let offending = "use std::{fmt, fs}; fn f() { jiff::Timestamp::now(); tokio::spawn(g); }";
        assert_eq!(count("crates/domain/src/a.rs", offending), 3);
        assert_eq!(count("crates/service/src/a.rs", offending), 0);
        let innocent =
            "use std::net::IpAddr; fn now(x: Clock) { x.now(); } #[cfg(test)] mod tests { use std::fs; }";
        assert_eq!(count("crates/domain/src/a.rs", innocent), 0);
    }
}
