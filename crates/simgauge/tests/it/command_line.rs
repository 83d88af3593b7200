//! What packages take from the program itself, completions and manual pages; and commands that would find
//! nothing.

use crate::support::process::Process;
use crate::support::server;
use std::process::{Command, Output};

fn simgauge(arguments: &[&str]) -> Output {
    let output = Command::new(env!("CARGO_BIN_EXE_simgauge")).args(arguments).output().unwrap();
    assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    output
}

fn printed(arguments: &[&str]) -> String {
    String::from_utf8(simgauge(arguments).stdout).unwrap()
}

/// The commands that the help lists.
fn commands() -> Vec<String> {
    let help = printed(&["--help"]);
    let lines = help.lines().skip_while(|line| *line != "Commands:").skip(1);
    // What a narrow terminal breaks off goes on further in.
    let entries = lines.take_while(|line| line.starts_with("  ")).filter(|line| !line.starts_with("   "));
    let names = entries.filter_map(|line| line.split_whitespace().next());
    let names: Vec<String> = names.map(str::to_owned).collect();
    assert!(names.len() > 15, "{help}");
    names
}

#[test]
fn completions_name_every_command() {
    for shell in ["bash", "zsh", "fish"] {
        let script = printed(&["completions", shell]);
        for command in commands() {
            assert!(script.contains(&command), "{shell}: {command}");
        }
    }
}

#[test]
fn bash_completes() {
    let dir = tempfile::tempdir().unwrap();
    let script = dir.path().join("simgauge");
    std::fs::write(&script, simgauge(&["completions", "bash"]).stdout).unwrap();
    let complete = |words: &str, at: &str| {
        // What readline does: the words so far, the word under the cursor, the one before it.
        let ask = r#". "$0"; COMP_WORDS=($1); COMP_CWORD=$2
            _simgauge simgauge "${COMP_WORDS[$2]}" "${COMP_WORDS[$2-1]}"; echo "${COMPREPLY[*]}""#;
        let output = Command::new("bash").arg("-c").arg(ask).arg(&script).args([words, at]).output().unwrap();
        String::from_utf8(output.stdout).unwrap().trim().to_owned()
    };
    assert_eq!(complete("simgauge ser", "1"), "serve");
    assert_eq!(complete("simgauge card imp", "2"), "import");
    assert_eq!(complete("simgauge serve --role ", "3"), "all api worker");
    assert_eq!(complete("simgauge refresh --icc", "2"), "--iccid");
}

#[test]
fn every_command_has_a_manual_page() {
    let dir = tempfile::tempdir().unwrap();
    simgauge(&["man", dir.path().to_str().unwrap()]);
    let page = |name: &str| {
        std::fs::read_to_string(dir.path().join(name)).unwrap_or_else(|_| panic!("no page {name}"))
    };
    let first = page("simgauge.1");
    assert!(first.contains("SIMGAUGE__SECTION__NAME"), "the environment is documented");
    for command in commands() {
        if command != "help" {
            let page = page(&format!("simgauge-{command}.1"));
            assert!(page.contains(".SH SYNOPSIS"), "{page}");
            assert!(first.contains(&command.replace('-', "\\-")), "{command} is not named in simgauge.1");
        }
    }
    page("simgauge-card-import.1");
}

#[test]
fn where_no_store_is_none_is_made_by_looking() {
    let dir = tempfile::tempdir().unwrap();
    let run = |arguments: &[&str]| {
        Command::new(env!("CARGO_BIN_EXE_simgauge"))
            .args(arguments)
            .current_dir(dir.path())
            .env_remove("SIMGAUGE_CONFIG")
            .output()
            .unwrap()
    };
    for arguments in [
        &["audit", "verify"][..],
        &["usage", "reconcile"],
        &["account", "list"],
        &["admin", "list"],
        &["app", "list"],
        &["card", "list"],
        &["operator", "list"],
        &["notification", "list"],
        &["backup", "copy.db"],
    ] {
        let output = run(arguments);
        let error = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(1), "{arguments:?}: {error}");
        assert!(error.contains("there is no store at") && error.contains("simgauge.db"), "{error}");
        assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 0, "{arguments:?}");
    }
    assert!(run(&["account", "create", "acme"]).status.success());
    assert!(run(&["audit", "verify"]).status.success());
    // An account that there is not has nothing; that is no answer.
    std::fs::write(dir.path().join("cards.csv"), "kept").unwrap();
    for arguments in [
        &["card", "list", "--account", "acmee"][..],
        &["card", "export", "--account", "acmee", "-o", "cards.csv"],
        &["notification", "list", "--account", "acmee"],
        &["notification", "replay", "--dead", "--account", "acmee"],
        &["usage", "reconcile", "--account", "acmee"],
    ] {
        let output = run(arguments);
        let error = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(1), "{arguments:?}: {error}");
        assert!(error.contains("there is no account \"acmee\""), "{error}");
    }
    assert_eq!(std::fs::read(dir.path().join("cards.csv")).unwrap(), b"kept");
}

/// Where an operator does not say when its cycle begins, the start says what to set, by name.
#[tokio::test]
async fn serve_warns_of_a_missing_billing_day_by_name() {
    let mut server = server().start().await;
    server.stop().await;
    let dir = tempfile::tempdir().unwrap();
    let process = Process::serve(&server, dir.path());
    let log = process.logged();
    let warned =
        log.lines().find(|line| line.contains("WARN") && line.contains("billing_day")).unwrap_or_else(|| {
            panic!("no warning: {log}");
        });
    for part in ["operator_account=\"main\"", "the day of the month", "assumed="] {
        assert!(warned.contains(part), "{part}: {warned}");
    }
    drop(process);
    server.config.operator_accounts[0].billing_day = simgauge_domain::period::BillingDay::new(27);
    let process = Process::serve(&server, dir.path());
    assert!(!process.logged().lines().any(|line| line.contains("WARN") && line.contains("billing_day")));
}
